"""What functions, classes, lambdas and comprehensions touch outside of themselves.

Python decides by its scope rules which names of a nested block are the module's. This module
follows those rules over a syntax tree, without caring in which order things happen: that is
:mod:`duranb.code.dataflow`'s part, for the cell's own statements.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from duranb.code import dynamic, magics
from duranb.code.bytecode import OPAQUE, OPAQUE_ATTRIBUTES

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass
class Touched:
    """Names outside of a block. ``now`` are loaded where the block stands, ``later`` only when the
    function or class it makes is used; ``stores`` are bound or deleted by ``global``; ``binds`` are
    bound around a comprehension by ``:=``.
    """

    now: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    stores: set[str] = field(default_factory=set)
    binds: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)
    opaque: str = ""

    def add(self, other: Touched) -> None:
        """What ``other`` touches, too."""
        self.now |= other.now
        self.later |= other.later
        self.stores |= other.stores
        self.binds |= other.binds
        self.imports |= other.imports
        self.opaque = self.opaque or other.opaque


def function(node: Function) -> Touched:
    """What a function's body touches when it is called (all of it ``later``), annotations too.

    Decorators and defaults belong to the scope around it, and are left out.
    """
    scope = _Scope("function")
    arguments = node.args
    for argument in _arguments(arguments):
        scope.binds.add(argument.arg)
        if argument.annotation is not None:
            scope.visit(argument.annotation)
    if isinstance(node, ast.Lambda):
        scope.visit(node.body)
    else:
        if node.returns is not None:
            scope.visit(node.returns)
        scope.visit_all(node.body)
    found = scope.leave()
    found.later |= found.now
    found.now = set()
    return _generic(node, found)


def class_(node: ast.ClassDef) -> Touched:
    """What a class touches: its body ``now``, its methods ``later``. Its bases are ``now``, if it
    has type parameters, which they see; else they belong to the scope around it and are left out.
    """
    scope = _Scope("class")
    scope.binds |= {"__module__", "__qualname__"}
    scope.visit_all(node.body)
    found = scope.leave()
    if type_params(node):
        bases = _Scope("function")
        bases.visit_all([*node.bases, *node.keywords])
        found.add(bases.leave())
    return _generic(node, found)


def bases(node: ast.ClassDef) -> list[ast.AST]:
    """The bases and keywords of a class that are evaluated in the scope around it."""
    return [] if type_params(node) else [*node.bases, *node.keywords]


def comprehension(node: Comprehension) -> Touched:
    """What a comprehension touches, its first iterable left out, which is evaluated around it."""
    scope = _Scope("comprehension")
    for number, each in enumerate(node.generators):
        scope.visit(each.target)
        if number:
            scope.visit(each.iter)
        scope.visit_all(each.ifs)
    if isinstance(node, ast.DictComp):
        scope.visit(node.key)
        scope.visit(node.value)
    else:
        scope.visit(node.elt)
    return scope.leave()


def alias(node: Any) -> Touched:
    """What the value of ``type X = …`` touches: it is evaluated when it is first asked for."""
    scope = _Scope("function")
    scope.visit(node.value)
    found = scope.leave()
    found.later |= found.now
    found.now = set()
    return _generic(node, found)


def type_params(node: ast.AST) -> list[Any]:
    """The type parameters of a generic function, class or alias (none before Python 3.12)."""
    return getattr(node, "type_params", [])


def _generic(node: ast.AST, found: Touched) -> Touched:
    """``found`` in a generic function, class or alias: its type parameters are names of its own,
    and their bounds and defaults are evaluated when they are first asked for."""
    params = type_params(node)
    if not params:
        return found
    scope = _Scope("function")
    for each in params:
        scope.visit_children(each)
    lazy = scope.leave()
    found.later |= lazy.now
    lazy.now = set()
    found.add(lazy)
    own = {p.name for p in params}
    found.now -= own
    found.later -= own
    return found


def defaults(arguments: ast.arguments) -> list[ast.expr]:
    """The default values of a function, which are evaluated where it is defined."""
    return [*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)]


def imported(node: ast.Import | ast.ImportFrom) -> tuple[list[str], list[str]]:
    """The names an import binds, and what it imports: modules, or names in them, absolute."""
    if isinstance(node, ast.Import):
        bound = [a.asname or a.name.partition(".")[0] for a in node.names]
        return bound, [a.name for a in node.names]
    module = node.module or ""
    bound = [a.asname or a.name for a in node.names if a.name != "*"]
    if node.level:
        return bound, []
    return bound, [module, *(f"{module}.{a.name}" for a in node.names if a.name != "*")]


def imported_by(node: ast.Call) -> Iterable[str]:
    """The module that ``importlib.import_module("…")`` or ``__import__("…")`` names."""
    match node:
        case ast.Call(
            func=ast.Name("import_module" | "__import__") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(str(name)), *_],
        ):
            return (name,)
    return ()


def bound_by(pattern: ast.AST) -> Iterable[str]:
    """The names that one node of a ``match`` pattern captures."""
    if isinstance(pattern, (ast.MatchAs, ast.MatchStar)):
        return (pattern.name,) if pattern.name else ()
    if isinstance(pattern, ast.MatchMapping):
        return (pattern.rest,) if pattern.rest else ()
    return ()


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return found + [a for a in (arguments.vararg, arguments.kwarg) if a is not None]


class _Scope:
    """One block while it is read. A function's names are its own wherever it binds them; a
    class's only from there on."""

    def __init__(self, sort: str) -> None:
        self.sort = sort
        self.loads: set[str] = set()
        self.binds: set[str] = set()
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.inner: set[str] = set()
        self.found = Touched()

    def visit(self, node: ast.AST) -> None:
        self.see_opaque(dynamic.leads(node))
        handler = _HANDLERS.get(type(node))
        if handler is not None:
            handler(self, node)
        else:
            self.visit_children(node)

    def visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def visit_children(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            self.visit(child)

    def leave(self) -> Touched:
        """What is left over for the scope around."""
        own = self.binds - self.globals - self.nonlocals
        found = self.found
        # Methods do not see the names of their class.
        found.later |= self.inner if self.sort == "class" else self.inner - own
        found.now |= self.loads if self.sort == "class" else self.loads - own
        found.now |= self.globals & self.loads
        found.stores |= self.globals & self.binds
        return found

    # -- names -----------------------------------------------------------------------------

    def bind(self, name: str) -> None:
        self.binds.add(name)

    def load(self, name: str) -> None:
        if self.sort != "class" or name not in self.binds:
            self.loads.add(name)
        if name in OPAQUE:
            self.see_opaque(name)

    def see_opaque(self, why: str) -> None:
        self.found.opaque = self.found.opaque or why

    def name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.load(node.id)
        else:
            self.bind(node.id)

    def declare_global(self, node: ast.Global) -> None:
        self.globals.update(node.names)

    def declare_nonlocal(self, node: ast.Nonlocal) -> None:
        self.nonlocals.update(node.names)

    # -- statements and expressions that are not just their children, in order --------------

    def assign(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> None:
        if node.value is not None:
            self.visit(node.value)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            self.load(node.target.id)
        if isinstance(node, ast.AnnAssign) and self.sort == "class":
            self.visit(node.annotation)  # a function does not evaluate those of its locals
        self.visit_all(node.targets if isinstance(node, ast.Assign) else [node.target])

    def loop(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit_all([node.iter, node.target, *node.body, *node.orelse])

    def import_(self, node: ast.Import | ast.ImportFrom) -> None:
        bound, modules = imported(node)
        self.binds.update(bound)
        self.found.imports.update(modules)
        if "__main__" in modules:
            self.see_opaque("import __main__")

    def handler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.bind(node.name)
        self.visit_children(node)

    def pattern(self, node: ast.AST) -> None:
        self.binds.update(bound_by(node))
        self.visit_children(node)

    def attribute(self, node: ast.Attribute) -> None:
        if node.attr in OPAQUE_ATTRIBUTES:
            self.see_opaque(node.attr)
        self.visit(node.value)

    def call(self, node: ast.Call) -> None:
        for name in magics.named_in_strings(node):
            self.load(name)
        self.found.imports.update(imported_by(node))
        shell = magics.read(node)
        if shell is None:
            self.visit_children(node)
            return
        for name in shell.reads:
            self.load(name)
        if shell.body is not None or shell.binds or shell.opaque:
            self.see_opaque(shell.opaque or "get_ipython()")

    def walrus(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        if self.sort == "comprehension":
            self.found.binds.add(node.target.id)
            # Loads of it, here and around, mean the name in the scope around.
        else:
            self.bind(node.target.id)

    def alias(self, node: Any) -> None:
        self.inner |= alias(node).later
        self.bind(node.name.id)

    # -- nested blocks ---------------------------------------------------------------------

    def nested_function(self, node: Function) -> None:
        if not isinstance(node, ast.Lambda):
            self.visit_all(node.decorator_list)
        self.visit_all(defaults(node.args))
        inner = function(node)
        self.absorb(inner)
        self.inner |= inner.later
        if not isinstance(node, ast.Lambda):
            self.bind(node.name)

    def nested_class(self, node: ast.ClassDef) -> None:
        self.visit_all([*node.decorator_list, *bases(node)])
        inner = class_(node)
        self.absorb(inner)
        for name in inner.now:
            self.load(name)
        self.inner |= inner.later
        self.bind(node.name)

    def nested_comprehension(self, node: Comprehension) -> None:
        self.visit(node.generators[0].iter)
        inner = comprehension(node)
        self.absorb(inner)
        if self.sort == "class":
            self.found.now |= inner.now  # a comprehension does not see the names of its class
        else:
            self.loads |= inner.now
        self.inner |= inner.later
        if self.sort == "comprehension":
            self.found.binds |= inner.binds
        else:
            self.binds |= inner.binds

    def absorb(self, inner: Touched) -> None:
        self.found.stores |= inner.stores
        self.found.imports |= inner.imports
        self.found.opaque = self.found.opaque or inner.opaque


_HANDLERS: dict[type[ast.AST], Callable[[_Scope, Any], None]] = {
    ast.Name: _Scope.name,
    ast.Global: _Scope.declare_global,
    ast.Nonlocal: _Scope.declare_nonlocal,
    ast.Assign: _Scope.assign,
    ast.AnnAssign: _Scope.assign,
    ast.AugAssign: _Scope.assign,
    ast.For: _Scope.loop,
    ast.AsyncFor: _Scope.loop,
    ast.Import: _Scope.import_,
    ast.ImportFrom: _Scope.import_,
    ast.ExceptHandler: _Scope.handler,
    ast.MatchAs: _Scope.pattern,
    ast.MatchStar: _Scope.pattern,
    ast.MatchMapping: _Scope.pattern,
    ast.Attribute: _Scope.attribute,
    ast.Call: _Scope.call,
    ast.NamedExpr: _Scope.walrus,
    ast.FunctionDef: _Scope.nested_function,
    ast.AsyncFunctionDef: _Scope.nested_function,
    ast.Lambda: _Scope.nested_function,
    ast.ClassDef: _Scope.nested_class,
    ast.ListComp: _Scope.nested_comprehension,
    ast.SetComp: _Scope.nested_comprehension,
    ast.DictComp: _Scope.nested_comprehension,
    ast.GeneratorExp: _Scope.nested_comprehension,
}
if hasattr(ast, "TypeAlias"):
    _HANDLERS[ast.TypeAlias] = _Scope.alias
