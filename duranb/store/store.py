"""The store of one notebook: its events, and artifacts by their content."""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import blake3
import duckdb
import msgspec

from duranb.pure import events as e
from duranb.pure.artifacts import Buffer
from duranb.pure.errors import (
    StoreDamaged,
    StoreError,
    StoreLocked,
    StoreUnwritable,
    Untrusted,
)
from duranb.pure.events import ArtifactStored, Event, EventBody
from duranb.store import chain, files, journal, keys
from duranb.store.database import Database, Result, Row
from duranb.store.lock import StoreLock
from duranb.store.owner import Draft, Owner, Ticket

INLINE = 32 * 1024
"""Bytes up to which an artifact lies in the database; measured by tests/benchmarks/bench_store.py.

Below it a payload rides along in a batch that has to be synced anyway; above it a file is faster to
read, and is not rewritten by checkpoints."""

DATABASE = "store.duckdb"
JOURNAL = "journal"


def store_path(notebook: Path) -> Path:
    """The folder of a notebook's store: ``.duranb/<name>/`` beside it.

    Any other file, such as the script that a notebook was exported to, has its ending in the name:
    the two do not share a history. A link to a notebook is that notebook.
    """
    notebook = notebook.resolve()
    name = notebook.stem if notebook.suffix in ("", ".ipynb") else notebook.name
    return notebook.parent / ".duranb" / name


_Line = tuple[EventBody, bytes | None, tuple[str, str]]
"""An event, its payload, and its kind and JSON."""


class Store:
    """Open, and owned by this process. Safe from any thread.

    ``listeners`` are called on the owner thread with each batch of committed events, before
    whoever waits for them is woken. ``damage`` says what had to be set aside at open, or is empty.
    """

    def __init__(self, path: Path, lock: StoreLock) -> None:
        self.path = path
        self.damage = ""
        self.listeners: list[Callable[[Sequence[Event]], None]] = []
        self._lock = lock
        self._pid = os.getpid()
        self._key = keys.user_key()
        self._mutex = threading.Lock()
        self._unsent: list[tuple[ArtifactStored, bytes | None]] = []
        self._fresh: dict[str, bytes | None] = {}
        self._damaged: set[str] = set()
        self._where: dict[str, tuple[int, ArtifactStored]] = {}
        self._loaded: list[Event] = []
        self._file = str(path / DATABASE)
        self._identity: tuple[int, int] | None = None
        self._acknowledged = chain.read_tail(path / "tail")
        self._tail = chain.Tail(path / "tail")
        self._journal = journal.Journal(path / JOURNAL)
        try:
            self._owner = Owner(
                self._open_database, self._journal, self._committed, self._check_folder
            )
        except BaseException:
            self._tail.close()
            self._journal.close()
            raise
        self._owner.last = self._loaded[-1].seq if self._loaded else 0
        self._owner.hash = self._loaded[-1].hash if self._loaded else chain.GENESIS
        self._tail.write(self._owner.last, self._owner.hash)
        atexit.register(self.close)

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open a store, made if there is none.

        Raises :class:`StoreLocked`, :class:`StoreTooNew`, :class:`StoreDamaged` or
        :class:`StoreUnwritable`; nothing is changed then.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            (path / "artifacts").mkdir(exist_ok=True)
            lock = StoreLock(path / "lock")
        except OSError as error:
            raise files.unwritable(path, error) from error
        try:
            files.tidy(path)
            return cls(path, lock)
        except OSError as error:
            lock.release()
            raise files.unwritable(path, error) from error
        except BaseException:
            lock.release()
            raise

    # -- opening (on the owner thread) -----------------------------------------------------

    def _open_database(self) -> Database:
        logs = [
            x
            for x in (self.path / f"{DATABASE}.wal", self.path / JOURNAL)
            if x.exists() and x.stat().st_size > 0
        ]
        aside = self.path / "quarantine" / f"{time.time_ns()}"
        for log in logs:
            # What is damaged in them may be dropped unseen, so copies are there until all is
            # compared.
            aside.mkdir(parents=True, exist_ok=True)
            shutil.copy2(log, aside / log.name)
        try:
            database = self._caught_up(aside)
        except BaseException:
            if not self.damage:  # else the copy is what is left of the log
                _discard(aside)
            raise
        found = os.stat(self._file)
        self._identity = (found.st_dev, found.st_ino)
        return database

    def _caught_up(self, aside: Path) -> Database:
        """The database with all that the logs hold, compared with what was acknowledged."""
        file = self.path / DATABASE
        database = None
        try:
            database = self._connected(file, aside)
            database.catch_up(journal.read(self.path / JOURNAL))
            problem = self._load(database)
        except BaseException as error:
            if database is not None:
                with contextlib.suppress(duckdb.Error):
                    database.close(checkpoint=False)
            if isinstance(error, duckdb.Error):
                raise _cannot_open(file, error) from error
            raise
        self._journal.clear()
        problem = self._missing() or problem
        if problem or self.damage:
            self._set_aside(file, aside, problem)
        else:
            _discard(aside)
        return database

    def _connected(self, file: Path, aside: Path) -> Database:
        try:
            return Database(file)
        except duckdb.Error as error:
            wal = file.with_name(f"{file.name}.wal")
            if "WAL" not in str(error) or not (aside / wal.name).exists() or not wal.exists():
                raise
            wal.unlink()  # a copy is in quarantine
            self.damage = f"the write-ahead log is damaged ({_first(error)})"
            return self._connected(file, aside)

    def _load(self, database: Database) -> str:
        """Decode all events; a sentence about what is wrong with the chain, or an empty string."""
        self._loaded, problem = chain.follow(database.lines())
        for event in self._loaded:
            if isinstance(event.body, ArtifactStored):
                self._where[event.body.digest] = (event.seq, event.body)
        return problem

    def _missing(self) -> str:
        """What was acknowledged and is not there, as a sentence, or an empty string."""
        last = self._loaded[-1].seq if self._loaded else 0
        if self._acknowledged is None:
            return (
                "its tail is gone: nobody can tell whether the last events are all there"
                if last
                else ""
            )
        wanted, wanted_hash = self._acknowledged
        at_tail = next((x for x in reversed(self._loaded) if x.seq == wanted), None)
        if last < wanted:
            return f"{wanted - last} acknowledged events are missing"
        if at_tail is not None and at_tail.hash != wanted_hash:
            return f"event {wanted} is not the one that was acknowledged"
        return ""

    def _set_aside(self, file: Path, aside: Path, problem: str) -> None:
        aside.mkdir(parents=True, exist_ok=True)
        if self._acknowledged is not None:
            shutil.copy2(self.path / "tail", aside / "tail")
        # A copy through another handle would cost us DuckDB's own lock; ours is a different file.
        shutil.copy2(file, aside / file.name)
        what = "; ".join(x for x in (self.damage, problem) if x)
        self.damage = (
            f"the store {self.path} was damaged: {what}. What can be read is in use (up to event "
            f"{self._loaded[-1].seq if self._loaded else 0}); the files as they were found are in "
            f"{aside}"
        )

    # -- artifacts -------------------------------------------------------------------------

    def put(self, parts: Sequence[Buffer]) -> str:
        """Keep bytes by their content; see :class:`duranb.pure.artifacts.Artifacts`.

        A small artifact becomes durable with the next :meth:`append`, a large one at once.
        """
        self._check_process()
        views = [memoryview(p).cast("B") for p in parts]
        size = sum(len(v) for v in views)
        hasher = blake3.blake3(max_threads=blake3.blake3.AUTO if size > 1 << 20 else 1)
        for view in views:
            hasher.update(view)
        digest: str = hasher.hexdigest()
        in_file = size > INLINE
        with self._mutex:
            known = digest in self._fresh or (digest in self._where and digest not in self._damaged)
        if known and (not in_file or files.is_whole(self.path, digest, size)):
            return digest
        payload = None
        if in_file:
            files.write(self.path, digest, views)
        else:
            payload = b"".join(views)
        body = ArtifactStored(
            digest=digest, size=size, signature=keys.sign(digest, self._key), in_file=in_file
        )
        with self._mutex:
            if digest not in self._fresh and (digest not in self._where or digest in self._damaged):
                self._fresh[digest] = payload
                self._unsent.append((body, payload))
        return digest

    def get(self, digest: str) -> memoryview:
        """The bytes of a digest; see :class:`duranb.pure.artifacts.Artifacts`."""
        return self._get(digest, writable=False)

    def copy(self, digest: str) -> memoryview:
        """The bytes of a digest, to write to; see :class:`duranb.pure.artifacts.Artifacts`."""
        data = self._get(digest, writable=True)
        return memoryview(bytearray(data)) if data.readonly else data

    def _get(self, digest: str, *, writable: bool) -> memoryview:
        with self._mutex:
            found, is_fresh = self._where.get(digest), digest in self._fresh
            fresh = self._fresh.get(digest)
        if is_fresh:
            if fresh is None:
                return files.read(self.path, digest, writable=writable)
            return memoryview(fresh)
        if found is None:
            raise StoreDamaged(f"the store {self.path} has no artifact {digest[:12]}")
        seq, body = found
        check_signature(body, self._key, self.path)
        if body.in_file:
            data = files.read(self.path, digest, writable=writable)
        else:
            self._check_process()
            data = memoryview(self._owner.payload(seq))
        try:
            check_digest(data, digest, self.path)
        except StoreDamaged:
            self._damaged.add(digest)  # to be stored again when it is made again
            if body.in_file:
                with contextlib.suppress(OSError):
                    files.set_aside(self.path, digest)
            raise
        return data

    # -- events ----------------------------------------------------------------------------

    def events(self) -> list[Event]:
        """Every event so far, oldest first."""
        self.flush()
        with self._mutex:
            return list(self._loaded)

    def append(self, *bodies: EventBody, wait: bool = True) -> None:
        """Append events, in this order, with the artifacts put since the last append before them.

        With ``wait`` they are durable when this returns; without, a failure is raised by a later
        append or flush. Raises :class:`StoreUnwritable`.
        """
        self._check_process()
        with self._mutex:
            sent, self._unsent = self._unsent, []
            ticket: Ticket[None] | None = Ticket() if wait else None
            lines: list[_Line] = [(b, p, e.encode(b)) for b, p in sent]
            lines += [(b, None, e.encode(b)) for b in bodies]

            def make(last: int, digest: bytes) -> tuple[list[Row], list[EventBody]]:
                return _rows(lines, last, digest), [b for b, _, _ in lines]

            self._owner.append(Draft(make, ticket, lambda: self._give_back(sent)))
        if ticket is not None:
            ticket.wait()

    def _give_back(self, sent: list[tuple[ArtifactStored, bytes | None]]) -> None:
        """What was put and could not be written goes with the next events."""
        with self._mutex:
            self._unsent[:0] = sent

    def flush(self) -> None:
        """Wait until all that was appended is durable. Raises what went wrong with it."""
        self.append()

    def query(self, sql: str, parameters: Sequence[object] = ()) -> Result:
        """Column names and rows of a read-only query over the events and their views."""
        self._check_process()
        return self._owner.do(lambda db: db.query(sql, parameters))

    def trust(self) -> int:
        """Sign every artifact with this user's key; how many there are."""
        self._check_process()
        with self._mutex:
            known = list(self._where.values())
        signed = {
            seq: msgspec.structs.replace(body, signature=keys.sign(body.digest, self._key))
            for seq, body in known
        }
        rows = [(e.encode(body)[1], seq) for seq, body in signed.items()]
        self._owner.do(lambda db: db.resign(rows))
        with self._mutex:
            self._where.update({body.digest: (seq, body) for seq, body in signed.items()})
        return len(signed)

    def close(self) -> None:
        """Write what is queued and let go of the store. Once closed it stays so."""
        if os.getpid() != self._pid:
            return
        atexit.unregister(self.close)
        self._owner.close()
        self._tail.close()
        self._journal.close()
        self._lock.release()
        self._pid = -1

    # -- on the owner thread ---------------------------------------------------------------

    def _committed(self, rows: Sequence[Row], extras: Sequence[Sequence[EventBody]]) -> None:
        bodies = [body for batch in extras for body in batch]
        events = [
            Event(row.seq, row.ts, body, row.hash) for row, body in zip(rows, bodies, strict=True)
        ]
        self._tail.write(rows[-1].seq, rows[-1].hash)
        with self._mutex:
            self._loaded += events
            for event in events:
                if isinstance(event.body, ArtifactStored):
                    self._where[event.body.digest] = (event.seq, event.body)
                    self._fresh.pop(event.body.digest, None)
                    self._damaged.discard(event.body.digest)
        for listener in self.listeners:
            listener(events)

    def _check_folder(self) -> None:
        try:
            found = os.stat(self._file)  # at each commit: a Path costs ten times as much
        except OSError:
            found = None
        if found is None or (found.st_dev, found.st_ino) != self._identity:
            raise StoreUnwritable(
                f"the store {self.path} was removed or replaced while this kernel had it open. "
                "Put it back, or restart the kernel to begin a new one"
            )

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise StoreError(
                "the store belongs to another process (this one was forked from it, or the store "
                "was closed): record from the kernel itself"
            )


def check_signature(body: ArtifactStored, key: bytes, path: Path) -> None:
    """Raise :class:`Untrusted` unless the artifact is signed with this user's key."""
    if body.signature != keys.sign(body.digest, key):
        raise Untrusted(
            f"the store {path} was written by somebody else: its values are code when they are "
            "loaded. If you trust where it comes from: %duranb trust (or: duranb trust NOTEBOOK)"
        )


def check_digest(data: memoryview, digest: str, path: Path) -> None:
    """Raise :class:`StoreDamaged` unless the bytes are those of the digest."""
    hasher = blake3.blake3(max_threads=blake3.blake3.AUTO if len(data) > 1 << 20 else 1)
    if hasher.update(data).hexdigest() != digest:
        raise StoreDamaged(
            f"artifact {digest[:12]} in {path} is not what was stored. {files.REMEDY}"
        )


def _rows(lines: Sequence[_Line], last: int, digest: bytes) -> list[Row]:
    rows = []
    for body, payload, (kind, data) in lines:
        last, ts = last + 1, time.time_ns() // 1000
        digest = chain.link(digest, last, ts, chain.covered(body, data))
        rows.append(
            Row(
                last,
                ts,
                kind,
                getattr(body, "execution", None),
                getattr(body, "step", None),
                data,
                payload,
                digest,
            )
        )
    return rows


def _discard(aside: Path) -> None:
    """Remove copies of what was found to be whole, and the folder around them."""
    shutil.rmtree(aside, ignore_errors=True)
    with contextlib.suppress(OSError):
        aside.parent.rmdir()  # unless there are others in it


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
