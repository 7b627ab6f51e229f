"""What a cell's own statements tell a library: ``np.seterr(all="raise")``, ``mp.dps = 50``.

Such a statement makes no value that could be stored: it changes what the library does from then
on, also in memory that nobody can look at. They are told by their form alone: a call for its own
sake of a function that is called to set something, or an attribute that is set, at the top of a
cell, or in a function of the notebook's that such a statement calls. Whose that is, only the
namespace knows (:mod:`duranb.state.commanded`).
"""

from __future__ import annotations

import ast
import copy
import inspect
import re
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

from duranb.code.dataflow import analyse
from duranb.code.mentions import Chain, chain_of

_SETS = re.compile(
    r"(?:^|_)(?:un)?(?:set|enable|disable|register|install|configure|apply|activate|use|extension)"
    r"(?:_|[A-Z]|$)|^set(?:err|default)|^pandas$"  # as in tqdm.pandas()
)
_RESETS_DRAWS = re.compile(r"seed|rng", re.IGNORECASE)
_UPDATES = frozenset({"update", "set"})
_ADDS = frozenset({"append", "insert", "extend", "add", "register", "setdefault"})

PATCHES = frozenset({"start", "stop", "__enter__"})
"""Methods by which what changes a library or Python for a while is begun and ended by hand."""


@dataclass(frozen=True)
class Command:
    """One such statement: its ``source``, the ``chain`` of names that is called or set, the other
    ``names`` in it, and the chains that it ``calls`` to make its arguments. Of those with the same
    ``key`` the latest holds. ``rebound`` are those of its names that stand for something else once
    its code has ended. ``imports`` are statements of the function that it is in, which its names
    come from."""

    source: str
    chain: Chain
    key: str
    names: frozenset[str]
    calls: frozenset[Chain]
    rebound: frozenset[str] = frozenset()
    imports: str = ""


_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Known = Mapping[str, _Function]


class Functions:
    """The functions that a notebook's cells have defined so far: their calls tell what they do."""

    def __init__(self) -> None:
        self._known: dict[str, _Function] = {}

    def of_cell(self, tree: ast.Module) -> tuple[Command, ...]:
        """The commands of the next cell, in its order."""
        for name in analyse(tree).writes:
            self._known.pop(name, None)
        for statement in tree.body:
            if isinstance(statement, _Function) and _is_simple(statement):
                self._known[statement.name] = statement
        return _of_body(tree.body, self._known)


def _is_simple(function: _Function) -> bool:
    """Whether a call of a function carries out what is in it, and nothing else."""
    nodes = (node for each in function.body for node in ast.walk(each))
    yields = any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in nodes)
    return not function.decorator_list and not yields


def of_cell(tree: ast.Module) -> tuple[Command, ...]:
    """Those of a cell of which no other is known."""
    return Functions().of_cell(tree)


def _of_body(
    body: Sequence[ast.stmt], known: _Known, calling: frozenset[str] = frozenset()
) -> tuple[Command, ...]:
    found: list[Command] = []
    for number, statement in enumerate(body, 1):
        inside = _called_in(statement, known, calling)
        for command in (*_commands(statement), *inside):
            other = {*analyse(ast.Module([*body[number:]], [])).writes}
            if isinstance(statement, _WITH_BODY):  # what decides there is asked once more
                other |= _set_in(body[number - 1 :])
            found.append(replace(command, rebound=command.rebound | command.names & other))
    return tuple(found)


def _called_in(statement: ast.stmt, known: _Known, calling: frozenset[str]) -> tuple[Command, ...]:
    """Those of the function that a statement calls, with what it is given in the place of its
    parameters."""
    match statement:
        case ast.Expr(value) | ast.Assign(value=value) | ast.AnnAssign(value=value):
            call = value.value if isinstance(value, ast.Await) else value
        case ast.Return(ast.Call() as call):
            pass
        case _:
            return ()
    match call:
        case ast.Call(ast.Name(name)) if name in known and name not in calling:
            return _of_call(call, known[name], known, calling | {name})
    return ()


def _of_call(
    call: ast.Call, function: _Function, known: _Known, calling: frozenset[str]
) -> tuple[Command, ...]:
    body = function.body
    own = _names_of(function)
    given = _given(call, function.args)
    reads = {name: analyse(ast.Module([ast.Expr(each)], [])).loads for name, each in given.items()}
    put = {n: each for n, each in given.items() if n not in own and reads[n].isdisjoint(own)}
    imports = [each for each in body if isinstance(each, ast.Import | ast.ImportFrom)]
    imported = {name for each in imports for name in analyse(ast.Module([each], [])).writes}
    own = (own | _parameters(function.args)) - imported - put.keys()
    replaced = [_Put(put).visit(copy.deepcopy(each)) for each in body]
    others = {name: each for name, each in known.items() if name not in own}
    sure, perhaps = _ways(replaced)
    way = frozenset({f"the way through {function.name}()"})
    found = [
        *_of_body(sure, others, calling),
        *(replace(c, rebound=c.rebound | way) for c in _of_body(perhaps, others, calling)),
    ]
    first = "\n".join(map(ast.unparse, imports))
    return tuple(
        replace(
            each,
            rebound=each.rebound | each.names & own,
            imports="\n".join(filter(None, (first, each.imports))),
        )
        for each in found
        if each.chain[0] not in own
    )


def _ways(body: Sequence[ast.stmt]) -> tuple[Sequence[ast.stmt], Sequence[ast.stmt]]:
    """The statements that a call carries out, and those before which it may have ended."""
    end = next((n for n, s in enumerate(body, 1) if isinstance(s, ast.Return)), len(body))
    leaving = (n for n, s in enumerate(body[:end]) if _may_end(s))
    sure = next(leaving, end)
    return body[:sure], body[sure:end]


def _may_end(statement: ast.stmt) -> bool:
    ends = any(isinstance(node, ast.Return) for node in ast.walk(statement))
    return ends and not isinstance(statement, (ast.Return, *_DEFINES))


_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _names_of(function: _Function) -> set[str]:
    """The names that a function's own code binds, in it."""
    nodes = [node for each in function.body for node in ast.walk(each)]
    bound = {*analyse(ast.Module(function.body, [])).writes}
    bound |= {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    elsewhere = (n.names for n in nodes if isinstance(n, ast.Global | ast.Nonlocal))
    return bound.difference(*elsewhere)


def _parameters(told: ast.arguments) -> set[str]:
    several = [each for each in (told.vararg, told.kwarg) if each is not None]
    return {each.arg for each in (*told.posonlyargs, *told.args, *told.kwonlyargs, *several)}


def _given(call: ast.Call, told: ast.arguments) -> dict[str, ast.expr]:
    """What a call gives each parameter, as far as that is written down."""
    places = [each.arg for each in (*told.posonlyargs, *told.args)]
    known = dict(zip(reversed(places), reversed(told.defaults), strict=False))
    last = zip(told.kwonlyargs, told.kw_defaults, strict=True)
    known |= {each.arg: default for each, default in last if default is not None}
    known = {name: each for name, each in known.items() if isinstance(each, ast.Constant)}
    if any(isinstance(each, ast.Starred) for each in call.args):
        return {}
    if any(each.arg is None for each in call.keywords):
        return {}
    known |= dict(zip(places, call.args, strict=False))
    known |= {each.arg: each.value for each in call.keywords if each.arg in _parameters(told)}
    return {name: each for name, each in known.items() if _is_plain(each)}


class _Put(ast.NodeTransformer):
    """Puts expressions in the place of names."""

    def __init__(self, given: Mapping[str, ast.expr]) -> None:
        self._given = given

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """What is given for a name that is read."""
        found = self._given.get(node.id) if isinstance(node.ctx, ast.Load) else None
        return node if found is None else copy.deepcopy(found)


def _commands(statement: ast.stmt) -> Iterator[Command]:
    """That of a statement, or those of one with a body (``if``, ``for``, ``with``, ``try``) that
    does nothing else: it is done again as a whole, once for each thing that it tells."""
    if not isinstance(statement, _WITH_BODY):
        if (command := _command(statement)) is not None:
            yield command
        return
    inside = list(_statements(statement))
    told = {c.chain: c for each in inside if (c := _command(each)) is not None}
    heads = list(_heads(statement))
    if not told or not all(map(_is_harmless, inside)) or not all(map(_is_plain, heads)):
        return
    source = ast.unparse(statement)
    asked = analyse(ast.Module([ast.Expr(head) for head in heads], [])).loads
    names = asked.union(*(c.names for c in told.values()))
    names -= {*analyse(ast.Module([statement], [])).writes}
    calls = _called(heads).union(*(c.calls for c in told.values()))
    for chain in told:
        yield Command(source, chain, f"{'.'.join(chain)} in {source}", names, calls)


_WITH_BODY = (ast.If, ast.For, ast.With, ast.Try)


def _statements(statement: ast.stmt) -> Iterator[ast.stmt]:
    """The statements in one with a body that have none themselves."""
    for each in ast.iter_child_nodes(statement):
        if isinstance(each, ast.ExceptHandler):
            yield from _statements(each)  # type: ignore[arg-type]
        elif isinstance(each, ast.stmt):
            yield from _statements(each) if isinstance(each, _WITH_BODY) else [each]


def _set_in(body: Sequence[ast.stmt]) -> set[str]:
    """The names of what has an attribute or an item set in it."""
    nodes = (node for statement in body for node in ast.walk(statement))
    stored = (n for n in nodes if isinstance(n, (ast.Attribute, ast.Subscript)))
    roots = (_root(n) for n in stored if isinstance(n.ctx, (ast.Store, ast.Del)))
    return {root.id for root in roots if isinstance(root, ast.Name)}


def _root(node: ast.expr) -> ast.expr:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node


def _is_harmless(statement: ast.stmt) -> bool:
    """Whether a statement does nothing when it is done again, beside telling."""
    if isinstance(statement, (ast.Import, ast.ImportFrom, ast.Pass, ast.Break, ast.Continue)):
        return True
    match statement:
        case ast.Expr(ast.Call(ast.Name("print"), values)):
            return all(map(_is_plain, values))
    return _command(statement) is not None


def _heads(statement: ast.stmt) -> Iterator[ast.expr]:
    """What decides on the ways through a statement."""
    for each in ast.walk(statement):
        match each:
            case ast.If(head) | ast.For(iter=head) | ast.withitem(head):
                yield head


@dataclass(frozen=True)
class Body:
    """What a function's own statements tell libraries: its ``commands``, the names of what it
    ``returns`` in the end, where that has names, and the ``imports`` in it."""

    commands: tuple[Command, ...] = ()
    returns: tuple[str, ...] = ()
    imports: str = ""


def of_function(fn: Callable[..., Any]) -> Body:
    """Those of a function, as far as its source is there."""
    found = _bodies.get(fn)
    if found is None:
        found = _bodies[fn] = _body(fn)
    return found


_bodies: WeakKeyDictionary[Callable[..., Any], Body] = WeakKeyDictionary()


def _body(fn: Callable[..., Any]) -> Body:
    found = _source_of(fn)
    if found is None:
        return Body()
    body = found.body
    imports = (ast.unparse(each) for each in body if isinstance(each, ast.Import | ast.ImportFrom))
    told = _of_body([_unprinted(each) for each in body], _known_to(fn, body))
    return Body(told, _returned(body[-1]), "\n".join(imports))


def _known_to(fn: Callable[..., Any], body: Sequence[ast.stmt]) -> dict[str, _Function]:
    """The functions of its own module that a function mentions, and those that they do."""
    found: dict[str, _Function] = {}
    around = getattr(inspect.unwrap(fn), "__globals__", {})
    left = [*body]
    while left:
        mentioned = {n.id for n in ast.walk(left.pop()) if isinstance(n, ast.Name)}
        for name in mentioned - found.keys():
            function = around.get(name)
            if type(function) is not types.FunctionType or function.__globals__ is not around:
                continue
            tree = _source_of(function)
            if tree is not None and tree.name == name and _is_simple(tree):
                found[name] = tree
                left += tree.body
    return found


def _source_of(fn: Callable[..., Any]) -> _Function | None:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    match tree.body:
        case [(ast.FunctionDef() | ast.AsyncFunctionDef()) as found]:
            return found
    return None


def _unprinted(statement: ast.stmt) -> ast.stmt:
    """The last call of a cell, which an export has print its value."""
    match statement:
        case ast.Expr(ast.Call(ast.Name("print"), [ast.Call() as call], [])):
            return ast.Expr(call)
    return statement


def _returned(last: ast.stmt) -> tuple[str, ...]:
    match last:
        case ast.Return(ast.Name(name)):
            return (name,)
        case ast.Return(ast.Tuple(several)):
            names = tuple(each.id for each in several if isinstance(each, ast.Name))
            return names if len(names) == len(several) else ()
    return ()


def _command(statement: ast.stmt) -> Command | None:
    match statement:
        case ast.Expr(ast.Call(ast.Attribute(patch, name), [], [])) if name in PATCHES:
            # What is started, and ended, is one thing: the latest of these holds.
            chain, key = (*chain_of(_made_by(patch)), name), f"{ast.unparse(patch)} is on"
            values: list[ast.expr] = [patch] if isinstance(patch, ast.Call) else []
            if len(chain) < 2:
                return None
        case ast.Expr(ast.Call() as call):
            chain = chain_of(call.func)
            if not chain or not tells(chain):
                return None
            values = [*call.args, *(each.value for each in call.keywords)]
            key = _key(chain, call)
        case ast.Assign([ast.Attribute() as target], value):
            chain, values = chain_of(target), [value]
            key = f"{'.'.join(chain)} ="
        case _:
            return None
    if not chain or not all(map(_is_plain, values)):
        return None
    names = analyse(ast.Module([ast.Expr(value) for value in values], [])).loads
    return Command(ast.unparse(statement), chain, key, names, _called(values))


def _made_by(patch: ast.expr) -> ast.expr:
    return patch.func if isinstance(patch, ast.Call) else patch


def _called(values: Sequence[ast.expr]) -> frozenset[Chain]:
    """The chains that are called in these, builtins that only ask left out."""
    inside = (node for value in values for node in ast.walk(value))
    chains = (chain_of(node.func) for node in inside if isinstance(node, ast.Call))
    return frozenset(chain for chain in chains if chain not in _ASK)


_ASK = frozenset(
    (name,)
    for name in (
        *("range", "len", "enumerate", "zip", "sorted", "min", "max", "any", "all", "isinstance"),
        *("hasattr", "getattr", "str", "int", "float", "bool", "list", "tuple", "set", "dict"),
    )
)


def tells(chain: Chain) -> bool:
    """Whether what is called so is called to set something. What puts random generators somewhere
    is told by where these stand."""
    last = chain[-1] if chain else ""
    if _RESETS_DRAWS.search(last):
        return False
    if len(chain) > 2 and last in _UPDATES | _ADDS:
        return True
    return bool(_SETS.search(last))


def _key(chain: Chain, call: ast.Call) -> str:
    if chain[-1] in _ADDS:
        return ast.unparse(call)
    first = call.args[0] if len(call.args) > 1 else None  # the name of what is set
    what = first.value if isinstance(first, ast.Constant) and type(first.value) is str else ""
    named = sorted(each.arg or "**" for each in call.keywords)
    return f"{'.'.join(chain)}({what!r}, {', '.join(named)})"


def _is_plain(node: ast.expr) -> bool:
    """Whether an argument is written down, or made of such by calls of what a chain names."""
    return all(type(each) in _PLAIN for each in _parts(node))


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if isinstance(node, ast.Lambda):
        return  # which is not called to make it
    for each in ast.iter_child_nodes(node):
        if not isinstance(each, _MARKS):
            yield from _parts(each)


_MARKS = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
_PLAIN = frozenset(
    {ast.Constant, ast.Name, ast.Attribute, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.UnaryOp}
    | {ast.BinOp, ast.Call, ast.keyword, ast.Lambda, ast.Subscript, ast.JoinedStr}
    | {ast.FormattedValue, ast.Compare, ast.BoolOp, ast.IfExp}
)
