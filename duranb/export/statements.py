"""What each statement of a cell does to names, as far as an export has to know."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from duranb.code import dataflow
from duranb.code.dataflow import CellNames
from duranb.code.flow import Flow
from duranb.export.chunks import Chunk, cut

_MUTATORS = frozenset(
    {"add", "append", "appendleft", "clear", "difference_update", "discard", "extend"}
    | {"extendleft", "insert", "intersection_update", "pop", "popitem", "popleft", "put"}
    | {"remove", "reverse", "setdefault", "sort", "symmetric_difference_update", "update"}
)
_LOOKING = frozenset(
    {"head", "tail", "describe", "info", "value_counts", "nunique", "unique", "corr", "isna"}
    | {"isnull", "nlargest", "nsmallest", "most_common", "to_string", "to_markdown", "memory_usage"}
)
"""Methods of tables that a cell ends with to show what they give: they change nothing."""
_FIRST_ARGUMENT = frozenset({"heappush", "heappop", "heapify", "shuffle", "insort"})
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Statement:
    """One top-level statement of a cell.

    ``mutates`` are names whose value it, or a function it defines, visibly changes in place;
    ``called`` are names in a call that stands alone: it is there for what it does, perhaps to them.
    ``globals`` those that such a function declares global, which are among them.
    """

    chunk: Chunk
    names: CellNames
    mutates: frozenset[str]
    called: frozenset[str]
    globals: frozenset[str]
    awaits: bool

    @property
    def node(self) -> ast.stmt:
        """Its syntax tree."""
        return self.chunk.node

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands in its cell: line and column."""
        return self.node.lineno, self.node.col_offset

    @property
    def targets(self) -> set[str]:
        """The variables of its loops and ``with`` clauses: means, hardly ever results."""
        found = {t for n in ast.walk(self.node) for t in _loop_targets(n)}
        return {n.id for t in found for n in ast.walk(t) if isinstance(n, ast.Name)}

    @property
    def makes(self) -> set[str]:
        """The functions and classes it makes."""
        value = getattr(self.node, "value", None)
        made = self.is_definition or isinstance(value, ast.Lambda)
        return set(self.names.writes) - self.globals if made else set()

    @property
    def gives(self) -> set[str]:
        """The names under which others may find the functions that are made in it."""
        return self.makes or {*self.names.writes, *self.mutates, *self.called}

    @property
    def later(self) -> set[str]:
        """The names that functions and generators inside of it read when they are used, if it is no
        definition itself: it may have put them anywhere."""
        inner = (n for n in ast.walk(self.node) if isinstance(n, _LATER) and n is not self.node)
        names = {n.id for i in inner for n in ast.walk(i) if isinstance(n, ast.Name)}
        return set() if self.makes else names & self.names.loads

    @property
    def decorators(self) -> set[str]:
        """The names that its decorators begin with: they may keep what it makes."""
        made = getattr(self.node, "decorator_list", ())
        return {n.id for d in made for n in ast.walk(d) if isinstance(n, ast.Name)}

    @property
    def is_definition(self) -> bool:
        """Whether it defines a function or a class."""
        return isinstance(self.node, _DEFINITIONS)

    @property
    def is_import(self) -> bool:
        """Whether it imports, and does nothing else."""
        return isinstance(self.node, (ast.Import, ast.ImportFrom))

    @property
    def value(self) -> ast.expr | None:
        """What it gives one name, if it is no more than such an assignment."""
        node = self.node
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if len(targets) != 1 or not isinstance(targets[0], ast.Name):
            return None
        value: ast.expr | None = getattr(node, "value", None)
        return value

    @property
    def is_literal(self) -> bool:
        """Whether it gives one name a value that is written out."""
        value = self.value
        return value is not None and all(isinstance(n, _LITERAL) for n in ast.walk(value))


def statements(source: str) -> list[Statement]:
    """The statements of a cell's Python."""
    return [_facts(chunk) for chunk in cut(source)]


def expression(text: str) -> CellNames:
    """The names of an expression; of none if it is empty."""
    return dataflow.analyse(ast.parse(text))


def together(several: Iterable[Statement]) -> CellNames:
    """The names of several statements, one after the other."""
    return dataflow.analyse(ast.Module([s.node for s in several], []))


def flow_of(several: Iterable[Statement]) -> Flow:
    """Several statements walked in order."""
    flow = Flow()
    flow.block([s.node for s in several])
    return flow


def gone(several: Iterable[Statement]) -> set[str]:
    """The names that are deleted when several statements have run."""
    found: set[str] = set()
    for statement in several:
        found -= set(statement.names.writes)
        found |= statement.names.deletes
    return found


def surely_gone(several: Iterable[Statement]) -> set[str]:
    """Those of them that are deleted on every way there."""
    several = list(several)
    sure = {n for s in several if isinstance(s.node, ast.Delete) for n in s.names.deletes}
    return gone(several) & sure


def _facts(chunk: Chunk) -> Statement:
    tree = ast.Module([chunk.node], [])
    names = dataflow.analyse(tree)
    declared = frozenset(
        n for e in ast.walk(chunk.node) if isinstance(e, ast.Global) for n in e.names
    )
    return Statement(
        chunk=chunk,
        names=names,
        mutates=frozenset(_mutated(chunk.node)) & names.loads | declared,
        called=frozenset(_called(chunk.node)),
        globals=declared,
        awaits=dataflow.is_async(tree),
    )


_LATER = (*_DEFINITIONS, ast.Lambda, ast.GeneratorExp)
_CONTAINERS = (ast.Tuple, ast.List, ast.Set, ast.Dict)
_ARITHMETIC = (ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop)
_LITERAL = (ast.Constant, ast.expr_context, *_CONTAINERS, *_ARITHMETIC)


def with_bound_after(
    flows: Sequence[list[Statement]],
) -> Iterator[tuple[int, Statement, set[str]]]:
    """Each statement of the nodes' ``flows``, with its node's place and the names that are bound
    after it."""
    after: set[str] = set()
    found = []
    for index, flow in reversed(list(enumerate(flows))):
        for statement in reversed(flow):
            found.append((index, statement, set(after)))
            after |= set(statement.names.writes)
    yield from reversed(found)


def changed_in(node: ast.AST) -> set[str]:
    """Names that some code visibly changes in place, or gives another value as a global."""
    declared = {n for e in ast.walk(node) if isinstance(e, ast.Global) for n in e.names}
    return _mutated(node) | declared


def _loop_targets(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, (ast.For, ast.AsyncFor)):
        return [node.target]
    if isinstance(node, (ast.With, ast.AsyncWith)):
        return [i.optional_vars for i in node.items if i.optional_vars is not None]
    return []


def changes(node: ast.AST) -> Iterator[ast.expr]:
    """What some statement inside of ``node`` visibly changes in place."""
    for each in ast.walk(node):
        if isinstance(each, (ast.Attribute, ast.Subscript)):
            if isinstance(each.ctx, (ast.Store, ast.Del)):
                yield each.value
        elif isinstance(each, ast.AugAssign):
            yield each.target  # of a list it is
        elif isinstance(each, ast.Call):
            called = each.func
            if isinstance(called, ast.Attribute):
                inplace = any(k.arg == "inplace" for k in each.keywords)
                if called.attr in _MUTATORS or inplace:
                    yield called.value
            name = getattr(called, "attr", getattr(called, "id", ""))
            if name in _FIRST_ARGUMENT and each.args:
                yield each.args[0]


def _mutated(node: ast.AST) -> set[str]:
    """Names whose value some statement inside of ``node`` visibly changes in place."""
    found = {name for changed in changes(node) for name in _root(changed)}
    for each in ast.walk(node):
        if isinstance(each, (ast.For, ast.AsyncFor, ast.comprehension)) and any(
            isinstance(n, ast.Name) and n.id in found for n in ast.walk(each.target)
        ):
            found |= _roots(each.iter)
    return found


def _roots(node: ast.expr) -> set[str]:
    """What a loop goes through: ``xs`` and ``ys`` of ``zip(xs, ys.items())``."""
    if isinstance(node, ast.Call):
        found = _root(node.func) if isinstance(node.func, ast.Attribute) else set()
        return found.union(*map(_roots, node.args))
    return _root(node)


def _called(node: ast.stmt) -> set[str]:
    """``x`` and ``y`` of ``x.take(y)`` and ``take(x, y)`` that nobody wants the value of."""
    found: set[str] = set()
    for each in ast.walk(node):
        match each:
            case (
                ast.Expr(value=ast.Call() as call)
                | ast.Expr(value=ast.Await(value=ast.Call() as call))
            ):
                if isinstance(call.func, ast.Name) and hasattr(builtins, call.func.id):
                    continue
                if isinstance(call.func, ast.Attribute) and call.func.attr in _LOOKING:
                    continue
                found |= _of_chain(call.func) if isinstance(call.func, ast.Attribute) else set()
                for given in (*call.args, *(k.value for k in call.keywords)):
                    found |= _root(given)
    return found


def _of_chain(node: ast.expr) -> set[str]:
    """``a`` of ``a.b(1).c``."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        if isinstance(node, ast.Call) and not isinstance(node.func, ast.Attribute):
            return set()
        node = node.func if isinstance(node, ast.Call) else node.value
    return _root(node)


def _root(node: ast.expr) -> set[str]:
    """``a`` of ``a.b[0].c``."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()
