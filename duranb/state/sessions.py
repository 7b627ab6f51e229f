"""What a library keeps for its module's own functions: the database of ``duckdb.sql(…)``.

No variable of the notebook holds it. To the steps that use the module it is a variable like any
other: what they change of it is stored, and put there again where they are restored.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from duranb.code.looking import is_a, is_class, module_name, module_of
from duranb.state import databases, reconnect

FIRST = "as at first"
"""The version of one in which nothing is yet."""


class _Session(NamedTuple):
    """``modules`` are those whose functions work on it, which the first has; ``get`` gives it,
    ``put`` puts another one there, ``new`` makes one in which nothing is; ``told`` tells its
    content, if there is any."""

    modules: tuple[str, ...]
    get: Callable[[Any], object]
    put: Callable[[Any, object], None]
    new: Callable[[Any], object]
    told: Callable[[Any], str]


_SESSIONS = {
    "duckdb's default connection": _Session(
        ("duckdb", "_duckdb"),
        lambda duckdb: duckdb.default_connection(),
        lambda duckdb, connection: duckdb.set_default_connection(connection),
        lambda duckdb: duckdb.connect(),
        databases.told,
    ),
}

NAMES = frozenset(_SESSIONS)
"""How they are called."""


def used(values: Iterable[object]) -> set[str]:
    """Those that code may use which has these values."""
    homes = {_home(value).partition(".")[0] for value in values}
    return {name for name, each in _SESSIONS.items() if not homes.isdisjoint(each.modules)}


def _home(value: object) -> str:
    if is_a(value, type(sys)):
        return module_name(value)
    if is_class(value):
        return ""
    kind = type(value)
    # A function of the library's that the notebook has taken out of its module.
    named = "func" in kind.__name__ or "method" in kind.__name__
    return str(getattr(value, "__module__", "")) if named and module_of(kind) != "__main__" else ""


def value(name: str) -> object:
    """The session; None while its library is not loaded."""
    library = _library(name)
    return None if library is None else _SESSIONS[name].get(library)


def version(name: str) -> str:
    """What is in it, told by its content."""
    there = value(name)
    return FIRST if there is None else _SESSIONS[name].told(there) or FIRST


def again(name: str) -> Callable[[], object]:
    """A way to make it once more, as it is now."""
    there = value(name)
    try:
        reduced = None if there is None else reconnect.reduction(there)
    except TypeError:  # it cannot be stored: it stays as it is
        reduced = None
    if reduced is None:
        return lambda: there
    make, arguments = reduced[:2]
    return lambda: make(*arguments)


def put(name: str, session: object) -> None:
    """Have the library's functions work on another one; None: on one in which nothing is."""
    library, each = _library(name), _SESSIONS[name]
    if library is not None:
        each.put(library, each.new(library) if session is None else session)


def _library(name: str) -> Any:
    return sys.modules.get(_SESSIONS[name].modules[0])
