"""Variables of ``steps.py`` that share state: a node is given a copy of one, and knows no other."""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from duranb.code.looking import is_a
from duranb.errors import UsageError
from duranb.plan import Node
from duranb.state.capture import told
from duranb.values import canonical
from duranb.values.immutable import is_atom
from duranb.values.within import objects_within


@contextlib.contextmanager
def apart(node: Node, module: ModuleType, copies: Mapping[str, Any]) -> Iterator[None]:
    """Raise :class:`UsageError` where a node changes one of its ``copies`` of variables of the
    module in place, and another variable there shares state with that one: it stays as it was."""
    live = vars(module)
    data = {n: v for n, v in copies.items() if not is_atom(v)}
    before = {n: canonical.version(v, live, told) for n, v in data.items()}
    yield
    for name, value in data.items():
        if canonical.version(value, live, told) != before[name] and (others := _with(name, live)):
            raise UsageError(
                f"step {node.name!r} changed {name} in place, and {', '.join(others)} of the "
                "module shares state with it: other steps, on other workers, do not see that. "
                "Make both in a step"
            )


def _with(name: str, live: dict[str, Any]) -> list[str]:
    """The other variables that hold an object which this one holds."""
    parts = _parts(live[name], live)
    others = {n: v for n, v in live.items() if n != name and not n.startswith("__")}
    return sorted(n for n, v in others.items() if not parts.isdisjoint(_parts(v, live)))


def _parts(value: Any, live: dict[str, Any]) -> set[int]:
    if is_atom(value) or is_a(value, types.ModuleType):
        return set()
    found = objects_within([[value]], sys.maxsize, live) or {}
    code = (type, types.FunctionType, types.ModuleType)
    return {number for number, part in found.items() if not is_a(part, *code)}
