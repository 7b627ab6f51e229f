"""DuckDB databases in memory: what a notebook's steps have put there comes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from duranb.state import databases, sessions
from tests.unit.test_state import Kernel

MAKE = [
    "CREATE TABLE t AS SELECT i, 's' || i AS s, [i, NULL] AS l, i::HUGEINT AS h FROM range(9) r(i)",
    "CREATE SCHEMA other",
    "CREATE TYPE mood AS ENUM ('glad', 'sad')",
    'CREATE TABLE other."odd ""name" (x mood PRIMARY KEY)',
    "CREATE VIEW v AS SELECT max(i) AS m FROM t",
    "CREATE MACRO plus(n) AS n + 1",
    "CREATE SEQUENCE q",
    "CREATE INDEX ix ON t (i)",
]

CHANGES = [
    "INSERT INTO t SELECT 1, 's1', [1], 1",
    "UPDATE t SET s = 'other' WHERE i = 3",
    "DELETE FROM t WHERE i = 0",
    "ALTER TABLE t ADD COLUMN more INTEGER",
    "DROP VIEW v",
    "CREATE OR REPLACE MACRO plus(n) AS n + 2",
    'INSERT INTO other."odd ""name" VALUES (\'glad\')',
    "SELECT nextval('q')",
    "DROP INDEX ix",
]


def made() -> Any:
    """A database with one thing of each kind in it."""
    connection = duckdb.connect()
    for statement in MAKE:
        connection.execute(statement)
    return connection


@pytest.fixture
def default() -> Iterator[Any]:
    """The module's own connection, with nothing in it."""
    before = duckdb.default_connection()
    duckdb.set_default_connection(duckdb.connect())
    yield duckdb
    duckdb.set_default_connection(before)


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_is_seen(change: str) -> None:
    """Of rows and of what is defined; one that is undone is none."""
    connection = made()
    before = databases.told(connection)
    assert databases.told(made()) == before
    connection.execute("BEGIN").execute("DELETE FROM t").execute("ROLLBACK")
    assert databases.told(connection) == before
    connection.execute(change)
    assert databases.told(connection) != before


def test_an_empty_one_is_told_as_nothing() -> None:
    """Also where something was in it."""
    connection = duckdb.connect()
    assert databases.told(connection) == ""
    connection.execute("CREATE TABLE t (x INTEGER)").execute("DROP TABLE t")
    assert databases.told(connection) == ""


def test_a_variable_comes_back_with_all_that_is_in_it() -> None:
    """In another process's namespace; the one that was stored goes on by itself."""
    kernel = Kernel()
    kernel.live["con"] = con = made()
    kernel.run("")
    bindings = kernel.namespace.bindings()
    assert bindings["con"].artifact
    con.execute("DELETE FROM t")
    other = Kernel(kernel.artifacts)
    assert other.namespace.restore(bindings) == []
    back = other["con"]
    assert databases.told(back) == databases.told(made())
    assert back.execute("SELECT plus(m) FROM v").fetchall() == [(9,)]
    assert back.execute("SELECT h, l FROM t WHERE i = 8").fetchall() == [(8, [8, None])]


def test_a_result_that_is_still_read_is_left_alone() -> None:
    """Looking at a connection does not end what runs on it."""
    connection = made()
    reading = connection.execute("SELECT i FROM t ORDER BY i")
    assert reading.fetchone() == (0,)
    assert databases.told(connection)
    assert reading.fetchone() == (1,)


def test_one_that_is_too_large_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do."""
    monkeypatch.setattr(databases, "MOST_CELLS", 8)
    monkeypatch.setattr(databases, "_contents", type(databases._contents)())
    kernel = Kernel()
    kernel.live["con"] = made()
    kernel.run("")
    binding = kernel.namespace.bindings()["con"]
    assert not binding.artifact and "duckdb.connect('FILE.duckdb')" in binding.why


def test_who_uses_the_modules_own(default: Any) -> None:
    """The module and its functions do; a connection or a class of it does not."""
    (name,) = sessions.NAMES
    assert sessions.used([default]) == {name}
    assert sessions.used([default.sql]) == sessions.used([default.execute]) == {name}
    assert sessions.used([default.connect(), default.DuckDBPyConnection, "duckdb", 3]) == set()
    assert sessions.version(name) == sessions.FIRST
    default.sql("CREATE TABLE t (x INTEGER)")
    again = sessions.again(name)
    version = sessions.version(name)
    default.sql("INSERT INTO t VALUES (1)")
    sessions.put(name, again())
    assert sessions.version(name) == version and default.sql("FROM t").fetchall() == []
    sessions.put(name, None)
    assert sessions.version(name) == sessions.FIRST
