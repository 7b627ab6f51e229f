"""``%duranb VERB``, ``%%compensate`` and ``%%duranb_sql``."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from duranb.engine.questions import parse as parse_answer
from duranb.errors import DuranbError, UsageError
from duranb.session import CHANGING, Session

LOOKING = ("status", "log", "show", "diff")
"""Verbs that are a method of the session, and something to look at."""

OUTSIDE = ("verify", "export")
"""Verbs that the command line carries out, on the notebook as it is saved: they read the database,
and a second look at its file from here would cost DuckDB its lock on it."""

VERBS = (*LOOKING, "timeline", "answer", "trust", "adopt", *OUTSIDE, *CHANGING)


_CHANGE = re.compile(
    rf"^(\s*)(get_ipython\(\)\.run_line_magic\('duranb', ['\"]\s*(?:{'|'.join(CHANGING)})\b)"
)
"""A changing verb as IPython writes its magic out: with the quotes that the rest of it leaves."""


def await_verbs(lines: list[str]) -> list[str]:
    """Await ``%duranb`` verbs that may run cells, so that those can await too.

    Works on transformed source: a magic has become a call by then. Pure.
    """
    return [_CHANGE.sub(r"\1await \2", line) for line in lines]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise UsageError(f"%{self.prog}: {message}. Usage: %{self.format_usage()[7:].strip()}")


def _parser(verb: str) -> _Parser:
    """The parser of one verb; the same words as the command line's."""
    parser = _Parser(prog=f"duranb {verb}", add_help=False, allow_abbrev=False)
    add = parser.add_argument
    if verb in ("show", "rewind", "replay", "compensate", "resolve"):
        optional = verb in ("rewind", "replay")
        add("step", nargs="?" if optional else None, default="")
    if verb == "diff":
        add("a")
        add("b")
    if verb == "log":
        add("-n", type=int, default=30)
    if verb == "answer":
        add("number", type=int, metavar="ID")
        add("value", nargs="+", metavar="VALUE")
    if verb == "rewind":
        add("--before", action="store_true")
        add("--compensate", action="store_true")
    if verb == "replay":
        add("--from", dest="from_", default="", metavar="STEP")
        add("--stale", action="store_true")
        add("--live", action="store_true")
        add("--with", dest="with_", action="append", default=[], metavar="NAME=EXPR")
    if verb == "fork":
        add("name")
        add("--at", default="", metavar="STEP")
    if verb in ("switch", "adopt"):
        add("name")
    if verb == "resolve":
        add("--happened", nargs="?", const="", default=None, metavar="RESULT")
        add("--not-happened", action="store_true")
        add("--compensate", action="store_true")
    if verb in CHANGING:
        add("--dry-run", action="store_true")
        add("--yes", "-y", action="store_true")
    return parser


@magics_class
class DuranbMagics(Magics):
    """The magics of one kernel. ``session`` opens the store when first needed."""

    def __init__(
        self,
        shell: Any,
        session: Callable[[], Session],
        confirm: Callable[[str], bool],
        timeline: Callable[[], object],
        adopt: Callable[[str], None],
    ) -> None:
        super().__init__(shell)
        self._session = session
        self._confirm = confirm
        self._timeline = timeline
        self._adopt = adopt

    @line_magic
    def duranb(self, line: str) -> object:
        """``%duranb VERB``: status, log, show, diff, timeline, rewind, replay, fork, switch,
        compensate, resolve, answer, trust, adopt, verify, export."""
        verb, _, rest = line.strip().partition(" ")
        verb = verb or "status"
        if verb not in VERBS:
            raise UsageError(f"%duranb: no verb {verb!r}; {', '.join(VERBS)}")
        try:
            words = shlex.split(rest)
        except ValueError as error:
            raise UsageError(f"%duranb {line}: {error}") from error
        if verb in OUTSIDE:
            self._outside(verb, words)
            return None
        given = _parser(verb).parse_args(words)
        if verb in CHANGING:
            return self._change(verb, given)
        if verb in LOOKING:
            return getattr(self._session(), verb)(**vars(given))
        if verb == "adopt":
            return self._adopt(given.name)
        if verb == "timeline":
            return self._timeline()
        session = self._session()
        if verb == "answer":
            print(session.answer(given.number, parse_answer(" ".join(given.value))))
        else:
            print(f"trusted: {session.trust()} artifacts are signed with your key")
        return None

    def _outside(self, verb: str, words: list[str]) -> None:
        session = self._session()
        session.runtime.flush()
        said = shlex.join(["duranb", verb, session.notebook.name, *words])
        print(f"$ {said}")  # what the kernel is busy with, while it is
        done = subprocess.run(
            [sys.executable, "-m", "duranb", verb, str(session.notebook), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
        )
        print(done.stdout, end="")
        complaint = done.stderr.strip().removeprefix("duranb: ")
        if done.returncode:
            raise DuranbError(complaint or f"{said} ended with {done.returncode}")
        if complaint:
            print(complaint, file=sys.stderr)

    async def _change(self, verb: str, given: argparse.Namespace) -> None:
        words = vars(given)
        dry, yes = words.pop("dry_run"), words.pop("yes")
        if verb == "replay":
            words["with_"] = dict(_assignment(text) for text in words["with_"])
        if verb == "resolve":
            happened = words.pop("happened")
            words |= {"happened": happened is not None, "result": happened or ""}
        plan = self._session().plan(verb, **words)
        print(plan)
        if dry:
            print("nothing was changed (--dry-run)")
        elif yes or self._confirm("go on? [y/N] "):
            print(await plan.apply())
        else:
            print("nothing was changed; --yes does it without asking")

    @cell_magic
    def compensate(self, line: str, cell: str) -> None:
        """``%%compensate STEP``: the undo of a step. Running this cell only registers it."""
        step = line.strip()
        if not step:
            raise UsageError("%%compensate STEP: name the step that this undoes")
        assert self.shell is not None
        compile(
            self.shell.transform_cell(cell),
            "<%%compensate>",
            "exec",
            flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
        )
        self._session().register_compensation(step, cell)
        print(f"registered: %duranb compensate {step} runs this with what the step recorded")
        if step not in self._session().history.steps:
            print(f"no step {step!r} has run yet")

    @cell_magic
    def duranb_sql(self, line: str, cell: str) -> object:
        """``%%duranb_sql``: query the history (events, executions, attempts, calls, snapshots,
        artifacts); the result is a DataFrame where pandas is installed, else a list of dicts."""
        columns, rows = self._session().query(cell)
        try:
            import pandas
        except ModuleNotFoundError:
            return [dict(zip(columns, row, strict=True)) for row in rows]
        return pandas.DataFrame(rows, columns=columns)


def _assignment(text: str) -> tuple[str, str]:
    name, sign, expression = text.partition("=")
    if not (name.strip().isidentifier() and sign and expression.strip()):
        raise UsageError(f"--with takes NAME=EXPR, not {text!r}")
    return name.strip(), expression.strip()
