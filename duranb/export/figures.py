"""Figures that pyplot holds from one cell to the next.

The notebook's own backend shows them when a cell is over and closes them, so that the next
``plt.plot`` begins a figure of its own. Exported functions close them too. Where the notebook has
chosen another backend they stay open, and a node that draws on one of those is refused: it may run
in another process than the one that began the figure, or when that one is only restored.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from duranb.export.errors import ExportError
from duranb.export.notebook import Cell
from duranb.export.outside import Outside
from duranb.export.place import Placed
from duranb.export.statements import Statement

_BEGINNING = frozenset({"figure", "subplots", "subplot_mosaic", "close"})


class Figures:
    """What a notebook's cells do with pyplot; ``module`` are the statements of the shared module.

    Raises :class:`ExportError` where one draws on a figure that another has left open.
    """

    def __init__(self, placed: Sequence[Placed], outside: Outside) -> None:
        self._outside = outside
        imports = (s for p in placed for s in p.module if s.is_import)
        self._name = next((n for s in imports for n in s.names.writes if _is(outside, n)), "")
        if any(_keeps_figures(p.cell, outside) for p in placed):
            self._name = ""
            self._check(placed)

    def closing(self, statements: Iterable[Statement]) -> str:
        """The statement that closes what these statements have drawn; empty if there is none."""
        if self._name and self._outside.doing(statements, set(), step=True).figures:
            return f'{self._name}.close("all")'
        return ""

    def _check(self, placed: Sequence[Placed]) -> None:
        before = ""
        for each in placed:
            code = sorted((*each.module, *each.flow), key=lambda s: s.place)
            if not self._outside.doing(code, set(), step=True).figures:
                continue
            if before and not self._begins(code):
                raise ExportError(
                    f"{each.cell.label} draws on the figure that {before} has left to pyplot, and "
                    "in an export that may be another process: keep the figure in a variable "
                    "(fig, ax = plt.subplots()) and draw on that, or draw it in one cell"
                )
            before = each.cell.label

    def _begins(self, code: Sequence[Statement]) -> bool:
        """Whether the first that is asked of pyplot is a figure of its own."""
        calls = [n for s in code for n in ast.walk(s.node) if isinstance(n, ast.Call)]
        asked = [c for c in calls if self._outside.draws_on_figures(c)]
        first = min(asked, key=lambda c: (c.lineno, c.col_offset), default=None)
        return first is None or getattr(first.func, "attr", "") in _BEGINNING


def _is(outside: Outside, name: str) -> bool:
    return outside.module_of(name) == "matplotlib.pyplot"


def _keeps_figures(cell: Cell, outside: Outside) -> bool:
    """Whether a cell has the notebook keep figures open when a cell is over."""
    for each in ast.walk(cell.as_run):
        match each:
            case ast.Call(
                func=ast.Attribute(attr="run_line_magic"),
                args=[ast.Constant("matplotlib"), ast.Constant(str(line))],
            ):
                if not {"", "inline", "-l", "--list"}.intersection([line.strip()]):
                    return True
            case ast.Call(
                func=ast.Attribute(attr="run_line_magic"),
                args=[ast.Constant("config"), ast.Constant(str(line))],
            ):
                if "close_figures" in line:
                    return True
            case ast.Call(
                func=ast.Attribute(value=ast.Name(name), attr="use" | "switch_backend"),
                args=[backend, *_],
            ) if outside.module_of(name) in ("matplotlib", "matplotlib.pyplot"):
                return "inline" not in ast.unparse(backend)
    return False
