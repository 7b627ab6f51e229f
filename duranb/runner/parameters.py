"""The parameters of a run: as they are typed, and as a cell that assigns them."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Mapping
from typing import Any

import nbformat

from duranb.errors import UsageError


def inject(document: nbformat.NotebookNode, parameters: Mapping[str, Any]) -> int:
    """Put a cell that assigns parameters after the one tagged ``parameters``, or first of all; its
    index. Raises :class:`UsageError` for a name that is none: what is recorded of another run may
    have been written by anybody, and the cell is code."""
    check_parameters(parameters)
    lines = [f"{name} = {value!r}" for name, value in parameters.items()]
    cell = nbformat.v4.new_code_cell("# parameters\n" + "\n".join(lines))
    tagged = [
        i
        for i, c in enumerate(document.cells)
        if "parameters" in c.get("metadata", {}).get("tags", ())
    ]
    at = tagged[0] + 1 if tagged else 0
    document.cells.insert(at, cell)
    return at


def check_parameters(names: Iterable[str]) -> None:
    """Raise :class:`UsageError` for one that no variable can have."""
    wrong = [name for name in names if not is_variable(name)]
    if wrong:
        raise UsageError(f"{wrong[0]!r} cannot be the name of a variable, so it is no parameter")


def is_variable(name: str) -> bool:
    """Whether a variable can have this name."""
    return name.isidentifier() and not keyword.iskeyword(name)
