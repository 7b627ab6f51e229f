"""Effects on a database of the user's: the work and its record commit together."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import duranb
from duranb.engine import saga, transactions
from duranb.errors import UsageError
from duranb.record.model import CallStatus, Status
from tests.engine.world import World
from tests.servers import postgres


class Killed(BaseException):
    """Stands for the end of the process."""


class Trouble:
    """What goes wrong in the middle of a transaction, by the time it comes to that."""

    errors: list[BaseException] = []


def trouble() -> None:
    """Something that the work does besides."""
    if Trouble.errors:
        raise Trouble.errors.pop()


def commit_and_die() -> None:
    """What nobody should do in a transaction."""
    Trouble.errors.pop(0).args[0].commit()
    raise Killed


def _sqlite(folder: Path) -> Callable[[], Any]:
    return lambda: sqlite3.connect(folder / "bank.db")


def _sqlite_autocommit(folder: Path) -> Callable[[], Any]:
    return lambda: sqlite3.connect(folder / "bank.db", isolation_level=None)


def _duckdb(folder: Path) -> Callable[[], Any]:
    return lambda: duckdb.connect(str(folder / "bank.duckdb"))


def _psycopg(address: str, **how: Any) -> Callable[[], Any]:
    import psycopg

    return lambda: psycopg.connect(address, **how)


FILES = {"sqlite": _sqlite, "sqlite-autocommit": _sqlite_autocommit, "duckdb": _duckdb}
SERVED = {"psycopg": {}, "psycopg-autocommit": {"autocommit": True}}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A PostgreSQL of our own."""
    if not postgres.found():
        pytest.skip("needs PostgreSQL's initdb and pg_ctl, and psycopg")
    with postgres.serving() as made:
        yield made


@pytest.fixture(params=[*FILES, *SERVED])
def connect(
    request: pytest.FixtureRequest, tmp_path: Path, world: World
) -> Iterator[Callable[[], Any]]:
    """How to connect to a bank with one account."""
    name = request.param
    if name in FILES:
        made = FILES[name](tmp_path)
    else:
        made = _psycopg(request.getfixturevalue("address"), **SERVED[name])
    with made() as bank:
        bank.execute("CREATE TABLE entries (who VARCHAR(20))")
        bank.commit()
    yield made
    world.live["bank"].close()
    if name in SERVED:
        with made() as bank:
            bank.execute("DROP TABLE IF EXISTS entries, duranb_effects")


PAY = """
from tests.outside.test_transactions import commit_and_die, trouble
def enter(who, *more):
    bank.execute(f"INSERT INTO entries VALUES ('{who}')")
    for each in more: each()
    return f'paid {who}'
def pay(*args): return duranb.call(enter, *args, transaction=bank)
"""


def opened(world: World, connect: Callable[[], Any]) -> Any:
    """A process with a connection and the tool."""
    if "bank" in world.live:
        world.live["bank"].close()
    world.start()
    world.live["bank"] = connect()
    world.plain(PAY)
    return world.live["bank"]


def entries(bank: Any) -> int:
    """What the bank has on its books, as another look at it finds."""
    found: int = bank.execute("SELECT count(*) FROM entries").fetchone()[0]
    bank.rollback() if not isinstance(bank, duckdb.DuckDBPyConnection) else None
    return found


def test_it_is_done_once_and_replayed(world: World, connect: Callable[[], Any]) -> None:
    """A step that failed after it gets the recorded result; as often as it is called it is done."""
    bank = opened(world, connect)
    with pytest.raises(KeyError):
        world.cell("s", "r = [pay('ann'), pay('ann')]\nraise KeyError()")
    world.cell("s", "r = [pay('ann'), pay('ann')]")
    assert world.live["r"] == ["paid ann", "paid ann"]
    assert entries(bank) == 2


def test_death_after_the_commit_repeats_nothing(
    world: World, connect: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies between the database's commit and our log: the next one finds the record."""
    opened(world, connect)
    world.cell("first", "r = pay('bob')")  # makes the table
    commit = transactions.Transaction.commit

    def then_die(self: transactions.Transaction) -> None:
        commit(self)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(transactions.Transaction, "commit", then_die)
        with pytest.raises(Killed):
            world.cell("s", "r = pay('ann')")
    bank = opened(world, connect)
    assert world.calls("s")[0].status is CallStatus.INTENDED
    world.cell("s", "r = pay('ann')")
    assert world.live["r"] == "paid ann"
    assert entries(bank) == 2


def test_death_before_the_commit_leaves_nothing(world: World, connect: Callable[[], Any]) -> None:
    """Neither the work nor its record: the next process does it, and nobody has to be asked."""
    opened(world, connect)
    Trouble.errors = [Killed()]
    with pytest.raises(Killed):
        world.cell("s", "r = pay('ann', trouble)")
    bank = opened(world, connect)
    assert entries(bank) == 0
    world.cell("s", "r = pay('ann', trouble)")
    assert entries(bank) == 1


def test_a_retried_attempt_starts_from_a_rollback(world: World, connect: Callable[[], Any]) -> None:
    """What a failed attempt had written is rolled back, and written once by the next."""
    bank = opened(world, connect)
    Trouble.errors = [ConnectionError(), ConnectionError()]
    world.cell("s --backoff 0", "r = pay('ann', trouble)")
    assert entries(bank) == 1
    assert world.last("s").status is Status.COMPLETED


def test_an_undone_one_is_done_again(world: World, connect: Callable[[], Any]) -> None:
    """Its undo is a transaction too; done again it has another key, so the old record is none."""
    bank = opened(world, connect)
    world.plain(
        "@duranb.tool(transaction=lambda: bank)\n"
        "def cancel(receipt: str): bank.execute('DELETE FROM entries')\n"
        "@duranb.tool(compensate=cancel, transaction=bank)\n"
        "def pay(who: str): return enter(who)"
    )
    world.cell("s", "r = pay('ann')")
    saga.compensate(world.runtime, world.last("s"))
    assert entries(bank) == 0
    world.cell("s", "r = pay('ann')")
    assert entries(bank) == 1


def test_outside_of_steps_it_is_a_transaction(world: World, connect: Callable[[], Any]) -> None:
    """It commits, or is rolled back, and nothing is recorded."""
    bank = opened(world, connect)
    world.live["pay"]("ann")
    with pytest.raises(ZeroDivisionError):
        world.live["pay"]("bob", lambda: 1 / 0)
    assert entries(bank) == 1
    assert not world.calls()


def test_an_open_transaction_is_refused(world: World, connect: Callable[[], Any]) -> None:
    """Its end is not ours to decide; nothing was done."""
    bank = opened(world, connect)
    if getattr(bank, "autocommit", True):
        bank.execute("BEGIN")
    bank.execute("INSERT INTO entries VALUES ('bob')")
    with pytest.raises(UsageError, match="has a transaction open"):
        world.cell("s", "r = pay('ann')")


def test_one_that_commits_by_itself_is_never_repeated_in_silence(
    world: World, tmp_path: Path
) -> None:
    """Killed after its own commit, it is named, with what to do about it."""
    bank = opened(world, _sqlite(tmp_path))
    bank.execute("CREATE TABLE entries (who)")
    bank.commit()
    Trouble.errors = [Killed(bank)]
    with pytest.raises(Killed):
        world.cell("s", "r = pay('ann', commit_and_die)")
    with pytest.raises(UsageError, match="committed by itself"):
        world.cell("s", "r = pay('ann', commit_and_die)")
    assert entries(bank) == 1


@pytest.mark.parametrize("given", [7, "bank.db", [sqlite3]], ids=repr)
def test_what_cannot_commit_both_is_refused(world: World, given: object) -> None:
    """By name, before anything is done."""
    with world.inside("s"), pytest.raises(UsageError, match="transaction="):
        duranb.call(len, [1], transaction=given)


async def _coroutine() -> None:
    """Something that is awaited."""


def test_async_functions_are_refused() -> None:
    """At decoration."""
    with pytest.raises(UsageError, match="not async"):
        duranb.tool(transaction=sqlite3.connect)(_coroutine)
