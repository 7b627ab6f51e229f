"""Classes that a library has in a registry of its own: those that SQLAlchemy maps to tables.

Tables, relations and other classes lead to the very class, so that a copy of it, however exact, is
nobody's. It is made by its own code alone, and told by that and by its table.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

from duranb.code.looking import dict_of, is_class, module_of

_LIBRARY = "sqlalchemy"

WHY = "its library has it in a registry, so its own code alone can make it again"
"""Why a step that makes such a class runs in each process."""


def is_registered(value: object) -> bool:
    """Whether a value is a class of the notebook's that a library has in a registry."""
    if not is_class(value) or module_of(value) != "__main__":
        return False
    return "_sa_class_manager" in dict_of(value) or _is_its(module_of(type(value)))


def _is_its(module: object) -> bool:
    return type(module) is str and module.partition(".")[0] == _LIBRARY


def told(cls: type, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Of the attributes of such a class those that are its own; of the library's their names, and
    the table as a text. They hold all of the registry, and what was asked of it."""
    found: dict[str, Any] = {}
    for name, value in attributes.items():
        made = type(value) is types.FunctionType and _is_its(value.__globals__.get("__name__"))
        if made or name in ("_sa_class_manager", "__mapper__"):
            continue
        own = _is_its(module_of(type(value)))
        found[name] = value if not own else repr(value) if name == "__table__" else None
    return found
