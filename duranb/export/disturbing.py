"""Which variables a node may change in place although its code does not say so.

``col = a[:, 1]`` in one cell and ``a[0] = 5`` in another: who reads ``col`` sees the change. So do
those who read what the notebook's own functions and methods change: ``step()`` counts in its
closure, ``account.deposit(5)`` sets an attribute. Only the order of nodes follows from it: one that
may disturb what another reads does not run beside it. Which values really share state, and what
changes, is seen when they run.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Set

from duranb.export.statements import Statement, changes

_FRESH = frozenset(
    {"len", "sum", "str", "int", "float", "bool", "round", "repr", "range", "print", "abs", "hash"}
    | {"id", "type", "isinstance", "any", "all", "open", "format", "ord", "chr", "divmod", "pow"}
    | {"input", "bytes", "complex"}
)
"""Builtins of whose results nothing is a part of what they were given."""

_COPYING = frozenset(
    {"copy", "format", "join", "split", "splitlines", "strip", "lower", "upper", "replace"}
    | {"encode", "decode", "count", "index", "startswith", "endswith", "sum", "mean", "item"}
    | {"tolist", "to_string", "to_dict", "isoformat", "read", "read_text", "astype"}
)
"""Methods likewise."""

_MAKING = frozenset(
    {"deepcopy", "dumps", "loads", "array", "zeros_like", "ones_like", "full_like", "empty_like"}
    | {"concat", "concatenate", "stack", "vstack", "hstack", "merge", "median", "min", "max", "std"}
    | {"var", "sqrt", "exp", "log", "dot", "matmul", "sort", "unique", "where", "read_csv", "sub"}
    | {
        "findall",
        "sleep",
        "time",
        "choice",
        "sample",
        "normal",
        "uniform",
        "randint",
        "default_rng",
    }
    | {"Path", "Counter", "ceil", "floor", "isclose", "allclose", "sha256", "md5", "urlencode"}
)
"""Functions of libraries whose results have nothing of what these were given that can be changed.
Of others nobody knows: ``np.asarray(a)`` may be ``a``."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def after(nodes: Iterable[tuple[Set[str], Set[str]]]) -> Iterator[set[int]]:
    """For each node, those before it, by their places, that it must not run beside. A node is what
    it may disturb, and what it reads."""
    disturbers: dict[str, int] = {}
    readers: dict[str, list[int]] = {}
    for place, (disturbs, reads) in enumerate(nodes):
        before = {disturbers[n] for n in disturbs | reads if n in disturbers}
        for name in disturbs:
            before.update(readers.pop(name, ()))
            disturbers[name] = place
        for name in reads:
            readers.setdefault(name, []).append(place)
        yield before


class Disturbing:
    """Worked out from all statements of a notebook. Which of two values a name has where is not
    looked at."""

    def __init__(self, every: Iterable[Statement]) -> None:
        every = list(every)
        nodes = [statement.node for statement in every]
        plain = (s for s in every if not s.is_import and not s.makes)
        self._values = {n for s in plain for n in s.names.writes}
        self._imported = {n for s in nodes for n in _imports(s)}
        self._group: dict[str, set[str]] = {}
        self._changing: dict[str, set[str]] = {}
        self._changing_self: set[str] = set()
        self.keeping: set[str] = set()
        """The functions that change their own defaults."""
        for node in nodes:
            for function in _defined(node):
                self._define(function)
            for each in ast.walk(node):
                for names in self._together(each):
                    self._join(names)

    def of(self, flow: Iterable[Statement], changed: Set[str], data: Set[str]) -> frozenset[str]:
        """The variables among the notebook's ``data`` that a node may disturb which is known to
        have ``changed`` some."""
        found = set(changed)
        for statement in flow:
            if not statement.is_definition:
                found |= self._reached(statement.node)
        groups = {id(g): g for name in found if (g := self._group.get(name)) is not None}
        return frozenset(found.union(*groups.values()) & data)

    def _reached(self, node: ast.AST) -> set[str]:
        """What calls in some code may change of what they are of, and are given."""
        found: set[str] = set()
        for each in ast.walk(node):
            match each:
                case ast.Call(func=ast.Name("next"), args=[given, *_]):
                    found |= _root(given)
                case ast.Call(func=ast.Name(name), args=args, keywords=keywords):
                    found |= {name} & self._values
                    changing = self._changing.get(name, set())
                    taken = [a for i, a in enumerate(args) if str(i) in changing]
                    taken += [k.value for k in keywords if k.arg in changing]
                    found |= {n for value in taken for n in _root(value)}
                case ast.Call(func=ast.Attribute(value=value, attr=method)):
                    found |= _root(value) if method in self._changing_self else set()
        return found

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Take note of what a function changes of its arguments: by place and by name."""
        changed = {n for value in changes(node) for n in _root(value)}
        given = [*node.args.posonlyargs, *node.args.args]
        if given and given[0].arg in ("self", "cls") and given[0].arg in changed:
            self._changing_self.add(node.name)
        found = {a.arg for a in (*given, *node.args.kwonlyargs)} & changed
        places = {str(i) for i, a in enumerate(given) if a.arg in found}
        self._changing.setdefault(node.name, set()).update(found | places)
        with_default = given[len(given) - len(node.args.defaults) :]
        with_default += [
            a
            for a, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            if default is not None
        ]
        if any(a.arg in changed for a in with_default):
            self.keeping.add(node.name)

    # -- what may be a part of what ----------------------------------------------------------

    def _join(self, names: Set[str]) -> None:
        groups = {id(g): g for n in names if (g := self._group.get(n)) is not None}
        largest = max(groups.values(), key=len, default=None)
        group = set[str]() if largest is None else largest
        new = set(names).union(*(g for g in groups.values() if g is not group)) - group
        group |= new
        self._group.update(dict.fromkeys(new, group))

    def _together(self, node: ast.AST) -> Iterator[set[str]]:
        """Names that may share state once a statement is done."""
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from self._bound(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield from self._bound(target, value)
            case (
                ast.NamedExpr(target=target, value=value)
                | ast.AugAssign(target=target, value=value)
            ):
                yield from self._bound(target, value)
            case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
                yield from self._bound(target, value)
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                yield from self._bound(target, value)
            case ast.Call(func=ast.Attribute(value=value, attr="append" | "add" | "extend")):
                yield _root(value).union(*map(self._parts, node.args))

    def _bound(self, target: ast.expr, value: ast.expr) -> Iterator[set[str]]:
        match target, value:
            case (
                ast.Tuple(several) | ast.List(several),
                ast.Tuple(values) | ast.List(values),
            ) if len(several) == len(values):
                for one, other in zip(several, values, strict=True):
                    yield from self._bound(one, other)
                return
        names = {n for each in _targets(target) for n in _root(each)} | self._parts(value)
        if len(names) > 1:
            yield names

    def _parts(self, value: ast.expr | None) -> set[str]:
        """The names whose values may be, or be in, what an expression gives."""
        match value:
            case ast.Name(name):
                return set() if name in self._imported else {name}
            case ast.Attribute(value=inner) | ast.Subscript(value=inner):
                return self._parts(inner)
            case ast.Starred(value=inner) | ast.Await(value=inner):
                return self._parts(inner)
            case ast.NamedExpr(value=inner) | ast.YieldFrom(value=inner):
                return self._parts(inner)
            case ast.Tuple(elts=several) | ast.List(elts=several) | ast.Set(elts=several):
                return set().union(*map(self._parts, several))
            case ast.Dict(values=several) | ast.BoolOp(values=several):
                return set().union(*map(self._parts, several))
            case ast.IfExp(body=one, orelse=other):
                return self._parts(one) | self._parts(other)
            case ast.Lambda(body=body):
                return {n.id for n in ast.walk(body) if isinstance(n, ast.Name)} - self._imported
            case ast.ListComp(elt=elt, generators=loops) | ast.SetComp(elt=elt, generators=loops):
                return self._of_loops(elt, loops)
            case ast.GeneratorExp(elt=elt, generators=loops):
                return self._of_loops(elt, loops)
            case ast.DictComp(value=elt, generators=loops):
                return self._of_loops(elt, loops)
            case ast.Call(func=called, args=args, keywords=keywords):
                given = [*args, *(k.value for k in keywords)]
                if self._copies(called):
                    return set()
                return self._of_call(called).union(*map(self._parts, given))
        return set()

    def _of_call(self, called: ast.expr) -> set[str]:
        match called:
            case ast.Attribute(value=value):
                return self._parts(value)
            case ast.Name(name) if name in self._values:
                return {name}  # a closure, which what it gives may share its variables with
        return set()

    def _copies(self, called: ast.expr) -> bool:
        """Whether a call gives nothing that is a part of what it is of, or given."""
        match called:
            case ast.Name(name):
                return name in (_MAKING if name in self._imported else _FRESH)
            case ast.Attribute(attr=method) if self._is_imported(called):
                return method in _MAKING | _COPYING
            case ast.Attribute(value=ast.Name(), attr=method):
                return method in _COPYING
            case ast.Attribute(value=ast.Subscript(), attr=method):
                return method in _COPYING
        return True  # client.chat.completions.create, say

    def _is_imported(self, node: ast.expr) -> bool:
        """Whether this is a part of a module: ``np.random.choice``."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self._imported

    def _of_loops(self, elt: ast.expr, loops: list[ast.comprehension]) -> set[str]:
        found = self._parts(elt)
        for loop in reversed(loops):
            own = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
            if found & own:
                found = (found - own) | self._parts(loop.iter)
        return found


def _defined(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions and methods that a statement makes, without those that these make."""
    if isinstance(node, _FUNCTIONS):
        yield node
        return
    for each in ast.iter_child_nodes(node):
        yield from _defined(each)


def _imports(node: ast.stmt) -> set[str]:
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return set()
    return {(a.asname or a.name).partition(".")[0] for a in node.names}


def _targets(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        for each in target.elts:
            yield from _targets(each)
    else:
        yield target.value if isinstance(target, ast.Starred) else target


def _root(node: ast.expr) -> set[str]:
    """``a`` of ``a.b[0].c``."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    is_name = isinstance(node, ast.Name) and not hasattr(builtins, node.id)
    return {node.id} if is_name and isinstance(node, ast.Name) else set()
