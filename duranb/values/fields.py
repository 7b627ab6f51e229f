"""Views of arrays whose records have objects in them: a field, some fields, some records.

Memory with objects in it is no buffer, of which any view could be made. So one is made by the names
of the fields that lead to it, and by slices, as the notebook has made it.
"""

from __future__ import annotations

import math
from typing import Any


def has_arrays(dtype: Any) -> bool:
    """Whether a field of a type of records is an array itself. NumPy pickles such records with
    arrays that look at the very memory that they are to fill."""
    if dtype.subdtype is not None:
        return True
    return any(has_arrays(kind) for kind, *_ in (dtype.fields or {}).values())


def part(flat: Any, shape: Any, dtype: Any, offset: int, strides: Any) -> Any:
    """The view of a flat array that begins ``offset`` bytes into it; None where no names and slices
    lead there."""
    import numpy

    first, within = divmod(offset, flat.dtype.itemsize)
    found = _named(flat, dtype, within)
    if found is None:
        return None
    made: Any
    if not dtype.names:
        made = numpy.lib.stride_tricks.as_strided(found[first:], shape, strides)
    else:
        made = _records(found, first, shape, strides)
        made = None if made is None else made.view(dtype)  # which may say how one record is given
    return made if made is not None and made.strides == strides else None


def _named(records: Any, dtype: Any, within: int) -> Any:
    """What of each of these records is of a type and lies so many bytes into it."""
    if records.dtype == dtype and not within:
        return records
    for name in records.dtype.names or ():
        kind, at = records.dtype.fields[name][:2]
        if at <= within < at + kind.itemsize:
            found = _named(records[name], dtype, within - at)
            if found is not None:
                return found
    names = list(dtype.names or ())
    if names and not within and set(names) <= set(records.dtype.names or ()):
        some = records[names]
        return some if some.dtype == dtype else None
    return None


def _records(found: Any, first: int, shape: Any, strides: Any) -> Any:
    """Those from the first on, as they lie in the view; None where no slice gives them."""
    count = math.prod(shape)
    size = found.strides[0]
    step = strides[-1] // size if strides else 1
    if not step or (strides and strides[-1] % size):
        return None
    last = first + step * count
    chosen = found[first : None if last < 0 else last : step]
    if len(chosen) != count:
        return None
    made = chosen.reshape(shape)
    return made if made.base is not None else None
