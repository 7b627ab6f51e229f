"""A notebook as a graph: steps with explicit inputs and outputs, and what lies between them.

Durable cells are the nodes. Plain cells before the first step are the shared module; those that
depend on steps run between them, in order. Compensations and retry policies come along. How it is
found out: :mod:`duranb.export.build`.
"""

from __future__ import annotations

from dataclasses import dataclass

from duranb.engine.options import Options
from duranb.export.statements import Statement


@dataclass(frozen=True)
class Block:
    """Statements of one cell that belong to the shared module."""

    heading: str
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Plain:
    """What a plain cell does between the steps."""

    label: str
    heading: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Step:
    """A durable cell. ``function`` is a name for it that nothing else has. ``globals`` are names it
    gives a value that functions read as globals; ``parameters`` is how it calls its ``inputs``, by
    another name if they are such. ``shows``: its last expression is known to have a value."""

    name: str
    function: str
    label: str
    heading: str
    options: Options
    inputs: tuple[str, ...]
    parameters: tuple[str, ...]
    outputs: tuple[str, ...]
    globals: tuple[str, ...]
    is_async: bool
    shows: bool
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Compensation:
    """The undo of a step: the recorded ``inputs`` and ``outputs`` of it that it uses."""

    step: Step
    function: str
    heading: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    is_async: bool
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Edge:
    """``names`` go from ``source`` to ``target`` (indexes into the flow)."""

    source: int
    target: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """``shared`` are names bound in the flow that the module's functions read as globals."""

    title: str
    module: tuple[Block, ...]
    flow: tuple[Step | Plain, ...]
    compensations: tuple[Compensation, ...]
    shared: tuple[str, ...]
    is_async: bool
    shows: bool

    @property
    def steps(self) -> tuple[Step, ...]:
        """The durable nodes, in order."""
        return tuple(n for n in self.flow if isinstance(n, Step))

    def edges(self) -> list[Edge]:
        """Which values each node gets from which earlier one."""
        made_by: dict[str, int] = {}
        found: list[Edge] = []
        for index, node in enumerate(self.flow):
            given: dict[int, list[str]] = {}
            for name in node.inputs:
                if name in made_by:
                    given.setdefault(made_by[name], []).append(name)
            found += [Edge(source, index, tuple(names)) for source, names in sorted(given.items())]
            made_by.update(dict.fromkeys(node.outputs, index))
        return found
