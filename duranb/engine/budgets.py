"""``duranb.budget``: what calls may cost, checked before each one is made.

Nobody knows what a call costs before it has ended. So each reserves the most that it is taken to
cost while it is on its way. What no longer fits waits until the others have ended; the last ones
are made one by one, as long as what one is expected to cost still fits. So however many are made at
once, a budget is exceeded by no more than the error of a single call's estimate.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from duranb.engine import scopes
from duranb.engine.context import StepContext, current
from duranb.engine.runtime import Runtime
from duranb.engine.spec import Spec
from duranb.errors import BudgetExceeded, UsageError
from duranb.record.costs import PAID
from duranb.record.events import Usage
from duranb.record.history import History
from duranb.record.model import Call, Execution, Origin, Status

OUTSIDE = (
    "a budget works inside a step, where every call is known: begin the cell with %%durable, or "
    "put the code into a @duranb.step function"
)


@dataclass(frozen=True)
class Amount:
    """What calls cost: US dollars, tokens (asked and answered) and calls."""

    usd: float = 0.0
    tokens: int = 0
    calls: int = 0

    def plus(self, other: Amount) -> Amount:
        """The sum of both."""
        return Amount(self.usd + other.usd, self.tokens + other.tokens, self.calls + other.calls)

    def minus(self, other: Amount) -> Amount:
        """What is left of it without the other."""
        return Amount(self.usd - other.usd, self.tokens - other.tokens, self.calls - other.calls)


def amount_of(usage: Usage | None) -> Amount:
    """What one call has cost, as far as anybody can tell."""
    if usage is None:
        return Amount(calls=1)
    tokens = usage.input_tokens + usage.output_tokens
    return Amount(usage.cost + usage.guessed_cost, tokens + usage.guessed_tokens, 1)


@dataclass(frozen=True)
class Limit:
    """The most that may be spent of each; None: as much as it takes."""

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None

    def allows(self, amount: Amount) -> bool:
        """Whether it is not exceeded by this. A rounding error is none."""
        return (
            (self.usd is None or amount.usd <= self.usd + 1e-9)
            and (self.tokens is None or amount.tokens <= self.tokens)
            and (self.calls is None or amount.calls <= self.calls)
        )

    def __str__(self) -> str:
        return _said(self.usd, self.tokens, self.calls)


def _said(usd: float | None, tokens: int | None, calls: int | None) -> str:
    parts = [] if usd is None else [f"${usd:.4f}" if usd < 0.1 else f"${usd:.2f}"]
    parts += [] if tokens is None else [f"{tokens:,} tokens"]
    parts += [] if calls is None else [f"{calls:,} calls"]
    return " and ".join(parts)


class Budget:
    """A limit, what is spent of it, and what calls on their way have reserved. Safe from any
    thread. ``whose`` says to people what it is for, and ``more`` how it is raised."""

    def __init__(self, limit: Limit, whose: str, more: str, spent: Amount = Amount()) -> None:
        self.limit = limit
        self.whose = whose
        self.exceeded: BudgetExceeded | None = None
        self._more = more
        self._spent = spent
        self._reserved = Amount()
        # Re-entrant: an answer that is garbage collected unread ends its call, wherever we are.
        self._lock = threading.RLock()

    @property
    def spent(self) -> Amount:
        """What the calls that have ended cost."""
        return self._spent

    def reserve(self, expected: Amount, most: Amount, name: str) -> bool:
        """Reserve ``most`` for a call; False when it has to wait for those on their way.

        Raises :class:`BudgetExceeded` when there are none, and not even what it is ``expected`` to
        cost is left.
        """
        with self._lock:
            alone = not self._reserved.calls
            wanted = self._spent.plus(self._reserved).plus(most)
            if self.limit.allows(wanted) or (alone and self.limit.allows(self._sum(expected))):
                self._reserve(most)
                return True
            if not alone:
                return False
            self.exceeded = BudgetExceeded(self._refusal(expected, name))
            raise self.exceeded

    def _sum(self, expected: Amount) -> Amount:
        return self._spent.plus(expected)

    def _refusal(self, expected: Amount, name: str) -> str:
        of = self.limit
        spent, next_one = (
            _said(
                None if of.usd is None else amount.usd,
                None if of.tokens is None else amount.tokens,
                None if of.calls is None else amount.calls,
            )
            for amount in (self._spent, expected)
        )
        return (
            f"the budget of {self.whose} is used up: {spent} of {of} is spent, and the next call "
            f"({name}) would take about {next_one}. It was not made. What was made is kept: "
            f"{self._more}, run it again, and it goes on from here"
        )

    def commit(self, most: Amount) -> None:
        """Reserve ``most`` for a call that was sent already, whatever is left."""
        with self._lock:
            self._reserve(most)

    def _reserve(self, most: Amount) -> None:
        while True:
            before = self._reserved
            after = before.plus(most)
            if self._reserved is before:  # else the garbage collector has just ended a call
                self._reserved = after
                return

    def _spend(self, paid: Amount) -> None:
        while True:
            before = self._spent
            after = before.plus(paid)
            if self._spent is before:  # as above
                self._spent = after
                return

    def settle(self, reserved: Amount, paid: Amount = Amount(), place: Hashable = None) -> None:
        """A call that had ``reserved`` has ended, and cost ``paid``: nothing where it failed.
        ``place`` is the one it has in the journal."""
        with self._lock:
            self._reserve(Amount().minus(reserved))
            self._spend(paid)


class Block(Budget):
    """The budget of some code. What the journal answers in it counts, once: it is part of what the
    code costs, however often it is run again."""

    def __init__(self, limit: Limit, whose: str, more: str) -> None:
        super().__init__(limit, whose, more)
        self._counted: set[int] = set()

    def settle(self, reserved: Amount, paid: Amount = Amount(), place: Hashable = None) -> None:
        """See :class:`Budget`."""
        if paid.calls:
            self._counted.add(hash(place))
        super().settle(reserved, paid)

    def replayed(self, amount: Amount, place: Hashable) -> None:
        """The journal has answered the call in a place."""
        if hash(place) not in self._counted:
            self.settle(Amount(), amount, place)


@contextlib.contextmanager
def budget(
    *, usd: float | None = None, tokens: int | None = None, calls: int | None = None
) -> Iterator[Budget]:
    """Let the calls to models in this block cost at most so much.

    ``with duranb.budget(usd=1.00): …`` checks before each call, by its known price and an estimate
    of its tokens. What the journal answers counts as well: the block may not cost more by being run
    again. Raises :class:`duranb.errors.BudgetExceeded` when a call would not fit; what was made is
    kept, and with a larger budget the code goes on from there. Only calls of steps are known:
    outside of one it raises :class:`duranb.errors.UsageError`.
    """
    made = Block(_limit(usd, tokens, calls), "this block", "give duranb.budget(...) more")
    with spending(made):
        yield made


def of_map(here: StepContext | None, usd: float) -> Block:
    """What the items of a map may cost."""
    if here is None:
        raise UsageError(OUTSIDE)
    return Block(_limit(usd, None, None), "the map", "give duranb.map(…, budget=…) more")


def _limit(usd: float | None, tokens: int | None, calls: int | None) -> Limit:
    given: list[Any] = [each for each in (usd, tokens, calls) if each is not None]
    if not given or not all(isinstance(each, int | float) and each >= 0 for each in given):
        raise UsageError("duranb.budget takes usd=, tokens= or calls=, each a number from 0")
    return Limit(usd, tokens, calls)


@contextlib.contextmanager
def spending(made: Budget) -> Iterator[None]:
    """Let the calls in this block be paid from a budget too."""
    step = current()
    if step is None:
        raise UsageError(OUTSIDE)
    where = scopes.inside.get() or scopes.Inside(step, step.journal.attempt, budgets=step.budgets)
    with scopes.set_inside(replace(where, budgets=(*where.budgets, made))):
        try:
            yield
        except Exception as error:
            if made.exceeded is None or isinstance(error, BudgetExceeded):
                raise
            # An SDK may have taken it for a hiccup of the network, and wrapped it as one.
            raise made.exceeded from error


def in_force() -> tuple[Budget, ...]:
    """The budgets that a call made here is paid from."""
    where = scopes.inside.get()
    if where is not None:
        return where.budgets
    step = current()
    return step.budgets if step is not None else ()


def replayed(budgets: Iterable[Budget], call: Call) -> None:
    """The journal has answered a call to a model."""
    for each in budgets:
        if isinstance(each, Block):
            each.replayed(amount_of(call.usage), (call.step, call.place_key, call.occurrence))


def of_step(runtime: Runtime, spec: Spec, execution: int, inputs: dict[str, str]) -> Budget | None:
    """A step's own budget. What was paid by executions that did not complete, and whose calls this
    one is answered from, is spent already."""
    if spec.budget is None:
        return None
    history = runtime.history
    this = Execution(
        id=execution,
        step=spec.name,
        run=history.run,
        branch=history.branch,
        kind=spec.kind,
        status=Status.RUNNING,
        origin=Origin.EXECUTED,
        started=0,
        inputs=inputs,
    )
    with runtime.lock:
        paid = history.paid_towards(this)
    how = "raise its --budget" if spec.kind == "cell" else "raise its budget="
    spent = Amount(paid.cost + paid.guessed_cost, paid.tokens + paid.guessed_tokens, paid.calls)
    return Budget(Limit(usd=spec.budget), f"step {spec.name!r}", how, spent)


def of_run(history: History, usd: float, since: int) -> Budget:
    """What a headless run may cost, which began at ``since`` (microseconds since the epoch): what
    a kernel of it that died has paid is spent."""
    spent = Amount()
    with history.lock:
        for call in history.calls.latest():
            if call.ended and call.ended < since:
                break
            if call.kind.traits.answer and call.status in PAID:
                spent = spent.plus(amount_of(call.usage))
    return Budget(Limit(usd=usd), "the run", "give duranb resume a larger --budget", spent)
