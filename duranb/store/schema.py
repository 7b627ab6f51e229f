"""The events as a table. The database is derived from the log: an older one is made anew."""

from __future__ import annotations

import time

import duckdb

VERSION = 3
"""Of the tables. Up to version 2 they were the history itself: stores of that time had no log."""


_EVENTS = """
CREATE TABLE events (
    seq BIGINT NOT NULL, ts BIGINT NOT NULL, type VARCHAR NOT NULL,
    execution BIGINT, step VARCHAR, data VARCHAR NOT NULL, payload BLOB, hash BLOB NOT NULL
)
"""

_ARTIFACTS = """
CREATE VIEW artifacts AS
SELECT data->>'$.digest' AS digest, CAST(data->>'$.size' AS BIGINT) AS size,
       coalesce(CAST(data->>'$.in_file' AS BOOLEAN), false) AS in_file, make_timestamp(ts) AS stored
FROM events WHERE type = 'artifact.stored'
"""

STATEMENTS = (_EVENTS, _ARTIFACTS)


def version(connection: duckdb.DuckDBPyConnection) -> int:
    """The version of the tables in a database, 0 where there are none."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (version INTEGER, name VARCHAR, applied BIGINT)"
    )
    found = connection.execute("SELECT coalesce(max(version), 0) FROM migrations").fetchall()
    return int(found[0][0])


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables, all or none."""
    connection.execute("BEGIN")
    try:
        for statement in STATEMENTS:
            connection.execute(statement)
        row = [VERSION, "tables derived from the log", time.time_ns() // 1000]
        connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", row)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
