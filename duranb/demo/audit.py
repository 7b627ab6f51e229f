"""The demo's accounts: what the server saw beside what the store holds."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from duranb.demo.journal import Request
from duranb.llm.exchange import decode
from duranb.llm.prices import cost_of
from duranb.llm.shapes.common import Tokens
from duranb.record.artifacts import Artifacts
from duranb.record.history import History
from duranb.record.model import Call, CallStatus

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


def audit(history: History, artifacts: Artifacts, journal: list[Request] | None) -> Audit:
    """Settle the accounts. ``journal`` is the stand-in's, if it was the model."""
    requests = journal or []
    ledgers = [history.ledger(i) for i in history.executions]
    paid = [
        c
        for c in history.calls.values()
        if c.kind.traits.answer and c.response and c.status is not CallStatus.FAILED
    ]
    kept = [c for c in paid if c.status is CallStatus.COMPLETED]
    number_of = {c.id: _request_number(artifacts, c) for c in paid} if requests else {}
    acknowledged = {number_of[c.id]: c.ended for c in kept if c.id in number_of}
    recorded = set(number_of.values())
    lost = [r for r in requests if r.answered and r.number not in recorded]
    calls = len(paid) + len(lost)
    tokens = sum(x.tokens for x in ledgers) + sum(r.read + r.written for r in lost)
    cost = sum(x.cost for x in ledgers) + sum(map(_price, lost))
    return Audit(
        requests=None if journal is None else len(journal),
        paid=calls,
        lost=len(lost),
        tokens=tokens,
        cost=cost,
        plain_calls=calls + sum(x.saved_calls for x in ledgers),
        plain_tokens=tokens + sum(x.saved_tokens for x in ledgers),
        plain_cost=cost + sum(x.saved_cost for x in ledgers),
        seconds_saved=sum(x.saved_seconds for x in ledgers),
        again=(*_recorded_twice(kept), *asked_again(acknowledged, requests)),
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


def _request_number(artifacts: Artifacts, call: Call) -> int:
    """Which of the stand-in's requests a recorded answer answers; 0 when it is not one of them."""
    header = decode(artifacts.get(call.response)).header
    found = _NUMBER.fullmatch(header.response_header("x-request-id"))
    return int(found[1]) if found else 0


def _price(request: Request) -> float:
    return cost_of(Tokens(request.model, request.read, request.written), "", "openai") or 0.0


def tickets(tracker: Path) -> Tickets:
    """Look into the tracker."""
    with closing(sqlite3.connect(tracker)) as db:
        rows = db.execute("SELECT title, state FROM tickets").fetchall()
    titles = [title for title, state in rows if state == "open"]
    twice = tuple(sorted({t for t in titles if titles.count(t) > 1}))
    return Tickets(len(rows), len(titles), twice)
