"""Which objects a value holds, found without pickling it and without asking it anything.

Pickling tells what a value's content is, and where in it an object is met twice. Which object it
is, it does not tell: after ``b.items = a.items`` the bytes of ``b`` are what they were, if the two
lists were equal. What the garbage collector sees of the objects does, at C speed.
"""

from __future__ import annotations

import functools
import gc
import operator
import types
from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from typing import Any

from duranb.code.looking import dict_of, module_of, own, which
from duranb.values import texts, views
from duranb.values.immutable import ATOMS, is_immutable_kind, is_imported

_Parts = Callable[[Any], Iterable[object]]


def within(values: Sequence[object], most: int, without: object) -> set[int] | None:
    """The ids of :func:`objects_within` values."""
    found = objects_within(values, most, without)
    return None if found is None else set(found)


def objects_within(
    values: Sequence[object], most: int, without: object
) -> dict[int, object] | None:
    """The objects that values hold by their ids, of types whose instances can change; ``without``
    is not looked into. None where there are more than ``most`` to go through, texts and numbers
    included."""
    kinds = _Kinds()
    looked = 0
    seen = {id(without)}
    found: dict[int, object] = {}
    level = list(values)
    while level:
        told = _held(level, kinds)
        looked += len(told)
        if looked > most:
            return None
        held = list(compress(told, map(kinds.has_parts.__getitem__, kinds.of(told))))
        new = dict(zip(map(id, held), held, strict=True))
        if not seen.isdisjoint(new):
            for number in seen.intersection(new):
                del new[number]
        seen.update(new)
        level = list(new.values())
        found.update(compress(new.items(), map(kinds.change.__getitem__, kinds.of(level))))
    return found


def _held(objects: list[object], kinds: _Kinds) -> list[Any]:
    """What objects hold directly."""
    told = kinds.of(objects)
    if kinds.parts.keys().isdisjoint(told):
        found = gc.get_referents(*objects)
    else:
        odd = list(map(kinds.parts.__contains__, told))
        found = gc.get_referents(*compress(objects, map(operator.not_, odd)))
        for obj in compress(objects, odd):
            found += kinds.parts[which(type(obj))](obj)
    return found


class _Kinds:
    """What is known of types, by their numbers: a class's own hash, which its metaclass may define,
    is not asked for."""

    def __init__(self) -> None:
        self._kept: dict[int, type] = {}
        self.parts: dict[int, _Parts] = {}
        """How the parts are found of what the garbage collector says too much or too little of."""
        self.has_parts: dict[int, bool] = {}
        self.change: dict[int, bool] = {}

    def of(self, objects: list[Any]) -> list[int]:
        """The numbers of the objects' types, which are known from then on."""
        numbers = list(map(which, map(type, objects)))
        if not self._kept.keys() >= set(numbers):
            for number, obj in zip(numbers, objects, strict=True):
                if number not in self._kept:
                    self._kept[number] = type(obj)
                    self._learn(number, type(obj))
        return numbers

    def _learn(self, number: int, kind: type) -> None:
        self.has_parts[number] = number not in _NOTHING
        self.change[number] = number in _CHANGE or not is_immutable_kind(kind)
        for parts, kinds in _ODD.items():
            if issubclass(kind, kinds):
                self.parts[number] = parts
        if views.is_array(kind):
            self.parts[number] = _of_array


_NOTHING = frozenset(map(which, ATOMS | {types.CodeType, types.FrameType}))
_CHANGE = frozenset(map(which, (types.FunctionType, types.CellType, functools.partial)))


def _of_function(function: Any) -> Iterable[object]:
    """All but its globals, which are everybody's."""
    return (
        *(function.__closure__ or ()),
        *(function.__defaults__ or ()),
        *(function.__kwdefaults__ or {}).values(),
        *function.__dict__.values(),
    )


def _of_class(cls: Any) -> Iterable[object]:
    """What a class of the notebook holds."""
    return dict_of(cls).values() if module_of(cls) == "__main__" else ()


def _of_module(module: Any) -> Iterable[object]:
    """What a module holds that was made at run time."""
    return () if is_imported(module) else own(module).values()


def _of_array(array: Any) -> Iterable[object]:
    """What has its memory, its attributes, and its objects if it has any."""
    memory = [part for part in views.owners(array) if part is not None and part is not array]
    holds_others = array.dtype.hasobject and not texts.is_text(array)
    objects = array.ravel().tolist() if holds_others else ()
    return [*memory, *own(array).values(), *objects]


_ODD: dict[_Parts, type] = {
    _of_function: types.FunctionType,
    _of_class: type,
    _of_module: types.ModuleType,
}
