"""The cells of a notebook's flow while their place in the graph is found."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from duranb.export.notebook import Cell
from duranb.export.observed import Observed
from duranb.export.place import Placed
from duranb.export.statements import Statement
from duranb.plan import Kind


@dataclass
class Draft:
    """A cell of the flow while its place is found. ``needs`` are names that it takes from outside
    of itself, ``reads`` those that it cannot do without, ``changes`` those it changes in place,
    ``made`` those that functions read which it makes for others, ``today`` functions that it asks
    for by their name when it runs, ``sure`` those that it assigns on every way through it,
    ``holds`` what it loads, with the functions and classes that are in it, ``perhaps`` those of its
    outputs that may have no value in the end, and had none before, ``deleted`` are names that it
    may have deleted in the end, or not, ``dropped`` those of its outputs that it deletes."""

    placed: Placed
    step: str
    needs: frozenset[str]
    reads: frozenset[str]
    unset: frozenset[str]
    sure: frozenset[str]
    writes: tuple[str, ...]
    loads: frozenset[str]
    changes: set[str]
    seen: Observed | None
    holds: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()
    perhaps: tuple[str, ...] = ()
    dropped: set[str] = field(default_factory=set)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    made: set[str] = field(default_factory=set)
    today: set[str] = field(default_factory=set)

    @property
    def cell(self) -> Cell:
        return self.placed.cell

    @property
    def flow(self) -> list[Statement]:
        return self.placed.flow


_KINDS: dict[str, Kind] = {
    "ask": "ask",
    "map": "map",
    "gather": "map",
    "sleep": "sleep",
    "asleep": "sleep",
}


def kind(draft: Draft) -> Kind:
    """What a step is for a runtime: by the first call of that kind that stands in its cell."""
    if not draft.step:
        return "cell"
    for statement in draft.flow:
        for each in ast.walk(statement.node):
            match each:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="duranb"), attr=called)):
                    if called in _KINDS:
                        return _KINDS[called]
    return "step"


def retries(statement: Statement) -> bool:
    """Whether a statement retries the items of a map that failed."""
    calls = (n.func for n in ast.walk(statement.node) if isinstance(n, ast.Call))
    return any(isinstance(f, ast.Attribute) and f.attr == "retry_failed" for f in calls)
