"""``%duranb VERB``, ``%%compensate`` and ``%%duranb_sql``."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from duranb.errors import DuranbError, UsageError
from duranb.session.session import Session
from duranb.verbs.declaration import Acts, Changes, Headless, Live, Looks, Verb, unchanged
from duranb.verbs.parser import command, parse
from duranb.verbs.table import VERBS, Adopt, Timeline

_CHANGE = re.compile(r"^(\s*)(get_ipython\(\)\.run_line_magic\('duranb', ['\"]\s*(\w+)\b)")
"""``%duranb VERB`` as IPython writes its magic out: with the quotes that the rest of it leaves."""


def await_verbs(lines: list[str]) -> list[str]:
    """Await ``%duranb`` verbs that may run cells, so that those can await too.

    Works on transformed source: a magic has become a call by then. Pure.
    """

    def awaited(found: re.Match[str]) -> str:
        verb = VERBS.get(found[3])
        waits = verb is not None and issubclass(verb, Changes)
        return f"{found[1]}await {found[2]}" if waits else found[0]

    return [_CHANGE.sub(awaited, line) for line in lines]


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
        """``%duranb VERB``: the verbs of this notebook; ``%duranb VERB --help`` tells of each."""
        word, _, rest = line.strip().partition(" ")
        verb = VERBS.get(word or "status")
        if verb is None or issubclass(verb, Headless):
            known = [w for w, v in VERBS.items() if not issubclass(v, Headless)]
            raise UsageError(f"%duranb: no verb {word!r}; {', '.join(known)}")
        try:
            words = shlex.split(rest)
        except ValueError as error:
            raise UsageError(f"%duranb {line}: {error}") from error

        def call(given: Verb, **confirmation: bool) -> object:
            return self._carry_out(given, words, **confirmation)

        found = parse(command(verb, call, shell=False, before="%duranb"), f"%duranb {word}", words)
        # IPython awaits the line of a verb that changes something, also where it only printed help.
        return _nothing() if found is None and issubclass(verb, Changes) else found

    def _carry_out(self, verb: Verb, words: list[str], **confirmation: bool) -> object:
        if isinstance(verb, Changes):
            return self._change(verb, **confirmation)
        if isinstance(verb, Looks):
            return self._session().look(verb)
        if isinstance(verb, Acts):
            print(self._session().act(verb))
            return None
        if isinstance(verb, Live):
            return verb.resolve_handler()(verb)
        if isinstance(verb, Adopt):
            return self._adopt(verb.name)
        if isinstance(verb, Timeline) and verb.out is None:
            return self._timeline()
        self._outside(verb.word(), words)
        return None

    def _outside(self, word: str, words: list[str]) -> None:
        """Have the command line do it, on the notebook as it is saved: it reads the database, and a
        second look at its file from here would cost DuckDB its lock on it."""
        session = self._session()
        session.runtime.flush()
        said = shlex.join(["duranb", word, session.notebook.name, *words])
        print(f"$ {said}")  # what the kernel is busy with, while it is
        done = subprocess.run(
            [sys.executable, "-P", "-m", "duranb", word, str(session.notebook), *words],
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

    async def _change(self, verb: Changes, *, dry_run: bool, yes: bool) -> None:
        change = self._session().change(verb)
        print(change)
        if dry_run:
            print("nothing was changed (--dry-run)")
        elif (yes and not verb.always_asks) or self._confirm("go on? [y/N] "):
            print(await change.apply())
        else:
            print(unchanged(verb, yes=yes))

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
        """``%%duranb_sql``: query the history (runs, steps, executions, attempts, calls, items,
        effects, questions, costs, outputs, snapshots, branches, events, artifacts). The result is
        a DataFrame where pandas is installed, else a list of dicts. ``DESCRIBE calls`` has the
        columns of ``calls``."""
        columns, rows = self._session().query(cell)
        try:
            import pandas
        except ModuleNotFoundError:
            return [dict(zip(columns, row, strict=True)) for row in rows]
        return pandas.DataFrame(rows, columns=columns)


async def _nothing() -> None:
    """What there is to await where nothing happens."""
