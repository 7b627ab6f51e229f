"""Carrying out what the timeline's buttons ask for, between cells.

A button may be pressed while a cell runs; its message then arrives on another thread. Moving the
namespace under a running cell would break it, so the deed waits for the cell to end.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from duranb.session import Plan


@dataclass(frozen=True)
class _Deed:
    plan: Plan
    done: Callable[[str, BaseException | None], None]


class Actions:
    """A queue of plans that are applied on the kernel's loop, one after the other."""

    def __init__(self, busy: Callable[[], bool]) -> None:
        self._busy = busy
        self._waiting: deque[_Deed] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    def on_loop(self) -> None:
        """Remember the kernel's loop; called from it."""
        if self._loop is None:
            try:
                self._loop = asyncio.get_running_loop()
            except RuntimeError:
                return  # plain IPython runs its loop only during a cell: no buttons there

    def submit(self, plan: Plan, done: Callable[[str, BaseException | None], None]) -> bool:
        """Apply ``plan`` as soon as no cell runs, then call ``done(message, error)``.

        Safe from any thread. True when it has to wait for a cell.
        """
        self._waiting.append(_Deed(plan, done))
        busy = self._busy()
        self.wake()
        return busy

    def wake(self) -> None:
        """Look at the queue; called when a cell has ended."""
        if self._waiting and self._loop is not None:
            self._loop.call_soon_threadsafe(self._start)

    def _start(self) -> None:
        if self._busy() or not self._waiting or (self._task and not self._task.done()):
            return
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self._waiting and not self._busy():
            deed = self._waiting.popleft()
            try:
                message = await deed.plan.apply()
            except Exception as error:
                deed.done("", error)
            else:
                deed.done(message, None)
