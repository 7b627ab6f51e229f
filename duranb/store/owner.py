"""The owner thread: the only one that touches the journal and the database.

Everything that is queued when the thread looks is one batch, durable once it is in the journal.
The database gets the batches together, when nothing is going on, or before it is asked something.
A query on the main thread would turn an interrupt into a half-known outcome; here it cannot reach.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

import duckdb

from duranb.errors import StoreDamaged, StoreError, StoreUnwritable, Superseded
from duranb.store.database import Database, Row
from duranb.store.journal import Journal
from duranb.store.port import Receipt, settle

T = TypeVar("T")

BLOCK = 1000
"""Events whose short payloads are read with the one that is wanted among them."""

BLOCKS = 8
"""How many such readings are kept: at most 16 MB."""


class Ticket(Generic[T]):
    """What a caller waits on: a bare lock, since it is made for each durable call."""

    __slots__ = ("_lock", "error", "value")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self.value: T | None = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        """Wake the caller; on the owner thread."""
        self._lock.release()

    def wait(self) -> T | None:
        """The value, when it is there; raises the error, if that is what it is."""
        self._lock.acquire()
        self._lock.release()
        if self.error is not None:
            raise self.error
        return self.value


class Draft:
    """Events on their way to the table: not numbered yet. ``expected`` is the number of the last
    event before them, where the caller relies on it.

    ``undo`` is called on the owner thread when they could not be written and are given up."""

    __slots__ = ("expected", "make", "receipt", "undo")

    def __init__(
        self,
        make: Callable[[int, bytes], tuple[list[Row], Any]],
        receipt: Receipt,
        expected: int | None,
        undo: Callable[[], None],
    ) -> None:
        self.make = make
        self.receipt = receipt
        self.expected = expected
        self.undo = undo


class _Idle:
    """Nothing came for a while."""


_Item = Draft | Receipt | tuple[Callable[[Database], Any], Ticket[Any], bool] | type[_Idle] | None

PATIENCE = 0.05
"""Seconds that events nobody waits for may wait for company."""

QUIET = 0.25
"""Seconds without events after which the database gets what is in the journal."""

MOST = 500
"""Rows in the journal after which the database gets them, quiet or not."""

LONGEST = 30.0
"""Seconds, at most, until a database that could not write is tried again."""


class Owner:
    """Runs a :class:`Database` on a thread of its own.

    ``committed(rows, extras)`` is called there after each commit, before anybody is woken.
    """

    def __init__(
        self,
        open_database: Callable[[], Database],
        journal: Journal,
        committed: Callable[[Sequence[Row], Sequence[Any]], None],
        check: Callable[[], None],
    ) -> None:
        self._queue: SimpleQueue[_Item] = SimpleQueue()
        self._journal = journal
        self._journaled: list[Row] = []
        self._payloads: dict[int, bytes] = {}
        self._read: tuple[dict[int, bytes], ...] = ()
        self._committed = committed
        self._check = check
        self._kept: list[Draft] = []  # nobody waits for them, and the disk was full
        self._failures = 0  # of the database to write, in a row
        self._database: Database | None = None
        self.last = 0
        self.hash = b""
        opened: Ticket[None] = Ticket()
        self._thread = threading.Thread(
            target=self._run, args=(open_database, opened), name="duranb-store", daemon=True
        )
        self._thread.start()
        opened.wait()

    def append(self, draft: Draft) -> None:
        """Queue events."""
        self._queue.put(draft)

    def hurry(self, receipt: Receipt) -> None:
        """Somebody waits for a receipt now."""
        self._queue.put(receipt)

    def do(self, work: Callable[[Database], T], *, caught_up: bool = True) -> T:
        """Run ``work`` on the owner thread, after all that is queued, and give its value.

        The database has all events then, unless ``caught_up`` is false. An interrupt of the caller
        ends the work too.
        """
        ticket: Ticket[T] = Ticket()
        self._queue.put((work, ticket, caught_up))
        try:
            return ticket.wait()  # type: ignore[return-value]
        except KeyboardInterrupt:
            if self._database is not None:
                self._database.interrupt()
            raise

    def payload(self, seq: int) -> bytes:
        """The payload of an event."""
        found = self._payloads.get(seq)
        if found is not None:
            return found
        for read in self._read:
            if seq in read:
                return read[seq]
        # What is not in the database is above, so a disk that is full keeps nobody from reading.
        # One query costs as much as reading those around it, which are likely to be wanted next.
        read = self.do(lambda db: db.payloads(seq, BLOCK), caught_up=False)
        self._read = (read, *self._read[: BLOCKS - 1])
        return read.get(seq, b"")

    def close(self) -> None:
        """Write what is queued, close the database, end the thread."""
        self._queue.put(None)
        self._thread.join()

    # -- on the thread ---------------------------------------------------------------------

    def _run(self, open_database: Callable[[], Database], opened: Ticket[None]) -> None:
        try:
            database = open_database()
        except BaseException as error:
            opened.error = error
            opened.settle()
            return
        self._database = database
        opened.settle()
        going = True
        while going:
            drafts, item = self._gather()
            self._write(drafts)
            if item is None:
                going = False
            elif isinstance(item, tuple):
                self._serve(database, *item)
            elif item is _Idle or len(self._journaled) >= MOST << self._failures:
                self._settle(database)
        self._settle(database)
        with contextlib.suppress(duckdb.Error):  # its log stays, for the next one who opens it
            database.close(checkpoint=self._still_there())

    def _gather(self) -> tuple[list[Draft], _Item]:
        """What to write next, and what made it urgent.

        Events that nobody waits for ride along with the next that somebody does; alone they are
        written after a moment. What is queued behind an urgent one comes along too.
        """
        drafts: list[Draft] = []
        patience = min(QUIET * 2**self._failures, LONGEST) if self._journaled else None
        urgent: Receipt | None = None
        while True:
            try:
                item = self._queue.get(urgent is None, patience)
            except Empty:
                return drafts, urgent or (drafts[-1] if drafts else _Idle)
            if isinstance(item, Receipt):
                urgent = urgent or (None if item.settled else item)
            elif isinstance(item, Draft):
                drafts.append(item)
                urgent = urgent or (item.receipt if item.receipt.waited else None)
                patience = PATIENCE
            else:
                return drafts, item

    def _serve(
        self,
        database: Database,
        work: Callable[[Database], Any],
        ticket: Ticket[Any],
        caught_up: bool,
    ) -> None:
        try:
            if caught_up:
                self._insert(database)
            ticket.value = work(database)
        except duckdb.Error as problem:
            ticket.error = plain(problem)
        except BaseException as error:
            ticket.error = error
        ticket.settle()

    def _write(self, drafts: Sequence[Draft]) -> None:
        """Commit what is queued. What nobody waits for is kept when that fails, for the next time:
        whoever queued it relies on it."""
        drafts, self._kept = [*self._kept, *drafts], []
        if not drafts:
            return
        try:
            self._commit(drafts)
        except BaseException as problem:
            for draft in drafts:
                if draft.receipt.waited:
                    draft.undo()
                    draft.receipt.settle(error=problem)
                else:
                    self._kept.append(draft)

    def _commit(self, drafts: Sequence[Draft]) -> None:
        self._check()
        rows: list[Row] = []
        extras: list[Any] = []
        made: list[tuple[Draft, int]] = []
        last, digest = self.last, self.hash
        for draft in drafts:
            if draft.expected is not None and draft.expected != last:
                draft.undo()
                draft.receipt.settle(error=Superseded.at(last, draft.expected))
                continue
            new, extra = draft.make(last, digest)
            rows += new
            extras.append(extra)
            if new:
                last, digest = new[-1].seq, new[-1].hash
            made.append((draft, last))
        if rows:
            self._journal.append(rows)
            self._journaled += rows
            self._payloads |= {row.seq: row.payload for row in rows if row.payload is not None}
            self.last, self.hash = last, digest
            self._committed(rows, extras)
        settle([draft.receipt for draft, _ in made], [seq for _, seq in made])

    def _still_there(self) -> bool:
        try:
            self._check()
        except StoreError:
            return False
        return True

    def _settle(self, database: Database) -> None:
        """Give the database what is in the journal. Where that fails nothing is lost, and nobody is
        kept from going on: it is tried again later, and at the next open."""
        with contextlib.suppress(duckdb.Error, OSError, StoreError):
            self._insert(database)

    def _insert(self, database: Database) -> None:
        rows = self._journaled
        if not rows:
            return
        self._failures = min(self._failures + 1, 10)
        # Where another store lies there by now, DuckDB would write its log into that one.
        self._check()
        try:
            database.insert(rows)
        except duckdb.Error:
            if not _is_there(database, rows[-1].seq):
                raise
        self._journal.clear()
        self._journaled, self._payloads, self._failures = [], {}, 0


def _is_there(database: Database, seq: int) -> bool:
    """Whether rows are there although their insert raised.

    A full disk at a checkpoint kills the connection after the commit succeeded, so the database is
    asked, and nothing is ever inserted a second time unasked.
    """
    try:
        return database.last() == seq
    except duckdb.Error:
        database.reopen()
        return database.last() == seq


def plain(problem: duckdb.Error) -> StoreError:
    """The plain sentence for what the database could not do."""
    what = str(problem).splitlines()[0]
    error: StoreError
    if any(
        word in str(problem) for word in ("No space left", "could not write", "Could not write")
    ):
        error = StoreUnwritable(
            f"the database could not write: {what}. Nothing acknowledged is lost; free some space "
            "if the disk is full, and run the cell again"
        )
    else:
        error = StoreDamaged(
            f"the database could not do what was asked of it: {what}. duranb verify NOTEBOOK says "
            "what of the history can be read"
        )
    error.__cause__ = problem
    return error
