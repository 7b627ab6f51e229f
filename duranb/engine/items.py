"""One item of a map: which item it is, its attempts, and its record in the journal.

An item is a call that is made of other calls. Its key is its own content and the place of its map
in the step, so that the calls made in it find their answers again when the function was edited;
its record also names the function's code, so that one that completed with this very code is
served, and nothing runs.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol

import blake3
import xxhash

from duranb.code.looking import is_a, name_of, text_of
from duranb.engine import budgets, scopes
from duranb.engine.beside import BESIDE, Reached, Reaches
from duranb.engine.budgets import Budget
from duranb.engine.claim import Claim
from duranb.engine.context import StepContext
from duranb.engine.doing import Doing
from duranb.engine.flows import TICK, Flow, Pause
from duranb.engine.retry import Policy, cause_of
from duranb.engine.rounds import Desk, PutOff
from duranb.engine.runtime import Runtime
from duranb.engine.spread import Share, SharedOut
from duranb.errors import BudgetExceeded, StoreError, ValidationFailed
from duranb.record.kinds import Kind
from duranb.record.model import Cause
from duranb.record.numbers import Numbers
from duranb.record.ways import How
from duranb.state import preview
from duranb.state.inplace import can_change
from duranb.state.placeholder import Placeholder
from duranb.state.unstorable import is_unstorable

BY_KEY = "key "
"""What the key of an item begins with that its owner has said."""

Check = Callable[[Any], object] | str | None
"""Says whether a result is good: a function of it, or an expression over ``result``."""


@dataclass(frozen=True)
class Failure:
    """An item that failed for good, in the place of its result. It is false.

    ``index`` is its place among the items, from 0. ``error`` is the last error as text, of type
    ``type``. ``tries`` were made, and cost ``cost`` US dollars.
    """

    index: int
    item: Any
    error: str
    type: str
    tries: int
    cost: float

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True)
class Outcome:
    """What became of an item: its ``value``, or its ``failure`` and the ``error`` behind it.
    ``served`` when the journal had it. ``cost`` is what its calls cost now, in US dollars.
    ``put_off``: nothing yet, it waits for others."""

    value: Any = None
    failure: Failure | None = None
    error: Exception | None = None
    served: bool = False
    cost: float = 0.0
    put_off: bool = False


@dataclass
class Pulled:
    """An item at its place, from 0, and which one it is (None outside of steps), with what its
    function reaches and the ``version`` that it came in (empty where it cannot change); the
    ``tries`` that were made of it, what those that failed cost, in US dollars, and whether one of
    them changed it."""

    index: int
    item: Any
    identity: scopes.Item | None = None
    reached: Reached | None = None
    version: str = ""
    is_changed: bool = False
    tries: int = 0
    cost: float = 0.0


class Work(Protocol):
    """What is done with each item. ``label`` names it for people; ``asynchronous`` where some of it
    has to be awaited; ``code`` is what is the same for all items."""

    label: str
    asynchronous: bool

    @property
    def code(self) -> list[Callable[..., Any]]:
        """The functions that do it, whichever item it is."""

    def call(self, item: Any) -> Callable[[], Any]:
        """Does it with this item."""

    def awaits(self, item: Any) -> bool:
        """Whether that gives something to await."""

    def called(self, item: Any) -> Callable[..., Any]:
        """The code that does it."""

    def key(self, runtime: Runtime, index: int, item: Any, version: str) -> str:
        """What tells this item from others; ``version`` is that of an item that can change."""

    def of_today(self) -> Work:
        """The same by the code that the notebook has now."""


class Pace:
    """Begins at most ``rate`` tries a second; as many as there are where it is None."""

    def __init__(self, rate: float | None) -> None:
        self._gap = 1.0 / rate if rate else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> float:
        """Seconds until the next try may begin; it is taken to begin then."""
        if not self._gap:
            return 0.0
        with self._lock:
            now = time.monotonic()
            begins = max(now, self._next)
            self._next = begins + self._gap
            return begins - now


class Items:
    """Carries items out, in a step or outside of any (``here`` is None then)."""

    def __init__(
        self,
        here: StepContext | None,
        work: Work,
        policy: Policy,
        check: Check,
        pace: Pace,
        purse: Budget | None = None,
        desk: Desk | None = None,
    ) -> None:
        self._here = here
        self._desk = desk
        self._collected = desk or scopes.desk()
        self._work = work
        self._policy = policy
        self._check = check
        self._pace = pace
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._going: set[scopes.Attempt] = set()
        self._stopping = False
        if here is None:
            return
        where = scopes.inside.get()
        attempt = where.attempt if where is not None and where.step is here else None
        attempt = attempt or here.journal.attempt
        self._scope = attempt.here()
        self._budgets = budgets.in_force() + ((purse,) if purse is not None else ())
        around = attempt.item.key if attempt.item is not None else ""
        self.nth = attempt.next_map(work.label)
        self.is_outermost = attempt.item is None
        self._base = f"{around}\0{work.label}\0{self.nth}\0"
        self._seen = Numbers()
        self._contents = Numbers()
        self._again: defaultdict[int, int] = defaultdict(int)
        self._reaches = Reaches(here.runtime, here.ignored)

    share: Share | None = None
    """The items that are carried out, if not all: the others are other workers'."""

    def block_in(self, pool: ThreadPoolExecutor) -> None:
        """Run what does not await in ``pool``, where an event loop drives the items."""
        self._pool = pool

    def stop_after_share(self, count: int) -> None:
        """Raise :class:`duranb.engine.spread.SharedOut` where only a share was carried out."""
        if self.share is not None and self._here is not None:
            raise self._here.journal.stop(SharedOut((self._work.label, self.nth), count))

    def stop(self) -> None:
        """Make no more calls; those on their way are still recorded."""
        self._stopping = True
        with self._lock:
            going = list(self._going)
        for attempt in going:
            attempt.leave()

    def is_calling(self, task: asyncio.Task[Any]) -> bool:
        """Whether a call that ``task`` makes for an item is on its way."""
        with self._lock:
            return any(attempt.is_calling(task) for attempt in self._going)

    def identify(self, index: int, item: Any) -> Pulled:
        """The item, and which one it is. To be asked in the order of the items: equal ones are told
        apart by counting them."""
        if self._here is None:
            return Pulled(index, item)
        runtime = self._here.runtime
        version = runtime.namespace.version_of(item) if can_change(item) else ""
        key = self._work.key(runtime, index, item, version)
        base = self._base + key
        count, short = 0, xxhash.xxh3_64_intdigest(base.encode())
        if short in self._seen:  # one that is only taken for another's double is still this one
            self._again[short] += 1
            count = self._again[short]
        else:
            self._seen.add(short, index)
        if key.startswith(BY_KEY):
            self._tell_alike(base, version or runtime.namespace.version_of(item), again=count > 0)
        known = blake3.blake3(f"{base}\0{count}".encode()).hexdigest(16)
        reached = self._reaches.of(self._work.called(item), item)
        return Pulled(index, item, scopes.Item(known, Kind.MAP.key(reached.code)), reached, version)

    def _tell_alike(self, base: str, version: str, *, again: bool) -> None:
        """Say so where an item has the key of another one ``again``, and another content."""
        assert self._here is not None
        content = xxhash.xxh3_64_intdigest(f"{base}\0{version}".encode())
        if content not in self._contents:
            self._contents.add(content, 0)
            if again and not is_unstorable(version):
                self._here.unrecorded.note(How.ALIKE, self._work.label)

    def carry_out(self, pulled: Pulled) -> Flow[Outcome]:
        """What becomes of an item after all its attempts, or that it is put off.

        Raises what ends the whole map: an interrupt, a store that refuses, an effect in doubt, a
        question that waits.
        """
        share = self.share
        if share is not None and not share.first <= pulled.index < share.last:
            return Outcome(served=True)
        while True:
            self._refuse_if_stopping()
            outcome, answered, tries = yield from self._try(pulled)
            if outcome.put_off:
                return outcome
            cost = pulled.cost = pulled.cost + outcome.cost
            number = pulled.tries = pulled.tries + tries  # the SDK's and ours are the same tries
            error = outcome.error
            if error is None:
                return replace(outcome, cost=cost)
            cause = cause_of(error, answered=answered)
            again = self._policy.should_retry(error, cause, number)
            strict = self._here is not None and self._here.journal.strict
            if not again or (strict and cause is Cause.CONTENT):
                text, kind = text_of(error), name_of(type(error))
                failure = Failure(pulled.index, pulled.item, text, kind, number, cost)
                return replace(outcome, failure=failure, cost=cost)
            self._tell_changed(pulled)
            if not strict:
                yield from self._pause(self._policy.wait(error, cause, number))

    def _tell_changed(self, pulled: Pulled) -> None:
        """An item is tried again: say so where it is not what it was any more."""
        if self._here is None or not pulled.version:
            return
        now = self._here.runtime.namespace.version_of(pulled.item)
        if now != pulled.version:
            pulled.version = now  # to be said once, unless another try changes it again
            pulled.is_changed = True
            self._here.unrecorded.note(How.CHANGED, self._work.label)

    def _pause(self, seconds: float) -> Flow[None]:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._refuse_if_stopping()
            yield Pause(min(left, TICK))
        self._refuse_if_stopping()

    def _refuse_if_stopping(self) -> None:
        if self._stopping:
            raise asyncio.CancelledError("the map that this item belongs to has ended")

    # -- one attempt -----------------------------------------------------------------------

    def _try(self, pulled: Pulled) -> Flow[tuple[Outcome, bool, int]]:
        """One attempt, whether a model answered in it (outside of steps nobody can tell), and how
        many tries it was."""
        item, identity = pulled.item, pulled.identity
        if self._here is None or identity is None:
            yield from self._pause(self._pace.wait())
            try:
                value = yield self._doing(None, item)
                self._verify(value)
            except Exception as error:
                return Outcome(error=error), True, 1
            return Outcome(value), True, 1
        attempt = scopes.Attempt(self._here.attempt, self._scope, identity)
        attempt.desk = self._desk
        attempt.entered()
        with self._lock:
            self._going.add(attempt)
        try:
            outcome = yield from self._recorded(pulled, attempt, identity)
        finally:
            with self._lock:
                self._going.discard(attempt)
        return outcome, bool(attempt.body.answers), attempt.tries

    def _recorded(
        self, pulled: Pulled, attempt: scopes.Attempt, identity: scopes.Item
    ) -> Flow[Outcome]:
        """One attempt of an item in a step, replayed or recorded."""
        here, item = self._here, pulled.item
        assert here is not None
        journal = here.journal
        where = scopes.Inside(here, attempt, budgets=self._budgets, desk=self._collected)
        with scopes.set_inside(where):
            claim = journal.claim(Kind.MAP, identity.code, f"{self._work.label}[{pulled.index}]")
        assert claim is not None
        if self._is_served(claim, strict=journal.strict):
            value = claim.value()
            if type(value) is not Placeholder and self._holds(value):
                self._count(claim)
                return Outcome(value, served=True)
        claim.disregard()
        try:
            yield from self._pause(self._pace.wait())
            try:
                value = yield self._doing(where, item)
                if journal.stopped is not None:  # it was raised in here, and swallowed
                    raise journal.stopped
                if attempt.put_off:
                    raise PutOff
                self._verify(value)
            except (Exception, asyncio.CancelledError) as raised:
                stopped = journal.stopped or self._over_budget()
                if stopped is not None:
                    raise stopped from raised
                self._refuse_if_stopping()
                if attempt.put_off:
                    yield from scopes.linger(attempt)
                    yield from scopes.leave(attempt)
                    return Outcome(put_off=True)
                error = attempt.refused or raised
                if is_a(error, StoreError, asyncio.CancelledError):
                    raise
                assert isinstance(error, Exception)
                if not journal.strict and self._cause(error, attempt) is Cause.CONTENT:
                    journal.reject(error, attempt)
                yield claim.fail(error, preview=preview(item))
                yield from scopes.leave(attempt)
                return Outcome(error=error, cost=self._cost(attempt))
            why = "" if self._is_all(pulled, value) else BESIDE
            made_of = attempt.relied
            yield from claim.complete(value=value, preview=preview(item), made_of=made_of, why=why)
            journal.kept(attempt)
            return Outcome(value, cost=self._cost(attempt))
        except BaseException:
            attempt.leave()
            raise

    def _is_all(self, pulled: Pulled, value: Any) -> bool:
        """Whether a result is all that an item has made, and nothing else was changed."""
        assert self._here is not None and pulled.reached is not None
        version_of = self._here.runtime.namespace.version_of
        if pulled.is_changed or (pulled.version and version_of(pulled.item) != pulled.version):
            return False
        return pulled.reached.is_as_it_was() and not pulled.reached.shares(value, pulled.item)

    def _over_budget(self) -> BudgetExceeded | None:
        """What ends the map: a budget in force has refused a call."""
        return next((each.exceeded for each in self._budgets if each.exceeded is not None), None)

    def _count(self, claim: Claim) -> None:
        """What a served item had cost belongs to what this code costs."""
        assert self._here is not None and claim.recorded is not None
        for call in map(self._here.runtime.history.calls.__getitem__, claim.recorded.made_of):
            if call.kind.traits.answer:
                budgets.replayed(self._budgets, call)

    @staticmethod
    def _cause(error: Exception, attempt: scopes.Attempt) -> Cause:
        return cause_of(error, answered=bool(attempt.body.answers))

    @staticmethod
    def _is_served(claim: Claim, *, strict: bool) -> bool:
        """Whether the record may stand for the item. A strict replay is there to run the code."""
        recorded = claim.recorded
        if strict or recorded is None or not claim.settled:
            return False
        return recorded.result is not None and not recorded.result.why

    def _cost(self, attempt: scopes.Attempt) -> float:
        """What the calls that were made in an attempt, and not replayed, cost in US dollars."""
        assert self._here is not None
        made = map(self._here.runtime.history.calls.__getitem__, attempt.relied)
        return sum(c.usage.cost for c in made if c.usage and c.execution == self._here.execution)

    def _doing(self, where: scopes.Inside | None, item: Any) -> Doing:
        call = self._work.call(item)
        return Doing(where, call, self._work.label, self._work.awaits(item), self._pool)

    def _verify(self, value: Any) -> None:
        """Raises :class:`ValidationFailed` where a result does not hold, else what its check
        does."""
        if not self._says(value):
            what = f" (`{self._check}`)" if isinstance(self._check, str) else ""
            raise ValidationFailed(
                f"{self._work.label}: the result {preview(value)} is not valid{what}"
            )

    def _says(self, value: Any) -> bool:
        check = self._check
        if check is None:
            return True
        return bool(eval(check, {"result": value}) if isinstance(check, str) else check(value))

    def _holds(self, value: Any) -> bool:
        """Whether a recorded result is valid by today's check; if not the item runs again."""
        try:
            return self._says(value)
        except Exception:  # as when it was made: then it is no good, and that is told when it runs
            return False
