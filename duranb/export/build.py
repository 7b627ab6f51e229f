"""From cells to the graph: who gives what to whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from duranb.code import dataflow
from duranb.engine.options import Options
from duranb.export import layout
from duranb.export.cached import check_cached
from duranb.export.disturbing import Disturbing, after
from duranb.export.drafts import Draft, kind, retries
from duranb.export.errors import ExportError
from duranb.export.figures import Figures
from duranb.export.graph import Block, Compensation, Graph, Unit
from duranb.export.holding import Holding
from duranb.export.known import check_known, check_module
from duranb.export.naming import Names
from duranb.export.notebook import COMPENSATION, Cell
from duranb.export.observed import Observed, observed
from duranb.export.outside import Doing, Helpers, Outside
from duranb.export.parameters import parameters_of
from duranb.export.place import Placed, place
from duranb.export.shared import Shared
from duranb.export.statements import (
    Statement,
    expression,
    flow_of,
    gone,
    statements,
    surely_gone,
    together,
    with_bound_after,
)
from duranb.export.types import types_of
from duranb.plan import Node, Policy, Undo
from duranb.record.history import History


def build(
    title: str,
    cells: list[Cell],
    history: History | None = None,
    source: str = "notebook.ipynb",
    folder: Path | None = None,
) -> Graph:
    """The graph of a notebook; ``history`` corrects what its code lets one expect, ``source`` is
    its file's name, and the project's own modules lie in ``folder``.

    Raises :class:`ExportError` for what cannot leave the notebook.
    """
    return _Builder(cells, history, folder).graph(title, source)


class _Builder:
    def __init__(self, cells: list[Cell], history: History | None, folder: Path | None) -> None:
        self._history = history
        self._parameters = parameters_of(cells)
        given = frozenset(p.name for p in self._parameters)
        self._placed = place(cells, given)
        self._undos = {c.undoes: c for c in cells if c.kind == COMPENSATION}
        self._undo_needs = {
            n: needed(together(statements(c.source))) for n, c in self._undos.items()
        }
        every = [s for p in self._placed for s in (*p.module, *p.flow)]
        self._outside = Outside(every, Helpers(folder))
        self._figures = Figures(self._placed, self._outside)
        module = [s for p in self._placed for s in p.module]
        names = {n for s in every for n in s.names.writes} | given
        self._shared = Shared(module, self._outside.generators, names)
        self._names = Names(cells)
        self._disturbing = Disturbing(every)
        self._before: dict[str, str] = {}

    def graph(self, title: str, source: str) -> Graph:
        check_module(self._placed)
        check_cached(self._placed, self._outside.module_of)
        drafts = [self._draft(p) for p in self._placed if p.flow]
        self._check_steps(drafts)
        self._link(drafts)
        data = {n for d in drafts for n in d.outputs} | {p.name for p in self._parameters}
        there = self._shared.bound | {p.name for p in self._parameters}
        for draft in drafts:
            direct = draft.needs - set(draft.inputs)
            used = self._shared.reached(draft.holds) | direct
            draft.uses = tuple(sorted(data & there & used))
            there |= set(draft.outputs)
        flow = self._ordered(drafts, [self._unit(d, data) for d in drafts])
        undos = tuple(self._compensation(u) for u in flow if u.node.undo is not None)
        used = set(self._shared.read_by_functions)
        for undo in undos:
            node = undo.step.node
            recorded = {*undo.outputs, *(node.undo.reads if node.undo is not None else ())}
            used |= self._undo_needs[node.name] - recorded
        taken = {n for d in drafts for n in d.inputs} & self._shared.bound
        taken -= {p.name for p in self._parameters}
        code = [s for p in self._placed for s in (*p.module, *p.flow)]
        return Graph(
            title=title,
            source=source,
            module=tuple(
                Block(
                    p.cell.number, p.cell.heading, tuple(_shown(p)), self._figures.closing(p.module)
                )
                for p in self._placed
                if p.module
            ),
            parameters=self._parameters,
            flow=flow,
            compensations=undos,
            shared=tuple(sorted(data & (used | self._shared.bound))),
            main=self._names.free("main", "run_notebook"),
            run=self._names.free("run", "go"),
            renamed={n: self._names.free(f"{n}_now") for n in sorted(taken & data)},
            taken=frozenset(self._names.of_notebook),
            unbound=self._unbound(data),
            notes=tuple(self._notes()),
            types=types_of(code, self._parameters),
            shows="display" in {n for s in code for n in s.names.loads} - self._shared.bound,
        )

    def _ordered(self, drafts: list[Draft], units: list[Unit]) -> tuple[Unit, ...]:
        """The nodes, each after those that it may disturb, or that may disturb it."""
        reads = [
            draft.loads | self._shared.reached(draft.holds) | set(draft.inputs) for draft in drafts
        ]
        data = {name for names in reads for name in names}
        disturbs = [
            draft.changes
            if draft.seen is not None
            else self._disturbing.of(draft.flow, draft.changes, data)
            for draft in drafts
        ]
        places = after(zip(disturbs, reads, strict=True))
        found = []
        for unit, before in zip(units, places, strict=True):
            names = tuple(units[place].node.name for place in sorted(before))
            found.append(replace(unit, node=msgspec.structs.replace(unit.node, after=names)))
        return tuple(found)

    def _unbound(self, data: set[str]) -> tuple[str, ...]:
        """The names that the module's functions read, and that only nodes give a value."""
        module = [s for p in self._placed for s in p.module]
        read = {n for s in module for n in s.names.loads}
        return tuple(sorted(data & read - {n for s in module for n in s.names.writes}))

    def _notes(self) -> Iterator[str]:
        """What the notebook's owner should know: plain cells that are carried out in each run."""
        for placed in self._placed:
            if placed.cell.options is None:
                code = [*placed.module, *placed.flow]
                if self._outside.doing(code, set(), step=False).asks:
                    yield (
                        f"{placed.cell.label} calls a model outside of a step: it is called, and "
                        "paid for, in each run. Begin the cell with %%durable to have it recorded"
                    )

    # -- one cell --------------------------------------------------------------------------

    def _draft(self, placed: Placed) -> Draft:
        cell = placed.cell
        names = together(placed.flow)
        needs, reads = needed(names), set(names.reads)
        walked = flow_of(placed.flow)
        unset = walked.unset
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
        changes |= used & self._outside.generators
        surely = surely_gone(placed.flow)
        deleted = gone(placed.flow) - surely
        return Draft(
            placed=placed,
            step=step,
            needs=frozenset(needs | unset),
            reads=frozenset(reads),
            unset=frozenset(unset),
            sure=frozenset(walked.assigned - deleted),
            writes=tuple(n for n in names.writes if n not in surely | deleted),
            deleted=frozenset(deleted),
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

    def _check_steps(self, drafts: list[Draft]) -> None:
        seen: dict[str, Draft] = {}
        for draft in drafts:
            if draft.step and draft.step in seen:
                raise ExportError(
                    f"{draft.cell.label} and code cell {seen[draft.step].cell.number} "
                    f"are both the step {draft.step!r}"
                )
            seen[draft.step] = draft
        for step, cell in self._undos.items():
            if step not in seen:
                known = ", ".join(n for n in seen if n)
                raise ExportError(f"{cell.label}: there is no step {step!r}; there are: {known}")

    # -- cells together --------------------------------------------------------------------

    def _ask_for_today(self, drafts: list[Draft]) -> None:
        """What retries the items of a map calls the function of that name as it is then."""
        retrying = [d for d in drafts if any(map(retries, d.flow))]
        made = {n for d in drafts for s in d.flow for n in s.makes} if retrying else set()
        for draft in retrying:
            draft.today = made - {*draft.writes, *draft.loads}
            draft.needs |= draft.today
        if made:
            for draft in drafts:
                draft.made |= made & set(draft.writes)

    def _link(self, drafts: list[Draft]) -> None:
        self._share_functions(drafts)
        self._ask_for_today(drafts)
        holding = Holding([s for p in self._placed for s in (*p.module, *p.flow)], self._shared)
        bound: dict[str, None] = dict.fromkeys(p.name for p in self._parameters)
        lost: dict[str, str] = {}
        for draft, later in zip(drafts, self._later(drafts), strict=True):
            draft.holds = holding.of(draft.loads)
            rebound = self._shared.rebound_by(draft.holds)
            known = (self._shared.bound | bound.keys()) - lost.keys()
            for name in sorted(draft.reads & lost.keys()):
                raise ExportError(
                    f"{draft.cell.label} reads {name!r}, which {lost[name]} has deleted"
                )
            own = set(draft.writes) | {n for s in draft.flow for n in s.names.deletes} | rebound
            own |= draft.seen.absent if draft.seen is not None else frozenset()
            check_known(draft.cell, draft.reads, known | own | self._shared.star)
            draft.changes |= self._shared.changed_by(draft.loads) | rebound
            draft.changes |= bound.keys() & {n for s in draft.flow for n in s.called}
            if draft.seen is not None:
                draft.changes = set(draft.seen.changed)
            data = (known | rebound) - self._shared.fixed
            given = sorted(draft.changes & data), sorted(draft.deleted & data)
            changed = list(dict.fromkeys([*draft.writes, *given[0], *given[1]]))
            draft.outputs = self._outputs(draft, changed, later)
            # What is perhaps not assigned is given back as it came.
            kept = known & (set(draft.outputs) - draft.sure)
            needs = draft.needs | kept
            deleted = {n for s in draft.flow for n in s.names.deletes}
            draft.perhaps = tuple(n for n in draft.outputs if n not in known | deleted | draft.sure)
            draft.dropped = deleted & set(draft.outputs) - draft.sure
            again = [
                n
                for n in dict.fromkeys((*changed, *sorted(deleted)))
                if n in needs & known and n not in bound
            ]
            draft.inputs = tuple(n for n in (*bound, *again) if n in needs - draft.today)
            bound.update(dict.fromkeys(draft.outputs))
            lost = {n: c for n, c in lost.items() if n not in draft.writes}
            for name in surely_gone(draft.flow):
                bound.pop(name, None)
                lost[name] = draft.cell.label

    def _later(self, drafts: list[Draft]) -> list[set[str]]:
        """For each node, the names that anything after it may want of what there is then."""
        always = {n for needs in self._undo_needs.values() for n in needs}
        later: list[set[str]] = []
        wanted: set[str] = set()
        for draft in reversed(drafts):
            later.append(wanted | always | self._shared.read_by_functions)
            wanted = set(draft.needs) | (wanted - draft.sure)
        return later[::-1]

    def _share_functions(self, drafts: list[Draft]) -> None:
        """Functions made in the flow and used further down read globals as the module's do."""
        flows = [draft.flow for draft in drafts]
        left = [(i, s) for i, s, after in with_bound_after(flows) if s.makes or s.later & after]
        while True:
            later = self._later(drafts)
            leaving = [(i, s) for i, s in left if self._found_under(s) & later[i]]
            if not leaving:
                return
            for index, statement in leaving:
                self._shared.add(statement)
                drafts[index].made |= statement.names.loads
                left.remove((index, statement))
                staying = [s for s in drafts[index].flow if (index, s) in left or not s.makes]
                loads = {n for s in staying for n in s.names.loads}
                draft = drafts[index]
                draft.needs = draft.reads | draft.unset | (loads - set(draft.writes))

    def _found_under(self, statement: Statement) -> set[str]:
        """The names under which others may find the functions of a statement: a decorator may put
        one into a table."""
        noted = statement.decorators
        return statement.gives | noted | self._shared.changed_by(frozenset(noted))

    def _outputs(self, draft: Draft, changed: list[str], later: set[str]) -> tuple[str, ...]:
        options = draft.cell.options
        if options is not None and options.outputs:
            return options.outputs
        wanted = tuple(n for n in changed if n in later)
        if wanted or options is None:
            return wanted
        sure = draft.sure - {n for s in draft.flow for n in s.targets}
        return tuple(n for n in draft.writes if n in sure and not n.startswith("_"))

    def _unit(self, draft: Draft, data: set[str]) -> Unit:
        body = tuple(draft.flow)
        options = draft.cell.options
        clash = set(draft.writes) & self._shared.reached(draft.holds)
        clash |= draft.made & {*draft.writes, *draft.inputs}
        own = {*draft.inputs, *draft.writes, *draft.perhaps}
        clash |= self._shared.rebound_by(draft.holds) & own
        parameters = tuple(self._given_as(n) if n in clash else n for n in draft.inputs)
        seen = draft.seen
        doing = self._outside.doing(draft.flow, data, step=options is not None)
        if seen is not None:
            doing |= Doing(effects=seen.effects, acts=seen.acts)
        # A class or function that it changes in place is no value that could be handed on.
        kept = draft.loads & self._disturbing.keeping if seen is None else frozenset()
        altered = draft.changes & self._shared.definitions
        doing |= Doing(acts=bool(kept or altered or draft.placed.notes))
        function = self._function(draft)
        node = Node(
            kind=kind(draft),
            name=draft.step or function,
            function=function,
            is_async=any(s.awaits for s in body),
            reads=draft.inputs,
            parameters=parameters,
            uses=draft.uses,
            writes=draft.outputs,
            changes=tuple(n for n in draft.inputs if n in draft.changes),
            observed=seen is not None,
            looks=doing.looks,
            draws=doing.draws,
            alone=doing.acts,
            policy=_policy(options) if options is not None else None,
            validate=options.validate if options is not None else "",
            effects=tuple(sorted(doing.effects)),
            undo=self._undo(draft, function, parameters),
            unstorable=seen.unstored if seen is not None else {},
            label=draft.cell.label,
            doc=draft.cell.heading,
        )
        return Unit(
            node=node,
            cell=draft.cell.number,
            options=options,
            globals=tuple(sorted(clash)),
            unset=draft.perhaps,
            dropped=frozenset(draft.dropped),
            ends=not draft.placed.ends_in_module,
            shows=seen is not None and seen.shows,
            closing=self._figures.closing(body),
            body=body,
        )

    def _given_as(self, name: str) -> str:
        """What functions call a parameter that is to become a variable of the module."""
        if name not in self._before:
            self._before[name] = self._names.free(f"{name}_before")
        return self._before[name]

    def _function(self, draft: Draft) -> str:
        options = draft.cell.options
        if options is not None:
            return self._names.function(draft.step, named=bool(options.name))
        if draft.outputs:
            return self._names.function(draft.outputs[0], named=False)
        return self._names.function(f"cell_{draft.cell.number}", named=True)

    def _undo(self, draft: Draft, function: str, parameters: tuple[str, ...]) -> Undo | None:
        cell = self._undos.get(draft.step) if draft.step else None
        if cell is None:
            return None
        names = together(statements(cell.source))
        if names.opaque:
            raise ExportError(f"{cell.label}: {names.opaque} can reach any name")
        needs = self._undo_needs[draft.step]
        reads = tuple(n for n in draft.inputs if n in needs and n not in draft.outputs)
        given = dict(zip(draft.inputs, parameters, strict=True))
        return Undo(
            function=self._names.function(f"undo_{function}", named=True),
            reads=reads,
            parameters=tuple(given[n] for n in reads),
            takes_result=bool(needs & set(draft.outputs)),
            is_async=any(s.awaits for s in statements(cell.source)),
        )

    def _compensation(self, step: Unit) -> Compensation:
        cell = self._undos[step.node.name]
        needs = self._undo_needs[step.node.name]
        return Compensation(
            step=step,
            heading=cell.heading,
            outputs=tuple(n for n in step.node.writes if n in needs),
            body=tuple(statements(cell.source)),
        )


def _shown(placed: Placed) -> list[Statement]:
    """A cell's statements of the module; what the cell shows in the end is printed there too."""
    return layout.shown(placed.module) if placed.ends_in_module else placed.module


def _policy(options: Options) -> Policy:
    policy = options.policy
    return Policy(
        retries=policy.retries,
        backoff=policy.backoff,
        timeout=policy.timeout,
        retry_on=policy.retry_on,
        no_retry_on=policy.no_retry_on,
        budget=options.budget,
    )


def needed(names: dataflow.CellNames) -> set[str]:
    """The names that code takes from outside of itself, those of functions it makes included."""
    return set(names.reads | (names.loads - set(names.writes)))
