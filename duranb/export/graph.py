"""A notebook as a graph with its code: the plan's nodes, and the statements that each one is.

Durable cells are steps. Plain cells before the first step are the shared module; those that depend
on steps are nodes between them. How it is found out: :mod:`duranb.export.build`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from duranb.engine.options import Options
from duranb.export.errors import ExportError
from duranb.export.statements import Statement
from duranb.export.types import Types
from duranb.plan import Node, Parameter, Plan, edges_of


@dataclass(frozen=True)
class Block:
    """Statements of one cell, of this number, that belong to the shared module, and what closes the
    figures that they have drawn."""

    cell: int
    heading: str
    body: tuple[Statement, ...]
    closing: str = ""


@dataclass(frozen=True)
class Unit:
    """A node with its code, from the cell of this number. ``options`` are those of a durable cell,
    None for a plain one.
    ``globals`` are names it gives a value that functions read as globals, ``unset`` those that it
    returns and that not every way through it gives a value, ``dropped`` those that it returns and
    deletes on some ways. ``ends``: its last statement is the cell's. ``shows``: its last expression
    is known to have a value. ``closing`` closes the figures that it has drawn."""

    node: Node
    cell: int
    options: Options | None
    globals: tuple[str, ...]
    unset: tuple[str, ...]
    dropped: frozenset[str]
    ends: bool
    shows: bool
    closing: str
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
    what nodes give where the module has a variable of the same name. ``taken`` are the names that
    occur in the notebook, ``notes`` is what its owner should know. ``unbound`` are names
    that the module's functions read and that only nodes give a value. ``shows`` says that
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
    taken: frozenset[str]
    unbound: tuple[str, ...]
    notes: tuple[str, ...]
    types: Types
    shows: bool

    @property
    def steps(self) -> tuple[Unit, ...]:
        """The durable nodes, in order."""
        return tuple(u for u in self.flow if u.node.is_step)

    def check_storable(self) -> None:
        """Raises :class:`ExportError` for a value that a step gives another node, and that could
        not be stored when the notebook ran: it would be missing when the step is restored."""
        plan = self.plan
        for node in plan.nodes:
            for name, source in plan.sources[node.name].items():
                giver = plan.by_name[source] if source else None
                if giver is not None and giver.is_step and name in giver.unstorable:
                    raise ExportError(
                        f"{node.label} takes {name} from {giver.label}, and when the notebook ran "
                        f"it could not be stored ({giver.unstorable[name]}): it would be missing "
                        f"when {giver.name} is restored. Make {name} in a plain cell"
                    )

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
