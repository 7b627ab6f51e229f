"""``%duranb VERB``, ``%%compensate`` and ``%%duranb_sql``."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from collections.abc import Callable
from typing import Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from duranb.engine.questions import parse as parse_answer
from duranb.pure.errors import UsageError
from duranb.session import Session
from duranb.views import (
    diff as diff_view,
    log as log_view,
    show as show_view,
    status as status_view,
)
from duranb.views.render import View

CHANGING = ("rewind", "replay", "fork", "switch", "compensate", "resolve")
"""Verbs that change something: planned, shown, confirmed, and awaited."""

OTHER = ("status", "log", "show", "diff", "timeline", "answer", "trust", "adopt")


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
        compensate, resolve, answer, trust, adopt."""
        verb, _, rest = line.strip().partition(" ")
        verb = verb or "status"
        if verb not in CHANGING + OTHER:
            raise UsageError(f"%duranb: no verb {verb!r}; {', '.join(OTHER + CHANGING)}")
        try:
            words = shlex.split(rest)
        except ValueError as error:
            raise UsageError(f"%duranb {line}: {error}") from error
        given = _parser(verb).parse_args(words)
        if verb in CHANGING:
            return self._change(verb, given)
        if verb == "adopt":
            return self._adopt(given.name)
        return self._read(verb, given)

    def _read(self, verb: str, given: argparse.Namespace) -> View | object:
        session = self._session()
        session.runtime.store.flush()
        with session.lock:
            if verb == "status":
                return status_view.view(session.history)
            if verb == "log":
                return log_view.view(session.history, session.events(), given.n)
            if verb == "show":
                return show_view.view(session.history, given.step)
            if verb == "diff":
                return diff_view.view(session.history, given.a, given.b)
        if verb == "timeline":
            return self._timeline()
        if verb == "answer":
            print(session.answer(given.number, parse_answer(" ".join(given.value))))
        else:
            print(f"trusted: {session.trust()} artifacts are signed with your key")
        return None

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
