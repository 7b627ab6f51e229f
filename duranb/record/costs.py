"""What the calls of each execution cost, kept as running sums: asking again after one more call
does not add up all of them again."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from duranb.record.model import Call, CallStatus

PAID = (CallStatus.COMPLETED, CallStatus.REJECTED)
"""Statuses of a call whose answer came: it is paid for, whether it was any good or not."""

KEPT = (CallStatus.COMPLETED,)
"""Statuses of a call whose answer is replayed where the same is asked again."""


class Sums(msgspec.Struct, gc=False):
    """Sums over answers of models. ``micros`` is the time they took, in microseconds."""

    calls: int = 0
    tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0
    micros: int = 0

    def add(self, call: Call) -> None:
        """Count one more answer."""
        self.calls += 1
        self.unpriced += call.unpriced
        if call.usage:
            self.tokens += call.usage.input_tokens + call.usage.output_tokens
            self.cost += call.usage.cost
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
    calls."""

    def __init__(
        self, statuses: tuple[CallStatus, ...], calls_of: Callable[[int], Iterable[Call]]
    ) -> None:
        self._statuses = statuses
        self._calls_of = calls_of
        self._sums: dict[int, Sums] = {}  # of the executions that were asked about

    def of(self, execution: int) -> Sums:
        """The sums over the calls that an execution made."""
        found = self._sums.get(execution)
        if found is None:
            found = self._sums[execution] = sums_of(self._calls_of(execution), self._statuses)
        return found

    def changed(self, before: Call | None, call: Call) -> None:
        """A call was made (``before`` is None), or is not what it was before."""
        sums = self._sums.get(call.execution)
        if sums is None or not call.kind.traits.answer:
            return
        counted = before is not None and before.status in self._statuses
        counts = call.status in self._statuses
        if counted:
            if not counts or before is None or before.usage is not call.usage:
                del self._sums[call.execution]  # to be added up anew
        elif counts:
            sums.add(call)
