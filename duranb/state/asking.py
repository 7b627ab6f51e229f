"""Which code of the notebook asks for the time, or draws an id, by itself."""

from __future__ import annotations

import ast
import re
import types
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from duranb.state.seeding import mentioned

_ASKS = re.compile(
    r"^(now|utcnow|today|time|time_ns|gmtime|localtime|ctime|asctime|strftime|datetime64"
    r"|monotonic(_ns)?|perf_counter(_ns)?|uuid\d?|getnode|ulid|urandom|randbytes|getrandbits"
    r"|token_(bytes|hex|urlsafe)|SystemRandom)$",
    re.IGNORECASE,
)
_MODULES = frozenset({"time", "_time", "datetime", "uuid", "secrets"})


def asks(tree: ast.AST, loads: Collection[str] | None, live: Mapping[str, Any]) -> bool:
    """Whether a cell may ask for a time or an id itself, or by the functions of the notebook that
    it reaches from the names ``loads``; None where that may be any."""
    if loads is None:
        return True
    names = {*_names(tree), *mentioned(loads, live)}
    return any(_ASKS.search(name) or _is_source(live.get(name)) for name in names)


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if type(node) is ast.Name:
            yield node.id
        elif type(node) is ast.Attribute:
            yield node.attr
        elif type(node) is ast.alias:
            yield from node.name.split(".")


def _is_source(value: object) -> bool:
    """Whether it is of a module that tells times or draws ids, whatever it is called here."""
    if type(value) is types.ModuleType:
        return value.__name__ in _MODULES
    if isinstance(value, (types.BuiltinFunctionType, types.FunctionType, type)):
        return value.__module__ in _MODULES
    return False
