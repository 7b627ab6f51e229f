"""A store of an earlier version is a database, which anybody may have made: plain rows come out of
it, within limits, or it is refused by name."""

from __future__ import annotations

import os
import time
from pathlib import Path

import duckdb
import msgspec
import pytest

from duranb.errors import StoreDamaged
from duranb.record import events as e
from duranb.store import Store, StoreView, apart, chain, store_path
from duranb.store.verify import verify

TABLE = (
    "CREATE TABLE events (seq BIGINT, ts BIGINT, kind VARCHAR, execution BIGINT, step VARCHAR, "
    "data VARCHAR, payload BLOB, hash BLOB)"
)
ROW = (
    "SELECT 1 AS seq, 1 AS ts, 'run' AS kind, NULL::BIGINT AS execution, NULL::VARCHAR AS step, "
    "'{}' AS data, NULL::BLOB AS payload, repeat('a', 16)::BLOB AS hash"
)
MANY = f"({ROW.replace('1 AS seq, ', '')}), range(1, COUNT) AS seqs(seq)"

HOSTILE = {
    "a view without an end": (
        f"CREATE VIEW events AS WITH RECURSIVE more AS ({ROW} UNION ALL SELECT * FROM more) "
        "SELECT * FROM more"
    ),
    "rows without an end": (
        "CREATE VIEW events AS SELECT * REPLACE (repeat('x', 10000) AS data) FROM "
        + MANY.replace("COUNT", "1000000000000")
    ),
    "a cell that is made when it is read": (
        f"CREATE VIEW events AS SELECT * REPLACE (repeat('x', 2000000000) AS data) FROM ({ROW})"
    ),
    "a cell of 200 MB": (
        f"{TABLE}; INSERT INTO events SELECT * REPLACE (repeat('x', 200000000) AS data) "
        f"FROM ({ROW})"
    ),
    "cells of 20 MB each": (
        "CREATE VIEW events AS SELECT * REPLACE (repeat('x', 20000000) AS data) FROM "
        + MANY.replace("COUNT", "60")
    ),
    "another file": (
        "CREATE VIEW events AS SELECT * REPLACE ((SELECT content FROM read_text('SECRET')) AS "
        f"data) FROM ({ROW})"
    ),
    "other types": f"{TABLE.replace('seq BIGINT', 'seq VARCHAR')}; INSERT INTO events {ROW}",
    "numbers below zero": f"{TABLE}; INSERT INTO events {ROW.replace('1 AS ts', '-1 AS ts')}",
    "a short hash": f"{TABLE}; INSERT INTO events {ROW.replace('16', '3')}",
    "no events at all": "SELECT 1",
}


def old_store(folder: Path, made: str, version: str = "SELECT 2 AS version") -> Path:
    """The folder of a store of the first format, whose database was made so."""
    place = store_path(folder / "a.ipynb")
    place.mkdir(parents=True)
    connection = duckdb.connect(str(place / "store.duckdb"))
    connection.execute(made.replace("SECRET", str(folder / "secret")))
    connection.execute(f"CREATE VIEW migrations AS {version}")
    connection.close()
    return place


@pytest.fixture(autouse=True)
def _quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "SECONDS", 3)
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    (tmp_path / "secret").write_text("somebody's own")


@pytest.fixture
def _hopeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be read, whatever time there is."""
    monkeypatch.setattr(apart, "SECONDS", 1)


LARGE = {"a cell of 200 MB", "cells of 20 MB each"}


@pytest.mark.usefixtures("_hopeless")
@pytest.mark.parametrize(
    "what", [pytest.param(x, marks=[pytest.mark.soak] if x in LARGE else []) for x in HOSTILE]
)
def test_what_is_not_plain_rows_is_refused(tmp_path: Path, what: str) -> None:
    """Opened and looked at, it says what it is; nothing is changed, and nothing is left behind."""
    place = old_store(tmp_path, HOSTILE[what])
    before = (place / "store.duckdb").read_bytes()
    for opened in (StoreView.open, Store.open):
        with pytest.raises(StoreDamaged, match=r"cannot be read.*Put a backup of it"):
            opened(place)
    assert (place / "store.duckdb").read_bytes() == before
    assert not (place / "log").exists() and not (place / "takeover").exists()


@pytest.mark.usefixtures("_hopeless")
def test_a_version_that_never_comes_is_not_waited_for(tmp_path: Path) -> None:
    """Nor one that is no number."""
    endless = "WITH RECURSIVE m AS (SELECT 1 AS version UNION ALL SELECT * FROM m) SELECT * FROM m"
    for name, version in (("a", endless), ("b", "SELECT 'two' AS version")):
        place = old_store(tmp_path / name, TABLE, version)
        with pytest.raises(StoreDamaged, match="cannot be read"):
            StoreView.open(place)


def test_modules_that_lie_beside_it_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks stands in the folder, and a stranger's ``json.py`` there is not run."""
    place = old_store(tmp_path, TABLE)
    for name in ("json", "typing", "msgspec", "duckdb"):
        (tmp_path / f"{name}.py").write_text(f"open('ran-{name}', 'x')")
    monkeypatch.chdir(tmp_path)
    StoreView.open(place).close()
    assert not [*tmp_path.glob("ran-*")]


def test_macros_are_not_what_they_are_called(tmp_path: Path) -> None:
    """Rows are read all the same, and are not this user's."""
    data = msgspec.json.encode({"kind": "run.started", "run": "r", "notebook": "", "at": 0})
    text = data.decode()
    digest = chain.link(chain.GENESIS, 1, 5, text)
    place = old_store(tmp_path, TABLE)
    connection = duckdb.connect(str(place / "store.duckdb"))
    connection.execute(
        "INSERT INTO events VALUES (1, 5, 'run.started', NULL, NULL, ?, NULL, ?)", [text, digest]
    )
    for macro in ("min(x) AS 9", "max(x) AS 9", "coalesce2(x) AS 9"):
        connection.execute(f"CREATE MACRO {macro}")
    connection.close()
    with StoreView.open(place) as view:
        assert [x.seq for x in view.events()] == [1]
        assert view.foreign and view.foreign in verify(view)


def test_a_journal_without_an_end_is_not_read_whole(tmp_path: Path) -> None:
    """A file of 8 TB, none of which is there."""
    place = old_store(tmp_path, TABLE)
    with (place / "journal").open("wb") as file:
        file.truncate(8 << 40)
    began = time.process_time()
    store = Store.open(place)
    assert list(store.events()) == []
    store.close()
    assert time.process_time() - began < 5


# -- beside the user's own log -------------------------------------------------------------------

TAMPERED = {
    "another text": "UPDATE events SET data = replace(data, 'mine', 'theirs')",
    "a row less": "DELETE FROM events WHERE seq = 1",
    "a view without an end": (
        "CREATE TABLE kept AS FROM events; DROP VIEW artifacts; DROP TABLE events; CREATE VIEW "
        "events AS WITH RECURSIVE more AS (FROM kept UNION ALL FROM more) FROM more"
    ),
    "a version that never comes": (
        "DROP TABLE migrations; CREATE VIEW migrations AS WITH RECURSIVE m AS (SELECT 3 AS version "
        "UNION ALL FROM m) FROM m"
    ),
}


@pytest.mark.usefixtures("_hopeless")
@pytest.mark.parametrize("how", TAMPERED)
def test_a_database_put_beside_the_own_log_is_not_used(tmp_path: Path, how: str) -> None:
    """A query is answered from the log, whatever lies there."""
    place = store_path(tmp_path / "a.ipynb")
    store = Store.open(place)
    store.append(e.RunStarted(run="mine"), e.SessionOpened(pid=1)).wait()
    asked = "SELECT seq, data FROM events ORDER BY seq"
    _, rows = store.query(asked)
    store.close()
    file = place / "store.duckdb"
    connection = duckdb.connect(str(file))
    connection.execute(TAMPERED[how])
    connection.close()
    os.utime(file, ns=(1, 1))
    again = Store.open(place)
    assert again.query(asked)[1] == rows and len(rows) == 2
    again.close()


def test_the_own_database_is_used_again(tmp_path: Path) -> None:
    """What this user's process has left is not made anew."""
    place = store_path(tmp_path / "a.ipynb")
    left = []
    for n in range(3):
        store = Store.open(place)
        store.append(e.RunStarted(run=str(n))).wait()
        store.query("SELECT 1")
        store.close()
        left.append((place / "store.duckdb").stat().st_ino)
    assert len({*left}) == 1
