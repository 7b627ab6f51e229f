"""How far a map is, for whoever shows it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

EVERY = 0.5
"""Seconds between two changes of what is shown."""


@dataclass
class Progress:
    """Counts of a map's items, and what they cost so far in US dollars.

    ``total`` is None where the items come from an iterator whose length nobody knows. ``served``
    of the ``done`` were answered from the journal. ``batched`` calls were answered by a batch, and
    ``waiting`` says what is waited for meanwhile. ``began`` is a monotonic time in seconds.
    """

    label: str
    total: int | None
    done: int = 0
    failed: int = 0
    served: int = 0
    cost: float = 0.0
    batched: int = 0
    waiting: str = ""
    over: bool = False
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0

    def end(self) -> None:
        """There is no more to come."""
        self.over, self.ended = True, time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return max((self.ended or time.monotonic()) - self.began, 1e-9)

    @property
    def made(self) -> int:
        """Items that were carried out, and not served."""
        return self.done - self.served

    @property
    def rate(self) -> float:
        """Items carried out a second."""
        return self.made / self.seconds

    @property
    def left(self) -> float | None:
        """Seconds until the end, at the rate so far; None while nobody can tell."""
        if self.total is None or not self.made:
            return None
        return (self.total - self.done) / self.rate

    @property
    def expected(self) -> float | None:
        """What all of it will cost in US dollars, by the items so far; None while nobody can
        tell."""
        if self.total is None or not self.made:
            return None
        return self.cost + self.cost / self.made * (self.total - self.done)


class Display(Protocol):
    """Shows a map's progress, in one line that changes in place."""

    def update(self, progress: Progress) -> None:
        """Called whenever an item has ended, and at the end (``progress.over``)."""


class Nowhere:
    """Where nobody looks."""

    def update(self, progress: Progress) -> None:
        """Show nothing."""


class Paced:
    """Shows a line twice a second, and at once when it waits for something else: ``show`` is given
    the progress and whether it is the first time. A map that is over before that shows nothing."""

    def __init__(self, show: Callable[[Progress, bool], None]) -> None:
        self._show = show
        self._next = 0.0
        self._shown = False
        self._waiting = ""

    def update(self, progress: Progress) -> None:
        """See :class:`Display`."""
        now = time.monotonic()
        self._next = self._next or progress.began + EVERY
        waits = progress.waiting not in ("", self._waiting) and not self._waiting
        if now >= self._next or waits or (progress.over and self._shown):
            self._next = now + EVERY
            self._show(progress, not self._shown)
            self._shown, self._waiting = True, progress.waiting
