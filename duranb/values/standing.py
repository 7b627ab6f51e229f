"""What stands for namespaces in a pickle: they are not stored, but found when it is loaded."""

from __future__ import annotations

from typing import Any

from duranb.values import held
from duranb.values.target import live_namespace


class Live:
    """Stands for the live namespace."""

    def __reduce__(self) -> Any:
        return live_namespace, ()


LIVE = Live()
"""The one that is put into what is pickled."""


class Globals:
    """Stands for a module's globals."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __reduce__(self) -> Any:
        return held.module_globals, (self._module,)
