"""One connection to the database file, used by one thread only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from duranb.pure.errors import UsageError
from duranb.store.schema import migrate

CONFIG: dict[str, Any] = {
    "threads": 1,  # commits are 13 to 20 % faster than with more
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
        found = self._connection.execute(
            "SELECT payload FROM events WHERE seq = ?", [seq]
        ).fetchall()
        return found[0][0] if found else None

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
        """Insert those of ``rows`` that follow the last one here, without a gap."""
        following, last = [], self.last()
        for row in rows:
            if row.seq == last + 1:
                following.append(row)
                last = row.seq
        if following:
            self.insert(following)

    def query(self, sql: str, parameters: Sequence[object]) -> Result:
        """A read-only query. Raises :class:`UsageError` for anything else, and for its errors."""
        try:
            statements = self._connection.extract_statements(sql)
            if [s.type for s in statements] not in _READING:
                raise UsageError("one SELECT (or WITH, DESCRIBE, EXPLAIN) at a time, nothing else")
            cursor = self._connection.execute(sql, list(parameters) or None)
            return [d[0] for d in cursor.description or []], cursor.fetchall()
        except duckdb.Error as error:
            raise UsageError(str(error)) from error

    def resign(self, rows: Sequence[tuple[str, int]]) -> None:
        """Set the data of events (by number): only signatures are ever changed so."""
        self._connection.execute("BEGIN")
        for data, seq in rows:
            self._connection.execute("UPDATE events SET data = ? WHERE seq = ?", [data, seq])
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Checkpoint and close."""
        self._appender = None
        self._connection.close()


Result = tuple[list[str], list[tuple[Any, ...]]]

_READING = [
    [kind]
    for kind in (
        duckdb.StatementType.SELECT,
        duckdb.StatementType.EXPLAIN,
    )
]
