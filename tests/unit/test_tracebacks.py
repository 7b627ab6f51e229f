"""What an exception shows comes back with it: its traceback, and the name that was not found."""

from __future__ import annotations

import pytest

from tests.unit.fresh import Case, look

FAILS = "def f(x):\n    return g(x)\ndef g(x):\n    return 1 / x\n"
CATCH = "except Exception as error: e = error"
TEXT = "''.join(__import__('traceback').format_exception(e))"

CASES = [
    Case("functions", f"{FAILS}try: f(0)\n{CATCH}", TEXT),
    Case(
        "chained",
        f"{FAILS}try:\n    try: f(0)\n    except Exception as error: raise KeyError(3) from error\n"
        f"{CATCH}",
        TEXT,
    ),
    Case(
        "its_own_reduce",
        "class Own(Exception):\n    def __init__(self, a, b): self.a, self.b = a, b\n"
        f"    def __reduce__(self): return Own, (self.a, self.b)\ntry: raise Own(1, [2])\n{CATCH}",
        f"{TEXT}, e.a, e.b",
    ),
    Case(
        "slots",
        "class Own(Exception):\n    __slots__ = ('z',)\ntry:\n    made = Own(1)\n"
        f"    made.z = [1]\n    raise made\n{CATCH}",
        f"{TEXT}, e.z, e is made",
    ),
    Case(
        "raised_again",
        f"{FAILS}try: f(0)\n{CATCH}\ndef again():\n    try: raise e\n"
        "    except Exception as error: return len(error.__traceback__.tb_next.tb_frame.f_code"
        ".co_name), error.__traceback__.tb_next.tb_lineno",
        "again()",
    ),
    Case("attribute", f"try: [].x\n{CATCH}", f"{TEXT}, e.name"),
    Case("name", f"try: missing\n{CATCH}", f"{TEXT}, e.name"),
    Case("without", "e = ValueError(3)", "e.__traceback__, e.args"),
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What was seen of all of them."""
    return look(CASES, tmp_path_factory.mktemp("tracebacks"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_exception_shows_what_it_showed(case, seen):
    """In a new process an exception is printed as it was where it was raised, and is what it was:
    where it was raised makes no other version of it."""
    said = seen[case.name]
    assert said.missing == said.versions == []
    assert said.found == said.made
