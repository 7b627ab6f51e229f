"""From cells to the graph: who gives what to whom."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field

from duranb.code import dataflow
from duranb.export.errors import ExportError
from duranb.export.graph import Block, Compensation, Graph, Plain, Step
from duranb.export.naming import Names
from duranb.export.notebook import COMPENSATION, Cell
from duranb.export.observed import Observed, observed
from duranb.export.place import Placed, place
from duranb.export.shared import Shared
from duranb.export.statements import Statement, expression, flow_of, gone, statements, together
from duranb.record.history import History

_GIVEN = frozenset({"display", "__name__", "__file__", "__doc__"})
"""Names that a notebook has without assigning them, and that the exported module has too."""


@dataclass
class _Node:
    """A cell of the flow while its place is found. ``needs`` are names that it takes from outside
    of itself, ``reads`` those that it cannot do without, ``changes`` those it changes in place,
    ``made`` those that functions read which it makes for others."""

    placed: Placed
    step: str
    needs: frozenset[str]
    reads: frozenset[str]
    unset: frozenset[str]
    writes: tuple[str, ...]
    loads: frozenset[str]
    changes: set[str]
    seen: Observed | None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    made: set[str] = field(default_factory=set)

    @property
    def cell(self) -> Cell:
        return self.placed.cell

    @property
    def flow(self) -> list[Statement]:
        return self.placed.flow


def build(title: str, cells: list[Cell], history: History | None = None) -> Graph:
    """The graph of a notebook; ``history`` corrects what its code lets one expect.

    Raises :class:`ExportError` for what cannot leave the notebook.
    """
    return _Builder(cells, history).graph(title)


class _Builder:
    def __init__(self, cells: list[Cell], history: History | None) -> None:
        self._history = history
        self._placed = place(cells)
        self._undos = {c.undoes: c for c in cells if c.kind == COMPENSATION}
        self._undo_needs = {
            n: needed(together(statements(c.source))) for n, c in self._undos.items()
        }
        self._shared = Shared([s for p in self._placed for s in p.module])
        self._names = Names(cells)

    def graph(self, title: str) -> Graph:
        self._check_module()
        nodes = [self._node(p) for p in self._placed if p.flow]
        self._check_steps(nodes)
        self._link(nodes)
        flow = tuple(self._finished(n) for n in nodes)
        undos = tuple(
            self._compensation(n) for n in flow if isinstance(n, Step) and n.name in self._undos
        )
        bound = {n for node in flow for n in node.outputs}
        used = set(self._shared.read_by_functions)
        for undo in undos:
            used |= self._undo_needs[undo.step.name] - {*undo.inputs, *undo.outputs}
        code = [s for p in self._placed for s in (*p.module, *p.flow)]
        return Graph(
            title=title,
            module=tuple(Block(p.cell.heading, tuple(p.module)) for p in self._placed if p.module),
            flow=flow,
            compensations=undos,
            shared=tuple(sorted(bound & (used | self._shared.bound))),
            is_async=any(s.awaits for n in flow for s in n.body),
            shows="display" in {n for s in code for n in s.names.loads} - self._shared.bound,
        )

    # -- one cell --------------------------------------------------------------------------

    def _node(self, placed: Placed) -> _Node:
        cell = placed.cell
        names = together(placed.flow)
        needs, reads = needed(names), set(names.reads)
        unset = flow_of(placed.flow).unset
        step = ""
        seen: Observed | None = None
        if cell.options is not None:
            step = self._step_name(cell)
            seen = observed(self._history, step, cell)
            check = expression(cell.options.validate).reads - set(names.writes)
            needs |= check
            reads |= check
        if names.opaque:
            raise ExportError(
                f"{cell.label}: {names.opaque} can reach any name, so its inputs and outputs "
                "cannot be told; name what it uses instead"
            )
        used = {n for s in placed.flow for n in s.names.loads}
        changes = {n for s in placed.flow if not s.makes or s.makes & used for n in s.mutates}
        return _Node(
            placed=placed,
            step=step,
            needs=frozenset(needs | unset),
            reads=frozenset(reads),
            unset=frozenset(unset),
            writes=tuple(n for n in names.writes if n not in gone(placed.flow)),
            loads=names.loads,
            changes=changes,
            seen=seen,
        )

    def _step_name(self, cell: Cell) -> str:
        assert cell.options is not None
        if cell.options.name:
            return cell.options.name
        writes = dataflow.analyse(cell.as_run).writes
        first = (*cell.options.outputs, *writes)[:1]
        if not first:
            raise ExportError(f"{cell.label}: the step has no name, and no output to name it after")
        return first[0]

    def _check_steps(self, nodes: list[_Node]) -> None:
        seen: dict[str, _Node] = {}
        for node in nodes:
            if node.step and node.step in seen:
                raise ExportError(
                    f"{node.cell.label} and code cell {seen[node.step].cell.number} "
                    f"are both the step {node.step!r}"
                )
            seen[node.step] = node
        for step, cell in self._undos.items():
            if step not in seen:
                known = ", ".join(n for n in seen if n)
                raise ExportError(f"{cell.label}: there is no step {step!r}; there are: {known}")

    def _check_module(self) -> None:
        bound: set[str] = set()
        for placed in self._placed:
            for statement in placed.module:
                if statement.names.opaque.startswith("from "):
                    bound.add("*")
                self._check_known(placed.cell, statement.names.reads, bound)
                bound |= set(statement.names.writes)

    def _check_known(self, cell: Cell, reads: frozenset[str], known: set[str]) -> None:
        if "*" in known:
            return  # from module import *: who knows
        for name in sorted(reads - known - _GIVEN):
            if not hasattr(builtins, name):
                raise ExportError(f"{cell.label} reads {name!r}, which no cell above it assigns")

    # -- cells together --------------------------------------------------------------------

    def _link(self, nodes: list[_Node]) -> None:
        self._share_functions(nodes)
        bound: dict[str, None] = {}
        for index, node in enumerate(nodes):
            later = self._later(nodes, index)
            known = self._shared.bound | bound.keys()
            own = set(node.writes) | {n for s in node.flow for n in s.names.deletes}
            own |= node.seen.absent if node.seen is not None else frozenset()
            self._check_known(node.cell, node.reads, known | own | self._shared.star)
            node.changes |= self._shared.changed_by(node.loads)
            if node.seen is not None:
                node.changes = set(node.seen.changed)
            data = known - self._shared.fixed
            changed = list(dict.fromkeys([*node.writes, *sorted(node.changes & data)]))
            if node.step:
                node.outputs = self._outputs(node, changed, later)
                # What is perhaps not assigned is given back as it came.
                kept = known & (set(node.outputs) - flow_of(node.flow).assigned)
                needs = node.needs | kept
                again = [n for n in changed if n in needs & known and n not in bound]
                node.inputs = (*(n for n in bound if n in needs), *again)
            else:
                node.inputs = tuple(n for n in bound if n in node.needs)
                node.outputs = node.writes
            bound.update(dict.fromkeys(node.outputs))

    def _later(self, nodes: list[_Node], index: int) -> set[str]:
        """The names that anything after a node may want."""
        later = {n for other in nodes[index + 1 :] for n in other.needs}
        later |= {n for needs in self._undo_needs.values() for n in needs}
        return later | self._shared.read_by_functions

    def _share_functions(self, nodes: list[_Node]) -> None:
        """Functions made in the flow and used further down read globals as the module's do."""
        left = [(i, s) for i, node in enumerate(nodes) for s in node.flow if s.makes]
        while True:
            leaving = [(i, s) for i, s in left if s.makes & self._later(nodes, i)]
            if not leaving:
                return
            for index, statement in leaving:
                self._shared.add(statement)
                nodes[index].made |= statement.names.loads
                left.remove((index, statement))
                staying = [s for s in nodes[index].flow if (index, s) in left or not s.makes]
                loads = {n for s in staying for n in s.names.loads}
                node = nodes[index]
                node.needs = node.reads | node.unset | (loads - set(node.writes))

    def _outputs(self, node: _Node, changed: list[str], later: set[str]) -> tuple[str, ...]:
        options = node.cell.options
        assert options is not None
        if options.outputs:
            return options.outputs
        wanted = tuple(n for n in changed if n in later)
        if wanted:
            return wanted
        sure = flow_of(node.flow).assigned - {n for s in node.flow for n in s.targets}
        return tuple(n for n in node.writes if n in sure and not n.startswith("_"))

    def _finished(self, node: _Node) -> Step | Plain:
        body = tuple(node.flow)
        options = node.cell.options
        if options is None:
            return Plain(node.cell.label, node.cell.heading, node.inputs, node.outputs, body)
        clash = set(node.writes) & self._shared.reached(node.loads)
        clash |= node.made & {*node.writes, *node.inputs}
        clash |= self._shared.rebound_by(node.loads) & {*node.inputs, *node.outputs}
        parameters = tuple(
            self._names.free(f"{n}_before") if n in clash else n for n in node.inputs
        )
        return Step(
            name=node.step,
            function=self._names.function(node.step, named=bool(options.name)),
            label=node.cell.label,
            heading=node.cell.heading,
            options=options,
            inputs=node.inputs,
            parameters=parameters,
            outputs=node.outputs,
            globals=tuple(sorted(clash)),
            is_async=any(s.awaits for s in body),
            shows=node.seen is not None and node.seen.shows,
            body=body,
        )

    def _compensation(self, step: Step) -> Compensation:
        cell = self._undos[step.name]
        body = statements(cell.source)
        names = together(body)
        if names.opaque:
            raise ExportError(f"{cell.label}: {names.opaque} can reach any name")
        needs = self._undo_needs[step.name]
        return Compensation(
            step=step,
            function=self._names.function(f"undo_{step.function}", named=True),
            heading=cell.heading,
            inputs=tuple(n for n in step.inputs if n in needs and n not in step.outputs),
            outputs=tuple(n for n in step.outputs if n in needs),
            is_async=any(s.awaits for s in body),
            body=tuple(body),
        )


def needed(names: dataflow.CellNames) -> set[str]:
    """The names that code takes from outside of itself, those of functions it makes included."""
    return set(names.reads | (names.loads - set(names.writes)))
