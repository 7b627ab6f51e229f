"""``duranb.sleep``: a timer that outlives its process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from duranb.engine import context as ctx
from duranb.engine.flows import Flow, Pause, arun, run
from duranb.engine.journal import Claim, now_us
from duranb.engine.operations import Operation, perform
from duranb.errors import UsageError, Waiting
from duranb.record.kinds import Kind

LONGEST = 60.0
"""Seconds that a headless run sleeps by itself. For longer ones it ends, and is resumed later."""


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
    end = until if until is not None else datetime.now(UTC) + timedelta(seconds=seconds or 0.0)
    here = ctx.current()
    if here is None:
        yield Pause(_left(_microseconds(end)))
        return
    asked = str(seconds) if until is None else until.isoformat()
    operation = Operation(
        Kind.TIMER,
        "sleep",
        Kind.TIMER.key(asked),
        preview=f"until {end.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        until=_microseconds(end),
        explain=lambda: f"It sleeps: {asked}",
    )

    def make(claim: Claim, _: str) -> Pause:
        return Pause(_worth_waiting(here, claim.recorded or operation))

    yield from perform(here.journal, operation, make)


def _worth_waiting(here: ctx.StepContext, timer: Any) -> float:
    left = _left(timer.until)
    if left > LONGEST and here.runtime.settings.headless:
        raise here.journal.stop(
            Waiting(
                f"step {here.step!r} waits {timer.preview}, {left:.0f} s from now: run it again "
                "then and it goes on (duranb resume NOTEBOOK)"
            )
        )
    return left


def _left(until: int) -> float:
    """Seconds until then; 0 when it is over."""
    return max(0.0, (until - now_us()) / 1e6)


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1e6)
