"""The demo's accounts: what the server saw beside what the store holds."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from duranb.demo.journal import Request
from duranb.llm.exchange import decode
from duranb.pure.history import History
from duranb.pure.model import Call, CallStatus
from duranb.store import StoreView

_NUMBER = re.compile(r"req-standin-(\d+)")


@dataclass(frozen=True)
class Tickets:
    """The tracker's state. ``twice`` are titles that are open more than once."""

    filed: int
    open: int
    twice: tuple[str, ...]


@dataclass(frozen=True)
class Audit:
    """What was asked and paid for. Money is US dollars.

    ``requests`` reached the server (None without a stand-in, whose journal tells), ``paid`` are
    those it answered, and of these ``lost`` went to a kernel that died before it could record
    them. ``plain_*`` is what the same runs would have taken without duranb. ``again`` are answers
    that were acknowledged and yet asked for again: there must be none.
    """

    requests: int | None
    paid: int
    lost: int
    tokens: int
    cost: float
    plain_calls: int
    plain_tokens: int
    plain_cost: float
    seconds_saved: float
    again: tuple[str, ...]


def audit(history: History, view: StoreView, requests: list[Request] | None) -> Audit:
    """Settle the accounts. ``requests`` is the stand-in's journal, if it was the model."""
    ledgers = [history.ledger(i) for i in history.executions]
    kept = [c for c in _answers(history) if c.status is CallStatus.COMPLETED]
    again = _recorded_twice(kept)
    numbers = {n: c.ended for c in answers if (n := _request_number(view, c)) is not None}
    again += asked_again(
        {n: c.ended for c in kept if (n := _request_number(view, c)) is not None}, requests or []
    )
    unrecorded = _unrecorded(numbers, requests or [])
    lost_tokens = sum(r.read + r.written for r in unrecorded)
    lost_cost = sum(map(_price, unrecorded))
    tokens = sum(x.tokens for x in ledgers) + lost_tokens
    cost = sum(x.cost for x in ledgers) + lost_cost
    paid = sum(x.calls for x in ledgers) + len(unrecorded)
    return Audit(
        requests=None if requests is None else len(requests),
        paid=paid,
        lost=len(unrecorded),
        tokens=tokens,
        cost=cost,
        plain_calls=paid + sum(x.saved_calls for x in ledgers),
        plain_tokens=tokens + sum(x.saved_tokens for x in ledgers),
        plain_cost=cost + sum(x.saved_cost for x in ledgers),
        seconds_saved=sum(x.saved_seconds for x in ledgers),
        again=tuple(again),
    )


def asked_again(acknowledged: dict[int, int], requests: list[Request]) -> list[str]:
    """Requests for what had been acknowledged before they were made.

    ``acknowledged`` maps the number of a request whose answer is in the store to the time it was
    durable there. The tutorial asks nothing twice, so equal requests ask for the same answer.
    """
    by_number = {r.number: r for r in requests}
    since = {by_number[n].digest: (n, at) for n, at in acknowledged.items() if n in by_number}
    return [
        f"request {r.number} asked again for the answer to request {since[r.digest][0]}"
        for r in requests
        if r.digest in since and r.number not in acknowledged and r.at > since[r.digest][1]
    ]


def _answers(history: History) -> list[Call]:
    return [c for c in history.calls.values() if c.sort == "llm"]


def _recorded_twice(kept: list[Call]) -> list[str]:
    """Answers for which the store has two: then the second one was paid for in vain."""
    first: dict[tuple[str, str, int], int] = {}
    twice = []
    for call in kept:
        place = (call.step, call.key, call.occurrence)
        if place in first:
            twice.append(f"call {call.id} of {call.step} repeats call {first[place]}")
        first.setdefault(place, call.id)
    return twice


def _request_number(view: StoreView, call: Call) -> int | None:
    """Which of the stand-in's requests a recorded answer answers."""
    header = decode(view.get(call.response)).header
    found = _NUMBER.fullmatch(header.response_header("x-request-id"))
    return int(found[1]) if found else None


def tickets(tracker: Path) -> Tickets:
    """Look into the tracker."""
    with closing(sqlite3.connect(tracker)) as db:
        rows = db.execute("SELECT title, state FROM tickets").fetchall()
    titles = [title for title, state in rows if state == "open"]
    twice = tuple(sorted({t for t in titles if titles.count(t) > 1}))
    return Tickets(len(rows), len(titles), twice)
