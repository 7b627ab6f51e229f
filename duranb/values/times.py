"""NumPy arrays of dates and durations, pickled beside the pickle as arrays of numbers are.

Python's buffers know no dates, so NumPy would write a copy of them into the pickle. As the 64-bit
numbers that they are they need none, and are kept once for as long as they stay the same.
"""

from __future__ import annotations

import pickle
from typing import Any


def reduction(array: Any) -> tuple[Any, ...] | None:
    """How an array of dates or durations is pickled; None for any other, and for one with gaps."""
    if array.dtype.kind not in "mM" or array.dtype.metadata is not None or not array.size:
        return None
    flags = array.flags
    if not (flags.c_contiguous or flags.f_contiguous):
        return None
    order = "C" if flags.c_contiguous else "F"
    numbers = pickle.PickleBuffer(array.view(f"{array.dtype.byteorder}i8"))
    return load, (numbers, array.dtype, array.shape, order)


def load(numbers: Any, dtype: Any, shape: tuple[int, ...], order: Any) -> Any:
    """The array again, in the memory of ``numbers``."""
    import numpy

    return numpy.frombuffer(numbers, dtype).reshape(shape, order=order)
