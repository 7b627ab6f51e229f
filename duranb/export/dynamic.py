"""Functions that reach variables by their text: ``globals()[name]``, ``eval(text)``.

Nobody can tell which ones. What only *reads* so is given all that there is: whoever calls it waits
for every variable that is bound above. What may *bind* one so cannot be exported: no function that
was made of a cell would return it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

_READING = frozenset({"get", "keys", "values", "items", "copy", "__getitem__", "__contains__"})
_OWN = ("globals", "locals", "vars")
_LEADING = frozenset({"user_ns", "user_global_ns", "f_globals", "__globals__"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def reads_by_text(node: ast.AST) -> bool:
    """Whether functions in some code may read any variable of the notebook."""
    inner = (f for f in ast.walk(node) if isinstance(f, _FUNCTIONS))
    return any(_evaluates(n) or _is_call_of(n, "globals") for f in inner for n in ast.walk(f))


def binds_by_text(node: ast.AST) -> str:
    """By what functions in some code may give any variable of the notebook a value, or an empty
    string."""
    return next((w for f in ast.walk(node) if isinstance(f, _FUNCTIONS) if (w := _binds(f))), "")


def _binds(node: ast.AST) -> str:
    reading = set(map(id, _read(node)))
    for each in ast.walk(node):
        if _is_call_of(each, "globals") and id(each) not in reading:
            return "globals()"
        if _executes_here(each):
            return "exec"
        if isinstance(each, ast.Attribute) and each.attr in _LEADING:
            return each.attr
        if isinstance(each, ast.Import) and any(a.name == "__main__" for a in each.names):
            return "import __main__"
        match each:
            case ast.Subscript(
                value=ast.Attribute(attr="modules"),
                slice=ast.Name("__name__") | ast.Constant("__main__"),
            ):
                return "sys.modules"
    return ""


def _read(node: ast.AST) -> Iterator[ast.expr]:
    """The parts of some code that are only looked at: ``x`` in ``x[name]``, ``name in x``,
    ``x.get(name)``, ``dict(x)`` and ``f(**x)``, and the namespace of an ``eval``."""
    for each in ast.walk(node):
        match each:
            case ast.Subscript(value=value, ctx=ast.Load()):
                yield value
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=several):
                yield from several
            case ast.Call(func=ast.Attribute(value=value, attr=method)) if method in _READING:
                yield value
            case ast.Call(func=ast.Name("dict" | "sorted" | "list" | "len" | "eval"), args=given):
                yield from given
            case ast.For(iter=value) | ast.comprehension(iter=value):
                yield value
        if isinstance(each, ast.Call):
            yield from (k.value for k in each.keywords if k.arg is None)
        if isinstance(each, ast.Dict):
            pairs = zip(each.keys, each.values, strict=True)
            yield from (v for k, v in pairs if k is None)


def _is_call_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _evaluates(node: ast.AST) -> bool:
    """Whether it is ``eval`` or ``exec`` in the namespace around it."""
    if not (_is_call_of(node, "eval") or _is_call_of(node, "exec")):
        return False
    assert isinstance(node, ast.Call)
    spaces = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "globals")]
    return not spaces or any(_is_call_of(s, own) for s in spaces for own in _OWN)


def _executes_here(node: ast.AST) -> bool:
    """Whether it is ``exec`` with the notebook's own namespace to bind names in, or one of code
    that declares them global. What binds names for the function around it alone does not count."""
    if not _is_call_of(node, "exec") or not _evaluates(node):
        return False
    assert isinstance(node, ast.Call)
    texts = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant))
    if any(isinstance(text, str) and _GLOBAL.search(text) for text in texts):
        return True
    return bool(node.args[1:] or node.keywords) and len(node.args) < 3


_GLOBAL = re.compile(r"(^|[;:\s])global\s")
