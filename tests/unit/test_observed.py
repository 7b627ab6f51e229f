"""Who observes an object's traits does so after a restart."""

from __future__ import annotations

import pytest

from tests.unit.fresh import Case, look

CLASS = (
    "import traitlets as t\nclass K(t.HasTraits):\n    x = t.Int(1)\n    seen = t.List()\n"
    "    @t.observe('x')\n    def _x(self, change): self.seen = [*self.seen, change['new']]\n"
)
CASES = [
    Case(
        "linked",
        f"{CLASS}k, j = K(), K()\nlink = t.link((k, 'x'), (j, 'x'))",
        "setattr(k, 'x', 6), j.x, setattr(j, 'x', 8), k.x, link.unlink(), setattr(k, 'x', 9), j.x",
    ),
    Case(
        "by_functions",
        f"{CLASS}k, log = K(), []\nk.observe(lambda change: log.append(change['name']))\n"
        "k.observe(lambda change: log.append(change['new']), ['x'])",
        "setattr(k, 'x', 6), k.seen, log",
    ),
    Case(
        "by_a_method",
        f"{CLASS}class W:\n    def __init__(self, k):\n        self.k, self.log = k, []\n"
        "        k.observe(self.note, 'x', type=t.All)\n"
        "    def note(self, change): self.log.append(change.new)\nk = K()\nw = W(k)",
        "setattr(k, 'x', 6), w.log, w.k is k",
    ),
    Case("by_its_class", f"{CLASS}k = K()", "setattr(k, 'x', 6), k.seen"),
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What was seen of all of them."""
    return look(CASES, tmp_path_factory.mktemp("observed"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_whoever_observes_is_told(case, seen):
    """Links and handlers that were added to an object are there in a new process, and those that
    its class declares are told once."""
    said = seen[case.name]
    assert said.missing == said.versions == []
    assert said.found == said.made
