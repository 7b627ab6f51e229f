"""One connection to the database file, used by one thread only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from duranb.errors import UsageError
from duranb.store import chain, tables
from duranb.store.schema import migrate
from duranb.store.tables import Tables

CONFIG: dict[str, Any] = {
    "threads": 1,  # commits are 13 to 20 % faster than with more
    # A new file begins with three blocks. With those of 256 KiB it is 2 to 3 times as large as with
    # these, for a history of a few steps; with those of 32 KiB a checkpoint takes 2 times as long.
    "default_block_size": 64 * 1024,
    # A query, and a view in a file from elsewhere, reach this file alone.
    "enable_external_access": False,
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


class Row(NamedTuple):
    """A line of the ``events`` table."""

    seq: int
    ts: int
    kind: str
    execution: int | None
    step: str | None
    data: str
    payload: bytes | None
    hash: bytes


SHORT = 2048
"""Bytes up to which a payload is read together with the one before it."""


class Database:
    """The file of one store, open. Its owner thread is the only one that calls it.

    Results are always fetched whole: the appender refuses to work beside an open one.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection = self._connect()
        # An INSERT is parsed, bound and planned each time: 1.6 times the cost for five rows.
        self._appender: duckdb.Appender | None = None

    def _connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(str(self._file), config=CONFIG)
        try:
            # It would be drawn in whatever cell is running.
            connection.execute("SET enable_progress_bar = false")
            migrate(connection, str(self._file.parent))
        except BaseException:
            connection.close()
            raise
        return connection

    def reopen(self) -> None:
        """Connect again after an error that killed the connection."""
        self._appender = None
        self._connection.close()
        self._connection = self._connect()

    def last(self) -> int:
        """The number of the last event, 0 for none."""
        found = self._connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchall()
        return int(found[0][0])

    def lines(self) -> list[tuple[int, int, str, bytes]]:
        """``(seq, ts, data, hash)`` of every event, in order."""
        return self._connection.execute(
            "SELECT seq, ts, data, hash FROM events ORDER BY seq"
        ).fetchall()

    def payload(self, seq: int) -> bytes | None:
        """The payload of an event."""
        return self.payloads(seq, 1).get(seq)

    def payloads(self, seq: int, block: int) -> dict[int, bytes]:
        """The payload of an event, and the short ones of its block of so many events."""
        first = seq - seq % block
        found = self._connection.execute(
            "SELECT seq, payload FROM events WHERE seq >= ? AND seq < ? "
            "AND payload IS NOT NULL AND (seq = ? OR octet_length(payload) <= ?)",
            [first, first + block, seq, SHORT],
        ).fetchall()
        return dict(found)

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

    def catch_up(self, rows: Sequence[Row]) -> None:
        """Insert those of ``rows`` that follow the last one here, without a gap and in its chain:
        a journal may be that of another store."""
        found = self._connection.execute("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1")
        last, digest = (found.fetchall() or [(0, chain.GENESIS)])[0]
        following = []
        for row in rows:
            if row.seq == last + 1 and chain.follows(digest, row.seq, row.ts, row.data, row.hash):
                following.append(row)
                last, digest = row.seq, row.hash
        if following:
            self.insert(following)

    def filled(self, last: int) -> int:
        """The number of the event up to which the tables are filled; ``last`` is the last one."""
        return tables.filled(self._connection, last)

    def fill(self, following: Tables) -> None:
        """Bring the tables up to the history."""
        following.fill(self._connection)

    def query(self, sql: str, parameters: Sequence[object]) -> Result:
        """A read-only query. Raises :class:`UsageError` for anything else, and for its errors."""
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
            raise UsageError(str(error)) from error

    def interrupt(self) -> None:
        """End the query that is running; from any thread."""
        self._connection.interrupt()

    def resign(self, rows: Sequence[tuple[str, int]]) -> None:
        """Set the data of events (by number): only signatures are ever changed so."""
        data = [row[0] for row in rows]
        numbers = [row[1] for row in rows]
        self._connection.execute(
            "UPDATE events SET data = signed.data FROM (SELECT unnest(?::VARCHAR[]) AS data, "
            "unnest(?::BIGINT[]) AS seq) AS signed WHERE events.seq = signed.seq",
            [data, numbers],
        )

    def close(self, *, checkpoint: bool = True) -> None:
        """Close, and leave the file as it is unless it is still this store's to ``checkpoint``."""
        self._appender = None
        if not checkpoint:
            self._connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        self._connection.close()


Result = tuple[list[str], list[tuple[Any, ...]]]

_READING = [
    [kind]
    for kind in (
        duckdb.StatementType.SELECT,
        duckdb.StatementType.EXPLAIN,
    )
]
