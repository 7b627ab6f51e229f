"""How a durable cell's body runs: rewritten so that it stays a cell.

The body moves into ``for attempt in run: with attempt: …`` (``async`` where the cell awaits). It
keeps its global scope, its line numbers and its top-level await; a failed attempt can be followed
by another; the last expression is displayed as IPython would.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import functools
import operator
from collections.abc import Collection
from typing import Any

from duranb.code.deep import deeply
from duranb.jupyter.noting import NOTES, noting

HANDLE = "__duranb__"
"""The name under which the rewritten body finds the cell that is running. It is a builtin, as the
user's namespace is to show nothing of ours."""

NOTED: dict[str, bool] = {}
"""The names that running cells have noted."""


def install() -> None:
    """Let cells note names. This stays: generators that cells have made may outlive all else."""
    setattr(builtins, NOTES, NOTED)


def put(running: Any) -> Any:
    """Put a running cell under the handle, or None for no cell; the one that was there."""
    outer = getattr(builtins, HANDLE, None)
    if running is not None:
        setattr(builtins, HANDLE, running)
    elif outer is not None:
        delattr(builtins, HANDLE)
    return outer


def attempts(
    tree: ast.Module, *, unsure: Collection[str], is_async: bool, interactivity: str
) -> ast.Module:
    """The body in a loop over attempts. ``unsure`` are the names whose binding it is to note,
    ``interactivity`` is IPython's setting of what to show."""
    future = _future(tree)
    # A cell's statements are compiled one by one: there, ``global`` says nothing about the others.
    body = [n for n in tree.body if n not in future and not isinstance(n, ast.Global)]
    with deeply():
        inner = [*noting(_documenting(_shown(body, interactivity)), unsure), _call("ended")]
    run = _of_handle("run", ast.Load())
    guard = ast.withitem(_of_handle("attempt", ast.Load()))
    target = _of_handle("attempt", ast.Store())
    if is_async:
        block: ast.stmt = ast.AsyncFor(target, run, [ast.AsyncWith([guard], inner)], [])
    else:
        block = ast.For(target, run, [ast.With([guard], inner)], [])
    return _module([*future, block], tree)


def _future(tree: ast.Module) -> list[ast.ImportFrom]:
    return [n for n in tree.body if isinstance(n, ast.ImportFrom) and n.module == "__future__"]


def future_flags(tree: ast.Module) -> int:
    """What a cell imports from ``__future__``, as flags of the compiler: all cells below are
    compiled with these, be the cell itself restored or not."""
    names = {alias.name for node in _future(tree) for alias in node.names}
    found = (getattr(__future__, n).compiler_flag for n in names & {*__future__.all_feature_names})
    return functools.reduce(operator.or_, found, 0)


def replaced(tree: ast.Module, method: str) -> ast.Module:
    """Instead of the body, a call of the running cell's ``method``, and the cell's ``__doc__``."""
    documented = [n for n in _documenting(tree.body[:-1]) if n not in tree.body]
    return _module([*documented[-1:], _call(method)], tree)


def _of_handle(name: str, context: ast.expr_context) -> ast.Attribute:
    return ast.Attribute(ast.Name(HANDLE, ast.Load()), name, context)


def _call(method: str) -> ast.Expr:
    return ast.Expr(ast.Call(_of_handle(method, ast.Load()), [], []))


def _documenting(body: list[ast.stmt]) -> list[ast.stmt]:
    """A string that stands by itself is ``__doc__``: a cell's statements are compiled one by one,
    and so each is the first of its module."""
    return [_documented(node) for node in body]


def _documented(node: ast.stmt) -> ast.stmt:
    match node:
        case ast.Expr(value=ast.Constant(value=str()) as text):
            name = ast.copy_location(ast.Name("__doc__", ast.Store()), node)
            return ast.copy_location(ast.Assign([name], text), node)
    return node


def loose_jump(tree: ast.Module, source: str) -> ast.stmt | None:
    """A ``break`` or ``continue`` outside of any loop, if there is one; ``source`` is the cell's.

    The loop around the body would make it legal.
    """
    if "break" not in source and "continue" not in source:
        return None
    stack: list[tuple[ast.AST, bool]] = [(node, False) for node in tree.body]
    while stack:
        node, looped = stack.pop()
        if isinstance(node, (ast.Break, ast.Continue)) and not looped:
            return node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            stack += [(child, True) for child in node.body]
            stack += [(child, looped) for child in node.orelse]
            continue
        stack += [(child, looped) for child in ast.iter_child_nodes(node)]
    return None


def _shown(body: list[ast.stmt], interactivity: str) -> list[ast.stmt]:
    """Expressions that IPython would show, handed to the running cell's ``show``."""
    if interactivity == "last_expr_or_assign" and body:
        body = _with_assigned_value(body)
    if interactivity == "all":
        return [_show(n) for n in body]
    if interactivity == "none" or not body:
        return body
    return [*body[:-1], _show(body[-1])]


def _show(node: ast.stmt) -> ast.stmt:
    if not isinstance(node, ast.Expr):
        return node
    call = ast.Call(_of_handle("show", ast.Load()), [node.value], [])
    return ast.copy_location(ast.Expr(ast.copy_location(call, node.value)), node)


def _with_assigned_value(body: list[ast.stmt]) -> list[ast.stmt]:
    last = body[-1]
    targets = last.targets if isinstance(last, ast.Assign) else []
    if isinstance(last, (ast.AugAssign, ast.AnnAssign)):
        targets = [last.target]
    if len(targets) == 1 and isinstance(targets[0], ast.Name):
        name = ast.copy_location(ast.Name(targets[0].id, ast.Load()), last)
        return [*body, ast.copy_location(ast.Expr(name), last)]
    return body


def _module(body: list[ast.stmt], like: ast.Module) -> ast.Module:
    """A module whose new nodes stand on the first line of the old one's body. IPython gives the
    nodes in them the same place."""
    line = like.body[0].lineno if like.body else 1
    for node in body:
        if not hasattr(node, "lineno"):
            node.lineno, node.col_offset = line, 0
            node.end_lineno, node.end_col_offset = line, 0
    return ast.Module(body, like.type_ignores)
