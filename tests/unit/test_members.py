"""Enums whose members are made in a way of their own come back with what these are."""

from __future__ import annotations

import pytest

from tests.unit.fresh import Case, look

NEW = (
    "import enum\nclass E({base}, enum.Enum):\n    def __new__(cls, value):\n"
    "        made = {base}.__new__(cls, {content})\n        made._value_ = value\n"
    "        return made\n    A = 1\n    B = 2\ne = E.B"
)
SAME = "e is E.B, E(2) is E.B, e.value"
MIXED = "import dataclasses, enum\n@dataclasses.dataclass{options}\nclass M:\n    x: int\n"

CASES = [
    Case("a_number", NEW.format(base="int", content="value * 10"), f"{SAME}, e + 0"),
    Case("a_text", NEW.format(base="str", content="'x' * value"), f"{SAME}, e + ''"),
    Case("bytes", NEW.format(base="bytes", content="[value]"), f"{SAME}, bytes(e)"),
    Case(
        "a_tuple",
        "import enum\nclass E(tuple, enum.Enum):\n    def __new__(cls, given):\n"
        "        made = tuple.__new__(cls, [*given, 7])\n        made._value_ = given[0]\n"
        "        return made\n    A = 1\n    B = 2\ne = E.B",
        f"{SAME}, (*e,)",
    ),
    Case(
        "no_value",
        "import enum\nclass E(enum.Enum):\n    def __new__(cls):\n"
        "        made = object.__new__(cls)\n        made._value_ = len(cls.__members__) + 1\n"
        "        return made\n    A = ()\n    B = ()\ne = E.B",
        SAME,
    ),
    Case(
        "inherited",
        "import enum\nclass Base(enum.Enum):\n    def __new__(cls, value, told):\n"
        "        made = object.__new__(cls)\n        made._value_, made.told = value, told\n"
        "        return made\nclass E(Base):\n    A = 1, 'x'\n    B = 2, 'y'\n    C = 1, 'z'\n"
        "e = E.B",
        f"{SAME}, e.told, E.C.told, [*E], [*E.__members__]",
    ),
    Case(
        "dataclass",
        MIXED.format(options="") + "class E(M, enum.Enum):\n    A = 1\n    B = 2\ne = E.B",
        "e is E.B, e.x, e == E.A, e.value, E(M(2)) is e",
    ),
    Case(
        "slots",
        MIXED.format(options="(slots=True)")
        + "class E(M, enum.Enum):\n    A = 1\n    B = 2\ne = E.B",
        "e is E.B, e.x, e.value",
    ),
    Case(
        "given",
        "import enum\nclass E(enum.Enum):\n    A = 1, 2\n    B = 3, 4\n"
        "    def __init__(self, a, b): self.a, self.b = a, [b]\ne = E.B",
        "e is E.B, e.a, e.b, E((3, 4)) is e, '__init__' in vars(E)",
    ),
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What was seen of all of them."""
    return look(CASES, tmp_path_factory.mktemp("members"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_members_are_what_they_were(case, seen):
    """In a new process a member is what its class had made it, which its value does not tell."""
    said = seen[case.name]
    assert said.missing == said.versions == []
    assert said.found == said.made
