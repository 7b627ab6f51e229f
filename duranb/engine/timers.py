"""``duranb.sleep``: a timer that outlives its process."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from duranb.engine import context as ctx, waits
from duranb.engine.claim import Claim
from duranb.engine.flows import Flow, Pause, Polled, Waitable, arun, run
from duranb.engine.operations import Operation, perform
from duranb.errors import UsageError
from duranb.record.kinds import Kind


def sleep(seconds: float | None = None, *, until: datetime | None = None) -> None:
    """Wait for ``seconds``, or ``until`` a time (without a time zone: local time).

    The end is durable before the wait begins: a step that is run again after a restart waits for
    what is left, and not at all once the time has come. In a headless run a step that has more
    than a minute to wait stops ``waiting`` (``duranb run`` exits with 75), and ``duranb resume``
    goes on. Where code awaits, use :func:`asleep`, which does not block the event loop. Raises
    :class:`duranb.errors.UsageError` unless it is given one of the two.
    """
    run(_sleep(seconds, until))


async def asleep(seconds: float | None = None, *, until: datetime | None = None) -> None:
    """What :func:`sleep` does, without blocking the event loop."""
    await arun(_sleep(seconds, until))


def _sleep(seconds: float | None, until: datetime | None) -> Flow[None]:
    if (seconds is None) == (until is None):
        raise UsageError("duranb.sleep() takes either seconds or until=, one of them")
    what = "duranb.sleep(seconds)" if until is None else "duranb.sleep(until=)"
    ends = waits.moment(seconds if until is None else until, what)
    here = ctx.current()
    if here is None:
        yield Pause(waits.left(ends))
        return
    asked = str(seconds) if until is None else until.isoformat()
    wait: waits.Wait | None = None
    operation = Operation(
        Kind.TIMER,
        "sleep",
        Kind.TIMER.key(asked),
        preview=f"until {waits.clock(ends)}",
        until=ends,
        explain=lambda: f"It sleeps: {asked}",
    )

    def make(claim: Claim, _: str) -> Waitable:
        nonlocal wait
        timer = claim.recorded or operation
        left = waits.left(timer.until)
        if left <= waits.LONGEST or not here.runtime.settings.headless:
            return Pause(left)
        wait = timed = waits.Wait(here, claim, timer.until, lambda: _says(timer))
        return Polled(lambda _: None if timed.is_late else timed.go_on(present=False))

    try:
        yield from perform(here.journal, operation, make)
    finally:
        if wait is not None:
            wait.over()


def _says(timer: Any) -> str:
    return f"{timer.preview}, {waits.left(timer.until):.0f} s from now"
