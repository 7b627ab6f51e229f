"""A framework's program: the cells of a notebook, as its own documentation would write them.

The files in ``programs/`` are in percent format: ``# %%`` begins a plain cell, ``# %% durable
NAME`` a durable one, and ``# %% afterwards`` the one more turn that is taken when all is done,
to see what the agent still knows. It belongs to the test and not to the notebook.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import nbformat

FOLDER = Path(__file__).parent / "programs"
AFTERWARDS = "afterwards"


@dataclass(frozen=True)
class Cell:
    """One cell. ``step`` is the name of a durable one."""

    body: str
    step: str = ""

    @property
    def durable(self) -> str:
        """What the notebook has in this cell."""
        return f"%%durable {self.step}\n{self.body}" if self.step else self.body

    @property
    def fresh(self) -> str:
        """The cell with the wish that its models are asked anew."""
        return f"%%durable {self.step} --fresh\n{self.body}"


@dataclass(frozen=True)
class Program:
    """A framework's notebook, and the turn that is taken after it."""

    name: str
    cells: tuple[Cell, ...]
    afterwards: Cell

    @property
    def steps(self) -> tuple[Cell, ...]:
        """The durable cells: turn one, turn two and a structured answer."""
        return tuple(cell for cell in self.cells if cell.step)

    def edited(self, before: str, after: str) -> Program:
        """The program with one text for another one in its cells. Raises :class:`ValueError` where
        it has no such text."""
        cells = tuple(replace(cell, body=cell.body.replace(before, after)) for cell in self.cells)
        if cells == self.cells:
            raise ValueError(f"nothing in {self.name}.py says {before!r}")
        return replace(self, cells=cells)

    def write(self, path: Path) -> None:
        """The notebook, for the commands that read one."""
        cells = [nbformat.v4.new_code_cell(cell.durable) for cell in self.cells]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def load(name: str) -> Program:
    """The program of a framework. Raises :class:`FileNotFoundError` where there is none."""
    cells: list[Cell] = []
    for block in (FOLDER / f"{name}.py").read_text().split("# %%")[1:]:
        head, _, body = block.partition("\n")
        kind, _, step = head.strip().partition(" ")
        cells.append(Cell(body.strip(), step if kind == "durable" else kind))
    *cells, last = cells
    if last.step != AFTERWARDS or [c.step for c in cells if c.step][:2] != ["turn_one", "turn_two"]:
        raise ValueError(
            f"{name}.py has to have turn_one, turn_two and {AFTERWARDS}, in this order"
        )
    return Program(name, tuple(cells), Cell(last.body))


def names() -> list[str]:
    """All the frameworks there is a program of."""
    return sorted(path.stem for path in FOLDER.glob("*.py"))
