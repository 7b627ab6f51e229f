"""A notebook's cells as Python, told apart: plain, durable, compensation."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from duranb.code.dataflow import analyse
from duranb.engine.options import Options, first_line, parse
from duranb.errors import UsageError
from duranb.export.chunks import as_main
from duranb.export.errors import ExportError
from duranb.export.shell import plain_python
from duranb.text import reading, sources

PLAIN = "plain"
DURABLE = "durable"
COMPENSATION = "compensation"
PARAMETERS = "parameters"
"""The tag of the cell whose variables each run may be given other values."""


@dataclass(frozen=True)
class Cell:
    """One code cell. ``number`` counts code cells from 1, as error messages do.

    ``source`` is plain Python, the first line and all magics taken out or translated; ``heading``
    is the last heading above it; ``undoes`` the step a compensation is for; ``as_run`` is the tree
    that IPython would run; ``tags`` are those of the notebook's file.
    """

    number: int
    kind: str
    source: str
    tree: ast.Module
    heading: str = ""
    options: Options | None = None
    undoes: str = ""
    as_run: ast.Module = field(default_factory=lambda: ast.Module([], []))
    tags: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """How messages call it."""
        if self.options is not None and self.options.name:
            return f"code cell {self.number} (step {self.options.name!r})"
        if self.undoes:
            return f"code cell {self.number} (compensation of {self.undoes!r})"
        return f"code cell {self.number}"


def read(path: Path) -> tuple[str, list[Cell]]:
    """The notebook's title (empty if it has none) and its code cells, in order.

    Raises :class:`ExportError` for a file that is no notebook, and for a cell that is no Python.
    """
    try:
        notebook = document(path)
    except OSError as error:
        raise ExportError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ExportError(f"{path} is no notebook: {error}") from error
    tags = [frozenset(c.metadata.get("tags", ())) for c in notebook.cells]
    return cells_of([(c.cell_type, c.source) for c in notebook.cells], tags)


def document(path: Path) -> nbformat.NotebookNode:
    """What is in a notebook's file. Of what the format demands only that is checked which is used:
    many a tool that writes notebooks leaves something out.

    Raises OSError, and ValueError that says why for a file that is no notebook.
    """
    try:
        text = reading.regular(path).decode("utf-8")
        found: nbformat.NotebookNode = nbformat.reads(text, as_version=4)
    except OSError:
        raise
    except Exception as error:  # nbformat raises as many types as there are ways to be damaged
        raise ValueError(str(error) or type(error).__name__) from error
    cells = found.get("cells")
    if not isinstance(cells, list) or not isinstance(found.get("metadata"), dict):
        raise ValueError("it has no cells, or no metadata")
    for said in (found["metadata"].get(name, {}) for name in ("kernelspec", "language_info")):
        if not isinstance(said, dict) or not isinstance(said.get("name", ""), str):
            raise ValueError("its kernel or its language is none")
    for number, cell in enumerate(cells, 1):
        if not _is_cell(cell):
            raise ValueError(f"its cell {number} has no type, no source, or no metadata")
    return found


def _is_cell(cell: object) -> bool:
    if not isinstance(cell, dict) or not isinstance(cell.get("metadata"), dict):
        return False
    tags = cell["metadata"].get("tags", [])
    texts = [cell.get("cell_type"), cell.get("source"), *(tags if type(tags) is list else [None])]
    is_code = cell.get("cell_type") == "code"
    return all(isinstance(x, str) for x in texts) and (
        not is_code or isinstance(cell.get("outputs"), list)
    )


def cells_of(
    sources: list[tuple[str, str]], tags: Sequence[frozenset[str]] = ()
) -> tuple[str, list[Cell]]:
    """Title and code cells of a notebook given as pairs of cell type and source, and the tags of
    each, if there are any."""
    title = heading = ""
    found: list[Cell] = []
    bound = _bound([source for sort, source in sources if sort == "code"])
    for index, (sort, source) in enumerate(sources):
        if sort == "markdown":
            heading = _heading(source) or heading
            title = title or heading
        elif sort == "code" and source.strip():
            cell = _cell(len(found) + 1, source, "" if heading == title else heading, bound)
            if tags:
                cell = replace(cell, tags=tags[index])
            found.append(cell)
            heading = "" if cell.kind != COMPENSATION else heading
    return title, found


def _bound(cells: Sequence[str]) -> set[str]:
    """The names that the cells' code gives a value; of what is no Python, their own label tells."""
    found: set[str] = set()
    for source in cells:
        body = source.lstrip().partition("\n")[2] if source.lstrip().startswith("%%") else source
        with contextlib.suppress(SyntaxError):
            tree = ast.parse(TransformerManager().transform_cell(sources.exported(body)))
            found.update(analyse(tree).writes)
    return found


def _heading(markdown: str) -> str:
    lines = [line.strip() for line in markdown.splitlines()]
    found = next((line.lstrip("# ").strip() for line in lines if line.startswith("#")), "")
    return re.sub(r"^\d+[.)]\s*", "", found)


def _cell(number: int, source: str, heading: str, bound: Set[str]) -> Cell:
    line = first_line(source)
    options = None
    undoes = ""
    kind = PLAIN
    body = source
    label = f"code cell {number}"
    if line is not None:
        kind = DURABLE
        body = source.lstrip().partition("\n")[2]
        try:
            options = parse(line)
        except UsageError as error:
            raise ExportError(f"{label}: {error.message}") from error
    elif source.lstrip().startswith("%%compensate"):
        first, _, body = source.lstrip().partition("\n")
        kind, undoes = COMPENSATION, first.removeprefix("%%compensate").strip()
    transformed = TransformerManager().transform_cell(sources.exported(body))
    try:
        as_run = ast.parse(transformed)
    except SyntaxError as error:
        raise ExportError(
            f"{label}, line {error.lineno}: {error.msg}: {(error.text or '').strip()}"
        ) from error
    python = as_main(plain_python(transformed, label, bound))
    return Cell(
        number=number,
        kind=kind,
        source=python,
        tree=ast.parse(python),
        heading=heading,
        options=options,
        undoes=undoes,
        as_run=as_run,
    )
