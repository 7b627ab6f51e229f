"""Arrays of dates and durations: pickled beside the pickle, and as they were."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from duranb.values import codec

N = 5_000

ARRAYS: dict[str, Any] = {
    "dates": np.arange(N).astype("M8[ns]"),
    "days of another byte order": np.arange(N).astype(">M8[D]"),
    "durations in columns": np.asfortranarray(np.arange(N).reshape(5, -1).astype("m8[s]")),
    "with a gap": np.arange(2 * N).astype("M8[s]")[::2].copy()[::-1],
    "one date": np.array("2024-02-29", "M8[D]"),
    "none": np.array([], "M8[s]"),
    "no date": np.array(["NaT", "2024-01-01"], "M8[D]"),
}


def loaded(dump: codec.Dump) -> Any:
    """The value of a dump, in memory of its own."""
    kept = [memoryview(bytearray(b)) for b in dump.buffers]
    buffers = [k.toreadonly() if b.readonly else k for k, b in zip(kept, dump.buffers, strict=True)]
    return pickle.loads(b"".join(map(bytes, dump.body)), buffers=buffers)


@pytest.mark.parametrize("name", ARRAYS)
def test_dates_come_back_as_they_were(name: str) -> None:
    """Their unit, byte order, shape, order in memory and values, and whether they can be written
    to."""
    array = ARRAYS[name].copy(order="K")
    array.flags.writeable = name != "no date"
    found = loaded(codec.dump(array, {}))
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes()
    for flag in ("c_contiguous", "f_contiguous", "writeable"):
        assert getattr(found.flags, flag) == getattr(array.flags, flag), flag


def test_dates_are_not_copied_to_be_looked_at() -> None:
    """A look at dates takes as many bytes of its own whatever their number, and sees each change of
    them; two arrays that share their memory still do."""
    array = ARRAYS["dates"].copy()
    dump = codec.dump([array, array[10:]], {})
    assert sum(map(len, dump.body)) < 1_000
    before = dump.digest()
    assert codec.dump([array, array[10:]], {}).digest() == before
    whole, part = loaded(dump)
    part[0] = "2030-01-01"
    assert whole[10] == np.datetime64("2030-01-01")
    array[N // 2] = "2040-01-01"
    assert codec.dump([array, array[10:]], {}).digest() != before
