"""What the calls of each execution cost, kept as running sums: asking again after one more call
does not add up all of them again."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from duranb.record.model import Call, CallStatus

PAID = (CallStatus.COMPLETED, CallStatus.REJECTED)
"""Statuses of a call whose answer came: it is paid for, whether it was any good or not."""

REJECTED = (CallStatus.REJECTED,)
"""Of those, the status of one that is not replayed where the same is asked again."""


class Sums(msgspec.Struct, gc=False):
    """Sums over answers of models. ``micros`` is the time they took, in microseconds; what is
    ``guessed`` is for budgets alone."""

    calls: int = 0
    tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0
    micros: int = 0
    guessed_tokens: int = 0
    guessed_cost: float = 0.0

    def add(self, call: Call) -> None:
        """Count one more answer."""
        self.calls += 1
        self.unpriced += call.unpriced
        if call.usage:
            self.tokens += call.usage.input_tokens + call.usage.output_tokens
            self.cost += call.usage.cost
            self.guessed_tokens += call.usage.guessed_tokens
            self.guessed_cost += call.usage.guessed_cost
        if call.started:
            self.micros += call.ended - call.started

    def plus(self, other: Sums) -> Sums:
        """The sums over both."""
        return Sums(
            calls=self.calls + other.calls,
            tokens=self.tokens + other.tokens,
            cost=self.cost + other.cost,
            unpriced=self.unpriced + other.unpriced,
            micros=self.micros + other.micros,
            guessed_tokens=self.guessed_tokens + other.guessed_tokens,
            guessed_cost=self.guessed_cost + other.guessed_cost,
        )

    def minus(self, part: Sums) -> Sums:
        """The sums over the rest, without a part of it."""
        if not part.calls:
            return self
        return Sums(
            calls=self.calls - part.calls,
            tokens=self.tokens - part.tokens,
            cost=max(0.0, self.cost - part.cost),
            unpriced=self.unpriced - part.unpriced,
            micros=self.micros - part.micros,
            guessed_tokens=self.guessed_tokens - part.guessed_tokens,
            guessed_cost=max(0.0, self.guessed_cost - part.guessed_cost),
        )


def sums_of(calls: Iterable[Call], statuses: tuple[CallStatus, ...]) -> Sums:
    """The sums over those calls that a model answered, with one of these statuses."""
    sums = Sums()
    for call in calls:
        if call.kind.traits.answer and call.status in statuses:
            sums.add(call)
    return sums


class Costs:
    """Sums by execution, of its calls with certain statuses. ``calls_of`` gives an execution's
    calls, to be added up anew where one of them is not what it was."""

    def __init__(
        self, statuses: tuple[CallStatus, ...], calls_of: Callable[[int], Iterable[Call]]
    ) -> None:
        self._statuses = statuses
        self._calls_of = calls_of
        self._sums: dict[int, Sums] = {}
        self._outdated: set[int] = set()

    def of(self, execution: int) -> Sums:
        """The sums over the calls that an execution made."""
        if execution in self._outdated:
            self._outdated.discard(execution)
            self._sums[execution] = sums_of(self._calls_of(execution), self._statuses)
        return self._sums.get(execution) or Sums()

    def changed(self, before: Call | None, call: Call) -> None:
        """A call was made (``before`` is None), or is not what it was before."""
        if not call.kind.traits.answer:
            return
        counted = before is not None and before.status in self._statuses
        counts = call.status in self._statuses
        if before is not None and (counted or counts) and before.execution != call.execution:
            self._outdated |= {before.execution, call.execution}
        elif before is not None and counted and (not counts or before.usage != call.usage):
            self._outdated.add(call.execution)
        elif counts and not counted:
            self._sums.setdefault(call.execution, Sums()).add(call)
