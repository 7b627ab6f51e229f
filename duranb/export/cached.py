"""Changes in place of what a cached function gives, which only the process that made it sees.

``functools.lru_cache`` keeps a result for whoever asks next. In a notebook that is the same object;
in an export another step may run in another process, or be restored, and the function makes it
anew there, without the change.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence

from duranb.export.errors import ExportError
from duranb.export.place import Placed
from duranb.export.statements import Statement, changes

_CACHES = frozenset({"functools.lru_cache", "functools.cache"})
_HANDING_ON = frozenset({"get", "items", "values", "setdefault"})
"""Methods that give what an object holds, and no copy."""


def check_cached(cells: Sequence[Placed], module_of: Callable[[str], str]) -> None:
    """Raise :class:`ExportError` where one node changes what a cached function gives, and another
    one calls that function. ``module_of`` says what a name was imported for."""
    every = [s for placed in cells for s in (*placed.module, *placed.flow)]
    cached = {n for s in every if _is_cached(s.node, module_of) for n in s.names.writes}
    if not cached:
        return
    functions = {n: s for s in every for n in s.makes}
    nodes = [(p, _reached(p.flow, functions)) for p in cells if p.flow]
    for placed, its in nodes:
        for name in sorted(_changed([s.node for s in its], cached)):
            others = (p for p, theirs in nodes if p is not placed and _calls(theirs, name))
            if other := next(others, None):
                raise ExportError(
                    f"{placed.cell.label} changes in place what {name} gives and its cache keeps: "
                    f"{other.cell.label}, which calls it too, would see that in one process only. "
                    "Change a copy of it"
                )


def _is_cached(node: ast.stmt, module_of: Callable[[str], str]) -> bool:
    value = node.value if isinstance(node, ast.Assign) else None
    asked = [value] if value is not None else getattr(node, "decorator_list", [])
    return any(_dotted(each, module_of) in _CACHES for each in asked)


def _dotted(node: ast.expr, module_of: Callable[[str], str]) -> str:
    """``functools.cache`` for ``cache``, ``cache(f)`` and ``functools.cache(maxsize=2)(f)``."""
    match node:
        case ast.Call(func=called):
            return _dotted(called, module_of)
        case ast.Attribute(value=value, attr=name):
            return f"{_dotted(value, module_of)}.{name}"
        case ast.Name(name):
            return module_of(name) or name
    return ""


def _reached(flow: Iterable[Statement], functions: dict[str, Statement]) -> list[Statement]:
    """The statements of a node, and the functions that they call."""
    found, left = [], [*flow]
    while left:
        statement = left.pop()
        if statement not in found:
            found.append(statement)
            left += [functions[n] for n in statement.names.loads & functions.keys()]
    return found


def _calls(statements: Iterable[Statement], name: str) -> bool:
    return any(name in s.names.loads for s in statements)


def _changed(nodes: Sequence[ast.AST], cached: set[str]) -> set[str]:
    """The cached functions of which these change what they gave."""
    given: dict[str, set[str]] = {}

    def of(node: ast.expr) -> set[str]:
        """The functions of whose results an expression gives a part."""
        match node:
            case ast.Name(name):
                return given.get(name, set())
            case ast.Call(func=ast.Name(name)) if name in cached:
                return {name}
            case ast.Call(func=ast.Attribute(value=value, attr=method)) if method in _HANDING_ON:
                return of(value)
            case ast.Subscript(slice=ast.Slice()):
                return set()
            case ast.Attribute(value=value) | ast.Subscript(value=value):
                return of(value)
            case ast.Await(value=value) | ast.NamedExpr(value=value):
                return of(value)
            case ast.Tuple(elts=several):
                return set().union(*map(of, several))
        return set()

    before = -1
    while before != sum(map(len, given.values())):
        before = sum(map(len, given.values()))
        for target, value in (pair for node in nodes for pair in _bindings(node)):
            for each in ast.walk(target):
                if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store) and of(value):
                    given.setdefault(each.id, set()).update(of(value))
    # ``n += 1`` gives most things a name anew.
    changed = (x for node in nodes for x in changes(node))
    kept = (x for x in changed if not (isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)))
    return {name for each in kept for name in of(each)}


def _bindings(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What is bound to what, in some code."""
    for each in ast.walk(node):
        match each:
            case ast.Assign(targets=targets, value=value):
                yield from ((target, value) for target in targets)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield target, value
            case ast.NamedExpr(target=target, value=value):
                yield target, value
            case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                yield target, value
