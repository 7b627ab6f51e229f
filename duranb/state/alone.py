"""Walking through values while nobody else does."""

from __future__ import annotations

import gc
import threading
from types import TracebackType


class Alone:
    """A lock that one thread can take several times. While it is held, the garbage collector waits:
    walking a large value makes a million small tuples that live for a moment, and it would go
    through everything in the process again and again, to find none of them to be garbage.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._collects = False

    def __enter__(self) -> None:
        self._lock.acquire()
        if not self._depth:
            self._collects = gc.isenabled()
            gc.disable()
        self._depth += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._depth -= 1
        if not self._depth and self._collects:
            gc.enable()
        self._lock.release()
