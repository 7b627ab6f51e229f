"""Arrays that a function has made of the memory of arrays that it was given: ``a.reshape(2, 3)``.

What is changed through one is changed in the other. A record holds the bytes of each, so where they
lay is recorded too, and the live array's memory is looked at in the same way again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

Lying = tuple[Any, int, int, tuple[int, ...], tuple[int, ...]]
"""An array, the number of the part that it lies in, how many bytes behind the part's beginning, its
strides, and those of the part."""


def lying_in(made: Iterable[Any], parts: Sequence[Any]) -> list[Lying]:
    """The arrays among what was ``made`` that lie in one of the ``parts``, and are none of them."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:
        return []
    own = {id(p) for p in parts}
    given = [(number, p) for number, p in enumerate(parts) if _is_plain(numpy, p)]
    found: list[Lying] = []
    for array in made:
        if not given or id(array) in own or not _is_plain(numpy, array):
            continue
        for number, part in given:
            if numpy.may_share_memory(array, part) and _is_inside(array, part):
                offset = _address(array) - _address(part)
                found.append((array, number, offset, array.strides, part.strides))
                break
    return found


def fits(lying: Lying, part: Any) -> bool:
    """Whether a live part is laid out as that was in which the array lay, and has all that it
    showed: no memory behind its end is ever looked at."""
    array, _, offset, strides, laid_out = lying
    if part.strides != laid_out:
        return False
    start, (first, last) = _address(part) + offset, _bounds(part)
    below, above = _reach(array.shape, strides)
    return first <= start + below and start + above + array.itemsize <= last


def looked_at(lying: Lying, part: Any) -> Any:
    """The memory of a live part, as the array looked at it."""
    import numpy

    array, _, offset, strides, _ = lying
    found: Any = numpy.asarray(_Memory(array, part, offset, strides))
    if found.dtype != array.dtype:  # names of fields
        found = found.view(array.dtype)
    if not array.flags.writeable:
        found.flags.writeable = False
    return found


class _Memory:
    """What NumPy asks for the place of an array; it keeps the one whose memory that is."""

    def __init__(self, array: Any, part: Any, offset: int, strides: tuple[int, ...]) -> None:
        self.part = part
        self.__array_interface__ = {
            "version": 3,
            "data": (_address(part) + offset, not part.flags.writeable),
            "shape": array.shape,
            "strides": strides,
            "typestr": array.dtype.str,
        }


def _is_plain(numpy: Any, value: object) -> bool:
    if type(value) is not numpy.ndarray:
        return False
    array: Any = value
    return bool(array.size and not array.dtype.hasobject)


def _address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


def _is_inside(array: Any, part: Any) -> bool:
    (start, end), (first, last) = _bounds(array), _bounds(part)
    return first <= start and end <= last


def _bounds(array: Any) -> tuple[int, int]:
    start, (below, above) = _address(array), _reach(array.shape, array.strides)
    return start + below, start + above + array.itemsize


def _reach(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, int]:
    """How many bytes before and behind its first element an array's others begin at most."""
    ends = [(n - 1) * s for n, s in zip(shape, strides, strict=True)]
    return sum(min(e, 0) for e in ends), sum(max(e, 0) for e in ends)
