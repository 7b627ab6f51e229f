"""Trails: what an agent writes down, kept in the store one entry after another.

An agent's memory, or a framework's, grows with each step, and is more than a variable should be
stored anew for. So its entries lie in the store, each with the one before it, and the object that
goes along them holds only where it has come to. That is a variable's state like any other: a rewind
takes it back, a fork lets it go on another way, a retried attempt begins where it had begun, a step
that reads it runs again when it has changed. No entry is ever taken out. (Git's commits and
branches are the model.)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import msgspec

from duranb.engine import context as ctx
from duranb.engine.runtime import Runtime, needed
from duranb.errors import UsageError
from duranb.record.events import EntryAdded
from duranb.store.port import Receipt
from duranb.store.redaction import Data

T = TypeVar("T")


class _Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How an entry lies in the store: the digest of the one before it, and what was written."""

    parent: str
    data: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Entry)
_lock = threading.RLock()
"""One for all trails: a lock of its own would be a part of each object's state."""


class Trail:
    """One way along the entries of the trail called ``name``; ``end`` is the latest of them.

    A new one goes on from the entries that were written outside of steps in this run: those that
    steps had written come back with the steps. Inside a step it begins empty. With ``across_runs``
    the entries of the earlier runs come first, in either case.

    Raises :class:`duranb.errors.UsageError` where no store is open.
    """

    def __init__(self, name: str, *, across_runs: bool = False) -> None:
        self.name = name
        runtime = _runtime(name)
        with runtime.lock:
            trails = runtime.history.trails
            begin = trails.outside if ctx.current() is None else trails.begin
            self.end = begin(name, across_runs=across_runs)

    def add(self, data: bytes) -> Receipt:
        """Write an entry down; it is durable when the receipt says so."""
        runtime, here = _runtime(self.name), ctx.current()
        with _lock:
            entry = runtime.store.put([_encoder.encode(_Entry(self.end, data))])
            added = EntryAdded(
                trail=self.name,
                entry=entry,
                parent=self.end,
                execution=0 if here is None else here.execution,
            )
            receipt = runtime.append(added)
            self.end = entry
        return receipt

    def follow(self, make: Callable[[], T], take: Callable[[T, bytes], None]) -> T:
        """What ``make`` gives, with each entry on the way to the end taken in by ``take``, the
        oldest first. It is made once, and goes on with the trail while that only grows.

        Raises :class:`duranb.errors.StoreDamaged` where an entry is not in this store.
        """
        with _lock:
            at, what = _made.get(self, ("", None))
            new = list(self._back_to(at))
            if what is None or (new[-1].parent if new else self.end) != at:  # it stands elsewhere
                what, new = make(), list(self._back_to(""))
            for entry in reversed(new):
                if any(entry.data):  # else it was forgotten
                    take(what, entry.data)
            _made[self] = self.end, what
            made: T = what
            return made

    def _back_to(self, entry: str) -> Iterator[_Entry]:
        """The entries from the end back to the one after ``entry``, or to the first."""
        store, at = _runtime(self.name).store, self.end
        while at and at != entry:
            found = _decoder.decode(store.get(at))
            yield found
            at = found.parent


def blanked(entry: Data) -> bytes:
    """An entry as it lies in the store, with nothing of what was written down: the way past it
    stays."""
    found = _decoder.decode(entry)
    return _encoder.encode(_Entry(found.parent, bytes(len(found.data))))


_made: WeakKeyDictionary[Trail, tuple[str, Any]] = WeakKeyDictionary()
"""What was made of each trail's entries, up to which one; no part of its state."""


def _runtime(name: str) -> Runtime:
    found = needed()
    if found is None:
        raise UsageError(
            f"{name} is kept in a notebook's store, and none is open: load duranb in the notebook "
            "(%load_ext duranb), or use it inside duranb.durable()"
        )
    return found
