"""Arrays that were made of the memory of others, and look at it again."""

from __future__ import annotations

from typing import Any

import pytest

from duranb.state.overlapping import fits, looked_at, lying_in

numpy: Any = pytest.importorskip("numpy")


@pytest.mark.parametrize("made", ["a[2:8]", "a.reshape(2, 5)[::-1, 1:]", "a[::-3]"])
def test_an_array_looks_at_the_memory_of_another_one_of_that_layout(made: str) -> None:
    """What is changed in the one is seen through the other."""
    array = numpy.arange(10)
    (lying,) = lying_in([eval(made, {"a": array})], [array])
    live = numpy.arange(10)
    assert fits(lying, live)
    again = looked_at(lying, live)
    live += 100
    assert again.tolist() == eval(made, {"a": live}).tolist()


def test_no_memory_behind_the_end_of_a_shorter_array_is_looked_at() -> None:
    """Neither before it nor behind it, whatever a record says of where the array lay."""
    array = numpy.arange(10)
    (lying,) = lying_in([array[::-1]], [array])
    assert fits(lying, numpy.arange(10)) and not fits(lying, numpy.arange(9))
    view, number, _, strides, laid_out = lying
    for offset in (-8, 0, 64, 80):
        assert not fits((view, number, offset, strides, laid_out), array)
