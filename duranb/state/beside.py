"""State that lies beside the namespace: what the project's own modules hold.

A registry or a counter of a module is no variable of the notebook, and is not stored. That a step
changed it is found by looking before and after, so that it can be said.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable

from duranb.pure.immutable import is_atom
from duranb.pure.looking import is_a
from duranb.state.unstorable import CLOSED, look

WHY = "it belongs to a module, whose state is not stored"


def looks(modules: Iterable[str]) -> dict[str, dict[str, str]]:
    """What can be seen of the values that loaded modules hold, by module and name."""
    found = {}
    for name in modules:
        module = sys.modules.get(name)
        if module is not None:
            values = dict(vars(module))
            found[name] = {n: _look(v) for n, v in values.items() if _is_state(n, v)}
    return found


def changed(before: dict[str, dict[str, str]]) -> list[str]:
    """What does not look as it did, as ``module.name``."""
    return sorted(
        f"{module}.{name}"
        for module, now in looks(before).items()
        for name in now.keys() | before[module].keys()
        if now.get(name) != before[module].get(name)
    )


def _is_state(name: str, value: object) -> bool:
    return name[:2] != "__" and not is_a(value, types.ModuleType, types.FunctionType, type)


def _look(value: object) -> str:
    seen = look([value])  # an open place for it: a number shows itself, and is no closed object
    return seen if is_atom(value) or look(value) != CLOSED else CLOSED
