"""Limits: what was set is kept to, and what nobody told is learned. Time is simulated."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from duranb.engine.limits import Gate, Limiter, Limits
from duranb.errors import UsageError


@dataclass
class Server:
    """Answers ``rate`` requests a second with bursts of ``burst``, after ``latency`` seconds; or
    ``window`` of them in each minute."""

    rate: float = 0.0
    burst: float = 20.0
    window: int = 0
    latency: float = 0.03
    tells: bool = True
    answered: int = 0
    refused: int = 0
    level: float = 0.0
    filled: float = 0.0
    used: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.level = self.burst

    def wait(self, now: float) -> float:
        """Seconds until it would answer; 0: it does."""
        if self.window:
            minute = int(now // 60)
            self.used[minute] = self.used.get(minute, 0) + 1
            if self.used[minute] <= self.window:
                return 0.0
            return (minute + 1) * 60 - now
        self.level = min(self.burst, self.level + (now - self.filled) * self.rate)
        self.filled = now
        if self.level >= 1:
            self.level -= 1
            return 0.0
        return (1 - self.level) / self.rate


class Simulation:
    """Workers that call a server through a gate."""

    def __init__(self, server: Server, limits: Limits | None = None) -> None:
        self.server = server
        self.now = 0.0
        self.gate = Gate("model", limits or Limits(), clock=lambda: self.now)
        self._chance = random.Random(1)
        self._queue: list[tuple[float, int, Generator[float, None, None]]] = []
        self.most = 0

    def run(self, workers: int, calls: int, tokens: Callable[[], int] = lambda: 0) -> float:
        """Make so many calls; the seconds that took."""
        left = iter(range(calls))
        for number in range(workers):
            heapq.heappush(self._queue, (0.0, number, self._work(left, tokens)))
        while self._queue:
            self.now, number, worker = heapq.heappop(self._queue)
            pause = next(worker, None)
            if pause is not None:
                heapq.heappush(self._queue, (self.now + pause, number, worker))
        return self.now

    def _work(self, left: Iterator[int], tokens: Callable[[], int]) -> Generator[float, None, None]:
        for _ in left:
            while True:
                estimate, taken = 100, tokens()
                entering = self.gate.enter(estimate, lambda: None)
                sent = 0.0
                while True:
                    try:
                        pause: Any = next(entering)
                    except StopIteration as done:
                        sent = done.value
                        break
                    yield pause._seconds
                self.most = max(self.most, self.gate.on_their_way)
                wait = self.server.wait(self.now)
                yield self.server.latency * self._chance.uniform(0.2 if wait else 0.7, 1.3)
                self.gate.left(estimate, taken)
                if not wait:
                    self.server.answered += 1
                    self.gate.was_answered()
                    break
                self.server.refused += 1
                self.gate.was_refused(sent, wait if self.server.tells else None)
                yield wait


RATES = [5.0, 60.0, 400.0]


@pytest.mark.parametrize("rate", RATES)
def test_the_rate_of_a_server_is_learned(rate: float) -> None:
    """Sixteen workers and a server that refuses what is above its rate: it is used to 95 % at
    least, and at most 2 % of the calls are refused."""
    server = Server(rate=rate, latency=min(0.03, 8 / rate))
    calls = max(3000, round(rate * 20))
    took = Simulation(server).run(16, calls)
    best = (calls - server.burst) / rate
    assert took <= best / 0.95, (took, best)
    assert server.refused <= calls * 0.02, server.refused


def test_a_quota_for_each_minute_is_learned() -> None:
    """A server that counts by the minute is not asked again before the minute is over."""
    server = Server(window=300)
    took = Simulation(server).run(16, 1500)
    assert took <= 5 * 60 and server.refused <= 30, (took, server.refused)


def test_a_limit_that_was_set_is_kept_to() -> None:
    """Requests, tokens and calls at once stay below what was set, and make use of it."""

    def free() -> Server:
        return Server(rate=1e9, burst=1e9, latency=0.01)

    took = Simulation(free(), Limits(requests_per_minute=1200)).run(16, 1000)
    assert 1000 / 20 - 1 <= took <= 1000 / 20 + 1
    chance = random.Random(2)
    tokens = Simulation(free(), Limits(tokens_per_minute=60_000))
    took = tokens.run(16, 1000, lambda: chance.randrange(50, 250))
    assert 140 <= took <= 165
    few = Simulation(free(), Limits(concurrent=4))
    few.run(16, 200)
    assert few.most == 4


def entered(gate: Gate, refuse: Callable[[], None] = lambda: None) -> Generator[Any, None, Any]:
    """A call on its way through a gate, up to where it first waits."""
    entering = gate.enter(100, refuse)
    next(entering, None)
    return entering


def test_what_those_took_who_gave_up_is_free_again() -> None:
    """A hundred calls wait for their turns, and nobody waits for them any more: the next one leaves
    as soon as the rate lets it."""
    simulation = Simulation(
        Server(), Limits(requests_per_minute=60, tokens_per_minute=6000, concurrent=1000)
    )
    gate = simulation.gate
    waiting = [entered(gate) for _ in range(101)]
    assert gate.on_their_way == 1 and gate._slot(100) > 100
    for each in waiting:
        each.close()
    assert 0.9 <= gate._slot(100) <= 1.0


def test_calls_that_wait_keep_to_the_limits_that_are_set_meanwhile() -> None:
    """They need not wait for what no longer holds; calls on their way count in the new limits."""
    limiter = Limiter()
    limiter.set(Limits(requests_per_minute=1))
    gate = limiter.of("model")
    first, second = entered(gate), entered(gate)
    assert gate.on_their_way == 1 and gate.waiting == 1
    limiter.set(Limits(concurrent=1))
    with pytest.raises(StopIteration) as ended:
        next(second)
    assert ended.value.value is None, "it passes the new gate"
    again = limiter.of("model")
    third = entered(again)
    assert again.waiting == 1 and again.in_flight == 1
    gate.left(100, 100)
    assert not [*third] and again.on_their_way == 1
    first.close()


def test_a_single_refusal_does_not_slow_down() -> None:
    """One refusal pauses the model's calls for as long as the server asks, and no longer."""
    simulation = Simulation(Server(rate=1e9, burst=1e9))
    gate = simulation.gate
    gate.was_refused(0.0, 2.0)
    assert gate.rate is None and gate._slot(0) == 2.0
    simulation.now = 2.5
    assert gate._slot(0) == 2.5
    gate.was_refused(2.4, 3600.0)
    assert gate._slot(0) == 2.5, "a quota that is used up is shown, not waited for"


@pytest.mark.parametrize("every", [13, 40])
def test_refusals_for_something_else_do_not_slow_down_for_ever(every: int) -> None:
    """Where each so-many-th call is refused whatever the rate, all is done in little more than the
    time for which the server asked to wait."""

    class Busy(Server):
        asked = 0

        def wait(self, now: float) -> float:
            self.asked += 1
            return 1.0 if self.asked % every == 0 else 0.0

    simulation = Simulation(Busy())
    assert simulation.run(16, 2000) < 2.5 * 2000 / every


def test_what_makes_no_sense_is_refused() -> None:
    """A limit is above 0, and for each model or for all."""
    import duranb

    for wrong in (
        {"requests_per_minute": 0},
        {"concurrent": -1},
        {"per": "month"},
        {"concurrent": "4"},
    ):
        with pytest.raises(UsageError):
            duranb.limits(**wrong)  # type: ignore[arg-type]
