"""Values that cannot be stored but can be made again: clients, connections, locks, files.

A factory says how to describe one, as plain data, and how to make one from the description. Keys
and passwords are never part of it: clients find theirs where they found them the first time.
"""

from __future__ import annotations

import functools
import io
import logging
import os
import sqlite3
import threading
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from duranb.pure.looking import full_name, mro_of, qualname_of

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class _Factory:
    describe: Callable[[Any], dict[str, Any] | None]
    make: Callable[..., Any]
    calls: Callable[[Any], bool]


_factories: dict[str, _Factory] = {}


def reconnect(
    kind: type | str, *, describe: Callable[[Any], dict[str, Any]] | None = None
) -> Callable[[F], F]:
    """Register the decorated function as the way to make a value of type ``kind`` again.

    ``kind`` is the type or its qualified name. ``describe(value)`` gives the keyword arguments
    that the function is called with (plain, picklable data; none when left out).
    """
    return _register(kind, describe or (lambda value: {}), _yes)


def _yes(value: object) -> bool:
    return True


def _no(value: object) -> bool:
    return False


def _register(
    kind: type | str,
    describe: Callable[[Any], dict[str, Any] | None],
    calls: Callable[[Any], bool] = _no,
) -> Callable[[F], F]:
    """``calls`` says whether using a value could run code of the notebook that it was given."""
    name = kind if isinstance(kind, str) else full_name(kind)

    def register(make: F) -> F:
        _factories[name] = _Factory(describe, make, calls)
        return make

    return register


def has_factory(kind: type) -> bool:
    """Whether there is a way to make a value of this type again."""
    return full_name(kind) in _factories


def may_call(value: object) -> bool:
    """Whether using a value that has a factory could run code of the notebook."""
    factory = _factories.get(full_name(type(value)))
    return factory is None or factory.calls(value)


def reduction(value: Any) -> tuple[Any, ...] | None:
    """The pickle reduction of a value that has a factory, or None.

    Raises TypeError for what could be pickled and would be a lie when it is loaded.
    """
    kind = type(value)
    factory = _factories.get(full_name(kind))
    if factory is None:
        reason = _why_never(kind)  # type: ignore[arg-type, unused-ignore]
        if reason:
            raise TypeError(f"cannot pickle {qualname_of(kind)!r} object: {reason}")
        return None
    described = factory.describe(value)
    if described is None:
        return None
    return remake, (full_name(kind), described)


_NEVER = {
    "argparse.ArgumentParser": "it tells a text of its own by identity, which is lost",
    "subprocess.Popen": "a process belongs to the one that started it",
    "threading.Thread": "a thread runs in its own process",
    "weakref.finalize": "it waits for the end of an object of this process",
    "tempfile.TemporaryDirectory": "the folder is removed with the kernel that made it",
    "ipywidgets.widgets.widget.Widget": "a widget lives in this kernel and the page it is shown in",
}
"""What can be pickled by its attributes, and would not be what it was."""


@functools.lru_cache(maxsize=4096)
def _why_never(kind: type) -> str:
    return next((_NEVER[n] for n in map(full_name, mro_of(kind)) if n in _NEVER), "")


def remake(name: str, described: dict[str, Any]) -> Any:
    """Make a described value again. Raises LookupError where its factory is not registered."""
    if _stands_for is not None:
        return _stands_for(name)
    factory = _factories.get(name)
    if factory is None:
        raise LookupError(
            f"nothing is registered that makes a {name}: register it with duranb.reconnect "
            "before going back"
        )
    return factory.make(**described)


_stands_for: Callable[[str], object] | None = None


def make_nothing(stands_for: Callable[[str], object]) -> None:
    """From now on no factory is called in this process: what ``stands_for(type)`` gives is in the
    place of what it would make."""
    global _stands_for
    _stands_for = stands_for


# -- the common ones ---------------------------------------------------------------------------


def _client(value: Any) -> dict[str, Any]:
    return {
        "base_url": str(value.base_url),
        "timeout": value.timeout if isinstance(value.timeout, (int, float)) else None,
        "max_retries": value.max_retries,
    }


def _client_maker(module: str, name: str) -> Callable[..., Any]:
    def make(base_url: str, timeout: float | None, max_retries: int) -> Any:
        kind = getattr(__import__(module), name)
        options: dict[str, Any] = {"base_url": base_url, "max_retries": max_retries}
        if timeout is not None:
            options["timeout"] = timeout
        key = f"{module.upper()}_API_KEY"
        if not os.environ.get(key):
            # The key is never stored; a local server wants none, and any other will say so.
            options["api_key"] = "not-stored"
        return kind(**options)

    return make


for _module, _name in (
    ("openai", "OpenAI"),
    ("openai", "AsyncOpenAI"),
    ("anthropic", "Anthropic"),
    ("anthropic", "AsyncAnthropic"),
):
    for _home in (f"{_module}.{_name}", f"{_module}._client.{_name}"):
        _register(_home, _client)(_client_maker(_module, _name))


def _http_client(value: Any) -> dict[str, Any]:
    return {"base_url": str(value.base_url), "follow_redirects": value.follow_redirects}


def _http_maker(module: str, name: str) -> Callable[..., Any]:
    def make(**options: Any) -> Any:
        return getattr(__import__(module), name)(**options)

    return make


for _module in ("httpx", "httpx2"):
    for _name in ("Client", "AsyncClient"):
        for _home in (f"{_module}.{_name}", f"{_module}._client.{_name}"):
            _register(_home, _http_client)(_http_maker(_module, _name))


def _nothing(value: object) -> dict[str, Any]:
    return {}


_register(type(threading.Lock()), _nothing)(threading.Lock)
_register(type(threading.RLock()), _nothing)(threading.RLock)
_register(threading.Event, lambda e: {"is_set": e.is_set()})(lambda is_set: _set_event(is_set))


def _set_event(is_set: bool) -> threading.Event:
    event = threading.Event()
    if is_set:
        event.set()
    return event


def _has_handlers(logger: logging.Logger) -> bool:
    """Whether a handler or filter is of a class that is not logging's own."""
    at: logging.Logger | None = logger
    while at is not None:
        for each in (*at.handlers, *at.filters):
            if type(each).__module__ == "__main__" or isinstance(each, types.FunctionType):
                return True
        at = at.parent
    return False


@_register(logging.Logger, lambda logger: {"name": logger.name}, _has_handlers)
def _logger(name: str) -> logging.Logger:
    return logging.getLogger(name)


def _pool(pool: ThreadPoolExecutor) -> dict[str, Any]:
    return {"max_workers": pool._max_workers}


@_register(ThreadPoolExecutor, _pool)
def _thread_pool(max_workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers)


def _sqlite(connection: sqlite3.Connection) -> dict[str, Any] | None:
    for _, name, file in connection.execute("PRAGMA database_list"):
        if name == "main" and file:
            return {"file": file}
    return None  # in memory: its content is nowhere else


@_register(sqlite3.Connection, _sqlite, _yes)
def _sqlite_again(file: str) -> sqlite3.Connection:
    return sqlite3.connect(file)


def _duckdb(connection: Any) -> dict[str, Any] | None:
    # A connection of its own, so that a result the user still reads from is left alone.
    with connection.cursor() as looking:
        found = looking.execute(
            "SELECT path, readonly FROM duckdb_databases() WHERE database_name = current_database()"
        ).fetchall()
    path, readonly = found[0]
    return {"file": path, "read_only": readonly} if path else None


for _home in ("duckdb.DuckDBPyConnection", "_duckdb.DuckDBPyConnection"):

    @_register(_home, _duckdb, _yes)
    def _duckdb_again(file: str, read_only: bool) -> Any:
        import duckdb

        return duckdb.connect(file, read_only=read_only)


def _text_file(file: io.TextIOWrapper) -> dict[str, Any] | None:
    if file.closed or file.mode not in ("r", "rt") or not isinstance(file.name, str):
        return None
    return {"name": os.path.abspath(file.name), "encoding": file.encoding, "at": file.tell()}


@_register(io.TextIOWrapper, _text_file)
def _text_again(name: str, encoding: str, at: int) -> Any:
    file = open(name, encoding=encoding)  # noqa: SIM115 the user's code closes it
    file.seek(at)
    return file


def _binary_file(file: io.BufferedReader) -> dict[str, Any] | None:
    if file.closed or not isinstance(file.name, str):
        return None
    return {"name": os.path.abspath(file.name), "at": file.tell()}


@_register(io.BufferedReader, _binary_file)
def _binary_again(name: str, at: int) -> Any:
    file = open(name, "rb")  # noqa: SIM115 the user's code closes it
    file.seek(at)
    return file
