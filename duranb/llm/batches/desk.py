"""Where the requests of a map's items are collected, and the answers of their batches handed out.

A request is put off: it is collected, and its item unwound. When nothing else can be collected, all
of them are submitted, and when the batches have ended the items run again: now each request finds
its answer here, and is recorded as if it had just been made. What a request was submitted as is in
the journal (an intended call, whose idempotency key is the request's id in the batch), so another
process finds it too, and waits for it instead of sending it again.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from duranb.engine.budgets import Amount, Budget
from duranb.engine.claim import Claim
from duranb.engine.context import StepContext
from duranb.engine.flows import TICK, Flow, Pause
from duranb.engine.rounds import PutOff
from duranb.engine.scopes import inside
from duranb.engine.waits import LONGEST, notebook_of
from duranb.errors import BatchFailed, BudgetExceeded, Waiting
from duranb.llm.batches import PROVIDERS
from duranb.llm.batches.batch import Batch
from duranb.llm.batches.providers import SHARE, Line, Place, Provider, place_of
from duranb.llm.identity import Asked
from duranb.llm.passage import Passage
from duranb.record.events import EventBody
from duranb.record.model import CallStatus

_log = logging.getLogger(__name__)

_TAG = "duranb-batch-"

_AT_ONCE = 1000
"""Intents that are recorded with one append."""

Held = list[tuple[Budget, Amount]]


@dataclass
class _Lot:
    """Requests that may be in one batch: what they claim, their bodies, what they reserve."""

    requests: list[tuple[Claim, bytes, Held]] = field(default_factory=list)
    size: int = 0

    def parts(self, provider: Provider) -> Iterator[list[tuple[Claim, bytes, Held]]]:
        """The requests, so many that a provider takes them in one batch."""
        part: list[tuple[Claim, bytes, Held]] = []
        size = 0
        for each in self.requests:
            size += len(each[1])
            if part and (size > provider.largest or len(part) == provider.most):
                yield part
                part, size = [], len(each[1])
            part.append(each)
        yield part


class BatchDesk:
    """The desk of one map. ``only``: nothing is sent in any other way."""

    def __init__(self, step: StepContext, label: str, only: bool) -> None:
        self.taken = 0
        self._step = step
        self._where = inside.get()
        self._label = label
        self._only = only
        self._lots: dict[Place, _Lot] = {}
        self._batches: dict[str, Batch] = {}
        self._waited_for: set[str] = set()
        self._held: dict[str, Held] = {}
        self._crowded = False
        self._missing: set[tuple[str, int]] = set()
        self._live: Counter[str] = Counter()
        self._lock = threading.Lock()

    # -- one request -----------------------------------------------------------------------

    def answer(
        self, claim: Claim, asked: Asked, passage: Passage, headers: Mapping[str, str]
    ) -> Flow[Line | None]:
        """A batch's answer to a request; None where it is to be sent as usual.

        Raises :class:`PutOff` while there is none, and what :meth:`Passage.book` does.
        """
        place = place_of(PROVIDERS, asked, headers)
        name = _submitted(claim)
        if place is None or (why := self._unfit(claim, asked)):
            why = "no batch API is known for it" if place is None else why
            error = BatchFailed(f"{asked.name}: {why}", 400)
            yield from self._as_usual(claim, passage, error, why)
            return None
        if not name:
            yield from self._collect(place, claim, asked, passage)
        batch = self._batch_of(name, place)
        if not batch.over:
            yield from self._wait_for(batch, name, asked, passage)
            self._put_off(claim)
        passage.hold(self._held.pop(name, []))
        line = batch.line(name)
        if line is not None and not line.failure:
            self.taken += 1
            return line
        passage.end(None, made=False)
        whole = batch.failure or batch.short
        told = whole is not None or line is not None
        error = whole or BatchFailed("it is not among the answers of its batch", 400)
        error = error if line is None else BatchFailed(line.failure, line.status)
        claim.anew(error, error.status_code)
        if not told and self._is_missing_first(claim):
            yield from self._collect(place, claim, asked, passage)
        yield from self._as_usual(claim, passage, error, error.message)
        return None

    def _book(self, claim: Claim, passage: Passage, share: float) -> Flow[None]:
        """Reserve the money. Where there is no room before others have ended, the request is put
        off: waiting for them here would be waiting for items that run later."""
        if (yield from passage.book(share, sent=False)):
            return
        if claim.attempt.desk is self:
            self._crowded = True
            self._put_off(claim)
        raise self._step.journal.stop(
            BudgetExceeded(
                f"a budget has no room for {claim.name} beside what is in batches. It was not "
                "made. What was made is kept: give the budget more, run the step again, and it "
                "goes on from here"
            )
        )

    def _as_usual(self, claim: Claim, passage: Passage, error: BatchFailed, why: str) -> Flow[None]:
        """No batch answers it: it is sent as usual, or not at all, where it is the item's own."""
        if self._only and not self._is_foreign(claim):
            claim.attempt.refused = error
            raise PutOff
        yield from self._book(claim, passage, 1.0)
        with self._lock:
            self._live[why] += 1

    def _is_foreign(self, claim: Claim) -> bool:
        """Whether it is made in something that is recorded by itself, inside an item."""
        where = inside.get()
        in_effect = where is not None and bool(where.idempotency_key)
        return in_effect or claim.attempt.desk is not self

    def _unfit(self, claim: Claim, asked: Asked) -> str:
        """Why a request cannot be in a batch, or an empty string."""
        body = asked.body if isinstance(asked.body, dict) else {}
        if self._is_foreign(claim):
            return "made in an effect, or in a step or a map of its own"
        if body.get("stream"):
            return "a stream"
        return "made in the background" if body.get("background") else ""

    @staticmethod
    def _put_off(claim: Claim) -> NoReturn:
        claim.attempt.put_off = True
        raise PutOff

    def _is_missing_first(self, claim: Claim) -> bool:
        """Whether a batch had nothing on a request for the first time: it was in one that arrived
        without it, since at that time nobody asked for it. A second time it is the provider's
        fault."""
        place = (claim.place_key, claim.place)
        with self._lock:
            first = place not in self._missing
            self._missing.add(place)
        return first

    def _collect(
        self, place: Place, claim: Claim, asked: Asked, passage: Passage
    ) -> Flow[NoReturn]:
        yield from self._book(claim, passage, SHARE)
        with self._lock:
            lot = self._lots.setdefault(place, _Lot())
            lot.requests.append((claim, asked.content, passage.let_go()))
            lot.size += len(asked.content)
        self._put_off(claim)

    def _batch_of(self, name: str, place: Place) -> Batch:
        tag = name.rpartition("-")[0]
        with self._lock:
            found = self._batches.get(tag)
            if found is None:
                found = self._batches[tag] = Batch(self._step, self._where, place, tag)
                found.recall()
        return found

    def _wait_for(self, batch: Batch, name: str, asked: Asked, passage: Passage) -> Flow[None]:
        """A request is in a batch that has not ended."""
        if name not in self._held:
            yield from passage.book(SHARE, sent=True)
        with self._lock:
            self._waited_for.add(batch.tag)
            self._held.setdefault(name, passage.let_go())
            if not batch.id:
                batch.requests[name] = asked.content

    # -- all of them -----------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """See :class:`duranb.engine.rounds.Desk`."""
        with self._lock:
            lots = list(self._lots.items())
        return self._crowded or any(
            lot.size >= place.provider.largest or len(lot.requests) >= place.provider.most
            for place, lot in lots
        )

    def submit(self) -> Flow[None]:
        """See :class:`duranb.engine.rounds.Desk`. Raises :class:`BatchFailed`."""
        self._crowded = False
        for batch in self._batches.values():
            if batch.over:  # what nobody took in the round that is over, nobody will
                self._release(batch.tag)
        lots, self._lots = self._lots, {}
        for place, lot in lots.items():
            for requests in lot.parts(place.provider):
                yield from self._submit(place, requests)

    def _release(self, tag: str) -> None:
        for name in [n for n in self._held if n.startswith(f"{tag}-")]:
            for budget, amount in self._held.pop(name):
                budget.settle(amount)

    def _submit(self, place: Place, requests: list[tuple[Claim, bytes, Held]]) -> Flow[None]:
        tag = _TAG + secrets.token_hex(12)
        batch = Batch(self._step, self._where, place, tag)
        events: list[EventBody] = []
        for number, (claim, body, held) in enumerate(requests):
            name = f"{tag}-{number}"
            batch.requests[name] = body
            self._held[name] = held
            events.append(claim.intention(idempotency_key=name))
        self._batches[tag] = batch
        self._waited_for.add(tag)
        events.append(batch.intention())
        append = self._step.runtime.append
        # The batch's own intent comes last: it is durable when all of them are.
        receipts = [append(*events[at : at + _AT_ONCE]) for at in range(0, len(events), _AT_ONCE)]
        yield receipts[-1]
        yield from batch.submit()

    def wait(self, tell: Callable[[str], None]) -> Flow[None]:
        """See :class:`duranb.engine.rounds.Desk`. Raises :class:`BatchFailed`."""
        began = time.monotonic()
        while going := self._going():
            for batch in going:
                yield from batch.look()
            going = self._going()
            if not going:
                break
            waited = time.monotonic() - began
            tell(f"waiting for {self._told(going)}, {waited:.0f} s")
            if waited > LONGEST and self._step.runtime.settings.headless:
                raise self._step.journal.stop(
                    Waiting(
                        f"step {self._step.step!r} waits for {self._told(going)}\n  later, "
                        f"duranb resume {notebook_of(self._step)} goes on"
                    )
                )
            yield Pause(max(TICK, min(1.0, *(batch.due for batch in going), LONGEST)))
        self._waited_for.clear()

    def _going(self) -> list[Batch]:
        return [b for tag in self._waited_for if not (b := self._batches[tag]).over]

    @staticmethod
    def _told(going: list[Batch]) -> str:
        if len(going) == 1:
            (batch,) = going
            return f"batch {batch.id or batch.tag} at {batch.place.host} ({batch.told})"
        done = sum(batch.state.done for batch in going)
        total = sum(batch.state.total for batch in going)
        return f"{len(going)} batches at {going[0].place.host} ({done:,} of {total:,} answered)"

    def close(self) -> None:
        """See :class:`duranb.engine.rounds.Desk`."""
        for tag, batch in self._batches.items():
            self._release(tag)
            batch.close()
        if self._live:
            count = self._live.total()
            whys = "; ".join(f"{n:,}: {why}" for why, n in self._live.most_common(5))
            _log.warning(
                "duranb: %s of the map of %s went by no batch, and at the usual price (%s)",
                "1 call" if count == 1 else f"{count:,} calls",
                self._label,
                whys,
            )


def _submitted(claim: Claim) -> str:
    """The id under which a claim's request was submitted to a batch, or an empty string."""
    call = claim.recorded
    if call is None or call.status is not CallStatus.INTENDED:
        return ""
    name = call.idempotency_key
    if not name.startswith(_TAG):
        return ""
    if (call.place_key, call.occurrence) != (claim.place_key, claim.place):
        claim.disregard()  # another item's: its answer is recorded where it is asked for
    return name
