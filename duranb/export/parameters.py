"""The notebook's parameters: what papermill takes them to be, the cell tagged ``parameters``."""

from __future__ import annotations

import ast
import re

from duranb.export.notebook import PARAMETERS, Cell
from duranb.export.statements import Statement, statements
from duranb.plan import Parameter

_TYPES = {bool: "bool", int: "int", float: "float", str: "str"}
_COMMENT = re.compile(r"#\s*(?P<text>[^#\n]*?)\s*$")


def parameters_of(cells: list[Cell]) -> tuple[Parameter, ...]:
    """One for each variable that the tagged cell gives a literal."""
    return tuple(
        _parameter(statement)
        for cell in cells
        if PARAMETERS in cell.tags
        for statement in statements(cell.source)
        if is_parameter(statement)
    )


def is_parameter(statement: Statement) -> bool:
    """Whether a statement of the tagged cell is a parameter's default."""
    return statement.is_literal and statement.value is not None


def _parameter(statement: Statement) -> Parameter:
    assert statement.value is not None
    (name,) = statement.names.writes
    default = ast.literal_eval(statement.value)
    annotation = getattr(statement.node, "annotation", None)
    kind = ast.unparse(annotation) if annotation is not None else ""
    if kind not in _TYPES.values():
        kind = _TYPES.get(type(default), "json")
    said = _COMMENT.search(statement.chunk.text.split("\n")[-1])
    return Parameter(
        name=name,
        default=ast.unparse(statement.value),
        type=kind,
        doc=said["text"] if said else "",
    )
