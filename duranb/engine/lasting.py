"""Calls that take long: that they are on their way is recorded meanwhile.

A call to a model is recorded when it was answered; to record it before as well would cost each one
something. But those that last are worth a word when their process dies: they were paid for, and are
made again. So a thread looks which calls are still on their way after a moment, and notes that.
Nobody waits for it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable

from duranb.engine import scopes
from duranb.errors import StoreError

AFTER = 1.0
"""Seconds after which a call takes long."""


class Lasting:
    """A call on its way; ``tell`` is called once, from a thread, if it takes long."""

    def __init__(self, tell: Callable[[], object]) -> None:
        self._tell = tell
        self._lock = threading.RLock()  # what is over may be garbage collected while it is told
        self._is_over = False
        self._is_told = False

    def begin(self) -> None:
        """It is about to be sent."""
        _watch.add(self)

    def over(self) -> bool:
        """It is over, and nothing is told from now on; whether it was."""
        with self._lock:
            self._is_over = True
            return self._is_told

    def takes_long(self) -> None:
        """Tell, if it is not over."""
        with self._lock:
            if not self._is_over:
                # What the store refuses here it refuses the answer as well, and there it is said.
                with contextlib.suppress(StoreError):
                    self._tell()
                    self._is_told = True


class _Watch:
    """Looks after all calls of this process, on a thread that ends when there are none."""

    def __init__(self) -> None:
        self._begun: deque[tuple[float, Lasting]] = deque()
        self._lock = threading.Lock()
        self._runs = False

    def add(self, call: Lasting) -> None:
        """Look after a call."""
        self._begun.append((time.monotonic(), call))
        if not self._runs:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._runs:
                return
            self._runs = True
        with scopes.set_inside(None):  # it belongs to no step
            threading.Thread(target=self._run, name="duranb-lasting", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._begun:
                    self._runs = False
                    return
            time.sleep(AFTER / 4)
            while self._begun and self._begun[0][0] + AFTER <= time.monotonic():
                self._begun.popleft()[1].takes_long()


_watch = _Watch()
