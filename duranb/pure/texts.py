"""NumPy arrays of strings, pickled as one text.

Such an array (a column of words in pandas) is a pointer a string: pickling them one by one, and
telling for each that it holds no state, takes most of the time that a table takes. As one text
beside the pickle it is quick, and kept once for as long as the strings stay the same.
"""

from __future__ import annotations

import pickle
from typing import Any

_END = "\0"
_FEWEST = 64
_SAMPLE = 1000


def reduction(array: Any) -> tuple[Any, ...] | None:
    """How a flat array of strings is pickled; None for any other array, and for one in which few
    strings are repeated many times: they come back as the few that they were."""
    if not array.dtype.hasobject or array.ndim != 1 or array.size < _FEWEST:
        return None
    if array.dtype.metadata is not None or type(array[0]) is not str:
        return None
    strings = array.tolist()
    if set(map(type, strings)) != {str}:
        return None
    sample = strings[:: len(strings) // _SAMPLE + 1]
    if 2 * len(set(map(id, sample))) < len(sample):
        return None
    text = _END.join(strings)
    if text.count(_END) != len(strings) - 1:
        return None
    return load, (pickle.PickleBuffer(text.encode("utf-8", "surrogatepass")),)


def load(text: Any) -> Any:
    """The array again; ``text`` is what :func:`reduction` made of it, as bytes."""
    import numpy

    strings = bytes(text).decode("utf-8", "surrogatepass").split(_END)
    array = numpy.empty(len(strings), dtype=object)
    array[:] = strings
    return array
