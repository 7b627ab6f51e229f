"""Random edits of a notebook, as people make them between two runs."""

from __future__ import annotations

import ast
import random
from dataclasses import dataclass

from tests.peers.oracle.life import Cells


@dataclass(frozen=True)
class Edit:
    """The notebook after an edit, the names of the cells that were changed, and what was done."""

    cells: Cells
    changed: frozenset[str]
    what: str


def edit(cells: Cells, original: Cells, rng: random.Random) -> Edit:
    """One edit. ``original`` is the notebook of the beginning: some edits go back to it."""
    while True:
        kind = rng.choices(
            [_literal, _operator, _comment, _statement, _back, _drop, _split],
            [70, 8, 4, 8, 5, 3, 2],
        )[0]
        made = kind(list(cells), original, rng)
        if made is not None and made.cells != cells:
            return made


def _changed(cells: Cells, number: int, source: str, what: str) -> Edit:
    name, before = cells[number]
    cells[number] = (name, source)
    if ast.dump(ast.parse(before)) == ast.dump(ast.parse(source)):
        return Edit(cells, frozenset(), what)
    return Edit(cells, frozenset([name]), what)


def _literal(cells: Cells, original: Cells, rng: random.Random) -> Edit | None:
    """Another number or word, anywhere: in a cell, a helper, an input."""
    number = rng.randrange(len(cells))
    name, source = cells[number]
    found = list(_constants(source))
    if not found:
        return None
    node = rng.choice(found)
    value = _other(node.value, rng)
    new = _replaced(source, node, repr(value))
    return _changed(cells, number, new, f"{name}: {node.value!r} -> {value!r}")


def _constants(source: str) -> list[ast.Constant]:
    """Constants whose place in the source is known (not those of f-strings), but docstrings."""
    found: list[ast.Constant] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.JoinedStr):
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return
        if isinstance(node, ast.Constant) and type(node.value) in (int, float, str, bool):
            found.append(node)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(source))
    return found


def _other(value: object, rng: random.Random) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return max(0, value + rng.choice([-1, 1, 2, 3]))
    if isinstance(value, float):
        return value + rng.choice([0.5, 1.0])
    assert isinstance(value, str)
    return value + rng.choice("abc")


def _replaced(source: str, node: ast.expr, text: str) -> str:
    lines = source.encode().splitlines(keepends=True)
    assert node.end_lineno is not None and node.end_col_offset is not None
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
    whole = source.encode()
    return (whole[:start] + text.encode() + whole[end:]).decode()


def _operator(cells: Cells, original: Cells, rng: random.Random) -> Edit | None:
    """A plus for a minus, a greater for a less."""
    number = rng.randrange(len(cells))
    name, source = cells[number]
    pairs = [(" + ", " - "), (" * ", " + "), (" > ", " < "), (" - ", " + "), (" < ", " >= ")]
    fitting = [p for p in pairs if p[0] in source]
    if not fitting:
        return None
    old, new = rng.choice(fitting)
    at = rng.choice([n for n in range(len(source)) if source.startswith(old, n)])
    made = source[:at] + new + source[at + len(old) :]
    return _changed(cells, number, made, f"{name}: {old!r} -> {new!r}")


def _comment(cells: Cells, original: Cells, rng: random.Random) -> Edit | None:
    """Nothing that matters."""
    number = rng.randrange(len(cells))
    name, source = cells[number]
    return _changed(cells, number, source + "\n# as before", f"{name}: a comment")


def _statement(cells: Cells, original: Cells, rng: random.Random) -> Edit | None:
    """A statement of a cell once more: appended twice, drawn twice."""
    number = rng.randrange(1, len(cells))
    name, source = cells[number]
    nodes = ast.parse(source).body
    if not nodes:
        return None
    again = ast.get_source_segment(source, rng.choice(nodes))
    if again is None or "\n" in again:
        return None
    return _changed(cells, number, f"{source}\n{again}", f"{name}: {again} once more")


def _back(cells: Cells, original: Cells, rng: random.Random) -> Edit | None:
    """A cell as it was at first."""
    before = dict(original)
    different = [n for n, (name, s) in enumerate(cells) if before.get(name, s) != s]
    if not different:
        return None
    number = rng.choice(different)
    name = cells[number][0]
    return _changed(cells, number, before[name], f"{name}: as it was at first")


def _drop(cells: Cells, original: Cells, rng: random.Random) -> Edit | None:
    """A cell less."""
    if len(cells) < 5:
        return None
    number = rng.randrange(1, len(cells))
    name = cells[number][0]
    return Edit(cells[:number] + cells[number + 1 :], frozenset([name]), f"{name}: removed")


def _split(cells: Cells, original: Cells, rng: random.Random) -> Edit | None:
    """The last statement of a cell in a cell of its own."""
    fitting = [n for n, (_, s) in enumerate(cells) if n and len(ast.parse(s).body) > 1]
    if not fitting:
        return None
    number = rng.choice(fitting)
    name, source = cells[number]
    lines = source.splitlines(keepends=True)
    last = ast.parse(source).body[-1]
    at = min([last.lineno, *(d.lineno for d in getattr(last, "decorator_list", ()))]) - 1
    new = f"{name}b"
    while any(new == n for n, _ in cells):
        new += "b"
    parts = [(name, "".join(lines[:at])), (new, "".join(lines[at:]))]
    if any(not ast.parse(s).body for _, s in parts):
        return None
    made = cells[:number] + parts + cells[number + 1 :]
    return Edit(made, frozenset([name, new]), f"{name}: its last statement in a cell of its own")
