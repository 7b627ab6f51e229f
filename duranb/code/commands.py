"""What a cell's own statements tell a library: ``np.seterr(all="raise")``, ``mp.dps = 50``.

Such a statement makes no value that could be stored: it changes what the library does from then
on, also in memory that nobody can look at. They are told by their form alone: a call for its own
sake of a function that is called to set something, or an attribute that is set, at the top of a
cell. Whose that is, only the namespace knows (:mod:`duranb.state.commanded`).
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
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


@dataclass(frozen=True)
class Command:
    """One such statement: its ``source``, the ``chain`` of names that is called or set, the other
    ``names`` in it, and the chains that it ``calls`` to make its arguments. Of those with the same
    ``key`` the latest holds. ``rebound`` are those of its names that stand for something else once
    its code has ended."""

    source: str
    chain: Chain
    key: str
    names: frozenset[str]
    calls: frozenset[Chain]
    rebound: frozenset[str] = frozenset()


def of_cell(tree: ast.Module) -> tuple[Command, ...]:
    """Those of a cell, in its order."""
    return _of_body(tree.body)


def _of_body(body: Sequence[ast.stmt]) -> tuple[Command, ...]:
    found: list[Command] = []
    for number, statement in enumerate(body, 1):
        if (command := _command(statement)) is not None:
            later = analyse(ast.Module([*body[number:]], [])).writes
            found.append(replace(command, rebound=command.names.intersection(later)))
    return tuple(found)


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
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return Body()
    match tree.body:
        case [ast.FunctionDef(body=body) | ast.AsyncFunctionDef(body=body)]:
            imports = (ast.unparse(x) for x in body if isinstance(x, ast.Import | ast.ImportFrom))
            told = _of_body([_unprinted(each) for each in body])
            return Body(told, _returned(body[-1]), "\n".join(imports))
    return Body()


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
    inside = [node for value in values for node in ast.walk(value)]
    names = analyse(ast.Module([ast.Expr(value) for value in values], [])).loads
    calls = frozenset(chain_of(n.func) for n in inside if isinstance(n, ast.Call))
    return Command(ast.unparse(statement), chain, key, names, calls)


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
        if not isinstance(each, (ast.expr_context, ast.operator, ast.unaryop)):
            yield from _parts(each)


_PLAIN = frozenset(
    {ast.Constant, ast.Name, ast.Attribute, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.UnaryOp}
    | {ast.BinOp, ast.Call, ast.keyword, ast.Lambda, ast.Subscript, ast.JoinedStr}
    | {ast.FormattedValue}
)
