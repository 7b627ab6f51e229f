"""Names that a cell reads, and that nothing above it has given a value."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence, Set

from duranb.export.dynamic import binds_by_text
from duranb.export.errors import ExportError
from duranb.export.notebook import Cell
from duranb.export.place import Placed
from duranb.export.statements import expression

_GIVEN = frozenset({"display", "__name__", "__file__", "__doc__"})
"""Names that a notebook has without assigning them, and that the exported module has too."""


_COMPOUND = (ast.For, ast.While, ast.If, ast.With, ast.Try)


def check_module(cells: Sequence[Placed]) -> None:
    """What is done when the module is loaded finds what it reads, in the notebook's order, and
    nothing is called as what the module imports itself."""
    for placed in cells:
        for statement in (*placed.module, *placed.flow):
            if "duranb" in statement.names.writes and not statement.is_import:
                raise ExportError(
                    f"{placed.cell.label} calls something duranb, which the exported module "
                    "imports under that name: give it another one"
                )
    bound: set[str] = set()
    every = {n for placed in cells for s in placed.module for n in s.names.writes}
    for placed in cells:
        for statement in placed.module:
            if statement.names.opaque.startswith("from "):
                bound.add("*")
            if by := binds_by_text(statement.node):
                raise ExportError(
                    f"{placed.cell.label}: {by} in a function can give any variable another value, "
                    "which no step would hand on: have the function return what it makes, or name "
                    "the variable in a global statement"
                )
            # A function may name what is only there when it is called.
            known = every if statement.is_definition else bound
            compound = isinstance(statement.node, _COMPOUND)
            reads = statement.names.reads - (statement.later if compound else set())
            check_known(placed.cell, reads, known | bound)
            bound |= set(statement.names.writes)


def check_known(cell: Cell, reads: frozenset[str], known: Set[str]) -> None:
    """Raise :class:`ExportError` for a name that a cell reads and that is not ``known``."""
    if "*" in known:
        return  # from module import *: who knows
    # A query may name tables of a database, which look like variables to it.
    written = {n.id for n in ast.walk(cell.tree) if isinstance(n, ast.Name)}
    if cell.options is not None:
        written |= expression(cell.options.validate).reads
    for name in sorted((reads & written) - known - _GIVEN):
        if not hasattr(builtins, name):
            raise ExportError(f"{cell.label} reads {name!r}, which no cell above it assigns")
