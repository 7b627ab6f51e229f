"""NumPy arrays of strings, pickled as one text.

Such an array (a column of words in pandas) is a pointer a string: pickling them one by one, and
telling for each that it holds no state, takes most of the time that a table takes. As one text
beside the pickle it is quick, and kept once for as long as the strings stay the same.
"""

from __future__ import annotations

import ctypes
import pickle
import threading
from collections import OrderedDict
from typing import Any

import xxhash

_END = "\0"
_FEWEST = 64
_SAMPLE = 1000
_MOST = 1 << 21
"""Strings that are held on to, in all."""


def reduction(array: Any) -> tuple[Any, ...] | None:
    """How a flat array of strings is pickled; None for any other array, and for one in which few
    strings are repeated many times: they come back as the few that they were."""
    if not _may_be(array):
        return None
    sample = array[:: array.size // _SAMPLE + 1].tolist()
    if 2 * len(set(map(id, sample))) < len(sample):
        return None
    return content(array)


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
        self._alone = threading.Lock()

    def text(self, array: Any) -> bytes | None:
        """All strings as one text, or None if that cannot be."""
        if not array.flags.c_contiguous or array.dtype != object:
            return _joined(array.tolist())
        memory = (ctypes.c_char * array.nbytes).from_address(array.ctypes.data)
        key = xxhash.xxh3_128_digest(memory)
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


_latest = _Latest()


def load(text: Any) -> Any:
    """The array again; ``text`` is what :func:`reduction` made of it, as bytes."""
    import numpy

    strings = bytes(text).decode("utf-8", "surrogatepass").split(_END)
    array = numpy.empty(len(strings), dtype=object)
    array[:] = strings
    return array
