"""The version of a value tells what is one inside of it."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from duranb.values.canonical import version

SETUP = """
import numpy as np
a, m = [1], np.zeros((4, 4))
class Node:
    def __init__(self, of): self.of = of
def plain():
    import pandas as pd
    return pd.DataFrame({'x': [1, 2], 'y': [3., 4.]})
"""
TIED = {
    "a list twice": ("[a, a]", "[a, [1]]"),
    "a list twice beside a set": ("[{1, 2}, {'k'}, a, a]", "[{1, 2}, {'k'}, a, [1]]"),
    "an object twice": ("[n := Node(1), n]", "[Node(1), Node(1)]"),
    "an array twice": ("[m, m]", "[m, m.copy()]"),
    "views of other rows": ("{'all': m, 'row': m[0]}", "{'all': m, 'row': m[3]}"),
    "a frame twice": ("[f := plain(), f]", "[plain(), plain()]"),
}


@pytest.mark.parametrize("name", TIED)
def test_what_is_one_is_part_of_the_version(name: str) -> None:
    """A change through the one would be seen through the other: the two are not the same."""
    names: dict[str, object] = {"__name__": "__main__"}
    exec(SETUP, names)
    one, other = (version(eval(code, names), names) for code in TIED[name])
    again = version(eval(TIED[name][0], names), names)
    assert one == again != other


@pytest.mark.parametrize(
    "code", ["[('x', 1)] * 2", "['long text'] * 2", "(t := (1, 2), t)", "[int, int]"]
)
def test_what_cannot_be_changed_is_not_counted(code: str) -> None:
    """Whether two equal tuples are one object makes no difference to any code."""
    apart = {
        "[('x', 1)] * 2": "[('x', 1), ('x', int('1'))]",
        "(t := (1, 2), t)": "((1, 2), (1, 2))",
    }
    assert version(eval(code), {}) == version(eval(apart.get(code, code)), {})


def test_frames_that_look_at_the_same_memory_are_not_tied() -> None:
    """pandas copies what one of them writes to, so that no other sees it."""
    pandas = pytest.importorskip("pandas", minversion="3")
    frame = pandas.DataFrame({"x": [1, 2], "y": [3.0, 4.0]})
    assert version([frame, frame[:1]], {}) == version([frame, frame[:1].copy()], {})


def test_frames_with_one_index_are_not_tied() -> None:
    """What an index is made of cannot be changed: a part of a frame has the very columns, until it
    is loaded from where it was stored. What lies in both of two columns of objects is tied."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [1, 2], "y": [3.0, 4.0]})
    part = frame[frame["x"] > 1]
    stored = pickle.loads(pickle.dumps(part))
    assert version([frame, part], {}) == version([frame, stored], {})
    held = pandas.DataFrame({"x": [[1], [2]], "y": [3.0, 4.0]})
    part = held[held["y"] > 3]
    stored = pickle.loads(pickle.dumps(part))
    assert version([held, part], {}) != version([held, stored], {})


def test_ties_are_the_same_in_another_process() -> None:
    """Whatever the seed of the hashes of strings is."""
    code = SETUP + "from duranb.values.canonical import version\n"
    code += "print(version([{'b', 'a'}, a, a, m, m[1:], Node(a)], globals()))"
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "12"
    }
    assert len(said) == 1


class Counted:
    """Counts how often it is pickled."""

    times = 0

    def __reduce__(self) -> tuple[type, tuple[()]]:
        type(self).times += 1
        return Counted, ()


def test_the_version_of_a_frame_is_told_in_a_few_walks() -> None:
    """What is in a pandas frame is looked at a few times, not once for each level of a recursion
    that never ends: a frame is pickled with what sets its state, which leads back to it."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [Counted()]})
    Counted.times = 0
    version(frame, {})
    assert 0 < Counted.times < 5
