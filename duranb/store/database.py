"""One connection to a database of the history, used by one thread only."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from duranb.errors import StoreDamaged, StoreError, StoreTooNew, StoreUnwritable, UsageError
from duranb.store import schema
from duranb.store.rows import Result, Row
from duranb.store.tables import AT_ONCE, Tables

CONFIG: dict[str, Any] = {
    "threads": 1,  # commits are 13 to 20 % faster than with more
    # A new file begins with three blocks. With those of 256 KiB it is 2 to 3 times as large as with
    # these, for a history of a few steps; with those of 32 KiB a checkpoint takes 2 times as long.
    "default_block_size": 64 * 1024,
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


HELD = 24 << 20
"""Bytes that one in a file may hold in memory. It keeps what it has read and written: up to four
fifths of the machine's memory, and a checkpoint that has no room for itself kills it where it is
told to keep less. So it is opened anew."""

_LOOK = 4000
"""Rows after which it is looked how much that is."""

IN_MEMORY: dict[str, Any] = {**CONFIG, "max_temp_directory_size": "0KB"}
"""Of one in memory: what does not fit is not written to the disk."""

_ROWS = 8192
"""Rows of a group, which a checkpoint writes anew as long as it is not full. With DuckDB's 122,880
that takes 50 MB more, as much processor time, and the file is as large."""


class Outdated(Exception):
    """A database that an earlier version made: it is made anew from the log."""


class Database:
    """The database of one store, open: in a file, or in memory where ``file`` is None.

    Raises :class:`Outdated`, :class:`StoreTooNew`, or what DuckDB raises. Results are always
    fetched whole: the appender refuses to work beside an open one.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._connection = self._connect()
        # An INSERT is parsed, bound and planned each time: 1.6 times the cost for five rows.
        self._appender: duckdb.Appender | None = None
        self._written = 0

    def _connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(":memory:", config=CONFIG if self._file else IN_MEMORY)
        try:
            if self._file is not None:
                name = str(self._file).replace("'", "''")
                options = f"TYPE duckdb, ROW_GROUP_SIZE {_ROWS}"
                connection.execute(f"ATTACH '{name}' AS store ({options})")
                connection.execute("USE store")
            # A query, and a view in a file from elsewhere, reach this file alone.
            connection.execute("SET enable_external_access = false")
            # It would be drawn in whatever cell is running.
            connection.execute("SET enable_progress_bar = false")
            # What is in its own log it holds in memory too. Checkpoints of less cost no more.
            connection.execute("SET checkpoint_threshold = '16MB'")
            found = schema.version(connection)
            check_version(found, self._file)
            if 0 < found < schema.VERSION:
                raise Outdated
            if found == 0:
                schema.create(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def reopen(self) -> None:
        """Connect again: after an error that killed the connection, or to let go of memory."""
        self._appender = None
        with contextlib.suppress(duckdb.Error):
            self._connection.close()
        self._connection = self._connect()

    def last(self) -> tuple[int, bytes]:
        """The number and the hash of the last event that is in it; 0 for none."""
        found = self._connection.execute(
            "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1"
        ).fetchall()
        return found[0] if found else (0, b"")

    def insert(self, rows: Sequence[Row]) -> None:
        """Append rows, all or none; durable when this returns."""
        if self._appender is None:
            self._appender = self._connection.appender("events")
        try:
            self._appender.append_rows(rows)
            self._appender.flush()
        except BaseException:
            self._appender = None  # it keeps the rows it failed with
            raise
        self._wrote(len(rows))

    def _wrote(self, rows: int) -> None:
        """Let go of memory, if it holds much by now."""
        self._written += rows
        if self._file is None or self._written < _LOOK:
            return
        self._written = 0
        found = self._connection.execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()")
        if found.fetchall()[0][0] > HELD:
            self.reopen()

    def fill(self, following: Tables) -> None:
        """Bring the history's tables up to the history."""
        while not self.fill_some(following, AT_ONCE):
            pass

    def fill_some(self, following: Tables, most: int) -> bool:
        """Do a part of that, for up to ``most`` objects of each kind; whether all is done."""
        is_all = following.fill_some(self._connection, most)
        self._wrote(most)
        return is_all

    def query(self, sql: str, parameters: Sequence[object]) -> Result:
        """A read-only query. Raises :class:`UsageError` for anything else, and for its errors;
        ``duckdb.Error`` where the database cannot be read."""
        try:
            statements = self._connection.extract_statements(sql)
            if [s.type for s in statements] not in _READING:
                raise UsageError("one SELECT (or WITH, DESCRIBE, EXPLAIN) at a time, nothing else")
            # A type says little: EXPLAIN ANALYZE carries out a DELETE, a WITH may hold one.
            self._connection.execute("BEGIN TRANSACTION READ ONLY")
            try:
                cursor = self._connection.execute(sql, list(parameters) or None)
                return [d[0] for d in cursor.description or []], cursor.fetchall()
            finally:
                self._connection.execute("ROLLBACK")
        except duckdb.Error as error:
            if is_damage(error):
                raise
            raise UsageError(str(error)) from error

    def interrupt(self) -> None:
        """End the query that is running; from any thread."""
        self._connection.interrupt()

    def close(self, *, checkpoint: bool = True) -> None:
        """Close, and leave the file as it is unless it is still this store's to ``checkpoint``."""
        self._appender = None
        if not checkpoint:
            self._connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        self._connection.close()


def check_version(found: int, file: Path | None) -> None:
    """Raise :class:`StoreTooNew` for tables that a later duranb made."""
    if found > schema.VERSION:
        raise StoreTooNew(
            f"the database {file} was written by a later duranb (its tables are version {found}, "
            f"this one knows {schema.VERSION}). Nothing was touched, and the history goes on in "
            "the log; to query it: pip install -U duranb"
        )


_READING = [
    [kind]
    for kind in (
        duckdb.StatementType.SELECT,
        duckdb.StatementType.EXPLAIN,
    )
]


def is_damage(problem: duckdb.Error) -> bool:
    """Whether an error says that the database cannot be read."""
    kinds = (duckdb.IOException, duckdb.InternalException, duckdb.FatalException)
    return isinstance(problem, kinds) and not _cannot_write(problem)


def _cannot_write(problem: duckdb.Error) -> bool:
    words = ("No space left", "could not write", "Could not write")
    return any(word in str(problem) for word in words)


def plain(problem: duckdb.Error) -> StoreError:
    """The plain sentence for what the database could not do."""
    what = str(problem).splitlines()[0]
    error: StoreError
    if _cannot_write(problem):
        error = StoreUnwritable(
            f"the database could not write: {what}. The history is safe in the log; free some "
            "space if the disk is full, and ask again"
        )
    else:
        error = StoreDamaged(
            f"the database could not do what was asked of it: {what}. The history is safe in the "
            "log, from which the database is made anew when it cannot be read"
        )
    error.__cause__ = problem
    return error
