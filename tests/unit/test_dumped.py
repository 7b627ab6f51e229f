"""What is large and lies in another value is stored with that, and pickled once."""

from __future__ import annotations

import pytest

from duranb.state.looks import Looks
from tests.unit.test_state import Kernel

TREE = """
class Part:
    def __init__(self, whole, n):
        self.whole, self.n, self.words = whole, n, [f'{n} {i}' for i in range(200)]
class Whole:
    def __init__(self):
        self.parts = [Part(self, n) for n in range(200)]
"""
MADE = "whole = Whole(); part = whole.parts[3]; parts = [whole.parts[0], part]"


@pytest.fixture
def kernel() -> Kernel:
    """One with the classes."""
    kernel = Kernel()
    kernel.run(TREE)
    return kernel


def test_what_lies_in_another_value_is_not_pickled_by_itself(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that holds the others, and all of them together: two dumps, not four."""
    asked: list[list[str]] = []
    dump = Looks.dump

    def noted(looks: Looks, names: list[str]) -> object:
        asked.append(sorted(names))
        return dump(looks, names)

    monkeypatch.setattr(Looks, "dump", noted)
    delta = kernel.run(MADE)
    found = [names for names in asked if set(names) <= {"part", "parts", "whole"}]
    assert found == [["parts"], ["part", "parts", "whole"]]
    assert len({delta.changed[n].artifact for n in ("part", "parts", "whole")}) == 1


def test_versions_are_those_of_the_values_by_themselves(kernel: Kernel) -> None:
    """Each name has the version that its value has where nothing else holds it."""
    together = kernel.run(MADE).changed
    for name, code in (("part", "whole.parts[3]"), ("whole", "whole")):
        alone = Kernel(kernel.artifacts)
        alone.run(TREE)
        found = alone.run(f"{name} = (lambda whole: {code})(Whole())").changed
        assert found[name].version == together[name].version


def test_one_that_goes_leaves_the_versions_of_the_others(kernel: Kernel) -> None:
    """Once the list is bound to something else, what it held is stored without it, unchanged."""
    before = kernel.run(MADE).changed
    after = kernel.run("parts = 3", {"parts"}).changed
    assert {"part", "whole"} <= after.keys()
    assert after["part"].artifact == after["whole"].artifact != before["part"].artifact
    for name in ("part", "whole"):
        assert after[name].version == before[name].version


def test_a_change_through_one_is_a_change_of_all(kernel: Kernel) -> None:
    """They are compared together, as they were stored."""
    before = kernel.run(MADE).changed
    assert not kernel.run("len(parts)", {"parts", "whole", "part"}).changed
    after = kernel.run("part.n = -1", {"part"}).changed
    assert {n for n in before if after[n].version != before[n].version} == {*before}


def test_they_are_one_again_when_they_come_back(kernel: Kernel) -> None:
    """What was stored once is shared by all who held it."""
    kernel.run(MADE)
    state = dict(kernel.namespace.bindings())
    other = Kernel(kernel.artifacts)
    other.namespace.restore(state)
    other.namespace.need(None)
    assert other["parts"][1] is other["part"] is other["whole"].parts[3]
    assert other["part"].whole is other["whole"]
