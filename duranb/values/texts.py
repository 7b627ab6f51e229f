"""NumPy arrays of strings, pickled as one text, or as the few strings that are in them.

Such an array (a column of words in pandas) is a pointer a string: pickling them one by one, and
telling for each that it holds no state, takes most of the time that a table takes. As one text
beside the pickle it is quick, and kept once for as long as the strings stay the same. Where few
strings are repeated many times, it is these, and beside the pickle which of them is where.
"""

from __future__ import annotations

import ctypes
import pickle
import threading
from collections import OrderedDict
from typing import Any

import xxhash

from duranb.code.looking import which

_END = "\0"
_FEWEST = 64
_SAMPLE = 1000
_MOST = 1 << 21
"""Strings that are held on to, in all."""


def reduction(array: Any) -> tuple[Any, ...] | None:
    """How a flat array of strings is pickled; None for any other array. The few strings that are
    repeated many times come back as the few that they were."""
    if not _may_be(array):
        return None
    sample = array[:: array.size // _SAMPLE + 1].tolist()
    if 2 * len(set(map(which, sample))) < len(sample):
        return _repeated(array)
    return content(array)


def _repeated(array: Any) -> tuple[Any, ...] | None:
    if not array.flags.c_contiguous or array.dtype != object:
        return None
    found = _latest.few(array)
    if found is None:
        return None
    strings, places = found
    return load_few, (strings, places.dtype.str, pickle.PickleBuffer(places))


def content(array: Any) -> tuple[Any, ...] | None:
    """The same for its content alone, however often one string is repeated; None for any other
    array."""
    if not _may_be(array):
        return None
    text = _latest.text(array)
    return None if text is None else (load, (pickle.PickleBuffer(text),))


def is_text(array: Any) -> bool:
    """Whether an array holds nothing but strings, as far as that can be told at no great cost."""
    return bool(_may_be(array) and array.size <= _MOST and _latest.text(array) is not None)


def _may_be(array: Any) -> bool:
    if not array.dtype.hasobject or array.ndim != 1 or array.size < _FEWEST:
        return False
    return array.dtype.metadata is None and type(array[0]) is str


def _joined(strings: list[Any]) -> bytes | None:
    if set(map(type, strings)) != {str}:
        return None
    text = _END.join(strings)
    if text.count(_END) != len(strings) - 1:
        return None
    return text.encode("utf-8", "surrogatepass")


class _Latest:
    """The texts of the arrays seen last: a table is pickled several times in a row.

    An array of strings is an array of their addresses. As long as the strings are held on to, the
    same addresses are the same strings.
    """

    def __init__(self) -> None:
        self._texts: OrderedDict[bytes, tuple[list[Any], bytes | None]] = OrderedDict()
        self._few: OrderedDict[bytes, tuple[tuple[Any, ...], Any]] = OrderedDict()
        self._alone = threading.Lock()

    def text(self, array: Any) -> bytes | None:
        """All strings as one text, or None if that cannot be."""
        if not array.flags.c_contiguous or array.dtype != object:
            return _joined(array.tolist())
        key = xxhash.xxh3_128_digest(_memory(array))
        with self._alone:
            found = self._texts.pop(key, None)
            if found is None:
                strings = array.tolist()
                found = strings, _joined(strings)
            if len(found[0]) <= _MOST:
                self._texts[key] = found
            while sum(len(strings) for strings, _ in self._texts.values()) > _MOST:
                self._texts.popitem(last=False)
        return found[1]

    def few(self, array: Any) -> tuple[tuple[Any, ...], Any] | None:
        """The different strings, in the order in which they come, and by number where each is; None
        where something else is among them, or they are not few."""
        memory = _memory(array)
        key = xxhash.xxh3_128_digest(memory)
        with self._alone:
            found = self._few.pop(key, None) or _numbered(array, memory)
            self._few[key] = found
            while sum(len(places) for _, places in self._few.values()) > _MOST:
                self._few.popitem(last=False)
        strings, places = found
        alike = set(map(type, strings)) == {str} and 2 * len(strings) < len(places)
        return found if alike else None


def _memory(array: Any) -> Any:
    """The addresses of an array's objects."""
    return (ctypes.c_char * array.nbytes).from_address(array.ctypes.data)


def _numbered(array: Any, memory: Any) -> tuple[tuple[Any, ...], Any]:
    """The different objects of an array, and the number of each one's place among them."""
    import numpy

    addresses = numpy.frombuffer(memory, dtype=numpy.uintp)
    few = numpy.unique(addresses[:: array.size // _SAMPLE + 1])
    numbers = _looked_up(few, addresses)
    others = addresses[few[numbers] != addresses]
    if others.size:  # sorting all of them to begin with would take ten times as long
        few = numpy.union1d(few, others)
        numbers = _looked_up(few, addresses)
    first = numpy.empty(few.size, dtype=numpy.intp)
    first[numbers[::-1]] = numpy.arange(array.size - 1, -1, -1)  # the last that is put there stays
    order = numpy.argsort(first)
    place = numpy.empty(len(order), dtype=numpy.min_scalar_type(len(order)))
    place[order] = numpy.arange(len(order))
    return tuple(array[first[order]].tolist()), place[numbers]


def _looked_up(few: Any, addresses: Any) -> Any:
    """Where each address stands among a few sorted ones, if it does."""
    return few.searchsorted(addresses).clip(max=few.size - 1)


_latest = _Latest()


def load(text: Any) -> Any:
    """The array again; ``text`` is what :func:`reduction` made of it, as bytes."""
    import numpy

    strings = bytes(text).decode("utf-8", "surrogatepass").split(_END)
    array = numpy.empty(len(strings), dtype=object)
    array[:] = strings
    return array


def load_few(strings: tuple[str, ...], kind: str, places: Any) -> Any:
    """The array again, of the few strings that are in it."""
    import numpy

    few = numpy.empty(len(strings), dtype=object)
    few[:] = strings
    return few[numpy.frombuffer(places, dtype=kind)]
