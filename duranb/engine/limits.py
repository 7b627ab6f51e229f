"""How fast the calls to a model may be made, by all that run in this process.

A limit that was set is kept to; one that nobody told is learned. A refusal (429) pauses all calls
to its model for as long as the server asks. Two of them in a row tell its rate: between them it
answered as many as it allows. (Until there were enough, one call leaves after a refusal, and one
more for each that is answered.) From then on calls leave evenly at a little less than that, and
slowly faster, until it refuses again or has not for long. A server may refuse for other reasons,
such as too many customers: where leaving more slowly makes refusals no rarer, they only pause.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from duranb.engine.flows import TICK, Flow, Pause
from duranb.errors import UsageError

LONGEST_PAUSE = 60.0
"""Seconds for which a refusal pauses a model's calls at most. A server that asks for more has used
up a quota: its refusals are shown to whoever calls."""

SLACK = 0.05
"""Seconds of a rate that may be caught up with, when calls came late."""

ENOUGH = 20
"""Answers between two refusals from which a rate is known well."""

RECENT = 10.0
"""Seconds before a refusal whose answers tell the rate."""

FEW = 3
"""Answers from which it is known at all."""

SAMPLE = 12
"""Refusals from which it is told whether they are for the rate."""

CLOSE, FAR = 5, 100
"""Answers between two refusals: fewer where calls leave too fast, more where just fast enough."""

SLOWEST = 1.0
"""Calls a second, at least, that are learned: below, the server's own pauses are what counts."""

UNHEARD = 40
"""Refusals that only pause, once they were found to be for something else."""

WIDEST = 64
"""Calls on their way, up to which as many more may leave as were answered since a refusal."""

FORGOTTEN = 60.0
"""Seconds without a refusal, and without a call that had to wait, that a learned rate is kept."""

Per = Literal["model", "all"]


@dataclass(frozen=True)
class Limits:
    """What was set; None: not limited."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    concurrent: int | None = None
    per: Per = "model"


@dataclass
class Gate:
    """What the calls to one model (or to all) pass. Times are monotonic seconds. Safe from any
    thread. The ``clock`` is another one in tests. ``before`` is the gate in whose place it came,
    with calls that are still on their way; ``replaced``: another one has come in its own."""

    name: str
    limits: Limits
    clock: Callable[[], float] = time.monotonic
    before: Gate | None = None
    replaced: bool = False
    on_their_way: int = 0
    waiting: int = 0
    answered: int = 0
    refused: int = 0
    rate: float | None = None
    _paused: float = 0.0
    _next: float = 0.0
    _next_tokens: float = 0.0
    _due: float = 0.0
    _due_tokens: float = 0.0
    _refusal: float | None = None
    _mark: float = 0.0
    _since: int = 0
    _held: float = 0.0
    _window: int | None = None
    _is_known: bool = False
    _gaps: deque[int] = field(default_factory=lambda: deque(maxlen=SAMPLE))
    _unheard: int = 0
    _answers: deque[float] = field(default_factory=lambda: deque(maxlen=10_000))
    _lock: threading.RLock = field(default_factory=threading.RLock)  # as a budget's

    def enter(self, tokens: int, refuse: Callable[[], None]) -> Flow[float | None]:
        """Wait until a call of about so many ``tokens`` may leave; when that was. None: it is to
        pass the gate that has come in the place of this one. ``refuse`` raises when nobody waits
        for it any more."""
        with self._lock:
            self.waiting += 1
        try:
            while not self.replaced:
                leaves = self._slot(tokens)
                while (left := leaves - self.clock()) > 0 and not self.replaced:
                    refuse()
                    yield Pause(min(left, TICK))
                refuse()
                with self._lock:
                    now = self.clock()
                    full = self._is_full
                    if now >= self._paused and not full and not self.replaced:
                        self.on_their_way += 1
                        self._left(now, tokens)
                        return now
                if full:
                    yield from self._wait_for_room(refuse)
            return None
        finally:
            with self._lock:
                self.waiting -= 1
                if not self.waiting:  # what those took who have given up is nobody's
                    self._next = min(self._next, self._due)
                    self._next_tokens = min(self._next_tokens, self._due_tokens)

    def _wait_for_room(self, refuse: Callable[[], None]) -> Flow[None]:
        while self._is_full and not self.replaced:
            refuse()
            yield Pause(0.005)

    @property
    def in_flight(self) -> int:
        """Calls on their way, those too that passed the gates before this one."""
        return self.on_their_way + (self.before.in_flight if self.before is not None else 0)

    @property
    def _is_full(self) -> bool:
        bounds = (self.limits.concurrent, self._window)
        return any(most is not None and self.in_flight >= most for most in bounds)

    def _left(self, now: float, tokens: int) -> None:
        """A call leaves: from when on, at the latest, the next one may."""
        rate = self._rate(now)
        self._due = max(self._due, now + (1 / rate if rate is not None else 0.0))
        if self.limits.tokens_per_minute is not None:
            took = tokens * 60 / self.limits.tokens_per_minute
            self._due_tokens = max(self._due_tokens, now) + took

    def _slot(self, tokens: int) -> float:
        """When the next call may leave; it is taken to do so."""
        with self._lock:
            now = self.clock()
            leaves = max(now, self._paused)
            rate = self._rate(now)
            if rate is not None:
                slot = max(self._next, leaves - min(SLACK, 1 / rate))
                self._next = slot + 1 / rate
                self._held = now if slot > leaves else self._held
                leaves = max(leaves, slot)
            if self.limits.tokens_per_minute is not None:
                slot = max(self._next_tokens, leaves - SLACK)
                self._next_tokens = slot + tokens * 60 / self.limits.tokens_per_minute
                leaves = max(leaves, slot)
            return leaves

    def _rate(self, now: float) -> float | None:
        """Calls a second: the smaller of the one that was set and the one that was learned."""
        told = self.limits.requests_per_minute
        rates = [] if told is None else [told / 60]
        if self.rate is not None and self._refusal is not None:
            if now - max(self._refusal, self._held) > FORGOTTEN:
                self.rate = None
            elif self._is_known:
                growth = (1 + self._since * 5e-5) * 2 ** (max(0, self._since - 600) / 600)
                rates.append(self.rate * 0.985 * growth)
            else:
                quiet = now - self._refusal
                rates.append(self.rate * 1.03**quiet * 2 ** (max(0.0, quiet - 5) / 5))
        return min(rates, default=None)

    def left(self, estimated: int, tokens: int) -> None:
        """A call has ended, which had ``estimated`` tokens and took so many."""
        with self._lock:
            self.on_their_way -= 1
            if self.limits.tokens_per_minute is not None:
                more = (tokens - estimated) * 60 / self.limits.tokens_per_minute
                self._next_tokens += more
                self._due_tokens += more

    # -- what the server says --------------------------------------------------------------

    def was_answered(self) -> None:
        """The server did not refuse a call."""
        with self._lock:
            self.answered += 1
            self._since += 1
            self._answers.append(self.clock())
            if self._window is not None:
                self._window = self._window + 1 if self._window < WIDEST else None

    def pause(self, seconds: float) -> None:
        """The server says that it will answer nothing before."""
        if 0 < seconds <= LONGEST_PAUSE:
            with self._lock:
                self._paused = max(self._paused, self.clock() + seconds)

    def was_refused(self, sent: float, seconds: float | None) -> None:
        """The server refused a call that left at ``sent``, and asks to wait for ``seconds``."""
        self.pause(0.5 if seconds is None else seconds)
        with self._lock:
            self.refused += 1
            if self._refusal is not None and sent < self._refusal:
                return  # it was on its way already when another one was refused
            self._learn(self.clock(), seconds)

    @property
    def _is_in_vain(self) -> bool:
        """Whether refusals come neither close together, as where calls leave too fast, nor far
        apart, as where they leave just fast enough. Then they are not for the rate, and to leave
        still more slowly would help nobody."""
        return sum(CLOSE <= gap < FAR for gap in self._gaps) >= 0.75 * SAMPLE

    def _learn(self, now: float, asked: float | None) -> None:
        """From the answers since the refusal before this one, those of the last seconds."""
        before, gap = self._refusal, self._since
        self._refusal, self._since = now, 0
        if self._unheard:
            self._unheard -= 1
            return
        if self.rate is not None:
            self._gaps.append(gap)
        if self._is_in_vain:
            self._unheard = UNHEARD
            self.rate, self._window, self._is_known = None, None, False
            self._gaps.clear()
            return
        if before is None or now - max(before, self._held) > FORGOTTEN:
            self._answers.clear()
            self._mark, self.rate, self._window, self._is_known = now, None, 1, False
            return
        since = max(self._mark, now - RECENT)
        while self._answers and self._answers[0] <= since and len(self._answers) > ENOUGH:
            self._answers.popleft()
        counted, took = len(self._answers), now - max(since, self._mark)
        if self._answers and self._answers[0] < since:
            took = now - self._answers[0]
        if counted >= ENOUGH and took > 0:
            self.rate, self._is_known, self._mark = counted / took, True, now
            self._answers.clear()
        elif self._is_known and self.rate is not None:
            self.rate *= 0.97  # soon after another one: it is still a little too fast
        else:
            self._window = 1  # and one more for each answer, while little is known
            if counted >= FEW and took > 0:
                self.rate = counted / took
            if self.rate is not None and asked is not None and 0 < asked <= 1:
                self.rate = min(self.rate, 1 / asked)
        if self.rate is not None:
            self.rate = max(self.rate, SLOWEST)
        self._next = max(self._next, self._paused)


class Limiter:
    """The gates of this process."""

    def __init__(self) -> None:
        self.limits = Limits()
        self._gates: dict[str, Gate] = {}
        self._before: dict[str, Gate] = {}
        self._lock = threading.Lock()

    def set(self, limits: Limits) -> None:
        """Keep to these limits from now on, also for the calls that wait by now."""
        with self._lock:
            self.limits = limits
            self._before |= self._gates
            self._gates = {}
            for gate in self._before.values():
                gate.replaced = True

    def of(self, model: str) -> Gate:
        """The gate that the calls to a model pass."""
        name = model if self.limits.per == "model" else "all models"
        with self._lock:
            gate = self._gates.get(name)
            if gate is None:
                before = self._before.pop(name, None)
                if before is not None and not before.in_flight:
                    before = None
                gate = self._gates[name] = Gate(name, self.limits, before=before)
            return gate

    @property
    def gates(self) -> list[Gate]:
        """All that calls have passed."""
        with self._lock:
            return list(self._gates.values())


limiter = Limiter()


def limits(
    *,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    concurrent: int | None = None,
    per: Per = "model",
) -> None:
    """Limit the calls that steps make to models, all those of this process together.

    ``duranb.limits(requests_per_minute=500, tokens_per_minute=200_000, concurrent=16)`` holds for
    each model by itself, or with ``per="all"`` for all of them together; calls wait for their turn,
    and no event loop is blocked. Called again it replaces what was set; without arguments nothing
    is limited. In any case refusals (429) are learned from: they pause all calls to their model,
    and calls then leave as fast as the server answers. Raises :class:`duranb.errors.UsageError`.
    """
    given = (requests_per_minute, tokens_per_minute, concurrent)
    known: list[Any] = [each for each in given if each is not None]
    if not all(isinstance(each, int | float) and each > 0 for each in known):
        raise UsageError("duranb.limits takes numbers above 0")
    if per not in ("model", "all"):
        raise UsageError(f'duranb.limits: per is {per!r}: it takes "model" or "all"')
    limiter.set(Limits(requests_per_minute, tokens_per_minute, concurrent, per))
