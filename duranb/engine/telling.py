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
from duranb.engine.printed import unheard
from duranb.engine.runtime import Runtime
from duranb.engine.settings import Settings
from duranb.engine.settings.settable import LIBRARIES
from duranb.state import process
from duranb.state.commanded import name_of

_NOTICED = frozenset(process.GROUPS.values())
"""Groups of settings on which results depend. Libraries set others as they are first used."""


class Telling:
    """What a call of ``fn`` with these ``arguments`` tells."""

    def __init__(
        self, runtime: Runtime, fn: Callable[..., Any], arguments: Mapping[str, Any]
    ) -> None:
        self._commanded = runtime.surroundings.commanded
        self._body = commands.of_function(fn)
        self._arguments = arguments
        self._settings = Settings(LIBRARIES)

    @property
    def returns(self) -> tuple[str, ...]:
        """The names of what it returns, where that has names."""
        return self._body.returns

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
        names = self._body.returns
        values = result if len(names) > 1 else [result]
        return {**self._imported(), **dict(zip(names, values, strict=False))}

    def _imported(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        exec(self._body.imports, found)
        return {**found, **self._arguments}

    def tells(self) -> list[str]:
        """What its own statements tell libraries, as inputs are called."""
        return sorted(map(name_of, self._commanded.tops(self._body.commands, self._imported())))

    def sets(self) -> bool:
        """Whether it has set anything that code which runs beside it would notice."""
        return bool(self._settings.kept & _NOTICED)

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

    def again(self, messages: list[dict[str, Any]], result: Any) -> list[str]:
        """It has this result: set and tell again what does not hold; what that could not be done
        for, with why."""
        return self.set_again(messages) + self.tell_again(self._scope(result))

    def set_again(self, messages: list[dict[str, Any]]) -> list[str]:
        """The first half of it."""
        return self._settings.apply(messages)

    def tell_again(self, made: Mapping[str, Any]) -> list[str]:
        """The second half, where names that it returns stand for what it has ``made``."""
        if not self._body.commands:
            return []
        with unheard(), watch.kept_in():  # what they print was recorded
            return self._commanded.again(self._body.commands, {**self._imported(), **made})


def note_module(runtime: Runtime) -> None:
    """What the script itself has told libraries, as far as its statements stand at its top: an
    input of the steps that use them."""
    file = runtime.namespace.live.get("__file__")
    try:
        tree = ast.parse(Path(str(file)).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    runtime.surroundings.commanded.note(commands.of_cell(tree))
