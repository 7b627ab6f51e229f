"""Text of the exported module: statements one below the other, calls that fit the line."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from duranb.export.chunks import indented, replaced
from duranb.export.statements import Statement

WIDTH = 88
"""Columns, where the text is ours; the user's own lines are left as they are."""


def top_level(statements: Sequence[Statement]) -> str:
    """Statements of a module: two blank lines around definitions."""
    return _stacked(statements, around=3)


def inner(statements: Sequence[Statement]) -> str:
    """Statements of a function, not indented yet."""
    return _stacked(statements, around=2)


def _stacked(statements: Sequence[Statement], around: int) -> str:
    text = ""
    before: Statement | None = None
    for statement in statements:
        if before is not None:
            apart = around if before.is_definition or statement.is_definition else 1
            text += "\n" * max(apart, 2 if statement.chunk.gap else 1)
        text += statement.chunk.text
        before = statement
    return text


def function(
    name: str,
    parameters: Iterable[str],
    parts: Iterable[str],
    *,
    decorator: str = "",
    is_async: bool = False,
    doc: str = "",
    returns: str = "",
) -> str:
    """A function; ``parts`` of its body are separated by blank lines."""
    head = f"{decorator}\n" if decorator else ""
    head += call(f"{'async ' if is_async else ''}def {name}", parameters, after=f"{returns}:")
    body = "\n\n".join(p for p in parts if p) or ("" if doc else "pass")
    if doc:
        body = f"{docstring(doc)}\n{body}".rstrip("\n")
    return f"{head}\n{indented(body)}"


def line(text: str) -> str:
    """A text on one line, and of printable characters only. A file's name, or a heading of somebody
    else's notebook, may be anything: nothing of it is to begin a line of code."""
    return "".join(c if c.isprintable() else " " for c in text)


def inside(text: str) -> str:
    """What stands for a text of one line in a literal with three double quotes."""
    return line(text).replace("\\", "\\\\").replace('"', '\\"')


def docstring(text: str) -> str:
    """A literal for a text of one line."""
    safe = line(text).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    end = "" if safe.endswith((".", "!", "?", ":")) else "."
    return f'"""{safe}{end}"""'


def call(start: str, arguments: Iterable[str], *, after: str = "", indent: int = 0) -> str:
    """``start(arguments)after``, one argument a line where it would be too long."""
    given = list(arguments)
    line = f"{start}({', '.join(given)}){after}"
    if len(line) + indent <= WIDTH or not given:
        return line
    return "\n".join([f"{start}(", *(f"    {a}," for a in given), f"){after}"])


def sequence(names: Sequence[str], *, start: str, end: str, indent: int = 0) -> str:
    """``start a, b end``, in brackets over several lines where it would be too long."""
    line = f"{start}{', '.join(names)}{end}"
    if len(line) + indent <= WIDTH:
        return line
    return "\n".join([f"{start}(", *(f"    {n}," for n in names), f"){end}"])


def comment(heading: str) -> str:
    """A heading of the notebook as a comment line, or nothing."""
    return f"# {line(heading)}\n" if heading else ""


def shown(statements: Sequence[Statement], *, surely: bool = False) -> list[Statement]:
    """Statements of a cell where the last one's value, which a notebook shows, is printed.

    A call is left as it is unless it ``surely`` has a value: what it is for may be what it does.
    What a semicolon hides, and a bare constant, is left out.
    """
    if not statements or not isinstance(statements[-1].node, ast.Expr):
        return list(statements)
    last = statements[-1]
    text = last.chunk.text
    tree = ast.parse(text)
    node = tree.body[0]
    assert isinstance(node, ast.Expr)
    value = node.value
    line = text.split("\n")[(node.end_lineno or 1) - 1]
    hidden = line.encode()[node.end_col_offset or 0 :].lstrip().startswith(b";")
    acts = isinstance(value, (ast.Call, ast.Await, ast.Yield, ast.YieldFrom))
    if acts and (hidden or not surely):
        return list(statements)
    if hidden or isinstance(value, ast.Constant):
        return list(statements[:-1])
    segment = ast.get_source_segment(text, value, padded=False) or ast.unparse(value)
    edited = replaced(text, [(value, f"print({segment})")])
    return [*statements[:-1], replace(last, chunk=replace(last.chunk, text=edited))]


def without_deleting(statement: Statement, names: Collection[str]) -> Statement:
    """A statement that has these names stand for no value where it would delete them: a function
    returns something for each of its names."""
    if not statement.names.deletes.intersection(names):
        return statement
    text = statement.chunk.text
    edits: list[tuple[ast.AST, str]] = [
        (node, _dropping(node, names)) for node in _deleting(ast.parse(text))
    ]
    return replace(statement, chunk=replace(statement.chunk, text=replaced(text, edits)))


def _deleting(node: ast.AST) -> Iterator[ast.Delete]:
    """The ``del`` statements of some code, without those of functions in it."""
    for each in ast.iter_child_nodes(node):
        if isinstance(each, ast.Delete):
            yield each
        elif not isinstance(each, _OWN_NAMES):
            yield from _deleting(each)


_OWN_NAMES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def _dropping(node: ast.Delete, names: Collection[str]) -> str:
    return "; ".join(
        f'{each.id} = duranb.unset("{each.id}")'
        if isinstance(each, ast.Name) and each.id in names
        else f"del {ast.unparse(each)}"
        for each in node.targets
    )
