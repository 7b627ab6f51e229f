"""Effects on a database of the user's: the work and its record commit together, so exactly once.

The record is a row of ``duranb_effects`` in that very database, under the effect's idempotency key.
It is written in the transaction that does the work. A process that dies before the commit leaves
neither; one that dies after it, and before our own log knew, leaves both, and the next attempt
finds the row and replays. This is the outbox pattern, turned around.

The row names the result by its digest: the bytes lie in the store, sealed. What a database holds
is data, and is never unpickled.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from duranb.code.looking import full_name
from duranb.engine.context import StepContext
from duranb.errors import UsageError
from duranb.record.events import Binding

TABLE = "duranb_effects"
"""The table of records. A row may go once the step that it names has completed."""

_CREATE = (
    f"CREATE TABLE IF NOT EXISTS {TABLE} (idempotency_key VARCHAR(80) PRIMARY KEY, "
    "step VARCHAR(250), effect VARCHAR(250), result TEXT, "
    "begun TIMESTAMP DEFAULT CURRENT_TIMESTAMP)"
)
_FIND = f"SELECT result FROM {TABLE} WHERE idempotency_key = ?"
_BEGIN = f"INSERT INTO {TABLE} (idempotency_key, step, effect) VALUES (?, ?, ?)"
_END = f"UPDATE {TABLE} SET result = ? WHERE idempotency_key = ?"

_PLACES = {"qmark": "?", "format": "%s", "pyformat": "%s"}
"""How a driver writes a parameter, by its DB-API ``paramstyle``."""


@dataclass(frozen=True)
class Global:
    """A connection by the name that a function finds it under.

    The function uses what the name is bound to when it is called, so the transaction must be that
    one's too: after a restart, or when somebody has connected anew, it is another object.
    """

    name: str
    fn: Callable[..., Any]

    def __call__(self) -> Any:
        """What the name is bound to now. Raises :class:`UsageError` where that is nothing."""
        try:
            return inspect.unwrap(self.fn).__globals__[self.name]
        except KeyError:
            raise UsageError(
                f"transaction={self.name}: there is no {self.name!r} (yet): run the cell that "
                "connects first"
            ) from None


def named(fn: Callable[..., Any], transaction: object) -> object:
    """What to keep of ``transaction=`` for ``fn``: its global's name, if it is one of ``fn``'s."""
    known = getattr(inspect.unwrap(fn), "__globals__", {})
    if transaction is None or _gives_one(transaction):
        return transaction
    name = next((n for n, value in known.items() if value is transaction), "")
    return Global(name, fn) if name else transaction


def _gives_one(transaction: object) -> bool:
    """Whether it is a function. SQLite's connections can be called, too."""
    return callable(transaction) and not hasattr(transaction, "commit")


def connection_of(transaction: object) -> Any:
    """The connection that ``transaction=`` names: it may be one, or a function that gives one.

    Raises :class:`UsageError` where it cannot commit an effect together with its record.
    """
    found: Any = transaction
    if _gives_one(transaction):
        found = found()
    kind = full_name(type(found))
    if not all(callable(getattr(found, name, None)) for name in ("commit", "rollback", "cursor")):
        raise UsageError(
            f"transaction= takes a DB-API connection, or a function that gives one, not a {kind}"
        )
    if inspect.iscoroutinefunction(found.commit):
        raise UsageError(f"transaction= takes a connection that is not awaited, not a {kind}")
    if _place(found) is None:
        raise UsageError(
            f"transaction= cannot write its record by a {kind}: its driver's paramstyle is none of "
            f"{', '.join(_PLACES)}"
        )
    return found


def _driver(connection: object) -> str:
    return type(connection).__module__.partition(".")[0].lstrip("_")


def _place(connection: object) -> str | None:
    driver = sys.modules.get(_driver(connection))
    return _PLACES.get(getattr(driver, "paramstyle", ""))


class Transaction:
    """One transaction on a connection. It begins when it is made. Raises :class:`UsageError` where
    one is open already: to end that is not ours to do."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._place = _place(connection) or "?"
        self._begin()

    def _begin(self) -> None:
        connection, driver = self._connection, _driver(self._connection)
        autocommit = getattr(connection, "autocommit", None)
        if driver == "sqlite3":
            if connection.in_transaction:
                raise _is_open(connection)
            connection.execute("BEGIN IMMEDIATE")
        elif driver == "duckdb":
            try:
                connection.begin()
            except sys.modules["duckdb"].TransactionException as error:
                raise _is_open(connection) from error
        elif driver == "psycopg":
            if connection.info.transaction_status.name != "IDLE":
                raise _is_open(connection)
            if autocommit:
                connection.execute("BEGIN")
        elif autocommit is True:
            raise UsageError(
                f"transaction= needs a {full_name(type(connection))} with autocommit off: the "
                "effect and its record commit together"
            )

    def rows(self, sql: str, values: Sequence[object]) -> list[Any]:
        """Carry out one statement; the rows of a SELECT."""
        # A cursor of DuckDB's is another connection, with transactions of its own.
        made = self._connection if _driver(self._connection) == "duckdb" else None
        cursor = made or self._connection.cursor()
        try:
            cursor.execute(sql.replace("?", self._place), list(values))
            return list(cursor.fetchall()) if sql.startswith("SELECT") else []
        finally:
            if made is None:
                cursor.close()

    def commit(self) -> None:
        """Make it durable."""
        self._connection.commit()

    def rollback(self) -> None:
        """Leave nothing of it."""
        self._connection.rollback()


def _is_open(connection: object) -> UsageError:
    return UsageError(
        f"the {full_name(type(connection))} of transaction= has a transaction open, which is not "
        "this effect's: commit it or roll it back first (a sqlite3 connection made with "
        "autocommit=False always has one)"
    )


def plainly(transaction: object, work: Callable[[], Any]) -> Any:
    """Outside of steps: ``work`` as one transaction, of which nothing is recorded."""
    begun = Transaction(connection_of(transaction))
    try:
        result = work()
    except BaseException:
        begun.rollback()
        raise
    begun.commit()
    return result


def once(
    here: StepContext, transaction: object, key: str, name: str, work: Callable[[], Any]
) -> Any:
    """Do ``work`` in one transaction with its record under ``key``, unless that is there: its
    result either way. What it raises rolls all of it back."""
    connection = connection_of(transaction)
    begun = _with_table(connection, key)
    try:
        known = begun.rows(_FIND, [key])
        if known:
            begun.rollback()
            return _recorded(here, name, key, known[0][0])
        begun.rows(_BEGIN, [key, here.step[:250], name[:250]])
        result = work()
        binding = here.runtime.namespace.capture_value(result)
        here.runtime.flush()  # the record must not name what a crash could still take away
        named = msgspec.structs.replace(binding, preview="")
        begun.rows(_END, [msgspec.json.encode(named).decode(), key])
    except BaseException:
        begun.rollback()
        raise
    begun.commit()
    return result


def _with_table(connection: object, key: str) -> Transaction:
    """A transaction on a database that has the table."""
    begun = Transaction(connection)
    try:
        begun.rows(_FIND, [key])
        return begun
    except Exception:  # each driver has an error of its own for a table that is not there
        begun.rollback()
    begun = Transaction(connection)
    try:
        begun.rows(_CREATE, [])
        begun.commit()
    except BaseException:
        begun.rollback()
        raise
    return Transaction(connection)


def _recorded(here: StepContext, name: str, key: str, result: str | None) -> Any:
    if result is None:
        raise UsageError(
            f"step {here.step!r}: {name} committed by itself in the middle of its transaction, and "
            "did not come to its end. What it had committed is there; whether that is all, nobody "
            "can tell. Leave commits (and `with connection:`) to duranb. Look at the database, "
            f"put it right, and DELETE FROM {TABLE} WHERE idempotency_key = '{key}': then the next "
            "run does it again"
        )
    binding = msgspec.json.decode(result, type=Binding)
    return here.runtime.namespace.load_value(binding)
