"""Expressions and simple statements of a cell, in the order in which they happen.

The walker of :mod:`duranb.code.dataflow`, without the statements that branch: those are in
:mod:`duranb.code.flow`. What happens inside of functions, classes and comprehensions it asks
:mod:`duranb.code.scopes`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from duranb.code import dynamic, magics, scopes
from duranb.code.bytecode import OPAQUE, OPAQUE_ATTRIBUTES

_KEPT_DECORATORS = frozenset(
    {"cache", "cached_property", "classmethod", "contextmanager", "dataclass", "lru_cache"}
    | {"property", "staticmethod", "step", "tool", "total_ordering", "unique", "wraps"}
)
"""Decorators known not to hand the function to somebody who would call it unseen."""


class Walker:
    """A cell's own statements in order.

    ``assigned`` are the names surely assigned so far; the other sets are those of
    :class:`duranb.code.dataflow.CellNames`, where ``stores`` are names that functions of the cell
    declare global and bind.
    """

    def __init__(self) -> None:
        self.assigned: set[str] = set()
        self.reads: set[str] = set()
        self.loads: set[str] = set()
        self.used: set[str] = set()
        """Names that the cell's own statements load: not those that its functions do."""
        self.writes: dict[str, None] = {}
        self.stores: set[str] = set()
        self.stored_now: set[str] = set()
        self.makers: dict[str, set[str]] = {}
        self.deletes: set[str] = set()
        self.unset: set[str] = set()
        self.imports: set[str] = set()
        self.opaque = ""
        self.blind = ""
        self.made: dict[str, set[str]] = {}
        """Functions and classes of this cell: the names they load when used."""
        self.escaped: set[str] = set()
        self._using: set[str] = set()

    handlers: ClassVar[dict[type[ast.AST], Callable[[Any, Any], bool | None]]]
    """How nodes are walked that are not just their children."""

    # -- names -----------------------------------------------------------------------------

    def load(self, name: str) -> None:
        self.loads.add(name)
        self.used.add(name)
        if name in OPAQUE or (name in ("locals", "vars") and name not in self.assigned):
            self.see_opaque(name)
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
        if name not in self.assigned:
            self.unset.add(name)
        self.assigned.add(name)  # what it is from now on, nothing, does not come from outside
        self.deletes.add(name)

    def see_opaque(self, why: str, *, blind: bool = True) -> None:
        """The code could touch any name; if it is ``blind``, nobody can tell what it reads."""
        self.opaque = self.opaque or why
        if blind:
            self.blind = self.blind or why

    def only_defined(self) -> set[str]:
        """The names that only functions bind of which this cell makes no use, nor do those that it
        makes use of: it may bind them, and surely does not."""
        used: set[str] = set()
        new = self.used | self.escaped
        while new:
            used |= new
            new = {n for name in new for n in self.made.get(name, ())} - used
        return {n for n, makers in self.makers.items() if makers.isdisjoint(used)} - self.stored_now

    def leave(self) -> None:
        for name in sorted(self.escaped):
            self.need(name)

    def absorb(self, inner: scopes.Touched) -> None:
        self.loads |= inner.now | inner.later
        self.stores |= inner.stores
        self.imports |= inner.imports
        self.see_opaque(inner.opaque)

    # -- walking ---------------------------------------------------------------------------

    def visit(self, node: ast.AST) -> bool:
        """Walk a node; for a statement, whether what follows it can be reached."""
        self.see_opaque(dynamic.leads(node))
        handler = self.handlers.get(type(node))
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
            self.see_opaque(node.attr)
        self.visit(node.value)

    def namespace(self, node: ast.AST) -> str:
        """By what an expression is the namespace as a whole, or an empty string."""
        name = dynamic.namespace(node)
        return "" if name in self.assigned else name

    def subscript(self, node: ast.Subscript) -> None:
        space = self.namespace(node.value)
        if not space:
            self.visit_all([node.value, node.slice])
            return
        name = dynamic.key(node.slice)
        self.visit(node.slice)
        self.see_opaque(space, blind=not name and isinstance(node.ctx, ast.Load))
        if name:
            self.name(ast.Name(name, node.ctx))

    def compare(self, node: ast.Compare) -> None:
        self.visit(node.left)
        for each in node.comparators:
            space, name = self.namespace(each), dynamic.key(node.left)
            if space and name and all(isinstance(o, (ast.In, ast.NotIn)) for o in node.ops):
                self.see_opaque(space, blind=False)
                self.load(name)
            else:
                self.visit(each)

    def by_text(self, node: ast.Call) -> bool:
        """A call that reaches names by their text, if that can be told what it reads."""
        body = dynamic.literal(node)
        if body is not None and isinstance(node.func, ast.Name):
            if node.func.id in self.assigned:
                return False
            self.see_opaque(node.func.id, blind=False)
            self.block(body)
            return True
        space = self.namespace(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        name, bound = dynamic.reads(node), dynamic.binds(node)
        if not space or (not name and bound is None):
            return False
        self.see_opaque(space, blind=False)
        self.visit_all([*node.args, *node.keywords])
        if name:
            self.load(name)
        for each in bound or ():
            self.bind(each)
        return True

    def call(self, node: ast.Call) -> None:
        if self.by_text(node):
            return
        if isinstance(node.func, ast.Name) and node.func.id == "vars" and node.args:
            self.visit_all(node.args)  # of an object: an attribute by another name
            return
        for name in magics.named_in_strings(node):
            self.load(name)
        self.imports.update(scopes.imported_by(node))
        shell = magics.read(node)
        if shell is None:
            self.visit_all([node.func, *node.args, *node.keywords])
            return
        for name in sorted(shell.reads):
            self.load(name)
        self.see_opaque(shell.opaque, blind=shell.blind)
        self.imports.update(shell.imports)
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
        self.stored_now |= inner.stores
        for name in (inner.now | inner.later) - inner.binds:
            self.load(name)
        for name in sorted(inner.binds):
            self.writes.setdefault(name)  # perhaps: the comprehension may be empty

    def lambda_(self, node: ast.Lambda) -> None:
        self.visit_all(scopes.defaults(node.args))
        inner = scopes.function(node)
        self.absorb(inner)
        self.stored_now |= inner.stores
        for name in inner.later:  # whoever gets it may call it at once
            self.need(name)

    # -- definitions -----------------------------------------------------------------------

    def make(self, name: str, inner: scopes.Touched, decorators: list[ast.expr]) -> None:
        self.absorb(inner)
        for stored in inner.stores:
            self.makers.setdefault(stored, set()).add(name)
        self.made[name] = self.made.get(name, set()) | inner.later
        if not all(last_name(d) in _KEPT_DECORATORS for d in decorators):
            self.escaped.add(name)
        self.bind(name)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.visit_all([*node.decorator_list, *scopes.defaults(node.args)])
        self.make(node.name, scopes.function(node), node.decorator_list)

    def class_(self, node: ast.ClassDef) -> None:
        self.visit_all([*node.decorator_list, *scopes.bases(node)])
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
        target = node.target
        if isinstance(target, (ast.Name, ast.Subscript)):
            read: Any = ast.copy_location(type(target)(**vars(target)), target)
            read.ctx = ast.Load()
            self.visit(read)
        self.visit(node.value)
        self.visit(target)

    def import_(self, node: ast.Import | ast.ImportFrom) -> None:
        bound, modules = scopes.imported(node)
        self.imports.update(modules)
        for name in bound:
            self.bind(name)
        if isinstance(node, ast.ImportFrom) and any(a.name == "*" for a in node.names):
            self.see_opaque(f"from {node.module} import *", blind=False)
        if "__main__" in modules:
            self.see_opaque("import __main__")

    def end(self, node: ast.Raise | ast.Return) -> bool:
        self.visit_all(ast.iter_child_nodes(node))
        return False


def last_name(node: ast.expr) -> str:
    """``c`` of ``a.b.c`` and of ``a.b.c(…)``."""
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


SIMPLE: dict[type[ast.AST], Callable[[Any, Any], bool | None]] = {
    ast.Load: Walker.nothing,
    ast.Store: Walker.nothing,
    ast.Constant: Walker.nothing,
    ast.Name: Walker.name,
    ast.Attribute: Walker.attribute,
    ast.Subscript: Walker.subscript,
    ast.Compare: Walker.compare,
    ast.Call: Walker.call,
    ast.NamedExpr: Walker.walrus,
    ast.IfExp: Walker.either,
    ast.BoolOp: Walker.shortcut,
    ast.ListComp: Walker.comprehension,
    ast.SetComp: Walker.comprehension,
    ast.DictComp: Walker.comprehension,
    ast.GeneratorExp: Walker.comprehension,
    ast.Lambda: Walker.lambda_,
    ast.FunctionDef: Walker.function,
    ast.AsyncFunctionDef: Walker.function,
    ast.ClassDef: Walker.class_,
    ast.Assign: Walker.assign,
    ast.AnnAssign: Walker.annotated,
    ast.AugAssign: Walker.augmented,
    ast.Import: Walker.import_,
    ast.ImportFrom: Walker.import_,
    ast.Raise: Walker.end,
    ast.Return: Walker.end,
}
if hasattr(ast, "TypeAlias"):
    SIMPLE[ast.TypeAlias] = Walker.alias
