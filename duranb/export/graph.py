"""A notebook as a graph with its code: the plan's nodes, and the statements that each one is.

Durable cells are steps. Plain cells before the first step are the shared module; those that depend
on steps are nodes between them. How it is found out: :mod:`duranb.export.build`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from duranb.engine.options import Options
from duranb.export.statements import Statement
from duranb.export.types import Types
from duranb.plan import Node, Parameter, Plan, edges_of


@dataclass(frozen=True)
class Block:
    """Statements of one cell that belong to the shared module."""

    heading: str
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Unit:
    """A node with its code. ``options`` are those of a durable cell, None for a plain one.
    ``globals`` are names it gives a value that functions read as globals. ``shows``: its last
    expression is known to have a value."""

    node: Node
    options: Options | None
    globals: tuple[str, ...]
    shows: bool
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Compensation:
    """The code that undoes a step; its plan is the ``undo`` of the step's node. ``outputs`` are
    those of the recorded outputs that it uses."""

    step: Unit
    heading: str
    outputs: tuple[str, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Graph:
    """``shared`` are names bound in the flow that the module's functions read as globals. ``main``
    and ``run`` are names for our own that nothing in the notebook has. ``renamed`` are names for
    what nodes give where the module has a variable of the same name. ``shows`` says that
    ``display`` is used without being imported."""

    title: str
    source: str
    module: tuple[Block, ...]
    parameters: tuple[Parameter, ...]
    flow: tuple[Unit, ...]
    compensations: tuple[Compensation, ...]
    shared: tuple[str, ...]
    main: str
    run: str
    renamed: dict[str, str]
    types: Types
    shows: bool

    @property
    def steps(self) -> tuple[Unit, ...]:
        """The durable nodes, in order."""
        return tuple(u for u in self.flow if u.node.is_step)

    @cached_property
    def plan(self) -> Plan:
        """The graph as data."""
        nodes = tuple(u.node for u in self.flow)
        return Plan(
            title=self.title,
            notebook=self.source,
            parameters=self.parameters,
            nodes=nodes,
            edges=edges_of(nodes, self.shared),
            shared=self.shared,
        )
