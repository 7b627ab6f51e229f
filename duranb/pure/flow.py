"""The order of things in a cell: which names are surely assigned at each point.

The walker of :mod:`duranb.pure.dataflow`. What happens inside of functions, classes and
comprehensions it asks :mod:`duranb.pure.scopes`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

from duranb.pure import magics, scopes
from duranb.pure.bytecode import OPAQUE, OPAQUE_ATTRIBUTES

_KEPT_DECORATORS = frozenset(
    {"cache", "cached_property", "classmethod", "contextmanager", "dataclass", "lru_cache"}
    | {"property", "staticmethod", "step", "tool", "total_ordering", "unique", "wraps"}
)
"""Decorators known not to hand the function to somebody who would call it unseen."""


class _Loop:
    """What is surely assigned where a loop's body ends early, for each place it does."""

    def __init__(self) -> None:
        self.breaks: list[set[str]] = []
        self.continues: list[set[str]] = []


class Flow:
    """A cell's own statements in order: give them to :meth:`block`, then call :meth:`leave`.

    ``assigned`` are the names surely assigned so far; the other sets are those of
    :class:`duranb.pure.dataflow.CellNames`, where ``stores`` are names that functions of the cell
    declare global and bind.
    """

    def __init__(self) -> None:
        self.assigned: set[str] = set()
        self.reads: set[str] = set()
        self.loads: set[str] = set()
        self.writes: dict[str, None] = {}
        self.stores: set[str] = set()
        self.deletes: set[str] = set()
        self.imports: set[str] = set()
        self.opaque = ""
        self.made: dict[str, set[str]] = {}
        """Functions and classes of this cell: the names they load when used."""
        self.escaped: set[str] = set()
        self.loops: list[_Loop] = []
        self._using: set[str] = set()

    # -- names -----------------------------------------------------------------------------

    def load(self, name: str) -> None:
        self.loads.add(name)
        if name in OPAQUE or (name in ("locals", "vars") and name not in self.assigned):
            self.opaque = self.opaque or name
        self.need(name)

    def need(self, name: str) -> None:
        if name not in self.assigned:
            self.reads.add(name)
        if name in self.made and name not in self._using:
            self._using.add(name)
            for used in self.made[name]:
                self.need(used)
            self._using.discard(name)

    def bind(self, name: str) -> None:
        self.assigned.add(name)
        self.writes.setdefault(name)

    def delete(self, name: str) -> None:
        self.assigned.discard(name)
        self.deletes.add(name)

    def leave(self) -> None:
        for name in sorted(self.escaped):
            self.need(name)

    def absorb(self, inner: scopes.Touched) -> None:
        self.loads |= inner.now | inner.later
        self.stores |= inner.stores
        self.imports |= inner.imports
        self.opaque = self.opaque or inner.opaque

    # -- walking ---------------------------------------------------------------------------

    def visit(self, node: ast.AST) -> bool:
        """Walk a node; for a statement, whether what follows it can be reached."""
        handler = _HANDLERS.get(type(node))
        if handler is not None:
            return handler(self, node) is not False
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                self.visit_all(value)
            elif isinstance(value, ast.AST):
                self.visit(value)
        return True

    def visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if isinstance(node, ast.AST):
                self.visit(node)

    def block(self, body: list[ast.stmt]) -> bool:
        reached = True
        for statement in body:
            reached = self.visit(statement) and reached
        return reached

    def branch(self, start: set[str], body: list[ast.stmt], ends: list[set[str]]) -> None:
        """Walk ``body`` from ``start``; if its end can be reached, add what is assigned there."""
        self.assigned = set(start)
        if self.block(body):
            ends.append(self.assigned)

    def join(self, ends: list[set[str]], otherwise: set[str]) -> bool:
        """Go on from where several branches meet; False if none of them gets there."""
        self.assigned = set.intersection(*ends) if ends else set(otherwise)
        return bool(ends)

    # -- expressions -----------------------------------------------------------------------

    def nothing(self, node: ast.AST) -> None:
        """Constants, and the markers of a name's context."""

    def name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.load(node.id)
        elif isinstance(node.ctx, ast.Store):
            self.bind(node.id)
        else:
            self.delete(node.id)

    def attribute(self, node: ast.Attribute) -> None:
        if node.attr in OPAQUE_ATTRIBUTES:
            self.opaque = self.opaque or node.attr
        self.visit(node.value)

    def call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id == "vars" and node.args:
            self.visit_all(node.args)  # of an object: an attribute by another name
            return
        for name in magics.named_in_strings(node):
            self.load(name)
        shell = magics.read(node)
        if shell is None:
            self.visit_all([node.func, *node.args, *node.keywords])
            return
        for name in sorted(shell.reads):
            self.load(name)
        self.opaque = self.opaque or shell.opaque
        if shell.body is not None:
            self.block(shell.body.body)
        for name in shell.binds:
            self.bind(name)

    def walrus(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.visit(node.target)

    def either(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        before = set(self.assigned)
        self.visit(node.body)
        after, self.assigned = self.assigned, before
        self.visit(node.orelse)
        self.assigned &= after

    def shortcut(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        sure = set(self.assigned)
        self.visit_all(node.values[1:])
        self.assigned = sure

    def comprehension(self, node: scopes.Comprehension) -> None:
        self.visit(node.generators[0].iter)
        inner = scopes.comprehension(node)
        self.absorb(inner)
        for name in (inner.now | inner.later) - inner.binds:
            self.load(name)
        for name in sorted(inner.binds):
            self.writes.setdefault(name)  # perhaps: the comprehension may be empty

    def lambda_(self, node: ast.Lambda) -> None:
        self.visit_all(scopes.defaults(node.args))
        inner = scopes.function(node)
        self.absorb(inner)
        for name in inner.later:  # whoever gets it may call it at once
            self.need(name)

    # -- definitions -----------------------------------------------------------------------

    def make(self, name: str, inner: scopes.Touched, decorators: list[ast.expr]) -> None:
        self.absorb(inner)
        self.made[name] = self.made.get(name, set()) | inner.later
        if not all(_last_name(d) in _KEPT_DECORATORS for d in decorators):
            self.escaped.add(name)
        self.bind(name)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.visit_all([*node.decorator_list, *scopes.defaults(node.args)])
        self.make(node.name, scopes.function(node), node.decorator_list)

    def class_(self, node: ast.ClassDef) -> None:
        self.visit_all([*node.decorator_list, *node.bases, *node.keywords])
        inner = scopes.class_(node)
        for name in inner.now:
            self.load(name)
        self.make(node.name, inner, node.decorator_list)

    def alias(self, node: Any) -> None:
        self.make(node.name.id, scopes.alias(node), [])

    # -- simple statements -----------------------------------------------------------------

    def assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if isinstance(node.value, ast.Lambda) and isinstance(target, ast.Name):
            self.visit_all(scopes.defaults(node.value.args))
            self.make(target.id, scopes.function(node.value), [])
        else:
            self.visit(node.value)
        self.visit_all(node.targets)

    def annotated(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.visit(node.target)
        elif not isinstance(node.target, ast.Name):
            self.visit(node.target)

    def augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.load(node.target.id)
        self.visit(node.value)
        self.visit(node.target)

    def import_(self, node: ast.Import | ast.ImportFrom) -> None:
        bound, modules = scopes.imported(node)
        self.imports.update(modules)
        for name in bound:
            self.bind(name)
        if isinstance(node, ast.ImportFrom) and any(a.name == "*" for a in node.names):
            self.opaque = self.opaque or f"from {node.module} import *"
        if "__main__" in modules:
            self.opaque = self.opaque or "import __main__"

    def jump(self, node: ast.Break | ast.Continue) -> bool:
        if self.loops:
            loop = self.loops[-1]
            ends = loop.breaks if isinstance(node, ast.Break) else loop.continues
            ends.append(set(self.assigned))
        return False

    def end(self, node: ast.Raise | ast.Return) -> bool:
        self.visit_all(ast.iter_child_nodes(node))
        return False

    # -- compound statements ---------------------------------------------------------------

    def test(self, node: ast.expr) -> set[str]:
        """Walk a condition; what is assigned if it is true. ``assigned`` is what is if not."""
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
            self.visit(node.values[0])
            sure = set(self.assigned)
            self.visit_all(node.values[1:])
            true, self.assigned = self.assigned, sure
            return true
        self.visit(node)
        return self.assigned

    def if_(self, node: ast.If) -> bool:
        true = self.test(node.test)
        false = self.assigned
        ends: list[set[str]] = []
        self.branch(true, node.body, ends)
        self.branch(false, node.orelse, ends)
        return self.join(ends, false)

    def for_(self, node: ast.For | ast.AsyncFor) -> bool:
        self.visit(node.iter)
        start = set(self.assigned)
        self.visit(node.target)
        return self.loop(node, start, once=_surely_iterates(node.iter), endless=False)

    def while_(self, node: ast.While) -> bool:
        true = self.test(node.test)
        start = set(self.assigned)
        self.assigned = set(true)
        endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
        return self.loop(node, start, once=endless, endless=endless)

    def loop(
        self,
        node: ast.For | ast.AsyncFor | ast.While,
        start: set[str],
        *,
        once: bool,
        endless: bool,
    ) -> bool:
        """``start`` is assigned if the body never runs, which ``once`` rules out."""
        self.loops.append(_Loop())
        reached = self.block(node.body)
        loop = self.loops.pop()
        ends = loop.continues + ([self.assigned] if reached else [])
        exhausted = set.intersection(*ends) if once and ends else start
        after = loop.breaks
        if not endless:
            self.branch(exhausted, node.orelse, after)
        return self.join(after, start)

    def try_(self, node: Any) -> bool:
        start = set(self.assigned)
        ends: list[set[str]] = []
        if self.block(node.body) and self.block(node.orelse):
            ends.append(self.assigned)
        for handler in node.handlers:
            self.assigned = set(start)
            if handler.type is not None:
                self.visit(handler.type)
            if handler.name:
                self.assigned.add(handler.name)
            reached = self.block(handler.body)
            if handler.name:
                self.delete(handler.name)
            if reached:
                ends.append(self.assigned)
        reached = self.join(ends, start)
        if not node.finalbody:
            return reached
        after = self.assigned
        self.assigned = set(start)
        finished = self.block(node.finalbody)
        self.assigned = (after | (self.assigned - start)) - (start - self.assigned)
        return reached and finished

    def with_(self, node: ast.With | ast.AsyncWith) -> bool:
        for item in node.items:
            self.visit(item.context_expr)
            self.visit_all([item.optional_vars])
        start = set(self.assigned)
        reached = self.block(node.body)
        if any(_last_name(i.context_expr) == "suppress" for i in node.items):
            self.assigned = start
            return True
        return reached

    def match(self, node: ast.Match) -> bool:
        self.visit(node.subject)
        start = self.assigned
        ends: list[set[str]] = []
        for case in node.cases:
            self.assigned = set(start)
            self.visit(case.pattern)
            if case.guard is not None:
                self.visit(case.guard)
            self.branch(self.assigned, case.body, ends)
        last = node.cases[-1]
        wildcard = isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None
        if not wildcard or last.guard is not None:
            ends.append(set(start))
        return self.join(ends, start)

    def pattern(self, node: ast.AST) -> None:
        self.visit_all(ast.iter_child_nodes(node))
        for name in scopes.bound_by(node):
            self.bind(name)


def _last_name(node: ast.expr) -> str:
    """``c`` of ``a.b.c`` and of ``a.b.c(…)``."""
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _surely_iterates(node: ast.expr) -> bool:
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return any(not isinstance(e, ast.Starred) for e in node.elts)
    match node:
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(count))]):
            return count > 0
    return False


_HANDLERS: dict[type[ast.AST], Callable[[Flow, Any], bool | None]] = {
    ast.Load: Flow.nothing,
    ast.Store: Flow.nothing,
    ast.Constant: Flow.nothing,
    ast.Name: Flow.name,
    ast.Attribute: Flow.attribute,
    ast.Call: Flow.call,
    ast.NamedExpr: Flow.walrus,
    ast.IfExp: Flow.either,
    ast.BoolOp: Flow.shortcut,
    ast.ListComp: Flow.comprehension,
    ast.SetComp: Flow.comprehension,
    ast.DictComp: Flow.comprehension,
    ast.GeneratorExp: Flow.comprehension,
    ast.Lambda: Flow.lambda_,
    ast.FunctionDef: Flow.function,
    ast.AsyncFunctionDef: Flow.function,
    ast.ClassDef: Flow.class_,
    ast.Assign: Flow.assign,
    ast.AnnAssign: Flow.annotated,
    ast.AugAssign: Flow.augmented,
    ast.Import: Flow.import_,
    ast.ImportFrom: Flow.import_,
    ast.Break: Flow.jump,
    ast.Continue: Flow.jump,
    ast.Raise: Flow.end,
    ast.Return: Flow.end,
    ast.If: Flow.if_,
    ast.For: Flow.for_,
    ast.AsyncFor: Flow.for_,
    ast.While: Flow.while_,
    ast.Try: Flow.try_,
    ast.TryStar: Flow.try_,
    ast.With: Flow.with_,
    ast.AsyncWith: Flow.with_,
    ast.Match: Flow.match,
    ast.MatchAs: Flow.pattern,
    ast.MatchStar: Flow.pattern,
    ast.MatchMapping: Flow.pattern,
}
if hasattr(ast, "TypeAlias"):
    _HANDLERS[ast.TypeAlias] = Flow.alias
