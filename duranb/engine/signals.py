"""``duranb.wait_for``: an outside event that a step waits for, whichever comes first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from duranb.engine import awaited, context as ctx, inbox, waits
from duranb.engine.claim import Claim
from duranb.engine.flows import Flow, Polled
from duranb.engine.operations import Operation, perform
from duranb.errors import Expired, UsageError
from duranb.record import events as e
from duranb.record.kinds import Kind


@dataclass(frozen=True)
class _Late:
    """What is recorded where nothing came in time."""

    message: str


def wait_for(
    name: str, *, timeout: float | timedelta | datetime | None = None, default: Any = None
) -> Any:
    """Wait for an outside event; the value that came with it.

    It is delivered by ``duranb signal NOTEBOOK NAME VALUE``, by ``duranb.signal(notebook, name,
    value)`` from any process of this user, and by ``%duranb signal``. One that comes before anybody
    waits is kept, and each answers one wait, in the order in which they came. Headless, the step
    stops ``waiting`` (``duranb run`` exits with 75) once nothing else of it goes on.

    Once the ``timeout`` (seconds, a timedelta or a time) has passed, the value is the ``default``,
    or where that is None :class:`duranb.errors.Expired` is raised. Code that awaits awaits it.
    Raises :class:`duranb.errors.UsageError` outside of steps.
    """
    here = ctx.current()
    if here is None:
        raise UsageError(
            "duranb.wait_for() works inside a step: put %%durable on the cell's first line"
        )
    if not name or len(name) > inbox.PREVIEW:
        raise UsageError(f"duranb.wait_for() takes a name of 1 to {inbox.PREVIEW} characters")
    flow = _Waiting(here, name, default, waits.moment(timeout, "timeout=")).flow()
    return awaited.or_run(here, flow, f"duranb.wait_for({name!r})")


class _Waiting:
    """One wait for an event called ``name``."""

    def __init__(self, here: ctx.StepContext, name: str, default: Any, until: int) -> None:
        self._here = here
        self._name = name
        self._default = default
        self._until = until
        self._wait: waits.Wait | None = None

    def flow(self) -> Flow[Any]:
        operation = Operation(
            Kind.SIGNAL,
            "wait_for",
            Kind.SIGNAL.key(self._name),
            preview=self._name,
            until=self._until,
            outcome=self._outcome,
            explain=lambda: f"It waits for: {self._name}",
        )
        try:
            value = yield from perform(self._here.journal, operation, self._begin)
        finally:
            if self._wait is not None:
                self._wait.over()
        if isinstance(value, _Late):
            raise Expired(value.message)
        return value

    def _outcome(self, value: Any) -> str:
        return f"{self._name} → {value}"[: inbox.PREVIEW]

    def _begin(self, claim: Claim, _: str) -> Polled:
        until = claim.recorded.until if claim.recorded is not None else self._until
        self._wait = waits.Wait(self._here, claim, until, self._says)
        return Polled(self._look)

    def _look(self, may_block: bool) -> Any:
        """The value that came, once it has."""
        wait, runtime = self._wait, self._here.runtime
        assert wait is not None
        if runtime.inbox is not None:
            for posted in list(inbox.posted_signals(runtime.inbox, runtime.history)):
                runtime.record(posted)
                inbox.forget_signal(runtime.inbox, posted)
        answer = runtime.history.answers.get(wait.call) or self._take(wait.call)
        if answer is not None:
            return answer.value
        if wait.is_late:
            return self._default if self._default is not None else self._late(wait.until)
        settings = runtime.settings
        present = not (settings.headless or settings.strict) and settings.is_attended()
        return wait.go_on(present=present)

    def _take(self, call: int) -> e.Answered | None:
        """Have the first signal that nobody took answer this wait, if there is one."""
        runtime = self._here.runtime
        with runtime.taking:
            history = runtime.history
            for number, found in enumerate(list(history.signals.get(self._name, {}).values()), 1):
                if (self._name, number) in history.taken:
                    continue
                answer = e.Answered(
                    call=call, value=found.value, by=found.by, at=found.at, signal=number
                )
                runtime.record(answer)
                return answer
        return None

    def _late(self, until: int) -> _Late:
        return _Late(
            f"no signal {self._name!r} came for step {self._here.step!r} by {waits.clock(until)}. "
            "Give the wait a default=, or catch duranb.Expired"
        )

    def _says(self) -> str:
        assert self._wait is not None
        until = f", until {waits.clock(self._wait.until)}" if self._wait.until else ""
        how = waits.command(self._here, "signal", f"{self._name} [VALUE]")
        return f"for the signal {self._name!r}{until}\n  {how}"
