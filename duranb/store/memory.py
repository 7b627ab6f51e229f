"""A store in memory, behind the same port as the one on disk: for tests, and for dry runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import blake3

from duranb.errors import StoreDamaged, StoreError, Superseded
from duranb.record.artifacts import Buffer
from duranb.record.events import Event, EventBody, public
from duranb.store.port import Listener, Receipt
from duranb.text.known import KNOWN


class MemoryStore:
    """Keeps what it is given until it is dropped. Safe from any thread.

    Set ``failing`` to an error to play a disk that cannot write: what is waited for raises it,
    what nobody waits for is kept and written once ``failing`` is None again.
    """

    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self.failing: StoreError | None = None
        self._mutex = threading.RLock()
        self._events: list[Event] = []
        self._artifacts: dict[str, bytes] = {}
        self._pending: list[tuple[tuple[EventBody, ...], int | None, Receipt]] = []

    def append(self, *bodies: EventBody, expected: int | None = None) -> Receipt:
        """See :meth:`duranb.store.port.Port.append`."""
        receipt = Receipt(self._write)
        with self._mutex:
            self._pending.append((tuple(public(body)[0] for body in bodies), expected, receipt))
            if self.failing is None:
                self._write(receipt)
        return receipt

    def _write(self, urgent: Receipt) -> None:
        with self._mutex:
            pending, self._pending = self._pending, []
            for bodies, expected, receipt in pending:
                if self.failing is not None:
                    if receipt.waited:
                        receipt.settle(error=self.failing)
                    else:
                        self._pending.append((bodies, expected, receipt))
                elif expected is not None and expected != len(self._events):
                    receipt.settle(error=Superseded.at(len(self._events), expected))
                else:
                    now, first = time.time_ns() // 1000, len(self._events) + 1
                    events = [Event(seq, now, body) for seq, body in enumerate(bodies, first)]
                    self._events += events
                    for listener in self.listeners if events else ():
                        listener(events)
                    receipt.settle(len(self._events))

    def events(self, after: int = 0) -> list[Event]:
        """See :meth:`duranb.store.port.Port.events`."""
        with self._mutex:
            return self._events[after:]

    def put(self, parts: Sequence[Buffer]) -> str:
        """See :meth:`duranb.record.artifacts.Artifacts.put`."""
        data = KNOWN.masked(b"".join(parts))
        digest: str = blake3.blake3(data).hexdigest()
        self._artifacts[digest] = data
        return digest

    def get(self, digest: str) -> memoryview:
        """See :meth:`duranb.record.artifacts.Artifacts.get`."""
        if digest not in self._artifacts:
            raise StoreDamaged(f"there is no artifact {digest[:12]} in this store")
        return memoryview(self._artifacts[digest])

    def copy(self, digest: str) -> memoryview:
        """See :meth:`duranb.record.artifacts.Artifacts.copy`."""
        return memoryview(bytearray(self.get(digest)))
