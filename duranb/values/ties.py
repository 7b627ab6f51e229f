"""What is one inside of a value: the object that is met twice, the arrays in the same memory.

``[a, a]`` and ``[a, list(a)]`` have equal content, and a change of the first element makes them
differ; so do two views of the same array that show equal rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import compress
from typing import Any

from duranb.code.looking import own, which
from duranb.values import held, sharing, views
from duranb.values.immutable import is_immutable_kind


def ties(met: list[object], kinds: set[type]) -> str:
    """The ties among objects, which are of these types, in the order in which a walk without a
    memory meets them: the same one in every process. Empty where there are none."""
    kept = {k for k in kinds if not is_immutable_kind(k)}
    state = met
    if len(kept) < len(kinds):
        numbers = frozenset(map(which, kept))
        state = list(compress(met, map(numbers.__contains__, map(which, map(type, met)))))
    again = len(set(map(which, state))) < len(state)
    found = _again(state, met, kinds) if again else ""
    if any(map(views.is_array, kept)):
        found += _overlaps(state)
    return found


def _again(state: list[object], met: list[object], kinds: set[type]) -> str:
    """Where an object that is ``state`` is met again, and where it was met first. What types of
    records, indexes and libraries' classes are made of is theirs."""
    first: dict[int, int] = {}
    again = []
    for at, obj in enumerate(state):
        number = first.setdefault(id(obj), at)
        if number != at:
            again.append((at, number))
    twice = {id(state[number]): state[number] for _, number in again}
    descriptors = [obj for obj in twice.values() if _is_descriptor(type(obj))]
    for obj in descriptors:  # a part of a class's code, as its methods are
        twice.pop(id(obj), None)
        twice.pop(id(own(obj)), None)
    records = sharing.types_of_records(met, kinds)
    reached = set(sharing.reached(twice | {id(obj): obj for obj in records}))
    reached -= sharing.in_indexes(met, kinds) | held.by_classes(kinds)
    again = [each for each in again if id(state[each[1]]) in reached]
    return f"again {again}" if again else ""


def _is_descriptor(kind: type) -> bool:
    return any("__get__" in vars(cls) for cls in kind.__mro__)


def _overlaps(state: list[object]) -> str:
    """Which arrays lie in the same memory, and where in it. pandas guards its own."""
    arrays = {id(obj): at for at, obj in enumerate(state) if views.is_array(type(obj))}
    if len(arrays) < 2:
        return ""
    import numpy

    seals = sharing.reached({id(obj): obj for obj in state})
    lies: list[tuple[int, int, int, tuple[int, ...]]] = []
    for i, at in arrays.items():
        array: Any = state[at]
        if array.size and seals.get(i, "") is None:
            lies.append((*numpy.lib.array_utils.byte_bounds(array), at, array.strides))
    found = [
        sorted((at, low - group[0][0], strides) for low, _, at, strides in group)
        for group in _groups(sorted(lies))
        if len(group) > 1
    ]
    return f"overlaps {sorted(found)}" if found else ""


def _groups(
    lies: list[tuple[int, int, int, tuple[int, ...]]],
) -> Iterator[list[tuple[int, int, int, tuple[int, ...]]]]:
    """Those that lie in the same memory, of a list that is sorted by where they begin."""
    group: list[tuple[int, int, int, tuple[int, ...]]] = []
    end = 0
    for each in lies:
        if group and each[0] >= end:
            yield group
            group = []
        end = max(end, each[1]) if group else each[1]
        group.append(each)
    if group:
        yield group
