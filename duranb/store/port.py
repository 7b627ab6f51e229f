"""The port to a store: all that the engine needs of one, whatever holds the events.

Behind it stand the log on disk (:mod:`duranb.store.store`) and memory (:mod:`duranb.store.memory`).
It is small on purpose: append events, read them in order, keep bytes by their content.
"""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from duranb.record.artifacts import Artifacts
from duranb.record.events import Event, EventBody

if TYPE_CHECKING:  # who waits on an event loop has it; who only reads a store need not load it
    import asyncio

Listener = Callable[[Sequence[Event]], None]


class Receipt:
    """What :meth:`Port.append` gives at once: the promise of an append that is not durable yet.

    Wait for it before anybody can see what the events say: ``wait()`` in threads, ``await`` on an
    event loop. Events whose receipt nobody waits for are written with later ones; where the disk
    refuses them they are kept and tried again, and the failure is raised by the next that is
    waited for.
    """

    __slots__ = ("_done", "_hurry", "_loops", "error", "last", "settled", "waited")

    def __init__(self, hurry: Callable[[Receipt], None]) -> None:
        self._hurry = hurry
        self._done = threading.Lock()  # a bare lock: one is made for each append
        self._done.acquire()
        self._loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self.settled = False
        self.waited = False
        self.last = 0
        self.error: BaseException | None = None

    def wait(self) -> int:
        """Block until the events are durable; the number of the last of them.

        Raises :class:`duranb.errors.StoreError`; the events are not in the history then.
        """
        if not self.settled:
            self.waited = True
            self._hurry(self)
            self._done.acquire()
            self._done.release()
        return self._outcome()

    def __await__(self) -> Generator[object, None, int]:
        """What :meth:`wait` does, without blocking the event loop."""
        if not self.settled:
            import asyncio

            self.waited = True
            loop = asyncio.get_running_loop()
            woken = loop.create_future()
            self._loops.append((loop, woken))
            self._hurry(self)
            if not self.settled:  # else it may have been settled before it saw this loop
                yield from woken
        return self._outcome()

    def _outcome(self) -> int:
        if self.error is not None:
            raise self.error
        return self.last

    def settle(self, last: int = 0, error: BaseException | None = None) -> None:
        """The events are durable up to number ``last``, or refused; for the store alone."""
        settle([self], [last], error)


def settle(
    receipts: Sequence[Receipt], lasts: Iterable[int], error: BaseException | None = None
) -> None:
    """Settle many receipts, waking each event loop once; for the store alone."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = defaultdict(list)
    for receipt, last in zip(receipts, lasts, strict=True):
        receipt.last, receipt.error = last, error
        receipt.settled = True
        receipt._done.release()
        for loop, woken in receipt._loops:
            loops[loop].append(woken)
    for loop, futures in loops.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits on it any more
            loop.call_soon_threadsafe(_wake, futures)


def _wake(futures: Sequence[asyncio.Future[None]]) -> None:
    for woken in futures:
        if not woken.done():
            woken.set_result(None)


class Port(Artifacts, Protocol):
    """A store of one notebook: an append-only sequence of events, and bytes by their content.

    ``listeners`` are called with each batch of events once it is durable, in order, and before
    anybody who waits for it goes on. A listener may read artifacts; it must not wait for a receipt.
    """

    listeners: list[Listener]

    def append(self, *bodies: EventBody, expected: int | None = None) -> Receipt:
        """Append events in this order, after the artifacts put since the last append: all or none.

        ``expected`` is the number of the last event that the caller knows of. If another one was
        appended since, the receipt raises :class:`duranb.errors.Superseded`.
        """

    def events(self, after: int = 0) -> Iterable[Event]:
        """The durable events with numbers above ``after``, oldest first."""
