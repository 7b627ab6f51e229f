"""What the project's own modules hold: ``helper.COUNT``, ``helper.REGISTRY``.

A step that calls into a module beside the notebook may change what that holds. Where it is plain
data it is put there again when the step is restored, into the same lists and dicts; anything else
is named. What a module has when it is imported counts as its code.
"""

from __future__ import annotations

import importlib
import os
import sys
import types
from dataclasses import dataclass
from typing import Any

from duranb.code.looking import own
from duranb.values import held

_MOST = 2000
"""How many values of one variable are looked at."""

_ATOMS = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class Unplain:
    """What is no plain data, as far as it is looked at: which object it is, and its attributes."""

    number: int
    attributes: Any = None


class Project:
    """The modules that lie below a folder, and what they hold. Made once for a folder, since it
    remembers which modules lie there."""

    def __init__(self, folder: str) -> None:
        self._folder = folder.rstrip(os.sep) + os.sep
        self._met: dict[str, object] = {}
        self._ids: list[int] = []
        self._own: list[str] = []

    def read(self) -> dict[str, Any]:
        """By module and name, all that is data there, copied."""
        return {name: self._data(name) for name in self._modules()}

    def _modules(self) -> list[str]:
        # Each module is asked once, since there are a thousand; one that takes the place of another
        # is asked again.
        if (ids := [*map(id, sys.modules.values())]) != self._ids:
            met, self._met, self._ids = self._met, dict(sys.modules), ids
            new = {n for n, module in self._met.items() if met.get(n) is not module}
            self._own = [n for n in self._own if n in self._met and n not in new]
            self._own += sorted(n for n in new if self._owns(n))
        return self._own

    def _owns(self, name: str) -> bool:
        file = own(sys.modules.get(name)).get("__file__")
        if type(file) is not str or name.partition(".")[0] in ("__main__", "duranb"):
            return False
        return not held.installed(name) and os.path.abspath(file).startswith(self._folder)

    @staticmethod
    def _data(module: str) -> dict[str, Any]:
        found = own(sys.modules[module])
        return {n: _look(v) for n, v in list(found.items()) if _is_data(n, v)}


def changed(was: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """What changed in modules that were there before, by ``module.name``."""
    return {
        f"{module}.{name}": value
        for module in was.keys() & now.keys()
        for name, value in now[module].items()
        if was[module].get(name, _NOTHING) != value
    }


_NOTHING = object()


def write(values: dict[str, Any]) -> None:
    """Give modules what they held: lists, dicts and sets stay the objects they are."""
    for key, value in values.items():
        module, _, name = key.rpartition(".")
        at: Any = importlib.import_module(module)
        there = vars(at).get(name)
        if isinstance(value, Unplain):
            continue
        if type(there) is not type(value) or isinstance(value, (tuple, *_ATOMS)):
            setattr(at, name, value)
        elif isinstance(there, list):
            there[:] = value
        else:
            there.clear()
            there.update(value)


def _is_data(name: str, value: object) -> bool:
    left_out = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
    return not name.startswith("__") and not issubclass(type(value), left_out)


def _look(value: object) -> Any:
    try:
        return _plain(value, [_MOST])
    except _NotPlainError:
        attributes = dict(own(value))
    try:
        return Unplain(id(value), _plain(attributes, [_MOST]))
    except _NotPlainError:
        return Unplain(id(value))


class _NotPlainError(Exception):
    """This is more than data, or too much of it."""


def _plain(value: Any, left: list[int]) -> Any:
    """A copy of plain data."""
    left[0] -= 1
    kind = type(value)
    if left[0] < 0:
        raise _NotPlainError
    if kind in _ATOMS:
        return value
    if kind in (list, tuple, set, frozenset):
        return kind([_plain(each, left) for each in list(value)])
    if kind is dict and all(type(key) is str for key in list(value)):
        return {key: _plain(each, left) for key, each in list(value.items())}
    raise _NotPlainError
