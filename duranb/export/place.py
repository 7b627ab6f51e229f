"""Which statements become the shared module, and which run in order with the steps.

What stands before the first step runs when the module is loaded, as it did in the notebook. After
it, only what makes no difference by being early moves there: imports, definitions, and constants
that nobody changes. A name that is bound more than once stays where it is, so that redefining it is
plain rebinding. What depends on a parameter runs in order with the steps too: each run may be given
another value.
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, field

from duranb.export.notebook import DURABLE, PARAMETERS, PLAIN, Cell
from duranb.export.parameters import is_parameter
from duranb.export.statements import Statement, statements


@dataclass
class Placed:
    """One cell's statements: those of the module, and those that stay in the flow. ``notes`` says
    that one of these is a definition which something of the notebook's own takes note of."""

    cell: Cell
    module: list[Statement] = field(default_factory=list)
    flow: list[Statement] = field(default_factory=list)
    notes: bool = False

    @property
    def ends_in_module(self) -> bool:
        """Whether the cell's last statement is one of the module."""
        places = [max((s.place for s in part), default=(0, 0)) for part in (self.module, self.flow)]
        return places[0] > places[1]


def place(cells: list[Cell], parameters: frozenset[str] = frozenset()) -> list[Placed]:
    """The plain and durable cells, in order, with their statements placed; the notebook's
    ``parameters`` are given from outside."""
    placer = _Placer(
        [(c, statements(c.source)) for c in cells if c.kind in (PLAIN, DURABLE)], parameters
    )
    return placer.run()


class _Placer:
    def __init__(
        self, cells: list[tuple[Cell, list[Statement]]], parameters: frozenset[str]
    ) -> None:
        self._cells = cells
        self._binders: dict[str, set[str]] = {}
        self._mutated: set[str] = set()
        self._made: dict[str, list[Statement]] = {}
        self._flow_bound: set[str] = set(parameters)
        self._started = False
        for _, found in cells:
            for number, statement in enumerate(found):
                self._mutated |= statement.mutates
                if not statement.is_import:
                    for name in statement.names.writes:
                        self._made.setdefault(name, []).append(statement)
                for name, binder in _binders(statement, number, id(found)):
                    self._binders.setdefault(name, set()).add(binder)

    def run(self) -> list[Placed]:
        found = []
        for cell, its in self._cells:
            placed = Placed(cell)
            if cell.kind == DURABLE:
                self._durable(placed, its)
            else:
                self._plain(placed, its)
            placed.notes = any(s.is_definition and self._is_noted(s) for s in placed.flow)
            found.append(placed)
        return found

    def _plain(self, placed: Placed, its: list[Statement]) -> None:
        for statement in its:
            early = not self._started or self._declares(statement)
            given = PARAMETERS in placed.cell.tags and is_parameter(statement)
            if given or (early and self._can_move(statement)):
                placed.module.append(statement)
            else:
                self._started = self._started or not _only_computes(statement)
                placed.flow.append(statement)
                self._flow_bound |= set(statement.names.writes)

    def _durable(self, placed: Placed, its: list[Statement]) -> None:
        self._started = True
        declared = [s for s in its if s.is_import or (s.is_definition and not self._is_noted(s))]
        moving = [s for s in declared if self._can_move(s) and self._bound_once(s)]
        while True:
            staying = [s for s in its if s not in moving]
            local = {n for s in staying for n in s.names.writes}
            stuck = next((s for s in moving if s.names.loads & local), None)
            if stuck is None:
                break
            needed = stuck.names.loads & local
            constants = [
                s
                for s in staying
                if self._is_constant(s) and self._can_move(s) and needed & set(s.names.writes)
            ]
            if {n for s in constants for n in s.names.writes} >= needed:
                moving += constants
            else:
                moving.remove(stuck)
        placed.module = [s for s in its if s in moving]
        placed.flow = [s for s in its if s not in moving]
        self._flow_bound |= {n for s in placed.flow for n in s.names.writes}

    def _declares(self, statement: Statement) -> bool:
        if statement.is_definition:
            return self._bound_once(statement) and not self._is_noted(statement)
        if statement.is_import:
            return self._bound_once(statement)
        return self._is_constant(statement)

    def _is_noted(self, statement: Statement) -> bool:
        """Whether something of the notebook's own may take note of a definition while it is made,
        such as a table of tools: who looks at that before the definition must not find it."""
        node = statement.node
        for asked in getattr(node, "decorator_list", ()):
            for each in ast.walk(asked):
                if isinstance(each, ast.Attribute) and self._made_of(each.value):
                    return True
                if isinstance(each, ast.Name) and self._notes(each.id, set()):
                    return True
        if not isinstance(node, ast.ClassDef):
            return False
        bases = {n.id for b in node.bases for n in ast.walk(b) if isinstance(n, ast.Name)}
        above = [s.node for name in bases for s in self._made.get(name, ())]
        return any(map(_looks_at_subclasses, above))

    def _made_of(self, value: ast.expr) -> list[Statement]:
        return self._made.get(value.id, []) if isinstance(value, ast.Name) else []

    def _notes(self, name: str, seen: set[str]) -> bool:
        """Whether calling what the notebook made under this name visibly changes something."""
        seen.add(name)
        return any(
            s.mutates or any(self._notes(n, seen) for n in s.names.loads - seen)
            for s in self._made.get(name, ())
        )

    def _is_constant(self, statement: Statement) -> bool:
        names = set(statement.names.writes)
        changed = names & self._mutated
        return statement.is_literal and self._bound_once(statement) and not changed

    def _bound_once(self, statement: Statement) -> bool:
        return all(len(self._binders[n]) == 1 for n in statement.names.writes)

    def _can_move(self, statement: Statement) -> bool:
        return not statement.awaits and not statement.names.reads & self._flow_bound


def _binders(statement: Statement, number: int, cell: int) -> list[tuple[str, str]]:
    """Each name a statement binds, with what tells this binding from others: importing the same
    thing twice is one."""
    node = statement.node
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        module = getattr(node, "module", "")
        return [
            (a.asname or a.name.partition(".")[0], f"{module} {a.name.partition('.')[0]}")
            if isinstance(node, ast.Import)
            else (a.asname or a.name, f"{module} {a.name}")
            for a in node.names
        ]
    here = f"{cell} {number}"
    return [(name, here) for name in (*statement.names.writes, *statement.names.deletes)]


def _looks_at_subclasses(node: ast.stmt) -> bool:
    if not isinstance(node, ast.ClassDef):
        return False
    methods = {s.name for s in node.body if isinstance(s, ast.FunctionDef)}
    return "__init_subclass__" in methods or any(k.arg == "metaclass" for k in node.keywords)


def _only_computes(statement: Statement) -> bool:
    """Whether a statement gives a name a value and can do nothing else: what follows it may still
    run when the module is loaded."""
    if statement.value is None:
        return False
    calls = [n.func for n in ast.walk(statement.value) if isinstance(n, ast.Call)]
    return all(isinstance(f, ast.Name) and hasattr(builtins, f.id) for f in calls)
