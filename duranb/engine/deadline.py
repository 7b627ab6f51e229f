"""``--timeout``: ending an attempt that takes too long, in sync and in async cells."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from types import FrameType
from typing import Any

from duranb.errors import StepTimeout

_CLOSE = 0.1
"""Seconds within which what is left on the timer is what this clock has left."""


class Deadline:
    """Interrupts the body after ``seconds``; None never does.

    A sync body is interrupted as by Ctrl-C, through a POSIX interval timer, which also ends a
    blocking system call; where there is none (Windows, or a thread other than the main one) the
    interpreter is asked to. An async body's task is cancelled. Either is turned into
    :class:`StepTimeout` by :meth:`convert`. Raised in the body, a TimeoutError would be taken for
    a hiccup of the network by an SDK, which would then try again without a clock.
    """

    def __init__(self, step: str, seconds: float | None) -> None:
        self._step = step
        self._seconds = seconds
        self.passed = False
        self._started = 0.0
        self._handler: Any = None
        self._outer_end = 0.0
        self._timer: threading.Timer | asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start the clock of a sync body."""
        self.passed, self._timer, self._started = False, None, time.monotonic()
        if self._seconds is None:
            return
        if hasattr(signal, "setitimer") and _in_main_thread():
            self._handler = signal.signal(signal.SIGALRM, self._alarm)
            left, _ = signal.setitimer(signal.ITIMER_REAL, self._seconds)
            self._outer_end = time.monotonic() + left if left else 0.0
            return
        self._timer = threading.Timer(self._seconds, self._interrupt)
        self._timer.start()

    def start_async(self) -> None:
        """Start the clock of an async body, whose task this is called from."""
        self.passed, self._timer = False, None
        task = asyncio.current_task()
        if self._seconds is not None and task is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._seconds, self._cancel, task)

    def stop(self) -> None:
        """Stop the clock."""
        if self._handler is not None:
            self._give_back()
            self._handler = None
            if self._outer_end:  # a step around this one has a clock too, and there is one timer
                left = max(self._outer_end - time.monotonic(), 0.001)
                signal.setitimer(signal.ITIMER_REAL, left)
        if self._timer is not None:
            self._timer.cancel()

    def _give_back(self) -> None:
        """Give the alarm back as it was, but leave what the body has set for itself."""
        assert self._seconds is not None
        ours = signal.getsignal(signal.SIGALRM) == self._alarm
        expected = self._seconds - (time.monotonic() - self._started)
        if ours or abs(signal.getitimer(signal.ITIMER_REAL)[0] - expected) < _CLOSE:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if ours:
            signal.signal(signal.SIGALRM, self._handler)

    def convert(self, error: BaseException | None) -> BaseException | None:
        """StepTimeout where this clock interrupted the body, also if the body took no notice; else
        ``error``."""
        if error is None and not self.passed and self._overran():
            return self._error()  # the body had the alarm for itself
        interruptions = (KeyboardInterrupt, asyncio.CancelledError)
        if not self.passed or not (error is None or isinstance(error, interruptions)):
            return error
        if isinstance(self._timer, asyncio.TimerHandle):
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
        return self._error()

    def _overran(self) -> bool:
        started, seconds = self._started, self._seconds
        return bool(started) and seconds is not None and time.monotonic() - started > seconds

    def _error(self) -> StepTimeout:
        return StepTimeout(
            f"step {self._step!r} took longer than its --timeout of {self._seconds:g} s"
        )

    def _alarm(self, number: int, frame: FrameType | None) -> None:
        self.passed = True
        signal.default_int_handler(number, frame)

    def _interrupt(self) -> None:
        import _thread

        self.passed = True
        _thread.interrupt_main()

    def _cancel(self, task: asyncio.Task[Any]) -> None:
        self.passed = True
        task.cancel()


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
