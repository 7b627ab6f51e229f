"""The thread that acknowledges: it alone appends to the log.

Everything that is queued when it looks is one batch, durable with one sync (or one put, where the
log lies in object storage). It never waits for anything else: not for the database, and not for a
reader.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

from duranb.errors import StoreError, Superseded
from duranb.store.log import Line
from duranb.store.port import Receipt, settle

PATIENCE = 0.05
"""Seconds that events nobody waits for may wait for company."""

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)


class Appends(Protocol[S_co]):
    """A log. ``last`` is the number of its last event."""

    @property
    def last(self) -> int:
        """The number of its last event."""

    def append(self, lines: Sequence[Line]) -> Sequence[S_co]:
        """Make a batch of events durable; what the owner of the log wants to know of each.

        Raises :class:`StoreError` or OSError; nothing was written then.
        """


class Draft:
    """Events on their way to the log, not numbered yet.

    ``files`` are artifacts, by digest, that must be in their files first; ``expected`` is the
    number of the last event before them, where the caller relies on it. ``undo`` is called on the
    writer's thread when they could not be written and are given up.
    """

    __slots__ = ("expected", "files", "lines", "receipt", "undo")

    def __init__(
        self,
        lines: Sequence[Line],
        receipt: Receipt,
        expected: int | None,
        files: Sequence[tuple[str, bytes]],
        undo: Callable[[], None],
    ) -> None:
        self.lines = lines
        self.receipt = receipt
        self.expected = expected
        self.files = files
        self.undo = undo


_Work = tuple[Callable[[], None], "Future[None]"]


class Writer(Generic[S]):
    """Appends drafts to a log, on a thread of its own.

    ``keep(digest, data)`` makes a large artifact durable, before the events that name it.
    ``stored(events)`` is called after each batch, before anybody is woken; ``check()`` before it,
    and raises :class:`StoreError` where the log must not be written to any more.
    """

    def __init__(
        self,
        log: Appends[S],
        keep: Callable[[str, bytes], None],
        stored: Callable[[Sequence[S]], None],
        check: Callable[[], None],
    ) -> None:
        self._keep = keep
        self._queue: SimpleQueue[Draft | Receipt | _Work | None] = SimpleQueue()
        self._log = log
        self._stored = stored
        self._check = check
        self._asked: list[_Work] = []
        self._kept: list[Draft] = []  # nobody waits for them, and they could not be written
        # Re-entrant: an answer that is garbage collected unread is recorded, wherever we are then.
        self._closing = threading.RLock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="duranb-log", daemon=True)
        self._thread.start()

    @property
    def is_here(self) -> bool:
        """Whether the caller is on the writer's thread, where nothing may wait for it."""
        return threading.current_thread() is self._thread

    def append(self, draft: Draft) -> None:
        """Queue events. Raises :class:`StoreError` once it is closed."""
        self._ask(draft)

    def hurry(self, receipt: Receipt) -> None:
        """Somebody waits for a receipt now."""
        if self.is_here:
            raise StoreError("a listener of the store cannot wait for it: it would wait for itself")
        if not receipt.settled:
            self._ask(receipt)

    def do(self, work: Callable[[], None]) -> None:
        """Have something done on the thread, between two batches. Raises what it raises, and
        :class:`StoreError` once it is closed."""
        done: Future[None] = Future()
        self._ask((work, done))
        done.result()

    def _ask(self, item: Draft | Receipt | _Work) -> None:
        with self._closing:  # behind the end of the queue nothing is ever answered
            if self._closed:
                raise StoreError("the store was closed: nothing is recorded any more")
            self._queue.put(item)

    def close(self) -> None:
        """Write what is queued and end the thread."""
        with self._closing:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    # -- on the thread ---------------------------------------------------------------------

    def _run(self) -> None:
        going = True
        while going:
            drafts, going = self._gather()
            drafts, self._kept = [*self._kept, *drafts], []
            try:
                self._write(drafts)
            except BaseException as error:
                self._refuse(drafts, error)
            self._work()

    def _work(self) -> None:
        while self._asked:
            work, done = self._asked.pop(0)
            try:
                work()
                done.set_result(None)
            except BaseException as error:
                done.set_exception(error)

    def _gather(self) -> tuple[list[Draft], bool]:
        """What to write next, and whether more may come.

        Events that nobody waits for are written with the next that somebody does wait for; alone
        they are written after a moment. What is queued behind an urgent one comes along too.
        """
        drafts: list[Draft] = []
        patience: float | None = None
        urgent = False
        while True:
            try:
                item = self._queue.get(not urgent, patience)
            except Empty:
                return drafts, True
            if item is None:
                return drafts, False
            if isinstance(item, tuple):
                self._asked.append(item)
                return drafts, True
            if isinstance(item, Draft):
                drafts.append(item)
                urgent = urgent or item.receipt.waited
                patience = PATIENCE
            else:
                urgent = urgent or not item.settled

    def _write(self, drafts: Sequence[Draft]) -> None:
        lines: list[Line] = []
        written: list[tuple[Receipt, int]] = []
        if drafts:
            self._check()
        for draft in drafts:
            last = self._log.last + len(lines)
            if draft.receipt.settled:
                continue
            if draft.expected is not None and draft.expected != last:
                draft.undo()
                draft.receipt.settle(error=Superseded.at(last, draft.expected))
                continue
            for digest, data in draft.files:
                self._keep(digest, data)
            lines += draft.lines
            written.append((draft.receipt, last + len(draft.lines)))
        stored: Sequence[S] = self._log.append(lines) if lines else []
        error: BaseException | None = None
        try:
            if stored:
                self._stored(stored)
        except BaseException as problem:  # of a listener: the events are durable all the same
            error = problem
        settle([receipt for receipt, _ in written], [last for _, last in written], error)

    def _refuse(self, drafts: Sequence[Draft], error: BaseException) -> None:
        """Nothing was written. What nobody waits for is kept for the next time, since whoever
        queued it relies on it."""
        for draft in drafts:
            if draft.receipt.settled:
                continue
            if draft.receipt.waited:
                draft.undo()
                draft.receipt.settle(error=error)
            else:
                self._kept.append(draft)
