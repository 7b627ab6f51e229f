"""What a function tells libraries: noted once it has run, told again where it is restored.

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
from duranb.code.interrupts import held_off
from duranb.engine import watch
from duranb.engine.printed import notice, unheard
from duranb.engine.runtime import Runtime
from duranb.state.commanded import name_of


class Telling:
    """What a call of ``fn`` with these ``arguments`` tells."""

    def __init__(
        self, runtime: Runtime, fn: Callable[..., Any], arguments: Mapping[str, Any]
    ) -> None:
        self._commanded = runtime.surroundings.commanded
        self._body = commands.of_function(fn)
        self._arguments = arguments

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

    @held_off
    def again(self, step: str, result: Any) -> None:
        """It is restored, with this result: tell again what does not hold. What a library does not
        take any more is said."""
        if not self._body.commands:
            return
        with unheard(), watch.kept_in():  # what they print was recorded
            failed = self._commanded.again(self._body.commands, self._scope(result))
        if failed:
            notice(
                f"{step}: it was restored, and this could not be told again: {'; '.join(failed)}"
            )


def note_module(runtime: Runtime) -> None:
    """What the script itself has told libraries, as far as its statements stand at its top: an
    input of the steps that use them."""
    file = runtime.namespace.live.get("__file__")
    try:
        tree = ast.parse(Path(str(file)).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    runtime.surroundings.commanded.note(commands.of_cell(tree))
