"""What a function tells libraries, and sets of them: done again where it is restored.

What can be read (``pd.set_option``, rcParams) is kept with its outputs, as that of cells is
(:mod:`duranb.engine.settings`).

``torch.set_default_dtype(dtype)`` in a function that is served from its record would tell torch
nothing: see :mod:`duranb.state.commanded`, which cells use too. Of a function's own variables only
its arguments and what it returns by name are there in the end. What it told with any other cannot
be told again, so it has to run.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from duranb.code import commands
from duranb.engine import watch
from duranb.engine.printed import notice, unheard
from duranb.engine.runtime import Runtime
from duranb.engine.settings import Settings
from duranb.engine.settings.settable import LIBRARIES
from duranb.state import process
from duranb.state.commanded import name_of


class Telling:
    """What a call of ``fn`` with these ``arguments`` tells."""

    def __init__(
        self, runtime: Runtime, fn: Callable[..., Any], arguments: Mapping[str, Any]
    ) -> None:
        self._commanded = runtime.surroundings.commanded
        self._body = commands.of_function(fn)
        self._arguments = arguments
        self._settings = Settings(LIBRARIES)

    def begin(self) -> None:
        """It is going to run; another attempt begins with the settings that the first one had."""
        self._settings.begin()

    def messages(self) -> list[dict[str, Any]]:
        """What it has set, as messages to be kept."""
        return self._settings.changes([])

    def keeps(self, name: str) -> bool:
        """Whether what it has set of the process (:mod:`duranb.state.process`) is among these."""
        return process.GROUPS.get(name, "") in self._settings.kept

    def _scope(self, result: Any) -> dict[str, Any]:
        """What the names in the function stand for that are known in the end."""
        imported: dict[str, Any] = {}
        exec(self._body.imports, imported)
        names = self._body.returns
        values = result if len(names) > 1 else [result]
        return {**imported, **self._arguments, **dict(zip(names, values, strict=False))}

    def note(self, result: Any) -> None:
        """It has run, and returned this."""
        if self._body.commands:
            self._commanded.note(self._body.commands, self._scope(result))

    def lost(self, result: Any) -> list[str]:
        """What it told, having returned this, and could not tell again: as inputs are called."""
        if not self._body.commands:
            return []
        missing = self._commanded.missing(self._body.commands, self._scope(result))
        return sorted(map(name_of, missing))

    def prepare(self, messages: list[dict[str, Any]]) -> None:
        """It is restored, with these messages: set what its values may need."""
        self._settings.prepare(messages)

    def again(self, step: str, messages: list[dict[str, Any]], result: Any) -> None:
        """It has this result: set and tell again what does not hold. What a library does not take
        any more is said."""
        failed = self._settings.apply(messages)
        if self._body.commands:
            with unheard(), watch.kept_in():  # what they print was recorded
                failed += self._commanded.again(self._body.commands, self._scope(result))
        if failed:
            notice(f"{step} was restored, and this could not be set again: {'; '.join(failed)}")


def note_module(runtime: Runtime) -> None:
    """What the script itself has told libraries, as far as its statements stand at its top: an
    input of the steps that use them."""
    file = runtime.namespace.live.get("__file__")
    try:
        tree = ast.parse(Path(str(file)).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    runtime.surroundings.commanded.note(commands.of_cell(tree))
