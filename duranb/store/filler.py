"""The thread that fills the database from the log, and answers queries. Nobody who records waits
for it.

It reads the log, so that nothing is held in memory for it however far it is behind. While events
keep coming it waits: what it does in Python, importing DuckDB first of all, holds up the cells that
run. When they stop, or somebody asks, it catches up. When it is far behind it works in small pieces
and rests in between.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from duranb.errors import StoreError, StoreLocked
from duranb.store import files, guarded, rows, stamps
from duranb.store.apart import Apart, Unreadable
from duranb.store.log import LogReader
from duranb.store.paths import DATABASE, WAL

if TYPE_CHECKING:  # DuckDB takes 0.1 s to import: it is, on this thread, when it is needed
    from duranb.store.database import Database
    from duranb.store.tables import Tables

T = TypeVar("T")

QUIET = 2.0
"""Seconds without new events after which it works without a rest."""

FAR = 10_000
"""Events it may be behind while others keep coming: about 0.2 s of work."""

REST = 0.05
"""Seconds of rest between two pieces of work while events keep coming."""

PIECE = 200
"""Events in a piece of work, about: 1 to 3 ms."""

IDLE = 30.0
"""Seconds after which a database that nobody needs is closed: an open one holds some 50 MB."""

LONGEST = 30.0
"""Seconds, at most, until a database that could not be written is tried again."""

_Work = tuple[Callable[["Database"], Any], "Future[Any]"]


def _renewed(database: Database) -> None:
    """Asks for another database."""


class _News:
    """There are new events in the log."""


class Filler:
    """Owns the database of an open store. ``check()`` raises :class:`StoreError` where the folder
    is not the store's any more. ``fresh`` begins it anew. ``settled`` is the store that has this
    place for good. One ``in_memory`` is only made when somebody asks: an encrypted store has no
    plain rows on the disk."""

    def __init__(
        self,
        folder: Path,
        log: LogReader,
        tables: Tables,
        check: Callable[[], None],
        *,
        fresh: bool = False,
        settled: bool = True,
        in_memory: bool = False,
    ) -> None:
        self._folder = folder
        self._log = log
        self._check = check
        self._tables = tables
        self._queue: SimpleQueue[_Work | type[_News] | None] = SimpleQueue()
        self._database: Database | None = None
        self._filled = 0
        self._at_open = log.last
        self._failures = 0  # in a row
        self._fresh = fresh
        self._settled = settled
        self._in_memory = in_memory
        self._told = False
        self._latest = time.monotonic()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="duranb-database", daemon=True)
        self._thread.start()

    def news(self) -> None:
        """The log has new events; from the thread that appends them."""
        self._latest = time.monotonic()
        if not (self._told or self._rests):
            self._told = True
            self._queue.put(_News)

    def do(self, work: Callable[[Database], T]) -> T:
        """Run ``work`` on the thread, on a database that has all events, and give its value.

        An interrupt of the caller ends the work too. Raises :class:`StoreError`.
        """
        done: Future[T] = Future()
        self._ask((work, done))
        try:
            return done.result()
        except KeyboardInterrupt:
            if self._database is not None:
                self._database.interrupt()
            raise

    def renew(self) -> None:
        """Begin the database anew: what lay in it is not to be found in its file any more.

        Raises :class:`StoreError`."""
        done: Future[Any] = Future()
        self._ask((_renewed, done))
        done.result()

    def _ask(self, work: _Work) -> None:
        with self._closing:  # behind the end of the queue nothing is ever answered
            if self._closed:
                raise StoreError("the store was closed: open it again to query it")
            self._queue.put(work)

    def close(self) -> None:
        """Catch up, close the database, end the thread."""
        with self._closing:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    @property
    def _rests(self) -> bool:
        """Whether nothing is to be filled before somebody asks."""
        return self._in_memory and self._database is None

    # -- on the thread ---------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                item = self._queue.get(timeout=self._rest())
            except Empty:
                if self._filled >= self._log.last:
                    self._close(checkpoint=self._still_there())  # nobody needs it
                elif self._is_far() or not self._is_busy():
                    self._try(self._fill_some)
                continue
            if item is None:
                break
            if isinstance(item, tuple):
                self._serve(*item)
        if self._log.last and not self._in_memory:
            self._try(self._catch_up)
        self._close(checkpoint=self._still_there())

    def _rest(self) -> float | None:
        """Seconds until the next piece of work, None where there is none."""
        if self._rests or self._filled >= self._log.last:
            self._told = False
            if self._rests or self._filled >= self._log.last:  # nothing came in between
                stays = self._in_memory or not self._settled or self._database is None
                return None if stays else IDLE
            self._told = True
        if self._failures:
            return min(QUIET * 2.0**self._failures, LONGEST)
        if not self._is_busy():
            return 0.0
        return REST if self._is_far() else max(0.0, self._latest + QUIET - time.monotonic())

    def _is_far(self) -> bool:
        # What it has of the events that were there at open is not known before it is opened.
        return self._log.last - max(self._filled, self._at_open) > FAR

    def _is_wanted(self) -> bool:
        """Whether there is something else to do than to fill the history's tables."""
        return self._is_busy() or not self._queue.empty()

    def _is_busy(self) -> bool:
        return time.monotonic() - self._latest < QUIET

    def _try(self, work: Callable[[Database], None]) -> None:
        """What fails is tried again later, and at the next open: the log has it all."""
        import duckdb

        try:
            work(self._opened())
            self._failures = 0
        except (duckdb.Error, OSError, StoreError):
            self._failures += 1

    def _serve(self, work: Callable[[Database], T], done: Future[T]) -> None:
        import duckdb

        from duranb.store.database import is_damage, plain

        if work is _renewed:
            self._close(checkpoint=False)
            self._filled = 0
        self._fresh = self._fresh or work is _renewed

        def run() -> T:
            database = self._opened()
            self._catch_up(database)
            return work(database)

        try:
            try:
                done.set_result(run())
            except duckdb.Error as problem:
                if self._database is None or not is_damage(problem):
                    raise
                self._close(checkpoint=False)
                self._set_aside()
                done.set_result(run())
        except duckdb.Error as problem:
            done.set_exception(plain(problem))
        except OSError as problem:
            done.set_exception(files.unwritable(self._folder, problem))
        except BaseException as error:
            done.set_exception(error)

    def _fill_some(self, database: Database) -> None:
        busy = self._is_busy()
        self._fill(database, PIECE if busy else rows.BULK)
        if not busy and self._filled >= self._log.last:
            self._check()
            while not (database.fill_some(self._tables, PIECE) or self._is_wanted()):
                pass

    def _catch_up(self, database: Database) -> None:
        last = self._log.last
        while self._filled < last:
            self._fill(database, rows.BULK)
        self._fill_tables(database)

    def _fill(self, database: Database, most: int) -> None:
        import duckdb

        found = rows.read(self._log, self._filled, most)
        if not found:  # nothing more can be read
            self._filled = self._log.last
            return
        # Where another store lies there by now, DuckDB would write its log into that one.
        self._check()
        try:
            database.insert(found)
        except duckdb.Error:
            # A full disk at a checkpoint kills the connection after the rows were committed, so the
            # database is asked what it has: nothing is inserted twice.
            database.reopen()
            self._filled, _ = database.last()
            raise
        self._filled = found[-1].seq

    def _fill_tables(self, database: Database) -> None:
        self._check()
        database.fill(self._tables)

    def _opened(self) -> Database:
        """The database, made anew from the log where what lies there is no use."""
        import duckdb

        from duranb.store.database import Database, Outdated

        if self._database is not None:
            return self._database
        self._check()
        if self._in_memory:
            self._database, self._filled = Database(None), 0
            return self._database
        file = self._folder / DATABASE
        for name in (DATABASE, WAL):
            if os.path.lexists(self._folder / name) and not guarded.is_file(self._folder / name):
                self._set_aside()
        if self._fresh:
            self._fresh = False
            self._remove()
        if os.path.lexists(file) and not stamps.is_left(self._folder):
            self._make_way()
        try:
            database = Database(file)
            try:
                filled, digest = database.last()
                if filled and digest != self._log.hash_of(filled):
                    raise Outdated  # that of another store, or of one that was cut short
            except BaseException:
                database.close(checkpoint=False)
                raise
        except Outdated:
            self._remove()
            database, filled = Database(file), 0
        except duckdb.Error as error:
            if "lock on file" in str(error):
                raise self._in_use(error) from error
            if "No space left" in str(error):
                raise
            self._set_aside()
            database, filled = Database(file), 0
        self._database, self._filled = database, filled
        return database

    def _make_way(self) -> None:
        """Put away what was not left there by this user: it is looked at by nobody but a process
        with limits, since a view in it could do anything but end. Nor is what a killed process
        left; it is made anew too."""
        from duranb.store.database import check_version

        try:
            with Apart(self._folder, only_version=True) as found:
                check_version(found.version, self._folder / DATABASE)
        except Unreadable as error:
            if "lock on file" in str(error):
                raise self._in_use(error) from error
            self._set_aside()
        else:
            self._remove()

    def _in_use(self, error: Exception) -> StoreLocked:
        return StoreLocked(
            f"the database {self._folder / DATABASE} is in use by another process: {error}. The "
            "history goes on in the log; end that process to query it"
        )

    def _remove(self) -> None:
        for name in (DATABASE, WAL):
            (self._folder / name).unlink(missing_ok=True)

    def _set_aside(self) -> None:
        """Move a database that cannot be read into quarantine."""
        aside = self._folder / "quarantine" / f"{time.time_ns()}"
        guarded.folder(aside, parents=True)
        for name in (DATABASE, WAL):
            with contextlib.suppress(FileNotFoundError):
                (self._folder / name).rename(aside / name)

    def _close(self, *, checkpoint: bool) -> None:
        import duckdb

        if self._database is not None:
            with contextlib.suppress(duckdb.Error):  # its own log stays, for the next time
                self._database.close(checkpoint=checkpoint)
                if checkpoint and self._settled and not self._in_memory:
                    stamps.leave(self._folder)
        self._database = None

    def _still_there(self) -> bool:
        try:
            self._check()
        except StoreError:
            return False
        return True
