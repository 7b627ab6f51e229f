"""Classes of one name and code that are several objects come back as several."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.fresh import Case, look

MAKE = "def make():\n    class C:\n        all = []\n    return C\n"
NAMED = "from collections import namedtuple\n"
PAIR = "P = namedtuple('P', 'x y')\nQ = namedtuple('P', 'x y')\n"
BASES = "[issubclass(s, c) for s in (S, R) for c in (A, B)]"

CASES = [
    Case("bound", f"{MAKE}A, B = make(), make()", "A is B, A.all is B.all"),
    Case("by_instances", f"{MAKE}a, b = make()(), make()()", "a.all is b.all, type(a) is type(b)"),
    Case("in_a_list", f"{MAKE}o = [make()(), make()()]", "type(o[0]) is type(o[1])"),
    Case("in_lists", f"{MAKE}o, p = [make()()], [make()()]", "o[0].all is p[0].all"),
    Case(
        "in_a_loop",
        "found = []\nfor _ in range(3):\n    class C:\n        all = []\n    found.append(C)",
        "[c is C for c in found], [c.all is C.all for c in found]",
    ),
    Case(
        "named_tuples",
        f"{NAMED}{PAIR}p, q = P(1, 2), Q(1, 2)",
        "P is Q, type(p) is P, type(q) is Q",
    ),
    Case("in_a_dict", f"{NAMED}d = {{k: namedtuple('P', 'x') for k in 'ab'}}", "d['a'] is d['b']"),
    Case(
        "enums",
        "import enum\nE = enum.Enum('E', 'a b')\nF = enum.Enum('E', 'a b')\ne, f = E.a, F.a",
        "E is F, e is E.a, f is F.a, e == f",
    ),
    Case("of_type", "A, B = (type('T', (), {'r': []}) for _ in 'ab')", "A is B, A.r is B.r"),
    Case(
        "dataclasses",
        "import dataclasses\nA, B = (dataclasses.make_dataclass('T', ['x']) for _ in 'ab')\n"
        "a, b = A(1), B(1)",
        "A is B, a == b, isinstance(a, A), isinstance(b, B)",
    ),
    Case(
        "made_again_by_plain_cells",
        "b, a = B(), A()",
        "type(a) is A, type(b) is B, type(a) is type(b)",
        f"{MAKE}A, B = make(), make()",
    ),
    Case(
        "instances_made_again",
        "b = type(q)()\na = type(p)()",
        "type(a) is type(p), type(b) is type(q), type(a) is type(b)",
        f"{MAKE}p, q = make()(), make()()",
    ),
    Case(
        "subclasses",
        f"{MAKE}A, B = make(), make()\nclass S(B): pass\nclass R(A): pass",
        BASES,
    ),
    Case(
        "subclasses_made_again",
        "s, r = S(1, 2), R(1, 2)",
        "type(s) is S, type(r) is R, isinstance(s, P), isinstance(s, Q), isinstance(r, Q)",
        f"{NAMED}{PAIR}class S(P): pass\nclass R(Q): pass",
    ),
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What was seen of all of them."""
    folder: Path = tmp_path_factory.mktemp("twins")
    return look(CASES, folder)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_classes_of_equal_code_stay_as_many_as_they_were(case, seen):
    """Two classes that were two objects are two in a new process, each with what it holds, and
    values are of the one that they were of."""
    said = seen[case.name]
    assert said.missing == said.versions == []
    assert said.found == said.made


ONE = [
    Case(
        "one_class_in_two_values",
        f"{MAKE}A = make()\na = [A()]\nb = [A()]",
        "type(a[0]) is type(b[0]) is A",
    ),
    Case("bound_twice", f"{MAKE}A = B = make()\nb = B()", "A is B, type(b) is A"),
    Case("its_cell_again", "b = [A()]", "type(b[0]) is A", f"{MAKE}A = make()\nA = make()"),
]


def test_one_class_stays_one(tmp_path):
    """A class that several values hold, or that takes the place of one before, is one."""
    for name, said in look(ONE, tmp_path).items():
        assert said.found == said.made, name
        assert "False" not in said.found, name
