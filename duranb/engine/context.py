"""The step that is being carried out, as code inside it (and the wire hook) sees it.

A context variable finds the step from tasks and ``asyncio.to_thread``; threads that a pool
started have empty context variables, so the running cell is also known process-wide.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any

import blake3

from duranb.code.looking import name_of, storable, text_of
from duranb.engine.runtime import Runtime, active
from duranb.errors import DuranbError, Unrecorded
from duranb.record.artifacts import Buffer
from duranb.record.events import CallCompleted, CallFailed, CallRejected, ErrorInfo, Usage
from duranb.record.model import Call, CallStatus
from duranb.text.credentials import public_text


@dataclass(frozen=True)
class Slot:
    """A place in the journal: the ``occurrence``-th call with this key in the step.

    ``recorded`` is the call that answers it, or None when it has to be made. ``attempt`` is the one
    that claimed it.
    """

    key: str
    occurrence: int
    kind: str
    name: str
    recorded: Call | None
    attempt: int


class StepContext:
    """One attempt's view of the journal. Safe to use from several threads."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        step: str,
        execution: int,
        scope: str = "",
        fresh: bool = False,
        strict: bool = False,
    ) -> None:
        self.runtime = runtime
        self.step = step
        self.execution = execution
        self.attempt = 1
        self.strict = strict or runtime.settings.strict
        self.fresh = fresh and not self.strict
        self._scope = scope
        # Re-entrant: a stream that is garbage collected frees its place, wherever we are just then.
        self._lock = threading.RLock()
        self._taken: dict[str, set[int]] = {}
        self._served: dict[int, None] = {}
        self._answers: list[int] = []
        self._previous: StepContext | None = None
        self.stopped: DuranbError | None = None

    # -- the journal -----------------------------------------------------------------------

    def take(
        self, key: str, *, kind: str, name: str, explain: Callable[[], str] = lambda: ""
    ) -> Slot | None:
        """Claim the lowest free occurrence of ``key``; None means: pass this call through.

        Inside an effect only LLM calls are journaled: the effect is the unit that is recorded,
        and one that is done again after its compensation must reach the outside world again.
        Raises :class:`Unrecorded` in strict replay when the journal has no answer; ``explain``
        is then asked how the call differs from what was recorded.
        """
        if kind == "http" and _in_effect.get():
            return None
        if self._scope:
            key = blake3.blake3(f"{self._scope}\0{key}".encode()).hexdigest(16)
        with self._lock:
            used = self._taken.setdefault(key, set())
            occurrence = next(n for n in range(len(used) + 1) if n not in used)
            used.add(occurrence)
            attempt = self.attempt
        recorded = self.runtime.history.recorded(self.step, key, occurrence)
        if recorded is not None and self._must_be_new(recorded):
            recorded = None
        if self.strict and (recorded is None or recorded.status is not CallStatus.COMPLETED):
            with self._lock:
                used.discard(occurrence)
            raise self.stop(Unrecorded(self._refusal(name, key, occurrence, recorded, explain)))
        return Slot(key, occurrence, kind, name, recorded, attempt)

    def _refusal(
        self,
        name: str,
        key: str,
        occurrence: int,
        recorded: Call | None,
        explain: Callable[[], str],
    ) -> str:
        times = self.runtime.history.occurrences(self.step, key)
        what, difference = f"made a call that was never recorded: {name}", ""
        if recorded is not None:
            # A question, or an effect: a strict replay neither asks anybody nor does it again.
            what = f"made a call whose outcome was never recorded: {name}({recorded.preview})"
        elif 0 < times <= occurrence:
            what = f"made the same call {occurrence + 1} times, and {times} were recorded: {name}"
        else:
            difference = explain()
        told = (
            f"step {self.step!r} {what}. "
            "Run it live once, or give the step the inputs it was recorded with."
        )
        return f"{told}\n{difference}" if difference else told

    def _must_be_new(self, recorded: Call) -> bool:
        """``--fresh`` asks models anew, but never does an effect a second time."""
        return self.fresh and recorded.execution != self.execution and recorded.kind != "effect"

    def load(self, slot: Slot) -> memoryview:
        """The bytes of the recorded response of a slot, which counts as served from now on."""
        assert slot.recorded is not None
        data = self.runtime.store.get(slot.recorded.response)
        with self._lock:
            if slot.recorded.execution != self.execution:
                self._served[slot.recorded.id] = None
            if slot.recorded.kind == "llm":
                self._answers.append(slot.recorded.id)
        return data

    def told(self, number: int, slot: Slot) -> dict[str, Any]:
        """The fields that every event of call ``number`` has."""
        return {
            "call": number,
            "execution": self.execution,
            "attempt": self.attempt,
            "step": self.step,
            "key": slot.key,
            "occurrence": slot.occurrence,
            "kind": slot.kind,
            "name": slot.name,
        }

    def complete(
        self,
        slot: Slot,
        *,
        response: Sequence[Buffer],
        started: int,
        usage: Usage | None = None,
        status: int = 0,
        streamed: bool = False,
        preview: str = "",
    ) -> None:
        """Record a call's response. It is durable when this returns."""
        number = self.runtime.next_id("call")
        digest = self.runtime.store.put(response)
        self.runtime.record(
            CallCompleted(
                **self.told(number, slot),
                response=digest,
                started=started,
                usage=usage,
                status=status,
                streamed=streamed,
                preview=preview,
            )
        )
        if slot.kind == "llm":
            with self._lock:
                self._answers.append(number)

    def fail(self, slot: Slot, *, error: BaseException, status: int = 0, started: int = 0) -> None:
        """Note that a call failed and free its place; not waited for."""
        self.release(slot)
        self.runtime.record(
            CallFailed(
                **self.told(self.runtime.next_id("call"), slot),
                error=describe(error),
                status=status,
                started=started,
            ),
            wait=False,
        )

    def release(self, slot: Slot) -> None:
        """Free a place without a record: the call was abandoned. A stream that an earlier attempt
        left behind has none any more: it may be somebody else's."""
        with self._lock:
            if slot.attempt == self.attempt:
                self._taken.get(slot.key, set()).discard(slot.occurrence)

    def stop(self, error: DuranbError) -> DuranbError:
        """Note that the step must not go on, even if its code swallows ``error``; returns it."""
        self.stopped = error
        return error

    # -- attempts --------------------------------------------------------------------------

    def next_attempt(self) -> None:
        """Begin another attempt: every place in the journal is free again."""
        with self._lock:
            self.attempt += 1
            self.stopped = None
            self._taken.clear()
            self._answers.clear()

    def reject_latest(self, reason: str) -> bool:
        """Reject the latest answer of this attempt, durably. False when there was none."""
        with self._lock:
            latest = self._answers[-1] if self._answers else None
        if latest is None:
            return False
        self._served.pop(latest, None)
        self.runtime.record(CallRejected(call=latest, reason=storable(reason)))
        return True

    @property
    def answered(self) -> bool:
        """Whether this attempt got any answer from a model."""
        return bool(self._answers)

    @property
    def served(self) -> list[int]:
        """The calls of earlier executions that this one did not have to make."""
        with self._lock:
            calls = self.runtime.history.calls
            return [i for i in self._served if calls[i].status is not CallStatus.REJECTED]

    def serve(self, call: Call) -> None:
        """Count a recorded call (an effect, a question, a value) as served."""
        if call.execution != self.execution:
            with self._lock:
                self._served[call.id] = None

    # -- being current ---------------------------------------------------------------------

    def enter(self, *, process_wide: bool) -> Token[StepContext | None]:
        """Become the current step of this context (and of the process, for a cell)."""
        global _running
        if process_wide:
            self._previous, _running = _running, self
        return _current.set(self)

    def exit(self, token: Token[StepContext | None], *, process_wide: bool) -> None:
        """Undo :meth:`enter`."""
        global _running
        if process_wide:
            _running, self._previous = self._previous, None
        with contextlib.suppress(ValueError):  # the cell's task ended in another context
            _current.reset(token)


_current: ContextVar[StepContext | None] = ContextVar("duranb_step", default=None)
_in_effect: ContextVar[str] = ContextVar("duranb_effect", default="")
_running: StepContext | None = None


def current() -> StepContext | None:
    """The step this code runs in, or None outside of steps and in forked children."""
    found = _current.get() or _running
    return found if found is not None and active() is found.runtime else None


def in_effect() -> bool:
    """Whether an effect's function runs: it is recorded as a whole."""
    return bool(_in_effect.get())


@contextlib.contextmanager
def effect(idempotency_key: str) -> Iterator[None]:
    """While an effect's function runs."""
    token = _in_effect.set(idempotency_key)
    try:
        yield
    finally:
        _in_effect.reset(token)


@dataclass(frozen=True)
class Context:
    """What :func:`context` tells code inside a step. ``idempotency_key`` is stable over retries
    and restarts: inside an effect it is that effect's, else the step execution's."""

    run: str
    branch: str
    step: str
    execution: int
    attempt: int
    idempotency_key: str


def context() -> Context | None:
    """Where this code runs: run, step, attempt, idempotency key. None outside of steps."""
    here = current()
    if here is None:
        return None
    history = here.runtime.history
    key = _in_effect.get() or idempotency_key(here, "step", 0)
    return Context(history.run, history.branch, here.step, here.execution, here.attempt, key)


def idempotency_key(here: StepContext, key: str, occurrence: int) -> str:
    """A key that is the same whenever the same call of the same step is tried again, and another
    one when it is carried out anew after it was undone."""
    history = here.runtime.history
    generation = history.generation(here.step, key, occurrence)
    text = f"{history.run}\0{here.step}\0{key}\0{occurrence}\0{generation}"
    return "duranb-" + blake3.blake3(text.encode()).hexdigest(16)


def describe(error: BaseException) -> ErrorInfo:
    """An exception as it is kept in the history, without its traceback and without the credentials
    in URLs that it tells."""
    message = public_text(text_of(error)[:4000])[:2000]
    return ErrorInfo(type=name_of(type(error)), message=message)


def now_us() -> int:
    """Microseconds since the epoch, UTC."""
    return time.time_ns() // 1000
