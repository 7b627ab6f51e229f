"""The tables, as named migrations. One that was released is never changed again."""

from __future__ import annotations

import time
from dataclasses import dataclass

import duckdb

from duranb.errors import StoreTooNew


@dataclass(frozen=True)
class Migration:
    """A step of the schema's own history: applied once, whole or not at all."""

    version: int
    name: str
    statements: tuple[str, ...]


_EVENTS = """
CREATE TABLE events (
    seq BIGINT NOT NULL, ts BIGINT NOT NULL, kind VARCHAR NOT NULL,
    execution BIGINT, step VARCHAR, data VARCHAR NOT NULL, payload BLOB, hash BLOB NOT NULL
)
"""

_EXECUTIONS = """
CREATE VIEW executions AS
SELECT s.execution, s.step, s.data->>'$.branch' AS branch,
       coalesce(s.data->>'$.sort', 'cell') AS sort,
       CASE WHEN s.kind = 'execution.restored' THEN 'completed'
            WHEN c.seq IS NOT NULL THEN 'completed'
            WHEN x.seq IS NOT NULL THEN x.data->>'$.status'
            ELSE 'running' END AS status,
       CASE WHEN s.kind = 'execution.restored' THEN 'restored'
            ELSE c.data->>'$.origin' END AS origin,
       make_timestamp(s.ts) AS started, make_timestamp(coalesce(c.ts, x.ts)) AS ended,
       s.data->>'$.reason' AS reason, s.data->>'$.source' AS source
FROM events s
LEFT JOIN events c ON c.kind = 'execution.completed' AND c.execution = s.execution
LEFT JOIN events x ON x.kind = 'execution.ended' AND x.execution = s.execution
WHERE s.kind IN ('execution.started', 'execution.restored')
"""

_CALLS = """
CREATE VIEW calls AS
SELECT CAST(data->>'$.call' AS BIGINT) AS call, execution, step,
       CAST(data->>'$.attempt' AS INTEGER) AS attempt, data->>'$.sort' AS sort,
       data->>'$.name' AS name,
       CASE kind WHEN 'call.completed' THEN 'completed' ELSE 'failed' END AS status,
       data->>'$.usage.model' AS model,
       CAST(data->>'$.usage.input_tokens' AS BIGINT) AS input_tokens,
       CAST(data->>'$.usage.output_tokens' AS BIGINT) AS output_tokens,
       CAST(data->>'$.usage.cost' AS DOUBLE) AS cost,
       make_timestamp(CAST(data->>'$.started' AS BIGINT)) AS started,
       make_timestamp(ts) AS ended, data->>'$.preview' AS preview
FROM events WHERE kind IN ('call.completed', 'call.failed')
"""

_ATTEMPTS = """
CREATE VIEW attempts AS
SELECT s.execution, coalesce(CAST(s.data->>'$.attempt' AS INTEGER), 1) AS attempt,
       make_timestamp(s.ts) AS started, f.data->>'$.cause' AS cause,
       f.data->>'$.error.type' AS error, f.data->>'$.error.message' AS message
FROM events s
LEFT JOIN events f ON f.kind = 'attempt.failed' AND f.execution = s.execution
     AND f.data->>'$.attempt' = coalesce(s.data->>'$.attempt', '1')
WHERE s.kind IN ('execution.started', 'attempt.started')
"""

_SNAPSHOTS = """
CREATE VIEW snapshots AS
SELECT CAST(data->>'$.snapshot' AS BIGINT) AS snapshot,
       CAST(data->>'$.parent' AS BIGINT) AS parent, data->>'$.branch' AS branch,
       make_timestamp(ts) AS taken, json_keys(data, '$.changed') AS changed
FROM events WHERE kind = 'snapshot.captured'
"""

_ARTIFACTS = """
CREATE VIEW artifacts AS
SELECT data->>'$.digest' AS digest, CAST(data->>'$.size' AS BIGINT) AS size,
       payload IS NULL AS in_file, make_timestamp(ts) AS stored
FROM events WHERE kind = 'artifact.stored'
"""

_NO_VIEWS = tuple(f"DROP VIEW {name}" for name in ("executions", "calls", "attempts", "snapshots"))
"""They are tables now, which :mod:`duranb.store.tables` makes and fills."""

MIGRATIONS = (
    Migration(
        1,
        "events and their views",
        (_EVENTS, _EXECUTIONS, _CALLS, _ATTEMPTS, _SNAPSHOTS, _ARTIFACTS),
    ),
    Migration(2, "the history in tables of its own", _NO_VIEWS),
)


def migrate(connection: duckdb.DuckDBPyConnection, folder: str) -> None:
    """Bring a database to the newest schema. Raises :class:`StoreTooNew` for a later one."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (version INTEGER, name VARCHAR, applied BIGINT)"
    )
    found = connection.execute("SELECT coalesce(max(version), 0) FROM migrations").fetchall()
    current = int(found[0][0])
    if current > MIGRATIONS[-1].version:
        raise StoreTooNew(
            f"the store {folder} was written by a later duranb (its schema is version {current}, "
            f"this one knows {MIGRATIONS[-1].version}). Nothing was touched: pip install -U duranb"
        )
    for migration in MIGRATIONS:
        if migration.version <= current:
            continue
        connection.execute("BEGIN")
        try:
            for statement in migration.statements:
                connection.execute(statement)
            row = [migration.version, migration.name, time.time_ns() // 1000]
            connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", row)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
