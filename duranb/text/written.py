"""Texts that Python code gives to names, as ``user, password = "bob", "…"`` does."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from duranb.text.called import may_be_secret

_NOT_PYTHON = re.compile(r"(?m)^(?P<before>\s*(?:[\w., ]+=)?)\s*(?:[!%].*|.*\?\s*)$")
"""Lines of magics, of the shell, and for help."""

_PIECE = re.compile(
    r"""(?s)(?P<quote>\"{3}|'{3}|["'])(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P=quote)"""
)

_KEY = re.compile(r"(?=(?:\D*\d+\D+){3})[A-Za-z0-9_-]{24,}")
"""What is a key of a service and not one of a dict: ``wandb.login(key="…")``."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

_parameters: dict[str, tuple[str, ...]] = {}
"""Of the functions and classes that code of this process has defined, the names of what they are
given by place."""


@dataclass(frozen=True)
class Written:
    """A text that code gives a ``name``. ``direct`` where it is the value, and not only a part of
    what makes it."""

    name: str
    text: str
    direct: bool


def written(source: str) -> list[Written]:
    """The texts that a cell gives names which may be those of credentials; none where it is not
    Python."""
    plain = _NOT_PYTHON.sub(_nothing, source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(plain)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    for node in ast.walk(tree):
        _define(node)
    nodes = list(ast.walk(tree))
    given = [(n, v, True) for node in nodes for n, v in _given(node)]
    given += [(n, v, False) for node in nodes for n, v in _beside(node)]
    return [
        each
        for name, value, direct in given
        if may_be_secret(name) or name.lower().endswith("key")
        for each in _texts(plain, name, value, direct=direct)
        if may_be_secret(name) or _KEY.fullmatch(each.text)
    ]


def _nothing(found: re.Match[str]) -> str:
    before = found["before"]
    return f"{before}0" if before.rstrip().endswith("=") else f"{before}pass"


def _define(node: ast.AST) -> None:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            _parameters[name] = _of_function(node)
        case ast.ClassDef(name=name, body=body):
            made = [n for n in body if isinstance(n, _FUNCTIONS) and n.name == "__init__"]
            fields = [
                n.target.id
                for n in body
                if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
            ]
            _parameters[name] = _of_function(made[0])[1:] if made else tuple(fields)
        case ast.Assign(
            targets=[ast.Name(name)],
            value=ast.Call(func=called, args=[ast.Constant(), fields_given]),
        ) if _last(called) == "namedtuple":
            _parameters[name] = tuple(_names(fields_given))


def _of_function(node: ast.AST) -> tuple[str, ...]:
    assert isinstance(node, _FUNCTIONS)
    return tuple(a.arg for a in (*node.args.posonlyargs, *node.args.args))


def _names(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield from text.replace(",", " ").split()
        case ast.List(elts=several) | ast.Tuple(elts=several):
            yield from (text for each in several for text in _names(each))


def _given(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Names, and what a piece of code gives them."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _assigned(target, value)
        case (
            ast.AnnAssign(target=target, value=ast.expr() as value)
            | ast.NamedExpr(target=target, value=value)
        ):
            yield from _assigned(target, value)
        case ast.Dict(keys=keys, values=values):
            named = [(_last(k), v) for k, v in zip(keys, values, strict=True) if k is not None]
            yield from named
            fields = dict(named)
            if isinstance(said := fields.get("name", fields.get("key")), ast.Constant):
                yield from ((str(said.value), fields[n]) for n in ("value",) if n in fields)
        case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq()], comparators=[right]):
            yield _last(left), right
        case ast.arguments(posonlyargs=first, args=second, kwonlyargs=third):
            several = [*first, *second]
            least = len(several) - len(node.defaults)
            yield from ((a.arg, d) for a, d in zip(several[least:], node.defaults, strict=True))
            both = zip(third, node.kw_defaults, strict=True)
            yield from ((a.arg, default) for a, default in both if default is not None)
        case ast.Call(func=called, args=args, keywords=keywords):
            yield from ((k.arg, k.value) for k in keywords if k.arg)
            yield from zip(_parameters.get(_last(called), ()), args, strict=False)


def _assigned(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    match target, value:
        case (ast.Tuple(several) | ast.List(several), ast.Tuple(values) | ast.List(values)) if len(
            several
        ) == len(values):
            for one, other in zip(several, values, strict=True):
                yield from _assigned(one, other)
        case _:
            yield _last(target), value


def _beside(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """A name and a text beside each other, as ``setdefault``, ``setattr`` and lists of headers have
    them."""
    match node:
        case (
            ast.Call(args=[ast.Constant(value=str(name)), value, *_])
            | ast.Call(args=[_, ast.Constant(value=str(name)), ast.Constant() as value, *_])
            | ast.Tuple(elts=[ast.Constant(value=str(name)), value])
        ):
            yield name, value


def _last(node: ast.expr) -> str:
    """The name by which something is called: ``c`` of ``a.b["c"]``."""
    match node:
        case ast.Name(name) | ast.Attribute(attr=name) | ast.Constant(value=str(name)):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
    return ""


def _texts(source: str, name: str, value: ast.expr, *, direct: bool) -> Iterator[Written]:
    match value:
        case ast.Constant(value=str() | bytes() as text):
            there = ast.get_source_segment(source, value) or ""
            pieces = {found["text"] for found in _PIECE.finditer(there)}
            plain = text if isinstance(text, str) else text.decode("latin-1")
            yield from (Written(name, text, direct) for text in sorted({plain, *pieces}))
        case ast.BoolOp(values=several) | ast.List(elts=several) | ast.Tuple(elts=several):
            for each in several:
                yield from _texts(source, name, each, direct=direct)
        case ast.IfExp(body=one, orelse=other):
            yield from _texts(source, name, one, direct=direct)
            yield from _texts(source, name, other, direct=direct)
        case ast.JoinedStr() | ast.BinOp() | ast.Call() | ast.Await():
            for part in ast.walk(value):
                if isinstance(part, ast.Constant):
                    yield from _texts(source, name, part, direct=False)
