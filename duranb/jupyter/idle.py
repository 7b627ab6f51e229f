"""Doing something when nothing is going on in a kernel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

AFTER = 1.0
"""Seconds after a cell's end, in which no other one has begun."""

BETWEEN = 0.1


class Idle:
    """Calls ``do`` on the thread that runs cells, again while it returns True, and not while one
    is ``running``. Where there is no loop between cells (plain IPython), nothing is done."""

    def __init__(self, do: Callable[[], bool], running: Callable[[], bool]) -> None:
        self._do = do
        self._running = running
        self._next: asyncio.TimerHandle | None = None

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """The kernel is being started, and this loop is the one that it will run: what is done
        before the first cell is begun, that one does not wait for."""
        self.cancel()
        self._next = loop.call_later(AFTER, self._now)

    def wait(self, result: object = None) -> None:
        """``post_run_cell``: a cell has ended."""
        self.cancel()
        try:
            self._next = asyncio.get_running_loop().call_later(AFTER, self._now)
        except RuntimeError:
            return

    def cancel(self) -> None:
        """Do nothing until another cell has ended."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _now(self) -> None:
        self._next = None
        if not self._running() and self._do():
            self._next = asyncio.get_running_loop().call_later(BETWEEN, self._now)
