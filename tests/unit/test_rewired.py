"""Values whose content is what it was, and that share something since which they did not share."""

from __future__ import annotations

import sys

import pytest

from duranb.values.within import within
from tests.unit.test_restoring import given
from tests.unit.test_state import Kernel

SETUP = """
import collections, functools
import numpy as np
class Node:
    def __init__(self): self.items = []
class Slotted:
    __slots__ = ("items",)
    def __init__(self): self.items = []
def maker(log=None):
    log = [] if log is None else log
    def add(v): log.append(v)
    return add
"""


@pytest.mark.parametrize(
    ("made", "step", "changed", "shared"),
    [
        ("a, b = [[]], [[]]", "b[0] = a[0]", {"b"}, "a[0] is b[0]"),
        ("a, b = Node(), Node()", "b.items = a.items", {"b"}, "a.items is b.items"),
        ("a, b = Slotted(), Slotted()", "b.items = a.items", {"b"}, "a.items is b.items"),
        ("a, b = [[]], [[]]", "a[0] = b[0] = []", {"a", "b"}, "a[0] is b[0]"),
        ("a, b = {'k': {1}}, {'k': {1}}", "b['k'] = a['k']", {"b"}, "a['k'] is b['k']"),
        ("a, b = ([0],), [([0],)]", "b[0] = a", {"b"}, "b[0][0] is a[0]"),
        ("a, b = [[]], [[]]", "a[0] = c = []", {"a"}, "a[0] is c"),
        (
            "a, b = maker(), maker()",
            "b.__closure__[0].cell_contents = a.__closure__[0].cell_contents",
            {"b"},
            "a(1) or b.__closure__[0].cell_contents == [1]",
        ),
        ("a, b = [Node()], Node()", "b.items = a[0].items", {"b"}, "a[0].items is b.items"),
        ("a, b = [np.zeros(3)], [np.zeros(3)]", "b[0] = a[0]", {"b"}, "a[0] is b[0]"),
        (
            "a, b = [np.zeros(3)], [np.zeros(2)]",
            "b[0] = a[0][:2]",
            {"b"},
            "np.shares_memory(a[0], b[0])",
        ),
        ("a, b = np.array([[], 1], object), [[], 1]", "b[0] = a[0]", {"b"}, "a[0] is b[0]"),
        ("class A: log = []\nclass B: log = []", "B.log = A.log", {"B"}, "A.log is B.log"),
    ],
)
def test_what_comes_to_share_is_changed_and_shares_again(
    made: str, step: str, changed: set[str], shared: str
) -> None:
    """An element is bound to an equal one of another value: no byte tells. The step has changed
    it, and where the cells above have made both anew, they share again once it is restored."""
    first = Kernel()
    first.run(SETUP)
    first.run(made)
    delta = first.run(step)
    assert delta.rewired == changed and changed <= delta.changed.keys()
    second = Kernel(first.artifacts)
    second.run(SETUP)
    second.run(made)
    names = changed | delta.changed.keys() & {"c"}
    assert given(second, delta, *names, in_place=changed, reads={"a", "b"}) == []
    assert eval(shared, second.live)


@pytest.mark.parametrize(
    "step",
    [
        "n = len(a[0]) + len(b[0])",
        "b[0] = list(b[0])",  # another object, and nobody else's
        "c = a[0]",
        "a[0], b[0] = b[0], a[0]; a[0], b[0] = b[0], a[0]",
    ],
)
def test_what_shares_nothing_new_is_not_changed(step: str) -> None:
    """A look, a copy and a new name for a part are no change of what is looked at."""
    kernel = Kernel()
    kernel.run("a, b = [[]], [[]]")
    assert kernel.run(step).rewired == set()


def test_frames_that_pandas_guards_share_nothing() -> None:
    """Two frames that pandas keeps apart until one is written to, and a series in both."""
    kernel = Kernel()
    kernel.run("import pandas as pd; a = pd.DataFrame({'x': [1]}); b = {'x': a.copy()}")
    assert kernel.run("b['x'] = a[['x']].copy(); b['x']._cache = 1").rewired == set()


def test_a_rollback_parts_what_an_attempt_had_tied() -> None:
    """What failed had bound an element to an equal one of another value."""
    kernel = Kernel()
    kernel.run("a, b = [[]], [[]]")
    mark = kernel.namespace.mark()
    exec("b[0] = a[0]", kernel.live)
    assert kernel.namespace.rollback(mark, {"a", "b"}) == []
    assert kernel["a"][0] is not kernel["b"][0]


def test_a_walk_ends_where_everybodys_things_begin() -> None:
    """Modules, the globals of functions and the classes of libraries are not gone into; a value
    that holds more than is wanted is not gone through."""
    inner: list[object] = []
    live = {"inner": [1]}
    held = within([[inner, sys, within, live, dict.fromkeys("ab")]], 100, live)
    assert held is not None and id(inner) in held and id(live["inner"]) not in held
    assert within([[[] for _ in range(200)]], 100, live) is None
