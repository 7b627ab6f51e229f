"""Opening a database with what the logs beside it still hold, and comparing it with what was
acknowledged. What is damaged is set aside as it was found; the rest is in use."""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
import time
from pathlib import Path

import duckdb

from duranb.errors import StoreDamaged, StoreError, StoreLocked
from duranb.record.events import Event
from duranb.store import chain, files
from duranb.store.database import Database
from duranb.store.journal import Journal, read
from duranb.store.paths import DATABASE, JOURNAL, TAIL, WAL


class Opening:
    """One try. ``damage`` says what had to be set aside, or is empty; ``events`` are all events."""

    def __init__(self, folder: Path, acknowledged: tuple[int, bytes] | None) -> None:
        self.events: list[Event] = []
        self.damage = ""
        self._folder = folder
        self._acknowledged = acknowledged
        self._aside = folder / "quarantine" / f"{time.time_ns()}"

    def database(self, journal: Journal) -> Database:
        """The database with all that the logs hold; the journal is empty then.

        Raises :class:`StoreLocked`, :class:`StoreTooNew`, :class:`StoreDamaged` or
        :class:`StoreUnwritable`; nothing is changed then.
        """
        for log in (self._folder / WAL, self._folder / JOURNAL):
            if log.exists() and log.stat().st_size > 0:
                # What is damaged in it may be dropped unseen, so a copy is there until all is
                # compared.
                self._aside.mkdir(parents=True, exist_ok=True)
                shutil.copy2(log, self._aside / log.name)
        try:
            database, problem = self._caught_up()
            journal.clear()
            problem = self._missing() or problem
            if problem or self.damage:
                self._set_aside(problem)
            else:
                self._discard()
        except BaseException:
            if not self.damage:  # else the copy is what is left of the log
                self._discard()
            raise
        return database

    def _caught_up(self) -> tuple[Database, str]:
        """The database, and a sentence about what is wrong with its chain, or an empty string."""
        database = None
        try:
            database = self._connected()
            database.catch_up(read(self._folder / JOURNAL))
            self.events, problem = chain.follow(database.lines())
        except BaseException as error:
            if database is not None:
                with contextlib.suppress(duckdb.Error):
                    database.close(checkpoint=False)
            if isinstance(error, duckdb.Error):
                raise _cannot_open(self._folder / DATABASE, error) from error
            raise
        return database, problem

    def _connected(self) -> Database:
        try:
            return Database(self._folder / DATABASE)
        except duckdb.Error as error:
            wal = self._folder / WAL
            if "WAL" not in str(error) or not (self._aside / WAL).exists() or not wal.exists():
                raise
            wal.unlink()  # a copy is in quarantine
            self.damage = f"the write-ahead log is damaged ({_first(error)})"
            return self._connected()

    def _missing(self) -> str:
        """What was acknowledged and is not there, as a sentence, or an empty string."""
        last = self.events[-1].seq if self.events else 0
        if self._acknowledged is None:
            return (
                "its tail is gone: nobody can tell whether the last events are all there"
                if last
                else ""
            )
        wanted, wanted_hash = self._acknowledged
        at_tail = next((x for x in reversed(self.events) if x.seq == wanted), None)
        if last < wanted:
            return f"{wanted - last} acknowledged events are missing"
        if at_tail is not None and at_tail.hash != wanted_hash:
            return f"event {wanted} is not the one that was acknowledged"
        return ""

    def _set_aside(self, problem: str) -> None:
        self._aside.mkdir(parents=True, exist_ok=True)
        if self._acknowledged is not None:
            shutil.copy2(self._folder / TAIL, self._aside / TAIL)
        # A copy through another handle would cost us DuckDB's own lock; ours is a different file.
        shutil.copy2(self._folder / DATABASE, self._aside / DATABASE)
        what = "; ".join(x for x in (self.damage, problem) if x)
        self.damage = (
            f"the store {self._folder} was damaged: {what}. What can be read is in use (up to "
            f"event {self.events[-1].seq if self.events else 0}); the files as they were found are "
            f"in {self._aside}"
        )

    def _discard(self) -> None:
        """Remove the copies of what was found to be whole, and the folder around them."""
        shutil.rmtree(self._aside, ignore_errors=True)
        with contextlib.suppress(OSError):
            self._aside.parent.rmdir()  # unless there are others in it


def _cannot_open(file: Path, error: duckdb.Error) -> StoreError:
    what = _first(error)
    if "lock on file" in what:
        found = re.search(r"PID (\d+)", str(error))
        pid = int(found[1]) if found else 0
        return StoreLocked(
            f"the database {file} is in use by process {pid or '(unknown)'}: shut it down first",
            pid,
        )
    if "No space left" in str(error):
        return files.unwritable(file.parent, OSError(errno.ENOSPC, what))
    return StoreDamaged(
        f"the database {file} cannot be read: {what}. It was left as it is. Put a backup of it in "
        f"its place, or move {file.parent} away to begin a new store"
    )


def _first(error: BaseException) -> str:
    return str(error).splitlines()[0]
