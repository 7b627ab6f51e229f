"""The journal of one execution: claim a place, replay what is recorded, else make it and record it.

Every kind of call goes through here. Those that are one function call (effects, questions, values)
are carried out by :func:`duranb.engine.operations.perform`; a request on the wire, whose answer
comes piece by piece, uses its :class:`Claim` directly.
"""

from __future__ import annotations

import asyncio
import functools
import json
import threading
from array import array
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import blake3

from duranb.code.looking import storable, text_of
from duranb.engine import tracing
from duranb.engine.claim import Claim
from duranb.engine.runtime import Runtime
from duranb.engine.scopes import Attempt, inside
from duranb.errors import DuranbError, Unrecorded, UsageError
from duranb.record import failures
from duranb.record.events import (
    Binding,
    CallRejected,
)
from duranb.record.kinds import Kind
from duranb.record.model import Call, CallStatus, Status

if TYPE_CHECKING:
    pass


class Values(Protocol):
    """How values become bytes and come back."""

    def capture_value(self, value: object) -> Binding:
        """Store a value."""

    def load_value(self, binding: Binding) -> Any:
        """Bring a stored value back."""


class Journal:
    """The calls of one execution, over all its attempts. Safe to use from several threads.

    ``scope`` sets the calls of executions with the same step name apart: a function step's
    arguments. ``replays`` is the execution that is carried out once more. ``stopped`` is the error
    after which the step must not go on, even if its code swallows it. ``waits`` has what each open
    wait of this attempt says, by its call; ``unawaited`` has what was begun to be asked, and must
    be awaited.
    """

    def __init__(
        self,
        runtime: Runtime,
        values: Values,
        *,
        step: str,
        execution: int,
        scope: str = "",
        fresh: bool = False,
        strict: bool = False,
        replays: int = 0,
    ) -> None:
        self.step = step
        self.execution = execution
        self.strict = strict
        self.values = values
        self.attempt = Attempt(1)
        self.stopped: DuranbError | None = None
        self.waits: dict[int, Callable[[], str]] = {}
        self.unawaited: dict[int, str] = {}
        self._runtime = runtime
        self._scope = scope
        self._replays_of = replays
        self._fresh = fresh and not strict
        # Re-entrant: a stream that is garbage collected frees its place, wherever we are just then.
        self._lock = threading.RLock()
        self._replayed = array("Q")
        self._rejected: set[int] = set()
        self._claimed: dict[int, Attempt] = {}

    # -- calls -----------------------------------------------------------------------------

    def claim(
        self, kind: Kind, key: str, name: str, explain: Callable[[], str] = lambda: ""
    ) -> Claim | None:
        """Claim the lowest free place of ``key``; None means: pass this call through.

        Inside an effect only some kinds are journaled: the effect is the unit that is recorded,
        and one that is done again after its compensation must reach the outside world again.
        Raises what stopped the step, :class:`asyncio.CancelledError` where an earlier attempt has
        started the code that calls, and :class:`duranb.errors.Unrecorded` in a strict replay when
        the journal has no answer; ``explain`` is then asked how the call differs from what was
        recorded.
        """
        where = inside.get()
        here = where is not None and where.step.journal is self
        if here and where is not None and where.idempotency_key and not kind.traits.in_effect:
            return None
        attempt = where.attempt if here and where is not None else self.attempt
        if attempt.over:
            raise asyncio.CancelledError(f"an earlier attempt of step {self.step!r} started this")
        if self.stopped is not None:
            raise self.stopped
        key = scoped(self._scope, key)
        place = attempt.take_place(key)
        claim = Claim(self, kind, key, place, name, self._find(attempt, kind, key, place), attempt)
        claim.within = tracing.here(where.step.span if here and where is not None else None)
        traits = kind.traits
        if self.strict and not (claim.settled or traits.encloses):
            self._give_back(claim)
            raise self.stop(Unrecorded(self._refusal(claim, explain)))
        if not (claim.settled or traits.waits or traits.encloses):
            attempt.begin(claim)
        return claim

    def _find(self, attempt: Attempt, kind: Kind, key: str, place: int) -> Call | None:
        """The call that was recorded in a place of an attempt; where there is none, one that nobody
        in this execution has a place for and that asked the same."""
        history = self._runtime.history
        where = attempt.item.key + key if attempt.item is not None else key
        found = history.recorded(self.step, where, place)
        for scope in () if found is not None else self._imported:
            here = scoped(scope, key)
            found = history.recorded(self.step, where.removesuffix(key) + here, place)
            if found is not None:
                break
        if (
            found is None
            and kind.traits.anywhere
            and history.has_earlier(self.step, self.execution)
        ):
            found = self._elsewhere(attempt, key)
        if self.strict and (failed := self._failure(attempt, kind, key, where, place)) is not None:
            return failed
        if found is not None and self._must_be_new(found):
            return None
        if found is not None and found.execution != self.execution and not kind.traits.encloses:
            with self._lock:
                self._claimed[found.id] = attempt
        return found

    def _failure(
        self, attempt: Attempt, kind: Kind, key: str, where: str, place: int
    ) -> Call | None:
        """The failure that a strict replay meets in a place, as the replayed execution did: the
        code there went on by another way."""
        if kind.traits.waits or kind.traits.encloses:
            return None
        history = self._runtime.history
        with self._runtime.lock:
            there = history.in_place(self.step, where, place)
            failed = failures.to_meet(history, there, self._replays_of)
        told = [call for call in failed if _can_be_met(call)]
        if len(told) < len(failed):
            return None
        return attempt.next_failure(key, place, told)

    @functools.cached_property
    def _imported(self) -> list[str]:
        """What set the calls apart that the step made elsewhere, as a function, the latest first:
        they answer the cell too."""
        history = self._runtime.history
        if not history.imports or self._scope:
            return []
        found = [history.imports.of(x.id) for x in reversed(history.executions_of(self.step))]
        scopes = [scope for each in found if each is not None for scope in each.scopes.values()]
        return list(dict.fromkeys(filter(None, scopes)))

    def kept(self, attempt: Attempt) -> None:
        """An item's ``attempt`` is over, and what it was answered by stays claimed."""
        with self._lock:
            self._claimed.update((i, self.attempt) for i in attempt.relied if i in self._claimed)

    def _elsewhere(self, attempt: Attempt, key: str) -> Call | None:
        """What another item, or the step's body, has recorded for the same thing: what the step
        did in a loop, or with other items, is not done again. An item that is as it was recorded
        keeps its calls."""
        item = attempt.item
        own = item.key if item is not None else ""
        code = scoped(self._scope, item.code) if item is not None else ""
        history = self._runtime.history
        with self._lock, self._runtime.lock:
            for call in history.asked(self.step, key):
                by = self._claimed.get(call.id)
                if call.item == own or call.execution == self.execution:
                    continue
                if by is not None and not by.over:
                    continue
                if item and call.item and history.recorded(self.step, call.item + code, 0):
                    continue
                return call
        return None

    def _must_be_new(self, recorded: Call) -> bool:
        """``--fresh`` asks models anew, but never does an effect a second time."""
        return self._fresh and recorded.execution < self._begun and recorded.kind.traits.fresh

    @functools.cached_property
    def _begun(self) -> int:
        """The first of the executions that this one goes on with: those before it that wait."""
        first = self.execution
        for this in reversed(self._runtime.history.executions_of(self.step)):
            if this.id < first and this.status is not Status.WAITING:
                break
            first = min(first, this.id)
        return first

    def _refusal(self, claim: Claim, explain: Callable[[], str]) -> str:
        times = self._runtime.history.occurrences(self.step, claim.place_key)
        what, difference = f"made a call that was never recorded: {claim.name}", ""
        if claim.recorded is not None:
            # A question, or an effect: a strict replay neither asks anybody nor does it again.
            called = f"{claim.name}({claim.recorded.preview})"
            what = f"made a call whose outcome was never recorded: {called}"
        elif 0 < times <= claim.place:
            made = f"{claim.place + 1} times, and {times} were recorded"
            what = f"made the same call {made}: {claim.name}"
        else:
            difference = explain()
        told = (
            f"step {self.step!r} {what}. "
            "Run it live once, or give the step the inputs it was recorded with."
        )
        return f"{told}\n{difference}" if difference else told

    def _give_back(self, claim: Claim) -> None:
        """Free a place. Each attempt has places of its own."""
        claim.attempt.give_back(claim.key, claim.place)

    def _replays(self, claim: Claim) -> Call:
        call = claim.recorded
        assert call is not None
        if claim.failure is not None:
            return call  # it is no answer, and has saved nothing
        if call.execution != self.execution:
            with self._lock:
                self._replayed.append(call.id)
                self._replayed.extend(call.made_of)
        if call.kind.traits.answer:
            claim.scope.answered(call.id)
        claim.attempt.relies(call.id)
        return call

    @property
    def replayed(self) -> list[int]:
        """The calls of earlier executions that this one did not have to make."""
        calls = self._runtime.history.calls
        with self._lock:
            # One that is on record alone was not rejected: it is not read for that.
            return [
                number
                for number in dict.fromkeys(self._replayed)
                if number not in self._rejected
                if calls.is_away(number) or calls[number].status is not CallStatus.REJECTED
            ]

    def recorded_calls(self) -> list[Call]:
        """All calls of the history, to compare one that was never recorded with."""
        with self._runtime.lock:
            return list(self._runtime.history.calls.values())

    def read(self, call: Call) -> memoryview:
        """The recorded bytes of a request's answer."""
        return self._runtime.store.get(call.response)

    def keep(self, data: bytes) -> str:
        """Store bytes that a call's intent names; their digest."""
        return self._runtime.store.put([data])

    def of_another_step(self, kind: Kind, key: str) -> Call | None:
        """The latest answer to the same call in whichever step, where this one never made it."""
        history = self._runtime.history
        with self._runtime.lock:
            if history.in_place(self.step, scoped(self._scope, key), 0):
                return None
            calls = (history.calls[i] for i in reversed(history.calls))
            same = (c for c in calls if c.kind is kind and c.key == key)
            return next((c for c in same if c.status is CallStatus.COMPLETED), None)

    def idempotency_key(self, key: str, place: int) -> str:
        """A key that is the same whenever the same call of the same step is tried again, and
        another one when it is carried out anew after it was undone."""
        history = self._runtime.history
        generation = history.generation(self.step, key, place)
        text = f"{history.run}\0{self.step}\0{key}\0{place}\0{generation}"
        return "duranb-" + blake3.blake3(text.encode()).hexdigest(16)

    # -- attempts --------------------------------------------------------------------------

    def next_attempt(self) -> None:
        """Begin another attempt: every place in the journal is free again."""
        with self._lock:
            self.attempt.over = True
            self.attempt = Attempt(self.attempt.number + 1)
            self.stopped = None
            self.waits.clear()
            self.unawaited.clear()
            self._claimed.clear()

    @property
    def answered(self) -> bool:
        """Whether this attempt got any answer from a model."""
        return bool(self.attempt.body.answers)

    def reject(self, error: BaseException, attempt: Attempt | None = None) -> None:
        """Reject the answers that ``error`` is about, of those of an item's ``attempt`` or of the
        step's; durable with what is recorded next."""
        reason = storable(text_of(error) or type(error).__name__)
        for call in self._blamed(error, attempt or self.attempt):
            self._rejected.add(call)
            self._runtime.append(CallRejected(call=call, reason=reason))

    def _blamed(self, error: BaseException, attempt: Attempt) -> list[int]:
        """The one answer that says what a JSON error is about, else the latest of those that may be
        meant. A group of errors is about the answers that each of them is about."""
        if isinstance(error, BaseExceptionGroup):
            found = [call for inner in error.exceptions for call in self._blamed(inner, attempt)]
            return list(dict.fromkeys(found))
        suspects = attempt.suspects(error)
        if isinstance(error, json.JSONDecodeError) and error.doc and len(suspects) > 1:
            text = error.doc
            said = {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
            needles = [form.encode("utf-8", "replace") for form in said]
            calls = self._runtime.history.calls
            guilty = [i for i in suspects if _says(self.read(calls[i]), needles)]
            if len(guilty) == 1:
                return guilty
        return suspects[-1:]

    def left(self) -> DuranbError | None:
        """Why the step is not done although its body returned: it was stopped, or has begun to ask
        for something that it never awaited."""
        for asked in list(self.unawaited.values()):
            return UsageError(
                f"step {self.step!r} asked nobody: this code awaits, so write {asked}"
            )
        return self.stopped

    def stop(self, error: DuranbError) -> DuranbError:
        """Note that the step must not go on, even if its code swallows ``error``; returns it."""
        self.stopped = error
        return error


def _can_be_met(failed: Call) -> bool:
    """Whether it is known what the code saw of a failure. Of an answer that broke off it is not."""
    if failed.kind.traits.effect:
        return failed.result is not None and not failed.result.why
    return bool(failed.response) or not failed.http_status


def _says(response: memoryview, needles: Sequence[bytes]) -> bool:
    data = bytes(response)
    return any(needle in data for needle in needles)


def scoped(scope: str, key: str) -> str:
    """The key of a call among those of all executions of its step; see :class:`Journal`."""
    return blake3.blake3(f"{scope}\0{key}".encode()).hexdigest(16) if scope else key
