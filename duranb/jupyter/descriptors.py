"""What is written to the file descriptors of a kernel's output, by C code or another process.

A kernel lays a pipe there, and a thread of its own hands what comes out of it to ``sys.stdout`` or
``sys.stderr``. When a cell's code is over, it may not have come to that.
"""

from __future__ import annotations

import select
import sys
import time
from typing import Any, NamedTuple

PATIENCE = 0.3
"""Seconds to wait at most for a pipe to run dry: a process may write on and on."""

_LOOK = 0.001
"""Seconds between two looks; in them the thread can take the interpreter's lock."""


class _Pipe(NamedTuple):
    """One of the two: its end to read from, and the clock of the thread that does."""

    end: int
    clock: int | None

    def holds_something(self) -> bool:
        return bool(select.select([self.end], [], [], 0)[0])

    def used(self) -> int:
        """The time the thread has run for. It runs as soon as something is written, and while it
        waits for the interpreter's lock with what it has read."""
        return -1 if self.clock is None else time.clock_gettime_ns(self.clock)


class Descriptors:
    """Both pipes."""

    def __init__(self) -> None:
        self._used: dict[_Pipe, int] = {}

    def begin(self) -> None:
        """Take note of where the threads are now. Where they were left at is as good, and takes no
        look at their clocks: a thread that ran since then is looked at once more."""
        known = self._used
        self._used = {p: known[p] if p in known else p.used() for p in _pipes()}

    def drain(self) -> None:
        """Wait until what was written since :meth:`begin` is in the streams."""
        end = time.monotonic() + PATIENCE
        for pipe, before in self._used.items():
            # Where threads have no clocks, one look has to do.
            stirred = pipe.clock is None
            while stirred or pipe.holds_something() or pipe.used() != before:
                if time.monotonic() > end:
                    return
                stirred, before = False, pipe.used()
                time.sleep(_LOOK)
            self._used[pipe] = before


def _pipes() -> list[_Pipe]:
    return [_Pipe(*found) for found in map(_read_by, (sys.stdout, sys.stderr)) if found]


def _read_by(stream: Any) -> tuple[int, int | None] | None:
    end, thread = getattr(stream, "_fid", None), getattr(stream, "watch_fd_thread", None)
    if not isinstance(end, int) or thread is None or not thread.is_alive():
        return None
    clock_of = getattr(time, "pthread_getcpuclockid", None)
    return end, None if clock_of is None else clock_of(thread.ident)
