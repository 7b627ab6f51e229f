"""Annotations of variables, ``report: list[Line] = []``, which lie in ``__annotations__``.

What is said of a class is its place, of text the text itself, and of anything else how the cell
writes it, which is evaluated again where the step is restored: names, attributes, subscripts and
``|`` of them, and nothing that calls.
"""

from __future__ import annotations

import ast
import functools
import importlib
import sys
from collections.abc import Collection, Iterator
from typing import Any

from duranb.code.looking import is_class, module_of, qualname_of
from duranb.engine.settings.settable import Group, Values, different
from duranb.engine.settings.told import TOLD

_NAME = "__annotations__"

_CODE, _CLASS = "code", "class"
"""How what is kept of an annotation begins: it is code, or the place of a class."""


def group(live: dict[str, Any], body: Collection[ast.stmt] = ()) -> Group:
    """The annotations in a namespace, as they are kept of a step with this code."""
    written = dict(_written(body))

    def read() -> Values:
        return dict(live.get(_NAME, {}))

    def changed(was: Values, now: Values) -> Values:
        return {n: _kept(v, written.get(n)) for n, v in different(was, now).items()}

    def write(values: Values) -> None:
        there = live.setdefault(_NAME, {})
        there.update({name: _made(value, live) for name, value in values.items()})

    return Group(read, dict, write, changed, there=lambda name: name in live.get(_NAME, {}))


def _written(body: Collection[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """What code says of its variables, by their names; the last that is said counts."""
    for statement in body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id, statement.annotation
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield from _written(getattr(statement, name, ()))


_PLAIN = (
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.Tuple,
    ast.List,
    ast.Constant,
    ast.BinOp,
    ast.BitOr,
    ast.Load,
)


def _kept(value: object, written: ast.expr | None) -> object:
    """What an annotation comes from again; itself where that is not known."""
    if is_class(value):
        there: Any = sys.modules.get(module_of(value))
        for name in qualname_of(value).split("."):
            there = getattr(there, name, None)
        if there is value:
            return {_CLASS: f"{module_of(value)}:{qualname_of(value)}"}
    elif type(value) is str:
        return value
    if written is not None and _is_plain(written):
        return {_CODE: ast.unparse(written)}
    return value if type(value) is not dict else TOLD


def _is_plain(code: ast.expr) -> bool:
    return all(isinstance(node, _PLAIN) for node in ast.walk(code))


def _made(kept: Any, live: dict[str, Any]) -> object:
    if not isinstance(kept, dict):
        return kept
    ((how, text),) = kept.items()
    if how == _CODE:
        code = ast.parse(text, mode="eval")
        if not _is_plain(code.body):
            raise ValueError(f"{text} is no annotation of a variable")
        return eval(compile(code, "<annotation>", "eval"), live)  # of the notebook's names
    module, _, name = text.partition(":")
    return functools.reduce(getattr, name.split("."), importlib.import_module(module))
