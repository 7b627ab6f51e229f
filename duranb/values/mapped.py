"""Arrays that are mapped to a file (``numpy.memmap``), pickled so that they are again.

NumPy pickles one as what it shows, and nothing is left of the file: what is written to the array
would not reach it. Here it is opened again where the file holds what it held. Where it does not,
the array shows what it showed, and cannot be written to, as the file would not get that. One that
keeps what is written to itself (mode ``c``) shows what it showed, whatever the file holds.
"""

from __future__ import annotations

import os
import sys
from typing import Any


def is_mapped(array: Any) -> bool:
    """Whether an array is one that is mapped to a file by itself, no part of another one."""
    numpy = sys.modules["numpy"]
    if type(array) is not numpy.memmap or isinstance(array.base, numpy.ndarray):
        return False
    return array.mode in _OF_FILES and isinstance(array.filename, _NAMES)


_COPY = "c"
_OF_FILES = ("r", "r+", "w+", _COPY)
_NAMES = (str, os.PathLike)


def reduction(array: Any) -> tuple[Any, ...]:
    """How such an array is pickled."""
    numpy = sys.modules["numpy"]
    made = numpy.ndarray.view(array, numpy.ndarray).__reduce_ex__(5)
    return load, (*made[:2], os.fspath(array.filename), array.mode, array.offset)


def load(make: Any, arguments: tuple[Any, ...], file: str, mode: str, offset: int) -> Any:
    """The array, mapped to the file if it holds the same."""
    import numpy

    content = make(*arguments)
    if os.path.isfile(file) and os.path.getsize(file) >= offset + content.nbytes:
        opened = "r+" if mode == "w+" else mode  # w+ would begin a new file
        order = "C" if content.flags.c_contiguous else "F"
        map_it: Any = numpy.memmap
        found = map_it(file, content.dtype, opened, offset, content.shape, order)
        same = found.tobytes("A") == content.tobytes("A")
        if mode == _COPY and not same:
            found[...] = content
        if same or mode == _COPY:
            vars(found)["mode"] = mode
            return found
    content.flags.writeable = mode == _COPY
    found = content.view(numpy.memmap)
    vars(found).update(filename=file, mode=mode if mode == _COPY else "r", offset=offset)
    return found


def part(array: Any, whole: Any) -> Any:
    """A part of a mapped array, as NumPy makes it of ``array``, which looks at it."""
    import numpy

    made = array.view(numpy.memmap)
    vars(made).update(vars(whole))
    return made
