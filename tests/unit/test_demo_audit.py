"""The demo's accounts: they have to notice when something is paid for twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from duranb.demo.audit import Audit, Tickets, asked_again, audit, tickets
from duranb.demo.journal import Request
from duranb.demo.run import verdict
from duranb.demo.show import accounts, steps_table
from duranb.llm.exchange import Header, encode
from duranb.record import events as e
from duranb.store import Store, StoreView

USAGE = e.Usage(model="gpt-4o-mini", input_tokens=90, output_tokens=10, cost=0.5, priced=True)


def request(number: int, digest: str, at: int, *, sent: bool = True) -> Request:
    return Request(
        number=number,
        at=at,
        path="/v1/chat/completions",
        digest=digest,
        model="gpt-4o-mini",
        stream=False,
        fate="ok",
        status=200 if sent else 429,
        sent=sent,
        ended=at + 1,
        read=90,
        written=10,
    )


class Agent:
    """A store with one step, whose calls the test records."""

    def __init__(self, folder: Path) -> None:
        self.store = Store.open(folder)
        self._calls = 0
        self.store.append(
            e.RunStarted(run="r"),
            e.ExecutionStarted(execution=1, step="read", run="r", branch="main"),
        )

    def record(self, number: int, key: str) -> int:
        """Record the answer to request ``number``; the time at which it was durable."""
        self._calls += 1
        header = Header(
            method="POST", url="http://x", headers=[("x-request-id", f"req-standin-{number}")]
        )
        digest = self.store.put(encode(header, b"", [b"{}"]))
        self.store.append(
            e.CallCompleted(
                call=self._calls,
                execution=1,
                attempt=1,
                step="read",
                key=key,
                occurrence=0,
                kind="llm",
                name="chat",
                response=digest,
                usage=USAGE,
            )
        )
        return list(self.store.events())[-1].ts

    def settle(self, journal: list[Request] | None) -> Audit:
        self.store.flush()
        with StoreView.open(self.store.path) as view:
            return audit(view.history(), view, journal)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path / "store")
    yield made
    made.store.close()


def test_calls_that_are_paid_once_are_fine(agent: Agent) -> None:
    """Refusals and answers that a killed kernel never recorded may be asked for again."""
    journal = [
        request(1, "a", 10),
        request(2, "b", 11, sent=False),
        request(3, "c", 12),
        request(4, "b", 13),
        request(5, "c", 14),
    ]
    for number, key in ((1, "a"), (4, "b"), (5, "c")):
        agent.record(number, key)
    result = agent.settle(journal)
    assert (result.requests, result.paid, result.lost) == (5, 4, 1)
    assert result.tokens == 400
    assert result.cost > 1.5
    assert result.again == ()
    assert verdict(result, 0) == 0


def test_an_acknowledged_call_asked_again_fails_the_demo(agent: Agent) -> None:
    """A request for what the store already held is found, whatever became of it."""
    at = agent.record(1, "a")
    for sent in (True, False):
        result = agent.settle([request(1, "a", at - 10), request(2, "a", at + 10, sent=sent)])
        assert result.again == ("request 2 asked again for the answer to request 1",)
        assert verdict(result, 0) == 1


def test_an_answer_recorded_twice_fails_the_demo(agent: Agent) -> None:
    """With a real model there is no journal: the store tells, which then holds it twice."""
    agent.record(0, "a")
    agent.record(0, "a")
    result = agent.settle(None)
    assert result.again == ("call 2 of read repeats call 1",)
    assert verdict(result, 0) == 1


def test_a_request_in_flight_at_the_same_time_is_not_a_repetition() -> None:
    """What was asked before the answer was durable could not know of it."""
    journal = [request(1, "a", 10), request(2, "a", 11)]
    assert asked_again({2: 20}, journal) == []
    assert len(asked_again({1: 10}, journal)) == 1


def test_tickets_are_counted_in_the_tracker(tmp_path: Path) -> None:
    """A title that is open twice was filed twice; one that was closed and filed anew was not."""
    tracker = tmp_path / "tracker.db"
    with closing(sqlite3.connect(tracker)) as db, db:
        db.execute("CREATE TABLE tickets (id INTEGER PRIMARY KEY, title TEXT, state TEXT)")
        rows = [("a", "open"), ("b", "closed"), ("b", "open"), ("c", "open"), ("c", "open")]
        db.executemany("INSERT INTO tickets (title, state) VALUES (?, ?)", rows)
    found = tickets(tracker)
    assert found == Tickets(filed=5, open=4, twice=("c",))


def shown(what: object) -> str:
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(what)
    console.file.close()
    return console.export_text()


def test_the_table_says_what_was_saved() -> None:
    """The last lines of the demo are the difference to a plain notebook, and the verdict."""
    result = Audit(
        requests=7,
        paid=5,
        lost=1,
        tokens=500,
        cost=0.25,
        plain_calls=12,
        plain_tokens=1200,
        plain_cost=0.75,
        seconds_saved=3.4,
        again=(),
    )
    text = shown(accounts(result, Tickets(3, 3, ()), kills=2))
    cells = [[part.strip() for part in line.split("│")] for line in text.splitlines()]
    rows = {parts[1]: parts[2:-1] for parts in cells if len(parts) == 6}
    assert rows["calls to pay for"] == ["12", "5", "7"]
    assert rows["money"] == ["$0.7500", "$0.2500", "$0.5000"]
    assert rows["restarts survived, after kill -9"] == ["", "2", ""]
    assert rows["acknowledged calls paid for twice"] == ["", "0", ""]


def test_steps_to_come_are_shown_too(agent: Agent) -> None:
    """The table of steps has all of them, with the calls done and those expected."""
    agent.record(1, "a")
    with StoreView.open(agent.store.path) as view:
        text = shown(steps_table(view.history(), {"read": 4, "write": 0}))
    read, write = text.splitlines()
    assert "1/4 calls" in read
    assert "running" in read
    assert write.split() == ["○", "write"]
