"""Ctrl-C while duranb keeps its books: it waits until they agree with each other.

An interrupt comes between any two instructions. In the user's code that is what it is for; in the
middle of noting what that code has done it would leave half a note, and the next run would begin
from that.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class _HeldOff(contextlib.ContextDecorator):
    """Holds an interrupt off until the outermost block ends; a second one gets through at once.
    Only the main thread is ever interrupted: elsewhere it does nothing."""

    def __init__(self) -> None:
        self._levels: list[Any] = []
        """For each block that goes on: who had interrupts before it, if it took them."""
        self._noted = False

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        # Asked each time: an interrupt may have come in the middle of this, too.
        before = signal.getsignal(signal.SIGINT)
        if before == self._note or not callable(before):
            self._levels.append(None)
            return
        self._noted = False
        self._levels.append(before)
        signal.signal(signal.SIGINT, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._noted:  # whatever is going on takes too long
            self._noted = False
            taken = (before for before in reversed(self._levels) if before is not None)
            next(taken, signal.default_int_handler)(number, frame)
        self._noted = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        before = self._levels[-1]
        if before is not None and signal.getsignal(signal.SIGINT) == self._note:
            signal.signal(signal.SIGINT, before)
        self._levels.pop()
        if before is None:
            return
        noted, self._noted = self._noted, False
        if noted:
            before(signal.SIGINT, None)


held_off = _HeldOff()
"""``with held_off:`` around what must be done as a whole and takes a moment, ``@held_off`` before a
function that is such a thing."""
