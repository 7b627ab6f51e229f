"""Which cells of a notebook the recorded functions of an export were made of."""

from __future__ import annotations

import ast
import contextlib
import textwrap
from collections.abc import Iterator
from pathlib import Path

from duranb.code import fingerprint
from duranb.engine.imported import shape_of
from duranb.export import ExportError, build, graph_of, steps
from duranb.export.graph import Graph, Unit
from duranb.export.notebook import Cell, read
from duranb.record import events as e
from duranb.record.imports import Fit


class Fits:
    """The functions that a notebook's cells would be exported as now, by the step's name."""

    def __init__(self) -> None:
        self._known: dict[str, list[tuple[str, Fit]]] = {}

    def add(self, step: str, function: str, fit: Fit) -> None:
        """A cell would be that function."""
        self._known.setdefault(step, []).append((_code(function), fit))

    def of(self, step: str, source: str) -> Fit | None:
        """The cell that the recorded ``source`` of a step was made of; None where none is now."""
        code = _code(source)
        return next((fit for known, fit in self._known.get(step, ()) if known == code), None)


def fits(notebook: Path) -> Fits:
    """What a notebook's cells would be exported as: with what is recorded of it, and without, as it
    may have been exported before it ever ran. What cannot be exported fits nothing."""
    found = Fits()
    title, cells = read(notebook)
    by_label = {cell.label: cell for cell in cells}
    for graph in _graphs(notebook, title, cells):
        for unit in graph.steps:
            cell = by_label[unit.node.label]
            assert cell.options is not None
            shape = shape_of(
                fingerprint.of_tree(cell.as_run), cell.options.validate, cell.options.outputs
            )
            found.add(unit.node.name, steps.function(graph, unit), _fit(unit, shape))
    return found


def _graphs(notebook: Path, title: str, cells: list[Cell]) -> Iterator[Graph]:
    with contextlib.suppress(ExportError):
        yield graph_of(notebook)
    with contextlib.suppress(ExportError):
        yield build(title, cells, None, notebook.name, notebook.parent)


def _fit(unit: Unit, shape: str) -> Fit:
    node = unit.node
    return Fit(shape, list(node.reads), list(node.parameters), list(node.writes))


def _code(source: str) -> str:
    """A function's code, without what is for people or for its runner: the decorator, annotations
    and the heading of its cell. Empty for what is no function."""
    found = function_of(source)
    if found is None:
        return ""
    found.decorator_list, found.returns = [], None
    for argument in ast.walk(found.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    if ast.get_docstring(found) is not None:
        found.body = found.body[1:]
    return ast.dump(found)


def function_of(source: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The function that a source is; None for what is none."""
    try:
        body = ast.parse(textwrap.dedent(source)).body
    except SyntaxError:
        return None
    found = body[0] if len(body) == 1 else None
    return found if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef) else None


def scope_of(started: e.ExecutionStarted) -> str:
    """What set the calls of an execution apart: a function's arguments, as
    :mod:`duranb.engine.functions` tells them."""
    function = function_of(started.source) if started.kind == "function" else None
    if function is None:
        return ""
    names = sorted(x.arg for x in ast.walk(function.args) if isinstance(x, ast.arg))
    return repr([(n, started.inputs[n]) for n in names if n in started.inputs])
