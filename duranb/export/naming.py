"""Names for the functions of the exported module, which nothing else has."""

from __future__ import annotations

import builtins
import keyword
import re
from itertools import chain, count

from duranb.code.dataflow import analyse
from duranb.export.notebook import Cell

_OURS = ("Any", "display", "duranb")
"""What the exported module imports, and its own variables."""


class Names:
    """Gives names away. Those that occur anywhere in the notebook are taken."""

    def __init__(self, cells: list[Cell]) -> None:
        self.of_notebook: set[str] = set()
        self._taken = {*dir(builtins), *keyword.kwlist, *_OURS}
        for cell in cells:
            names = analyse(cell.tree)
            self.of_notebook |= names.loads | set(names.writes) | names.deletes
        self._taken |= self.of_notebook

    def function(self, step: str, *, named: bool) -> str:
        """A function name for a step. One that was not ``named`` is called after its output."""
        name = re.sub(r"\W", "_", step)
        candidates = [name, f"{name}_step"] if named else [f"make_{name}", f"{name}_step"]
        return self.free(*candidates)

    def free(self, *candidates: str) -> str:
        """The first candidate that is not taken, or the last one with a number."""
        numbered = (f"{candidates[-1]}_{n}" for n in count(2))
        found = next(c for c in chain(candidates, numbered) if c not in self._taken)
        self._taken.add(found)
        return found
