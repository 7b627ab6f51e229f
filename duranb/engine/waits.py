"""Waiting for a person, an outside event or a time, beside whatever else the step does.

Where somebody is there, a step waits in its process. Headless it goes on for as long as anything
else of it does, and then stops with all that it waits for; the next run goes on from there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from duranb.engine.claim import Claim, now_us
from duranb.engine.context import StepContext
from duranb.engine.flows import NOT_YET
from duranb.errors import UsageError, Waiting
from duranb.record.events import NEVER
from duranb.store.paths import RUNS

LONGEST = 60.0
"""Seconds that a headless run waits for a time by itself. For longer ones it ends, and is resumed
later."""

QUIET = 1.0
"""Seconds in which nothing of a step was recorded, after which nothing else of it goes on."""


class Wait:
    """A call that waits. ``until`` is when that ends, in microseconds, 0 for never. ``says`` is
    what the user reads of it, after "waits", should the step stop."""

    def __init__(
        self, here: StepContext, claim: Claim, until: int, says: Callable[[], str]
    ) -> None:
        self.here = here
        self.call = claim.id
        self.until = until
        self._attempt = claim.attempt
        here.journal.waits[self.call] = says
        self._seq = -1
        self._since = 0.0

    def go_on(self, *, present: bool) -> Any:
        """Nothing has come: ``NOT_YET`` where it is worth waiting in this process.

        Raises :class:`Waiting` where it is not, what stopped the step meanwhile, and
        :class:`asyncio.CancelledError` where nobody waits for this any more.
        """
        journal = self.here.journal
        if self._attempt.over:
            raise asyncio.CancelledError(f"an earlier attempt of step {self.here.step!r} waited")
        if journal.stopped is not None:
            raise journal.stopped
        soon = self.until and left(self.until) <= LONGEST
        if present or soon or not self._is_quiet():
            return NOT_YET
        raise journal.stop(Waiting(self._told()))

    def over(self) -> None:
        """It is not waited for any more."""
        self.here.journal.waits.pop(self.call, None)

    @property
    def is_late(self) -> bool:
        """Whether its time has passed."""
        return bool(self.until) and now_us() >= self.until

    def _is_quiet(self) -> bool:
        """Whether nothing else of the step goes on, so that waiting in its process gains nothing.

        Code that only computes shows nothing of itself: it has a second between two calls."""
        attempt = self.here.journal.attempt
        if attempt.under_way:
            return False
        if attempt.is_alone:
            return True
        seq = self.here.runtime.history.seq
        if seq != self._seq:
            self._seq, self._since = seq, time.monotonic()
        return time.monotonic() - self._since >= QUIET

    def _told(self) -> str:
        waits = [says() for says in list(self.here.journal.waits.values())]
        step = self.here.step
        if len(waits) == 1:
            return f"step {step!r} waits {waits[0]}\n  {_then(self.here)}"
        listed = "\n".join(f"- {each.removeprefix('for ')}" for each in waits)
        return f"step {step!r} waits for {len(waits)} things:\n{listed}\n{_then(self.here)}"


def command(here: StepContext, verb: str, rest: str) -> str:
    """How the user gives what is waited for."""
    shell = f"duranb {verb} {notebook_of(here)} {rest}"
    if _in_a_shell(here):
        return shell
    return f"%duranb {verb} {rest} (from a shell: {shell})"


def _then(here: StepContext) -> str:
    if not _in_a_shell(here):
        return "then run the cell again"
    notebook = notebook_of(here)
    again = "python" if notebook.endswith(".py") else "duranb resume"
    return f"then {again} {notebook} goes on"


def _in_a_shell(here: StepContext) -> bool:
    """Whether there are no magics: in a script, and where nobody looks at the notebook."""
    return here.runtime.settings.headless or notebook_of(here).endswith(".py")


def notebook_of(here: StepContext) -> str:
    """The notebook as commands name it."""
    store = here.runtime.inbox
    if store is not None and store.parent.name.endswith(RUNS):  # one of many runs of a notebook
        return f"{store.parent.name.removesuffix(RUNS)}.ipynb/{store.name}"
    return Path(here.runtime.history.notebook).name or "NOTEBOOK"


def left(until: int) -> float:
    """Seconds until then; 0 when it is over."""
    return max(0.0, (until - now_us()) / 1e6)


def moment(when: float | timedelta | datetime | None, what: str) -> int:
    """A time in microseconds since the epoch, given as one (without a time zone: local time), or as
    seconds from now; 0 for None. Raises :class:`UsageError` for anything else."""
    if when is None:
        return 0
    try:
        if isinstance(when, datetime):
            return microseconds(when)
        if isinstance(when, int | float) and not isinstance(when, bool):
            when = timedelta(seconds=when)
        if isinstance(when, timedelta):
            return microseconds(datetime.now(UTC) + when)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{what} is {when!r}, which is no time: {error}") from None
    raise UsageError(f"{what} takes seconds, a timedelta or a datetime, not {when!r}")


def microseconds(when: datetime) -> int:
    """A time in microseconds since the epoch."""
    return int(when.timestamp() * 1e6)


def clock(until: int) -> str:
    """A time, for people; what somebody else recorded may be none."""
    if not 0 <= until < NEVER:
        return "(no time)"
    return f"{datetime.fromtimestamp(until / 1e6, UTC):%Y-%m-%d %H:%M:%S} UTC"
