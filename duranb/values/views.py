"""NumPy arrays that look at memory of another one, pickled so that they do so again.

A view (a slice, a transpose, a field, a masked array or a matrix of an array) is pickled as the
owner of its memory and where it lies in there. A small window on a large array is pickled as what
it shows, so that nobody pays for the rest, unless the array itself, or another window on the same
elements, is in the same pickle.
"""

from __future__ import annotations

import array as array_module
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from duranb.code import looking
from duranb.values import fields, mapped

_SMALL = 1024
_MOST = 4
"""How many times a view's bytes the owner of its memory may have, to be pickled for it."""

Bounds = tuple[int, int]
"""The addresses between which a view's elements lie."""


@dataclass(frozen=True)
class Move:
    """What lies between the addresses ``low`` and ``high`` lies ``by`` bytes further, in the memory
    of ``owner``."""

    low: int
    high: int
    by: int
    owner: Any

    @classmethod
    def of(cls, array: Any, there: Any) -> Move | None:
        """From where an array lies to where an equal one lies; None where that is laid out in
        another way, or no view can be made of its owner."""
        whole = owner(there)
        (low, high), bounds = _bounds(array), _bounds(there)
        alike = (array.strides, array.dtype, high - low) == (
            there.strides,
            there.dtype,
            bounds[1] - bounds[0],
        )
        if not alike or _start(whole, bounds, there.dtype) is None:
            return None
        return cls(low, high, bounds[0] - low, whole)


def _bounds(array: Any) -> Bounds:
    import numpy

    return numpy.lib.array_utils.byte_bounds(array)


def moved(array: Any, moves: list[Move]) -> tuple[Any, ...] | None:
    """The owner of the memory to which an array has moved, and how it lies in there, as
    :func:`load` takes it; None where not all of it has."""
    low, high = _bounds(array)
    for move in moves:
        if move.low <= low and high <= move.high:
            start = _start(move.owner, (low + move.by, high + move.by), array.dtype)
            if start is not None:
                offset = array.__array_interface__["data"][0] + move.by - start
                return move.owner, array.shape, array.dtype, offset, array.strides
    return None


def joined(moves: list[Move]) -> list[Move] | None:
    """Moves that overlap as one; None where what they tell has not moved together: to one owner's
    memory, and by one distance where two lie in the same place."""
    found: list[Move] = []
    for move in sorted(moves, key=lambda move: move.low):
        if found and move.owner is not found[0].owner:
            return None
        if not found or move.low >= found[-1].high:
            found.append(move)
        elif move.by != found[-1].by:
            return None
        else:
            found[-1] = replace(found[-1], high=max(move.high, found[-1].high))
    return found


@dataclass
class Windows:
    """The views in one pickle that are pickled as what they show. ``whole`` are the ids of owners
    that are to be pickled whole all the same, ``moves`` say where views of others, by their ids,
    have moved to."""

    whole: frozenset[int] = frozenset()
    moves: Mapping[int, list[Move]] = field(default_factory=dict)
    found: dict[int, tuple[object, list[Bounds]]] = field(default_factory=dict)

    def note(self, owner: object, bounds: Bounds) -> None:
        """A view of ``owner`` is pickled as what it shows."""
        self.found.setdefault(id(owner), (owner, []))[1].append(bounds)

    def torn(self, memo: Mapping[int, object]) -> frozenset[int]:
        """The owners to be pickled whole, as what looks at them would come back apart."""
        return frozenset(i for i, (_, each) in self.found.items() if i in memo or _overlap(each))


def _overlap(bounds: list[Bounds]) -> bool:
    """Whether two windows show the same memory."""
    end = 0
    for low, high in sorted(bounds):
        if low < end:
            return True
        end = high
    return False


def is_array(kind: type) -> bool:
    """Whether this is a type of arrays. Imports nothing."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and issubclass(kind, numpy.ndarray)


def is_memory(value: object) -> bool:
    """Whether this is memory of Python's own that arrays can look at and write to."""
    return type(value) in (bytearray, array_module.array)


def owner(array: Any) -> Any:
    """The last array that this one looks at, be it itself."""
    return owners(array)[0]


def owners(array: Any) -> tuple[Any, Any]:
    """The last array that this one looks at, and what else has its memory, if anything has."""
    found = at = array
    while (at := _base(at)) is not None:
        if is_array(type(at)):
            found = at
        elif is_memory(at):
            return found, at
    return found, None


def _base(value: Any) -> Any:
    kind = type(value)
    if is_array(kind):
        return sys.modules["numpy"].ndarray.base.__get__(value)  # no subclass is asked
    if kind is memoryview:
        return value.obj
    if issubclass(kind, getattr(sys.modules.get("numpy"), "void", ())):  # a record in a record
        return value.base
    # What as_strided and sliding_window_view put between.
    return value.base if kind.__name__ == "DummyArray" else None


def memory(array: Any) -> Any:
    """All bytes of an array, or of memory of Python's own, as a flat array that looks at them; None
    where its elements are objects, or it has gaps."""
    import numpy

    if is_memory(array):
        return numpy.frombuffer(array, numpy.uint8)
    flags = array.flags
    if array.dtype.hasobject or not (flags.c_contiguous or flags.f_contiguous):
        return None
    return _flat(array).view(numpy.uint8)


def _flat(whole: Any) -> Any:
    import numpy

    plain = numpy.ndarray.view(whole, numpy.ndarray)
    return (plain if plain.flags.c_contiguous else plain.T).reshape(-1)


def beside(array: Any, its_owner: Any, other: Any) -> Any:
    """An array at the place in the memory of ``other`` where this one lies in that of its owner;
    both owners have as many bytes. None where this one is pickled as what it shows, as its owner
    has gaps."""
    if (flat := memory(its_owner)) is None:
        return other if array is its_owner else None
    start = flat.__array_interface__["data"][0]
    offset = array.__array_interface__["data"][0] - start
    return load(other, array.shape, array.dtype, offset, array.strides)


def reduction(array: Any, windows: Windows) -> tuple[Any, ...] | None:
    """How an array is pickled that looks at another one's memory; None for what does not, or is
    pickled as what it shows. Raises LookupError for one of which a part only has moved."""
    import numpy

    kind = type(array)
    if mapped.is_mapped(array):
        return mapped.reduction(array)
    whole, beyond = owners(array)
    in_file = mapped.is_mapped(whole)
    if not array.size or (issubclass(kind, numpy.memmap) and not in_file):
        return None
    if array is numpy.ma.masked:
        return None
    if id(whole) in windows.moves:
        made = moved(array, windows.moves[id(whole)])
        if made is None:
            raise LookupError("some of the memory of an array is nowhere else")
        return _view(array, made)
    bounds = _bounds(array)
    if whole is not array:
        wide = whole.nbytes > _MOST * max(array.nbytes, _SMALL)
    elif beyond is not None:
        whole, wide = beyond, True
    else:
        return None
    if wide and id(whole) not in windows.whole and not in_file:
        windows.note(whole, bounds)
        return None
    first = array.__array_interface__["data"][0]
    start = _start(whole, bounds, array.dtype)
    if start is None and (start := _start_of_records(whole, array)) is None:
        return None
    return _view(array, (whole, array.shape, array.dtype, first - start, array.strides))


def _view(array: Any, made: tuple[Any, ...]) -> tuple[Any, ...]:
    import numpy

    kind = type(array)
    if kind is numpy.memmap:
        return mapped.part, ((load(*made)), made[0])
    if kind is numpy.ndarray and array.flags.writeable:
        return load, made
    held = dict(looking.own(array))
    return load, (*made, kind, array.flags.writeable), held or None, None, None, set_attributes


def record(value: Any) -> tuple[Any, ...] | None:
    """How a record of an array is pickled, which looks at the array's memory; None for any other
    value, and for a record with objects, which is pickled as what it holds."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not issubclass(type(value), numpy.void) or value.dtype.hasobject:
        return None
    whole = owner(value)
    if not is_array(type(whole)):
        return None
    first = numpy.ndarray((), value.dtype, value).__array_interface__["data"][0]
    start = _start(whole, (first, first + value.dtype.itemsize), value.dtype)
    return None if start is None else (element, (load(whole, (), value.dtype, first - start, ()),))


def element(array: Any) -> Any:
    """The record that an array of no dimension is, looking at its memory."""
    return array[()]


def _start(whole: Any, bounds: Bounds, dtype: Any) -> int | None:
    """The address of an owner's memory; None where its view cannot be made of it."""
    import numpy

    memory = numpy.frombuffer(whole, numpy.uint8) if is_memory(whole) else whole
    flags = memory.flags
    if not (flags.c_contiguous or flags.f_contiguous):
        return None
    objects = memory.dtype.hasobject or dtype.hasobject
    if objects and (memory.dtype != dtype or dtype.names):
        return None
    start, end = numpy.lib.array_utils.byte_bounds(memory)
    return start if start <= bounds[0] and bounds[1] <= end else None


def _start_of_records(whole: Any, array: Any) -> int | None:
    """The address of an owner's memory with objects in it; None where the view cannot be made of
    it by the names of its fields."""
    if is_memory(whole) or not whole.dtype.hasobject or not whole.dtype.names:
        return None
    if fields.has_arrays(whole.dtype):
        return None
    if not (whole.flags.c_contiguous or whole.flags.f_contiguous):
        return None
    flat, first = _flat(whole), array.__array_interface__["data"][0]
    start: int = flat.__array_interface__["data"][0]
    made = fields.part(flat, array.shape, array.dtype, first - start, array.strides)
    found = None if made is None else made.__array_interface__["data"][0]
    return start if found == first else None


def load(
    whole: Any,
    shape: Any,
    dtype: Any,
    offset: int,
    strides: Any,
    kind: Any = None,
    writeable: bool = True,
) -> Any:
    """The view again, ``offset`` bytes into the memory of its owner."""
    import numpy

    flat = memory(whole) if is_memory(whole) else _flat(whole)
    if flat.dtype.hasobject and flat.dtype.names:
        made = fields.part(flat, shape, dtype, offset, strides)
        made = made if kind is None else made.view(kind)
    elif dtype.hasobject:  # which no buffer can be
        at = flat[offset // dtype.itemsize :]
        made = numpy.lib.stride_tricks.as_strided(at, shape, strides)
        made = made if kind is None else made.view(kind)
    else:
        flat = flat.view(numpy.uint8)
        made = numpy.ndarray.__new__(
            kind or numpy.ndarray,
            shape,
            dtype,
            flat,
            offset,
            strides,
        )
    if not writeable:
        made.flags.writeable = False
    return made


def fixed(array: Any) -> tuple[Any, ...] | None:
    """How an array with gaps is pickled that cannot be written to: NumPy would forget that. None
    for others."""
    flags = array.flags
    if flags.writeable or flags.c_contiguous or flags.f_contiguous:
        return None
    make, arguments, state = array.__reduce__()
    return make, arguments, (*state, "fixed"), None, None, _set_fixed


def _set_fixed(array: Any, state: tuple[Any, ...]) -> None:
    array.__setstate__(state[:-1])
    array.flags.writeable = False


def attributes(array: Any) -> tuple[Any, ...] | None:
    """How an array of a subclass is pickled that says nothing of that itself: NumPy would forget
    its attributes. None for what has none."""
    import numpy

    kind = type(array)
    held = looking.own(array)
    plain = all(getattr(kind, n) is getattr(numpy.ndarray, n) for n in _SAID)
    if not held or not plain or issubclass(kind, numpy.memmap):
        return None
    make, arguments, state = array.__reduce__()
    return make, arguments, (state, dict(held)), None, None, set_all


_SAID = ("__reduce__", "__reduce_ex__", "__setstate__")


def set_attributes(array: Any, held: dict[str, Any]) -> None:
    """Give an array of a subclass its attributes."""
    vars(array).update(held)


def set_all(array: Any, state: tuple[Any, dict[str, Any]]) -> None:
    """Give an array of a subclass its content and its attributes."""
    array.__setstate__(state[0])
    set_attributes(array, state[1])
