"""Whether two values are the same but for the ids and times that were drawn when they were made.

Both are taken apart side by side, as their versions are taken (:mod:`duranb.values.canonical`).
"""

from __future__ import annotations

import copyreg
import enum
import math
import pickle
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from duranb.code.looking import own_failure
from duranb.values import canonical
from duranb.values.canonical import Reduce
from duranb.values.codec import Reducer
from duranb.values.drawn import Drawn
from duranb.values.immutable import ATOMS


@dataclass(frozen=True)
class Place:
    """Where a part of a value stands: under which attribute or key, and whether what was drawn is
    of no account there."""

    free: bool
    label: str = ""


class Pairing:
    """Compares the values of one execution with those of another.

    ``free`` says of a type of objects whether what was drawn is of no account in them, and None
    where that is as it is for what holds them.
    """

    def __init__(self, drawn: Drawn, reduce: Reduce, free: Callable[[type], bool | None]) -> None:
        self._drawn = drawn
        self._reduce = reduce
        self._free = free
        self._met: set[tuple[int, int, bool]] = set()
        self._held: list[object] = []

    def same(self, was: Any, now: Any, place: Place) -> bool:
        """Whether two values are the same but for what was drawn where that is of no account."""
        kind = type(was)
        if kind is not type(now):
            return False
        if kind in ATOMS:
            if _equal(was, now):
                return self._drawn.kept(was)
            return place.free and self._drawn.same(was, now, place.label)
        pair = (id(was), id(now), place.free)
        if pair in self._met or was is now:
            return True
        self._met.add(pair)
        self._held += (was, now)  # or another one could get its id
        return self._inside(was, now, place)

    def _inside(self, was: Any, now: Any, place: Place) -> bool:
        kind = type(was)
        if kind in (list, tuple):
            return self._each(was, now, place)
        if kind is dict:
            return self._dicts(list(was.items()), list(now.items()), place)
        if kind in (set, frozenset, bytearray):
            return bool(was == now)
        if kind is pickle.PickleBuffer:
            return bool(was.raw() == now.raw())
        if kind is types.ModuleType:
            return False  # another one
        if kind is types.BuiltinFunctionType:
            # Methods of built-in types are made each time that they are asked for.
            return was.__name__ == now.__name__ and self.same(was.__self__, now.__self__, place)
        if isinstance(was, enum.Enum):
            return bool(was.name == now.name)
        if place.free and self._drawn.same(was, now, place.label):
            return True
        free = self._free(kind)
        inner = Place(place.free if free is None else free, place.label)
        return self._reduced(self._parts(was), self._parts(now), inner)

    def _each(self, was: Any, now: Any, place: Place) -> bool:
        if len(was) != len(now):
            return False
        return all(self.same(a, b, place) for a, b in zip(was, now, strict=True))

    def _dicts(self, was: list[tuple[Any, Any]], now: list[tuple[Any, Any]], place: Place) -> bool:
        if len(was) != len(now):
            return False
        for (key, held), (other, holds) in zip(was, now, strict=True):
            label = key if type(key) is str else ""
            if not self.same(key, other, place):
                return False
            if not self.same(held, holds, Place(place.free, label)):
                return False
        return True

    def _parts(self, value: Any) -> Any:
        found = self._reduce(value)
        if found is NotImplemented:
            if isinstance(value, (type, types.FunctionType)):
                return f"{value.__module__}.{value.__qualname__}"
            reducer = copyreg.dispatch_table.get(type(value))
            found = reducer(value) if reducer else value.__reduce_ex__(5)
        self._held.append(found)
        return found

    def _reduced(self, was: Any, now: Any, place: Place) -> bool:
        """Whether two reductions, as pickle takes them, are the same."""
        if isinstance(was, str) or isinstance(now, str):
            return bool(was == now)
        if len(was) != len(now) or not self._each(was[:2], now[:2], place):
            return False
        if not self._states(*was[2:3], *now[2:3], place=place):
            return False
        for at, (a, b) in enumerate(zip(was[3:], now[3:], strict=True), 3):
            if at == 3 and not self._each(list(a or ()), list(b or ()), place):
                return False
            if at == 4 and not self._dicts(list(a or ()), list(b or ()), place):
                return False
            if at > 4 and not self.same(a, b, place):
                return False
        return True

    def _states(self, was: Any = None, now: Any = None, *, place: Place) -> bool:
        """Whether two objects have the same attributes. Which was assigned first is of no account:
        a library may go through a set of names."""
        if type(was) is type(now) is dict and was.keys() == now.keys():
            return self._dicts(list(was.items()), [(name, now[name]) for name in was], place)
        if type(was) is type(now) is tuple and len(was) == len(now) == 2:  # with slots
            return all(self._states(a, b, place=place) for a, b in zip(was, now, strict=True))
        return self.same(was, now, place)


def alike(
    was: object,
    now: object,
    drawn: Drawn,
    live: dict[str, Any],
    free: Callable[[type], bool | None],
    everywhere: bool,
    reducer: Reducer | None = None,
) -> bool:
    """Whether two values are the same but for what was drawn; ``everywhere`` says that it is of no
    account outside of any object too. False where that cannot be told."""
    try:
        pairing = Pairing(drawn, canonical.reducing(live, reducer), free)
        return pairing.same(was, now, Place(everywhere))
    except BaseException as error:  # of any kind: taking values apart runs their own code
        if not own_failure(error):
            raise
        return False


def _equal(was: Any, now: Any) -> bool:
    if type(was) is float:
        return bool(was == now and math.copysign(1, was) == math.copysign(1, now)) or (
            math.isnan(was) and math.isnan(now)
        )
    return bool(was == now)
