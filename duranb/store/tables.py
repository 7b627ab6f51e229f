"""The history as tables, for SQL: rows made of the fold's own objects, so that a query says what
the timeline and the magics say.

Nothing is decided here. When the history changes, the fold notes which objects it changed, and
:meth:`Tables.fill` puts rows of these in the place of the rows they had. The tables can be made
again from the history at any time, so a new layout (:data:`LAYOUT`) needs no migration.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from duranb.record.events import NEVER
from duranb.record.history import Changes, History
from duranb.store.summaries import VIEWS

if TYPE_CHECKING:  # imported late: most of what folds a history asks no SQL
    import duckdb

LAYOUT = 3
"""Number of the tables' layout. Tables of another one are dropped and filled anew."""

AT_ONCE = 2000
"""Objects of a kind whose rows are made at once, while the history is locked, and written in one
transaction."""

_Row: TypeAlias = tuple[object, ...]


class _Table(NamedTuple):
    """A table: the column that says which object a row is about, and all columns with types.

    ``rows`` makes the rows of the objects with the given ids (or names)."""

    name: str
    key: str
    columns: str
    rows: Callable[[History, Sequence[Any]], Iterator[_Row]]


class Tables:
    """Keeps the tables of one database equal to one history: it notes what changes from now on.

    Where the tables were not filled up to where the history is now, they are filled anew.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._changes = history.watch()
        self._seq = history.seq

    def fill(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Bring the tables up to the history. Raises ``duckdb.Error``; it can be called again."""
        while not self.fill_some(connection, AT_ONCE):
            pass

    def fill_some(self, connection: duckdb.DuckDBPyConnection, most: int) -> bool:
        """Replace the rows of up to ``most`` objects of each kind that have changed, in one
        transaction; whether the tables are up to the history then.

        Raises ``duckdb.Error``; nothing has changed then, and it can be called again.
        """
        import duckdb

        history = self._history
        if filled(connection) != self._seq:
            make(connection)
            with history.lock:
                self._changes.add(history.everything())
        with history.lock:
            changes = self._changes.take(most)
            is_all = not self._changes
            seq = history.seq if is_all else 0  # until all is filled, the tables fit no event
            state = (LAYOUT, seq, history.run, history.branch, history.head)
            rows = [
                (table, keys, list(table.rows(history, keys)))
                for table, keys in self._stale(changes)
            ]
        try:
            connection.execute("BEGIN")
            for table, keys, made in rows:
                _replace(connection, table, keys, made)
            connection.execute("DELETE FROM history")
            connection.execute("INSERT INTO history VALUES (?, ?, ?, ?, ?)", state)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(duckdb.Error):  # that of the commit says what went wrong
                connection.execute("ROLLBACK")
            with history.lock:
                self._changes.add(changes)
            raise
        self._seq = seq
        return is_all

    def _stale(self, changes: Changes) -> Iterator[tuple[_Table, list[Any]]]:
        """The tables with rows to replace, each with the keys of these."""
        history = self._history
        # What an execution cost depends on its calls, what it saved on the one it came from.
        counted = changes.executions | {history.calls[i].execution for i in changes.calls}
        copies = itertools.chain.from_iterable(map(history.restored_from, counted))
        yield _EXECUTIONS, sorted(counted.union(copies))
        yield _ATTEMPTS, sorted(changes.executions)
        yield _OUTPUTS, sorted(changes.executions)
        yield _CALLS, sorted(changes.calls)
        yield _SNAPSHOTS, sorted(changes.snapshots)
        yield _BRANCHES, sorted(changes.branches)


def filled(connection: duckdb.DuckDBPyConnection) -> int | None:
    """The number of the event up to which the tables were filled, None where they are missing or of
    another layout."""
    import duckdb

    try:
        found = connection.execute("SELECT seq FROM history WHERE layout = ?", [LAYOUT]).fetchall()
    except duckdb.CatalogException:
        return None
    return int(found[0][0]) if found else None


def make(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables anew, empty."""
    connection.execute("BEGIN")
    try:
        connection.execute(
            "CREATE OR REPLACE TABLE history "
            "(layout INTEGER, seq BIGINT, run VARCHAR, branch VARCHAR, head BIGINT)"
        )
        for table in _ALL:
            connection.execute(f"CREATE OR REPLACE TABLE {table.name} ({table.columns})")
        for name, query in VIEWS.items():
            connection.execute(f"CREATE OR REPLACE VIEW {name} AS {query}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _replace(
    connection: duckdb.DuckDBPyConnection, table: _Table, keys: list[Any], rows: list[_Row]
) -> None:
    if not keys:
        return
    kind = "VARCHAR" if isinstance(keys[0], str) else "BIGINT"
    connection.execute(
        f"DELETE FROM {table.name} WHERE {table.key} BETWEEN ? AND ? "  # the range skips blocks
        f"AND {table.key} IN (SELECT unnest(?::{kind}[]))",
        [keys[0], keys[-1], keys],
    )
    if rows:
        appender = connection.appender(table.name)
        appender.append_rows(rows)
        appender.flush()


def _executions(history: History, ids: Sequence[int]) -> Iterator[_Row]:
    for x in map(history.executions.__getitem__, ids):
        sums = history.ledger(x.id)
        yield (
            x.id,
            x.step,
            x.kind,
            x.status,
            x.origin,
            x.run,
            x.branch,
            _time(x.started),
            _time(x.ended),
            len(x.attempts),
            sums.calls,
            sums.tokens,
            sums.cost,
            sums.unpriced,
            sums.saved_calls,
            sums.saved_tokens,
            sums.saved_cost,
            sums.saved_seconds,
            x.reason or None,
            x.error.type if x.error else None,
            x.error.message if x.error else None,
            x.of or None,
            x.replays or None,
            x.parent or None,
            x.compensates or None,
            x.compensated_by or None,
            x.before or None,
            x.snapshot or None,
            list(x.served),
            x.identity,
            x.source,
        )


_EXECUTIONS = _Table(
    "executions",
    "execution",
    "execution BIGINT, step VARCHAR, kind VARCHAR, status VARCHAR, origin VARCHAR, run VARCHAR, "
    "branch VARCHAR, started TIMESTAMP, ended TIMESTAMP, attempts INTEGER, calls BIGINT, "
    "tokens BIGINT, cost DOUBLE, unpriced BIGINT, saved_calls BIGINT, saved_tokens BIGINT, "
    "saved_cost DOUBLE, saved_seconds DOUBLE, reason VARCHAR, error VARCHAR, message VARCHAR, "
    "restored_from BIGINT, replays BIGINT, parent BIGINT, compensates BIGINT, "
    "compensated_by BIGINT, before BIGINT, snapshot BIGINT, served BIGINT[], identity VARCHAR, "
    "source VARCHAR",
    _executions,
)


def _attempts(history: History, ids: Sequence[int]) -> Iterator[_Row]:
    for x in map(history.executions.__getitem__, ids):
        for each in x.attempts:
            yield (
                x.id,
                each.number,
                _time(each.started),
                _time(each.ended),
                each.cause,
                each.error.type if each.error else None,
                each.error.message if each.error else None,
                each.wait if each.wait >= 0 else None,
            )


_ATTEMPTS = _Table(
    "attempts",
    "execution",
    "execution BIGINT, attempt INTEGER, started TIMESTAMP, ended TIMESTAMP, cause VARCHAR, "
    "error VARCHAR, message VARCHAR, wait DOUBLE",
    _attempts,
)


def _outputs(history: History, ids: Sequence[int]) -> Iterator[_Row]:
    for x in map(history.executions.__getitem__, ids):
        for name, value in x.outputs.items():
            yield (
                x.id,
                name,
                value.type,
                value.preview,
                value.size,
                value.version,
                value.artifact or None,
                value.why or None,
                x.differs.get(name),
            )


_OUTPUTS = _Table(
    "outputs",
    "execution",
    "execution BIGINT, name VARCHAR, type VARCHAR, preview VARCHAR, size BIGINT, version VARCHAR, "
    "artifact VARCHAR, unstored VARCHAR, differs VARCHAR",
    _outputs,
)


def _calls(history: History, ids: Sequence[int]) -> Iterator[_Row]:
    for c in map(history.calls.__getitem__, ids):
        usage, said = c.usage, history.answers.get(c.id)
        yield (
            c.id,
            c.execution,
            c.step,
            c.attempt,
            c.scope,
            c.kind,
            c.name,
            c.status,
            _time(c.started),
            _time(c.ended),
            usage.model if usage else None,
            usage.input_tokens if usage else None,
            usage.output_tokens if usage else None,
            usage.cached_tokens if usage else None,
            usage.cost if usage and (usage.priced or usage.cost) else None,
            c.http_status or None,
            c.streamed,
            c.preview,
            c.error.type if c.error else None,
            c.error.message if c.error else None,
            c.reason or None,
            c.key,
            c.occurrence,
            c.response or (c.result.artifact if c.result else None) or None,
            c.idempotency_key or None,
            c.item or None,
            json.dumps(said.value, ensure_ascii=False) if said else None,
            said.by or None if said else None,
            said.why or None if said else None,
        )


_CALLS = _Table(
    "calls",
    "call",
    "call BIGINT, execution BIGINT, step VARCHAR, attempt INTEGER, scope INTEGER, kind VARCHAR, "
    "name VARCHAR, status VARCHAR, started TIMESTAMP, ended TIMESTAMP, model VARCHAR, "
    "input_tokens BIGINT, output_tokens BIGINT, cached_tokens BIGINT, cost DOUBLE, "
    "http_status INTEGER, streamed BOOLEAN, preview VARCHAR, error VARCHAR, message VARCHAR, "
    "reason VARCHAR, key VARCHAR, occurrence INTEGER, artifact VARCHAR, idempotency_key VARCHAR, "
    "item VARCHAR, answer VARCHAR, answered_by VARCHAR, why VARCHAR",
    _calls,
)


def _snapshots(history: History, ids: Sequence[int]) -> Iterator[_Row]:
    for s in map(history.snapshots.__getitem__, ids):
        yield (
            s.id,
            s.parent or None,
            s.branch,
            _time(s.taken),
            s.execution or None,
            list(s.changed),
            list(s.deleted),
        )


_SNAPSHOTS = _Table(
    "snapshots",
    "snapshot",
    "snapshot BIGINT, parent BIGINT, branch VARCHAR, taken TIMESTAMP, execution BIGINT, "
    "changed VARCHAR[], deleted VARCHAR[]",
    _snapshots,
)


def _branches(history: History, names: Sequence[str]) -> Iterator[_Row]:
    for b in map(history.branches.__getitem__, names):
        yield b.name, b.run, b.parent or None, b.forked_at or None, b.head or None


_BRANCHES = _Table(
    "branches",
    "branch",
    "branch VARCHAR, run VARCHAR, parent VARCHAR, forked_at BIGINT, head BIGINT",
    _branches,
)

_ALL = (_EXECUTIONS, _ATTEMPTS, _OUTPUTS, _CALLS, _SNAPSHOTS, _BRANCHES)

_EPOCH = datetime(1970, 1, 1)


def _time(microseconds: int) -> datetime | None:
    """A time as DuckDB takes it, UTC; None for "not yet", and for what is no time."""
    return _EPOCH + timedelta(microseconds=microseconds) if 0 < microseconds < NEVER else None
