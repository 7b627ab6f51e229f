"""One execution of a step: its attempts, and how it ends.

A cell's body is compiled into ``for attempt in run: with attempt: <body>`` (``async`` where the
cell awaits), so that it keeps its own lines, its global scope and its top-level await, and a
failed attempt can be followed by another one. See :mod:`duranb.jupyter.instrument`.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Iterator
from contextvars import Token
from types import TracebackType
from typing import Any, Protocol

import msgspec

from duranb.code.interrupts import held_off
from duranb.code.looking import is_a, said, storable, text_of
from duranb.engine import budgets, late, scopes
from duranb.engine.claim import describe
from duranb.engine.context import StepContext
from duranb.engine.deadline import Deadline
from duranb.engine.decide import Decision
from duranb.engine.flows import Flow, Pause, arun, run
from duranb.engine.keeping import Keeping
from duranb.engine.retry import cause_of
from duranb.engine.runtime import Runtime
from duranb.engine.spec import Spec
from duranb.errors import (
    InDoubt,
    StoreError,
    UsageError,
    ValidationFailed,
    Waiting,
)
from duranb.record import events as e
from duranb.record.events import Binding
from duranb.record.model import Cause, Origin, Status
from duranb.record.ways import How
from duranb.text import sources
from duranb.text.credentials import public_text
from duranb.text.known import KNOWN

NOTHING = object()
"""Stands for "the body had no result"."""


class Host(Protocol):
    """Where a body runs: a cell in a kernel. The seam between the engine and Jupyter."""

    def begin_attempt(self) -> None:
        """Forget the outputs of the attempt before."""

    def outputs(self) -> list[dict[str, Any]]:
        """All output messages of this attempt, flushed."""

    def result(self) -> object:
        """The value of the body's last expression, or NOTHING."""

    def evaluate(self, expression: str) -> object:
        """The value of a ``--validate`` expression in the live namespace."""

    def notice(self, text: str) -> None:
        """Show one quiet line to the user."""

    def completed(self, execution: int) -> None:
        """The execution is complete and durable: say what is worth saying of it."""


class StepRun:
    """Iterates over the attempts of one execution; each attempt is a context manager (itself).

    ``failed`` is called when it has failed for good, with its id and what tells the user.
    """

    def __init__(
        self,
        runtime: Runtime,
        spec: Spec,
        decision: Decision,
        host: Host,
        keeping: Keeping,
        *,
        scope: str = "",
        parent: int = 0,
        replays: int = 0,
        compensates: int = 0,
        arguments: str = "",
        failed: Callable[[int, Callable[[str], None]], None] | None = None,
    ) -> None:
        self.runtime = runtime
        self.spec = spec
        self.id = runtime.next_id("execution")
        self.context = StepContext(
            runtime,
            step=spec.name,
            execution=self.id,
            scope=scope,
            fresh=spec.fresh,
            replays=replays,
            ignored=spec.ignore,
            budget=budgets.of_step(runtime, spec, self.id, decision.inputs),
        )
        self._decision = decision
        self._host = host
        self._keeping = keeping
        self._parent = parent
        self._replays = replays
        self._compensates = compensates
        self._arguments = arguments
        self._failed = failed
        self._deadline = Deadline(spec.name, spec.policy.timeout)
        self._token: Token[scopes.Inside | None] | None = None
        self._wait: float | None = None
        self._for_good: BaseException | None = None

    def _begin(self) -> None:
        """Not before the loop begins: a cell that does not compile never began. Raises what it is
        refused with, once that is recorded."""
        history = self.runtime.history
        self.runtime.record(
            e.ExecutionStarted(
                execution=self.id,
                step=self.spec.name,
                run=history.run,
                branch=history.branch,
                kind=self.spec.kind,
                source=sources.recorded(self.spec.source),
                fingerprint=self.spec.fingerprint,
                identity=self._decision.identity,
                inputs=self._decision.inputs,
                uses=self._decision.uses,
                given=self._decision.given,
                together=self._decision.together,
                options=self.spec.recorded_options(),
                before=self._decision.before,
                parent=self._parent,
                replays=self._replays,
                compensates=self._compensates,
                reason=self._decision.reason,
                cell=self.spec.cell,
                arguments=self._arguments,
            ),
            wait=False,
        )
        refused = self._decision.refused
        if refused is not None:
            told = _full(refused)
            self.runtime.append(
                e.ExecutionEnded(execution=self.id, status=Status.FAILED, attempts=0, error=told)
            ).wait()  # it decides on what the next kernel runs
            raise refused

    # -- the loop over attempts ------------------------------------------------------------

    def __iter__(self) -> Iterator[StepRun]:
        with held_off:
            self._begin()
        try:
            yield self
            while self._wait is not None:
                run(self._again())
                yield self
        finally:  # Ctrl-C may have come when the body had ended, and nothing else had begun
            self._leave(None)

    def __aiter__(self) -> StepRun:
        self._begin()
        self._fresh_iteration = True
        return self

    async def __anext__(self) -> StepRun:
        if self._fresh_iteration:
            self._fresh_iteration = False
            return self
        if self._wait is None:
            raise StopAsyncIteration
        await arun(self._again())
        return self

    def _again(self) -> Flow[None]:
        """Wait, and begin another attempt from a clean namespace."""
        assert self._wait is not None
        begun, wait = time.monotonic(), self._wait
        patience = 0.0 if self._deadline.passed else scopes.PATIENCE
        yield from scopes.leave(self.context.journal.attempt, patience)
        yield Pause(wait - (time.monotonic() - begun))
        self._wait = None
        lost = self._keeping.clean()
        if lost:
            self._host.notice(
                f"{self.spec.name}: {', '.join(lost)} cannot be stored, so the next attempt "
                "starts with what the last one left"
            )
        self.context.journal.next_attempt()
        self.runtime.append(e.AttemptStarted(execution=self.id, attempt=self.context.attempt))

    # -- one attempt -----------------------------------------------------------------------

    def __enter__(self) -> None:
        with held_off:
            self._enter()
        self._deadline.start()

    async def __aenter__(self) -> None:
        self._enter()
        self._deadline.start_async()

    def _enter(self) -> None:
        self._host.begin_attempt()
        self._token = self.context.enter(process_wide=self._keeping.process_wide)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        try:
            with held_off:
                return run(self._exit(error))
        finally:
            self._undo()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        try:
            return await arun(self._exit(error))
        finally:
            self._undo()

    def _exit(self, error: BaseException | None) -> Flow[bool]:
        """End the attempt; True swallows ``error`` because another attempt follows."""
        self._deadline.stop()
        raised = error
        error = self._deadline.convert(error)
        self._leave(error)
        stopped = self.context.journal.stopped
        if error is None:
            error = self._verdict()
        elif stopped is not None and is_a(error, Exception):
            # An SDK may have taken it for a hiccup of the network and wrapped it as one, and task
            # groups make groups of errors.
            error = stopped
        if error is None:
            try:
                yield from self._complete()
            except StoreError as refused:
                yield from self._end(Status.FAILED, refused)
                raise
            return False
        if (yield from self._retried(error)):
            return True
        if error is not raised:
            raise error from None
        return False

    def _undo(self) -> None:
        """Tell who waits for it that it has failed for good: that may take its time."""
        error, self._for_good = self._for_good, None
        if error is not None and self._failed is not None:
            # With the error, so that it is said once, and wherever that goes.
            self._failed(self.id, lambda text: error.add_note(f"duranb: {text}"))

    def _leave(self, error: BaseException | None) -> None:
        """Be no longer the current step, if it still is."""
        if self._token is not None:
            wide = self._keeping.process_wide
            self.context.exit(self._token, process_wide=wide, error=error)
            self._token = None

    def _verdict(self) -> BaseException | None:
        """What is wrong although the body returned: a stop it swallowed, or its validator."""
        if (stopped := self.context.journal.left()) is not None:
            return stopped
        if not self.spec.validate:
            return self._keeping.check()
        name, check = self.spec.name, self.spec.validate
        try:
            if self._host.evaluate(check):
                return self._keeping.check()
        except Exception as error:
            return UsageError(
                f"the validator of step {name!r}, `{check}`, raised "
                f"{said(error)}. Nothing is lost: mend the --validate option "
                "and run the cell again, its calls are answered from the journal."
            )
        return ValidationFailed(f"step {name!r}: `{check}` does not hold for what it made")

    def _retried(self, error: BaseException) -> Flow[bool]:
        """Record the failure; True when another attempt follows."""
        if is_a(error, KeyboardInterrupt, asyncio.CancelledError):
            yield from self._end(Status.CANCELLED, error)
            return False
        if is_a(error, InDoubt):
            yield from self._end(Status.IN_DOUBT, error)
            return False
        if is_a(error, Waiting):
            yield from self._end(Status.WAITING, error)
            return False
        cause = cause_of(error, answered=self.context.journal.answered)
        policy, attempt = self.spec.policy, self.context.attempt
        retry = policy.should_retry(error, cause, attempt)
        wait = policy.wait(error, cause, attempt) if retry else -1.0
        if self.context.journal.strict:
            # Nobody can be asked anew, and there is nothing to wait for.
            retry = retry and cause is not Cause.CONTENT
            wait = 0.0 if retry else -1.0
        elif cause is Cause.CONTENT:
            self.context.journal.reject(error)
        failed = self.runtime.append(
            e.AttemptFailed(
                execution=self.id, attempt=attempt, cause=cause, error=_full(error), wait=wait
            )
        )
        if retry:
            yield failed
        else:
            yield from self._end(Status.FAILED, error)
            self._for_good = error
            return False
        self._wait = wait
        at_once = "asking again" if cause is Cause.CONTENT else "again at once"
        when = f"again in {wait:.1f} s" if wait else at_once
        self._host.notice(
            f"{self.spec.name}: attempt {attempt} of {policy.retries + 1} failed ({cause}: "
            f"{type(error).__name__}: {_first_line(error)}), {when}"
        )
        return True

    # -- endings ---------------------------------------------------------------------------

    def _complete(self) -> Flow[None]:
        messages = self._host.outputs()
        KNOWN.look_around()  # before anything is stored: the body may have set it
        result = self._host.result()
        done = self._keeping.capture()
        binding: Binding | None = None
        name = ""
        if done.result is not None:
            binding = done.result
        elif result is not NOTHING and result is not None:
            name = self._keeping.named(result, done.outputs)
            binding = None if name else self.runtime.namespace.capture_value(result)
        completed = e.ExecutionCompleted(
            execution=self.id,
            origin=self._origin(),
            attempts=self.context.attempt,
            snapshot=done.snapshot,
            outputs=done.outputs,
            deleted=done.deleted,
            result=binding,
            result_name=name,
            messages=self._keep_messages(messages),
            served=self.context.journal.replayed,
            unstored={n: b.why for n, b in done.outputs.items() if b.why},
            shared=done.shared,
            sharers=done.sharers,
            drawn=done.drawn,
            around=done.around,
        )
        # Also where this is interrupted, or refused for now: the state it names is recorded then.
        self._keeping.commit(done.snapshot)
        try:
            yield self.runtime.append(*done.bodies, *self._unrecorded(), completed)
        except StoreError:
            self.runtime.append(*done.bodies)
            raise
        self._keeping.release()
        if said := late.told(self.runtime, self.id):
            self._host.notice(f"{self.spec.name}: {said}")
        self._host.completed(self.id)

    def _unrecorded(self) -> list[e.EventBody]:
        """What left it by ways that are not recorded, where that is not told yet."""
        for name in self.context.journal.attempt.lasting():
            self.context.unrecorded.note(How.THREAD, name)
        return self.context.unrecorded.end()

    def _origin(self) -> Origin:
        if self._replays:
            return Origin.REPLAYED
        return Origin.RESUMED if self.context.journal.replayed else Origin.EXECUTED

    def _keep_messages(self, messages: list[dict[str, Any]]) -> str:
        return self.runtime.store.put([msgspec.json.encode(messages)]) if messages else ""

    def _end(self, status: Status, error: BaseException) -> Flow[None]:
        """Stop without completing; what the body left is there to look at."""
        KNOWN.look_around()
        left = self._keeping.abandon()
        try:
            messages = self._keep_messages(self._host.outputs())
        except StoreError:
            messages = ""
        ended = e.ExecutionEnded(
            execution=self.id,
            status=status,
            attempts=self.context.attempt,
            error=_full(error),
            served=self.context.journal.replayed,
            messages=messages,
            left=left,
        )
        try:
            yield self.runtime.append(*self._unrecorded(), ended)
        except StoreError:
            self.runtime.append(ended)
            if not is_a(error, StoreError):
                raise


def _full(error: BaseException) -> e.ErrorInfo:
    kept = describe(error)
    text = "".join(traceback.format_exception(error))
    return msgspec.structs.replace(kept, traceback=public_text(storable(text))[-20_000:])


def _first_line(error: BaseException) -> str:
    return (text_of(error).splitlines() or [""])[0][:120]
