"""The tables of the database, which is derived from the log: older tables are made anew."""

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

_EXECUTIONS = """
CREATE VIEW executions AS
SELECT s.execution, s.step, s.data->>'$.branch' AS branch,
       coalesce(s.data->>'$.kind', 'cell') AS kind,
       CASE WHEN s.type = 'execution.restored' THEN 'completed'
            WHEN c.seq IS NOT NULL THEN 'completed'
            WHEN x.seq IS NOT NULL THEN x.data->>'$.status'
            ELSE 'running' END AS status,
       CASE WHEN s.type = 'execution.restored' THEN 'restored'
            ELSE c.data->>'$.origin' END AS origin,
       make_timestamp(s.ts) AS started, make_timestamp(coalesce(c.ts, x.ts)) AS ended,
       s.data->>'$.reason' AS reason, s.data->>'$.source' AS source
FROM events s
LEFT JOIN events c ON c.type = 'execution.completed' AND c.execution = s.execution
LEFT JOIN events x ON x.type = 'execution.ended' AND x.execution = s.execution
WHERE s.type IN ('execution.started', 'execution.restored')
"""

_CALLS = """
CREATE VIEW calls AS
SELECT CAST(data->>'$.call' AS BIGINT) AS call, execution, step,
       CAST(data->>'$.attempt' AS INTEGER) AS attempt, data->>'$.kind' AS kind,
       data->>'$.name' AS name,
       CASE type WHEN 'call.completed' THEN 'completed' ELSE 'failed' END AS status,
       data->>'$.usage.model' AS model,
       CAST(data->>'$.usage.input_tokens' AS BIGINT) AS input_tokens,
       CAST(data->>'$.usage.output_tokens' AS BIGINT) AS output_tokens,
       CAST(data->>'$.usage.cost' AS DOUBLE) AS cost,
       make_timestamp(CAST(data->>'$.started' AS BIGINT)) AS started,
       make_timestamp(ts) AS ended, data->>'$.preview' AS preview
FROM events WHERE type IN ('call.completed', 'call.failed')
"""

_ATTEMPTS = """
CREATE VIEW attempts AS
SELECT s.execution, coalesce(CAST(s.data->>'$.attempt' AS INTEGER), 1) AS attempt,
       make_timestamp(s.ts) AS started, f.data->>'$.cause' AS cause,
       f.data->>'$.error.type' AS error, f.data->>'$.error.message' AS message
FROM events s
LEFT JOIN events f ON f.type = 'attempt.failed' AND f.execution = s.execution
     AND f.data->>'$.attempt' = coalesce(s.data->>'$.attempt', '1')
WHERE s.type IN ('execution.started', 'attempt.started')
"""

_SNAPSHOTS = """
CREATE VIEW snapshots AS
SELECT CAST(data->>'$.snapshot' AS BIGINT) AS snapshot,
       CAST(data->>'$.parent' AS BIGINT) AS parent, data->>'$.branch' AS branch,
       make_timestamp(ts) AS taken, json_keys(data, '$.changed') AS changed
FROM events WHERE type = 'snapshot.captured'
"""

_ARTIFACTS = """
CREATE VIEW artifacts AS
SELECT data->>'$.digest' AS digest, CAST(data->>'$.size' AS BIGINT) AS size,
       coalesce(CAST(data->>'$.in_file' AS BOOLEAN), false) AS in_file, make_timestamp(ts) AS stored
FROM events WHERE type = 'artifact.stored'
"""

STATEMENTS = (_EVENTS, _EXECUTIONS, _CALLS, _ATTEMPTS, _SNAPSHOTS, _ARTIFACTS)


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
