"""What leaves a step by ways that nobody records: counted, and named in its record.

:mod:`duranb.engine.watch` sees it; what is part of something that is recorded as a whole is not
counted.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TypeVar

from duranb.engine.flows import Waitable
from duranb.record.events import EventBody, WentUnrecorded
from duranb.record.ways import How, Way

MOST = 100
"""Ways of an execution that are told apart; all others are one."""


class Recorded:
    """Something that is recorded as a whole while it is on its way: whatever code sends meanwhile
    is part of it.

    A task or a thread that was started meanwhile inherits the context variable and outlives it, so
    there is a switch in it.
    """

    on = True


R = TypeVar("R", bound=Recorded)

_around: ContextVar[Recorded | None] = ContextVar("duranb_recorded", default=None)


def around() -> Recorded | None:
    """What this code is part of, or None."""
    found = _around.get()
    return found if found is not None and found.on else None


@contextlib.contextmanager
def part_of(whole: R) -> Iterator[R]:
    """What the code in this block sends is part of ``whole``."""
    token = _around.set(whole)
    try:
        yield whole
    finally:
        whole.on = False
        _around.reset(token)


class Tally:
    """What left one execution unrecorded, and so the one ``within`` which it is carried out. Safe
    from any thread.

    The first time that something takes a way is durable before it happens: a process that is killed
    then has named it. How often is recorded when the execution ends; what comes after that, from a
    thread that outlives its step, is recorded whenever the count has doubled.
    """

    def __init__(
        self,
        execution: int,
        append: Callable[[EventBody], Waitable],
        within: Tally | None = None,
    ) -> None:
        self._execution = execution
        self._within = within
        self._append = append
        # Re-entrant: an answer that is garbage collected unread is recorded, wherever we are then.
        self._lock = threading.RLock()
        self._counts: dict[tuple[How, str], int] = {}
        self._told = 0
        self._ended = False

    def note(self, how: How, to: str, *, gone: bool = False) -> None:
        """Something is about to leave, or is ``gone`` already: then nobody waits for the record,
        since the garbage collector may say so. Raises :class:`duranb.errors.StoreError` where that
        cannot be recorded: then it must not."""
        if self._within is not None:
            self._within.note(how, to, gone=gone)
        with self._lock:
            if (how, to) not in self._counts and len(self._counts) >= MOST:
                to = "other places"
            count = self._counts[how, to] = self._counts.get((how, to), 0) + 1
            late = self._ended and count & (count - 1) == 0
            event = self._event() if count == 1 or late else None
        if event is not None:
            receipt = self._append(event)
            if count == 1 and not gone:
                receipt.wait()

    def end(self) -> list[EventBody]:
        """The execution ends: what is to be recorded with that."""
        with self._lock:
            self._ended = True
            return [self._event()] if self._counts and self._told != self._total() else []

    def _total(self) -> int:
        return sum(self._counts.values())

    def _event(self) -> EventBody:
        self._told = self._total()
        counts = list(self._counts.items())
        found = [Way(how.value, to, count) for (how, to), count in counts]
        return WentUnrecorded(execution=self._execution, ways=found)
