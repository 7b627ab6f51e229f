"""Names that code reaches by their text: ``exec("…")``, ``eval("…")``, ``globals()["x"]``.

Such code could touch any name, and all are looked at after it ran. What it *reads* can often be
told all the same: where the text stands in the code, and where it only binds.
"""

from __future__ import annotations

import ast

from duranb.code.bytecode import LEADING

_NAMESPACES = frozenset({"globals", "locals", "vars"})
_SHELL = frozenset({"user_ns", "user_global_ns"})
_BINDING = frozenset({"update", "__setitem__"})
_KEYED = frozenset({"get", "__getitem__", "pop", "setdefault"})


def literal(node: ast.Call) -> list[ast.stmt] | None:
    """The statements of ``exec("…")`` or ``eval("…")`` in the namespace around, or None."""
    match node:
        case ast.Call(ast.Name("exec" | "eval" as kind), [ast.Constant(str(source))], []):
            try:
                if kind == "exec":
                    return ast.parse(source).body
                found = ast.parse(source.strip(), mode="eval").body
            except (SyntaxError, ValueError):
                return None  # whoever runs it will be told
            return [ast.Expr(found)]
    return None


def namespace(node: ast.AST) -> str:
    """By what an expression at the top of a cell is the whole namespace, ``globals()`` say, or an
    empty string."""
    match node:
        case ast.Call(ast.Name(name), [], []) if name in _NAMESPACES:
            return name
        case ast.Attribute(ast.Call(ast.Name("get_ipython"), [], []), name) if name in _SHELL:
            return name
    return ""


def key(node: ast.AST) -> str:
    """The name in ``globals()["name"]``, or an empty string where it is not written there."""
    match node:
        case ast.Constant(str(name)):
            return name
    return ""


def binds(node: ast.Call) -> tuple[str, ...] | None:
    """The names, as far as they are written there, that ``globals().update(…)`` binds; None for
    other calls."""
    match node:
        case ast.Call(ast.Attribute(_, method)) if method in _BINDING:
            return tuple(k.arg for k in node.keywords if k.arg)
    return None


def reads(node: ast.Call) -> str:
    """The name that ``globals().get("name")`` reads, or an empty string for other calls."""
    match node:
        case ast.Call(ast.Attribute(_, method), [first, *_]) if method in _KEYED:
            return key(first)
    return ""


def leads(node: ast.AST) -> str:
    """By what code has the notebook as a module, or a library that looks for it: ``unittest.main``,
    ``sys.modules["__main__"]``. Empty for any other code."""
    match node:
        case ast.Attribute(ast.Name(of), what):
            pass
        case ast.Subscript(
            ast.Attribute(_, of), ast.Name(what) | ast.Constant(str(what))
        ) | ast.Call(
            ast.Attribute(_, of) | ast.Name(of), [ast.Name(what) | ast.Constant(str(what)), *_]
        ):
            pass
        case _:
            return ""
    return f"{of} {what}" if (of, what) in LEADING else ""
