"""Values that cannot be stored but can be made again: clients, connections, locks, files.

A factory says how to describe one, as plain data, and how to make one from the description. Keys
and passwords are never part of it: clients find theirs where they found them the first time.
"""

from __future__ import annotations

import io
import logging
import multiprocessing
import os
import sqlite3
import ssl
import threading
import types
import weakref
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any, TypeVar

from duranb.code.kinds import once_a_class
from duranb.code.looking import full_name, module_of, mro_of, qualname_of
from duranb.state import adapters, databases, revealing
from duranb.state.adapters import secrets
from duranb.state.factory import Factory, no

F = TypeVar("F", bound=Callable[..., Any])

_factories: dict[str, Factory] = {}


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


def _register(
    kind: type | str,
    describe: Callable[[Any], dict[str, Any] | None],
    calls: Callable[[Any], bool] = no,
    **more: Any,
) -> Callable[[F], F]:
    """Register a :class:`Factory`."""
    name = kind if isinstance(kind, str) else full_name(kind)

    def register(make: F) -> F:
        _factories[name] = Factory(describe, make, calls, **more)
        return make

    return register


def _factory_of(kind: type) -> Factory | None:
    name = _name_of(kind)
    return _named(name) if name else None


def _name_of(kind: type) -> str:
    name = full_name(kind)
    return name if name in _factories else adapters.name_of(kind)


def _named(name: str) -> Factory | None:
    return _factories.get(name) or adapters.named(name)


def has_factory(kind: type) -> bool:
    """Whether there is a way to make a value of this type again."""
    return _factory_of(kind) is not None


def is_handle(kind: type) -> bool:
    """Whether values of this type have a factory and hold nothing: one is as good as another."""
    factory = _factory_of(kind)
    return factory is not None and not factory.open


def has_stand_in(kind: type) -> bool:
    """Whether an equal one that is alive stands for a described value of this type: a client, or a
    secret. Two of them may come back as one."""
    factory = _factory_of(kind)
    return factory is not None and factory.usable is not None


def may_call(value: object) -> bool:
    """Whether a value has a factory, and using it could run code of the notebook."""
    factory = _factory_of(type(value))
    return factory is not None and factory.calls(value)


def reduction(value: Any) -> tuple[Any, ...] | None:
    """The pickle reduction of a value that has a factory, or None.

    Raises TypeError for what could be pickled and would be a lie when it is loaded.
    """
    kind = type(value)
    factory = _factory_of(kind)
    if factory is None:
        reason = _why_never(kind)  # type: ignore[arg-type, unused-ignore]
        if reason:
            raise TypeError(f"cannot pickle {qualname_of(kind)!r} object: {reason}")
        return None
    described = factory.describe(value)
    if described is None:
        return None
    name = _name_of(kind)
    if factory.usable is not None:
        _alive.setdefault(_told(name, described), weakref.WeakSet()).add(value)
    return remake, (name, described)


def file_of(value: Any) -> str:
    """The file in which a value keeps its state, or an empty string."""
    factory = _factory_of(type(value))
    if factory is None or not factory.file:
        return ""
    found = str((factory.describe(value) or {}).get(factory.file, ""))
    return "" if found == ":memory:" else found


def versioned(reduced: tuple[Any, ...]) -> tuple[Any, ...]:
    """Of such a reduction, what belongs to the value's version."""
    name, described = reduced[1]
    factory = _named(name)
    assert factory is not None
    return remake, (name, {k: v for k, v in described.items() if k not in factory.unversioned})


_alive: dict[str, weakref.WeakSet[Any]] = {}
"""The clients that were described in this process, by what they were described as."""


def _told(name: str, described: dict[str, Any]) -> str:
    return f"{name} {described!r}"


_NEVER = {
    "argparse.ArgumentParser": "it tells a text of its own by identity, which is lost",
    "subprocess.Popen": "a process belongs to the one that started it",
    "threading.Thread": "a thread belongs to the process that started it",
    "weakref.finalize": "it waits for the end of an object of this process",
    "tempfile.TemporaryDirectory": "the folder is removed with the kernel that made it",
    "ipywidgets.widgets.widget.Widget": "a widget lives in this kernel and the page it is shown in",
}
"""What can be pickled by its attributes, and would not be what it was."""


@once_a_class
def _why_never(kind: type) -> str:
    return next((_NEVER[n] for n in map(full_name, mro_of(kind)) if n in _NEVER), "")


def remake(name: str, described: dict[str, Any]) -> Any:
    """Make a described value again. Raises LookupError where its factory is not registered."""
    if _stands_for is not None:
        return _stands_for(name)
    factory = _named(name)
    if factory is None:
        raise LookupError(
            f"nothing is registered that makes a {name}: register it with duranb.reconnect "
            "before going back"
        )
    if factory.usable is not None:
        alive = [v for v in _alive.get(_told(name, described), ()) if factory.usable(v)]
        if alive and all(v == alive[0] for v in alive):  # else nobody knows whose key it was
            return alive[0]
    return factory.make(**described)


_stands_for: Callable[[str], object] | None = None


def make_nothing(stands_for: Callable[[str], object]) -> None:
    """From now on no factory is called in this process: what ``stands_for(type)`` gives is in the
    place of what it would make."""
    global _stands_for
    _stands_for = stands_for


# -- the common ones ---------------------------------------------------------------------------


def _is_open(client: Any) -> bool:
    if not secrets.is_here(str(getattr(client, "api_key", ""))):
        return False
    return not (client.is_closed() if callable(client.is_closed) else client.is_closed)


def _client(value: Any) -> dict[str, Any]:
    revealing.look(type(value).__name__, value)
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
            options["api_key"] = secrets.again([])
        return kind(**options)

    return make


for _module, _name in (
    ("openai", "OpenAI"),
    ("openai", "AsyncOpenAI"),
    ("anthropic", "Anthropic"),
    ("anthropic", "AsyncAnthropic"),
):
    for _home in (f"{_module}.{_name}", f"{_module}._client.{_name}"):
        _register(_home, _client, usable=_is_open)(_client_maker(_module, _name))


def _http_client(value: Any) -> dict[str, Any]:
    return {"base_url": str(value.base_url), "follow_redirects": value.follow_redirects}


def _http_maker(module: str, name: str) -> Callable[..., Any]:
    def make(**options: Any) -> Any:
        return getattr(__import__(module), name)(**options)

    return make


for _module in ("httpx", "httpx2"):
    for _name in ("Client", "AsyncClient"):
        for _home in (f"{_module}.{_name}", f"{_module}._client.{_name}"):
            _register(_home, _http_client, usable=_is_open)(_http_maker(_module, _name))


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
            if module_of(type(each)) == "__main__" or isinstance(each, types.FunctionType):
                return True
        at = at.parent
    return False


@_register(logging.Logger, lambda logger: {"name": logger.name}, _has_handlers)
def _logger(name: str) -> logging.Logger:
    return logging.getLogger(name)


def _processes(pool: Any) -> dict[str, Any]:
    made = {"max_workers": pool._max_workers, "start": pool._mp_context.get_start_method()}
    return made | ({"closed": True} if pool._shutdown_thread else {})


@_register(ProcessPoolExecutor, _processes)
def _process_pool(max_workers: int, start: str, closed: bool = False) -> ProcessPoolExecutor:
    made = ProcessPoolExecutor(max_workers, multiprocessing.get_context(start))
    if closed:
        made.shutdown(wait=False)
    return made


def _ssl(context: ssl.SSLContext) -> dict[str, Any]:
    return {
        "protocol": int(context.protocol),
        "check_hostname": context.check_hostname,
        "settings": {name: int(getattr(context, name)) for name in _SSL_SETTINGS},
        "trusted": context.get_ca_certs(binary_form=True),
        "ciphers": ":".join(c["name"] for c in context.get_ciphers()),
    }


_SSL_SETTINGS = ("options", "verify_flags", "verify_mode", "minimum_version", "maximum_version")


@_register(ssl.SSLContext, _ssl)
def _ssl_again(
    protocol: int,
    check_hostname: bool,
    settings: dict[str, int],
    trusted: list[bytes],
    ciphers: str,
) -> ssl.SSLContext:
    """With the certificates that it trusted; its own, with its key, is never stored."""
    made = ssl.SSLContext(protocol)
    made.check_hostname = False  # it forbids some modes while it is on
    for name, value in settings.items():
        kind = type(getattr(made, name))
        setattr(made, name, kind(value))
    made.check_hostname = check_hostname
    made.set_ciphers(ciphers)
    for certificate in trusted:
        made.load_verify_locations(cadata=certificate)
    return made


def _pool(pool: ThreadPoolExecutor) -> dict[str, Any]:
    return {"max_workers": pool._max_workers} | ({"closed": True} if pool._shutdown else {})


@_register(ThreadPoolExecutor, _pool)
def _thread_pool(max_workers: int, closed: bool = False) -> ThreadPoolExecutor:
    made = ThreadPoolExecutor(max_workers)
    if closed:
        made.shutdown(wait=False)
    return made


def _sqlite(connection: sqlite3.Connection) -> dict[str, Any]:
    how = {name: getattr(connection, name) for name in _SQLITE}
    for _, name, file in connection.execute("PRAGMA database_list"):
        if name == "main" and file:
            return {"file": file, "how": how}
    if connection.in_transaction:
        raise TypeError("cannot pickle a connection to memory in the middle of a transaction")
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    return {"file": "", "content": connection.serialize() if pages else b"", "how": how}


_SQLITE = ("isolation_level", "row_factory", "text_factory")


@_register(sqlite3.Connection, _sqlite, _yes, open=True, file="file")
def _sqlite_again(
    file: str, content: bytes = b"", how: dict[str, Any] | None = None
) -> sqlite3.Connection:
    # Whether other threads may use it, it does not tell. In memory, nothing else guards it.
    connection = sqlite3.connect(file or ":memory:", check_same_thread=bool(file))
    if content:
        connection.deserialize(content)
    for name, value in (how or {}).items():
        setattr(connection, name, value)
    return connection


def _duckdb(connection: Any) -> dict[str, Any] | None:
    # A connection of its own, so that a result the user still reads from is left alone.
    with connection.cursor() as looking:
        found = looking.execute(
            "SELECT path, readonly FROM duckdb_databases() WHERE database_name = current_database()"
        ).fetchall()
        path, readonly = found[0]
        if path:
            return {"file": path, "read_only": readonly}
        told = databases.digest(looking)
        content = databases.content(looking, told) if told else b""
    return {"file": "", "read_only": False, "digest": told, "content": content}


for _home in ("duckdb.DuckDBPyConnection", "_duckdb.DuckDBPyConnection"):

    @_register(_home, _duckdb, _yes, open=True, file="file", unversioned=frozenset({"content"}))
    def _duckdb_again(file: str, read_only: bool, digest: str = "", content: bytes = b"") -> Any:
        import duckdb

        made = duckdb.connect(file or ":memory:", read_only=read_only)
        if content:
            databases.fill(made, content)
        return made


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
