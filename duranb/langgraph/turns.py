"""Whose turn it is: nodes that use what a process has only one of run one at a time in it.

That is the variables of ``steps.py``, the random generators, and settings. Nodes of other runs, in
other threads or tasks, count as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar

_one_at_a_time = threading.Lock()
_has_it: ContextVar[bool] = ContextVar("duranb_alone", default=False)
_running: set[Turn] = set()
_changing = threading.Lock()


class Turn:
    """A node while it runs. ``beside`` says that another node ran meanwhile, ``excused`` that one
    of those was known to draw random numbers."""

    def __init__(self, *, alone: bool) -> None:
        self.alone = alone
        self.beside = False
        self.excused = False

    @contextlib.contextmanager
    def runs(self) -> Iterator[Turn]:
        """While it does."""
        with _changing:
            for other in _running:
                self._met(other)
                other._met(self)
            _running.add(self)
        try:
            yield self
        finally:
            with _changing:
                _running.discard(self)

    def undisturbed(self, do: Callable[[], None]) -> None:
        """Do something that no node that runs may see, while none begins; not where one runs
        beside, unless this is one that is ``alone``."""
        with _changing:
            if self.alone or not self.beside:
                do()

    def _met(self, other: Turn) -> None:
        self.beside = True
        self.excused = self.excused or other.alone


@contextlib.contextmanager
def turn(*, alone: bool) -> Iterator[Turn]:
    """Around a node; one that is ``alone`` waits for the others of its kind."""
    made = Turn(alone=alone)
    if not alone or _has_it.get():
        with made.runs():
            yield made
        return
    with _one_at_a_time, _having(), made.runs():
        yield made


@contextlib.asynccontextmanager
async def turn_async(*, alone: bool) -> AsyncIterator[Turn]:
    """The same without blocking the event loop, on which the other one may run."""
    made = Turn(alone=alone)
    if not alone or _has_it.get():
        with made.runs():
            yield made
        return
    while not _one_at_a_time.acquire(blocking=False):
        await asyncio.sleep(0.001)
    try:
        with _having(), made.runs():
            yield made
    finally:
        _one_at_a_time.release()


@contextlib.contextmanager
def _having() -> Iterator[None]:
    """A graph inside of a node does not wait for it."""
    token = _has_it.set(True)
    try:
        yield
    finally:
        _has_it.reset(token)
