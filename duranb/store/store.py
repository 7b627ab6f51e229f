"""The store of one notebook: its events, and artifacts by their content."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import blake3
import msgspec

from duranb.errors import (
    StoreDamaged,
    StoreError,
    StoreUnwritable,
    Untrusted,
)
from duranb.record import events as e
from duranb.record.artifacts import Buffer
from duranb.record.events import ArtifactStored, Event, EventBody
from duranb.record.fold import Fold
from duranb.store import chain, files, journal, keys, tables
from duranb.store.database import Database, Result, Row
from duranb.store.lock import StoreLock
from duranb.store.opening import Opening
from duranb.store.owner import Draft, Owner
from duranb.store.paths import DATABASE, JOURNAL, TAIL
from duranb.store.port import Listener, Receipt

INLINE = 32 * 1024
"""Bytes up to which an artifact lies in the database; measured by tests/benchmarks/bench_store.py.

Below it a payload rides along in a batch that has to be synced anyway; above it a file is faster to
read, and is not rewritten by checkpoints."""

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
        self.listeners: list[Listener] = []
        self._lock = lock
        self._pid = os.getpid()
        self._key = keys.user_key()
        self._mutex = threading.Lock()
        self._unsent: list[tuple[ArtifactStored, bytes | None]] = []
        self._fresh: dict[str, bytes | None] = {}
        self._damaged: set[str] = set()
        self._where: dict[str, tuple[int, ArtifactStored]] = {}
        self._loaded: list[Event] = []
        self._filled = 0
        self._tables: tables.Tables | None = None
        self._file = str(path / DATABASE)
        self._identity: tuple[int, int] | None = None
        self._acknowledged = chain.read_tail(path / TAIL)
        self._tail = chain.Tail(path / TAIL)
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

    def _open_database(self) -> Database:
        """On the owner thread, as its first deed."""
        opening = Opening(self.path, self._acknowledged)
        database = opening.database(self._journal)
        self.damage, self._loaded = opening.damage, opening.events
        for event in self._loaded:
            if isinstance(event.body, ArtifactStored):
                self._where[event.body.digest] = (event.seq, event.body)
        self._filled = database.filled(self._loaded[-1].seq if self._loaded else 0)
        found = os.stat(self._file)
        self._identity = (found.st_dev, found.st_ino)
        return database

    # -- artifacts -------------------------------------------------------------------------

    def put(self, parts: Sequence[Buffer]) -> str:
        """Keep bytes by their content; see :class:`duranb.record.artifacts.Artifacts`.

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
        """The bytes of a digest; see :class:`duranb.record.artifacts.Artifacts`."""
        return self._get(digest, writable=False)

    def copy(self, digest: str) -> memoryview:
        """The bytes of a digest, to write to; see :class:`duranb.record.artifacts.Artifacts`."""
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

    def events(self, after: int = 0) -> list[Event]:
        """The events with numbers above ``after``, oldest first."""
        self.flush()
        with self._mutex:
            return self._loaded[after:]

    def append(self, *bodies: EventBody, expected: int | None = None) -> Receipt:
        """Append events; see :meth:`duranb.store.port.Port.append`. The receipt raises
        :class:`StoreUnwritable` where they cannot be written."""
        self._check_process()
        with self._mutex:
            sent, self._unsent = self._unsent, []
            receipt = Receipt(self._owner.hurry)
            lines: list[_Line] = [(b, p, e.encode(b)) for b, p in sent]
            lines += [(b, None, e.encode(b)) for b in bodies]

            def make(last: int, digest: bytes) -> tuple[list[Row], list[EventBody]]:
                return _rows(lines, last, digest), [b for b, _, _ in lines]

            self._owner.append(Draft(make, receipt, expected, lambda: self._give_back(sent)))
        return receipt

    def _give_back(self, sent: list[tuple[ArtifactStored, bytes | None]]) -> None:
        """What was put and could not be written goes with the next events."""
        with self._mutex:
            self._unsent[:0] = sent

    def flush(self) -> None:
        """Wait until all that was appended is durable. Raises what went wrong with it."""
        self.append().wait()

    def query(self, sql: str, parameters: Sequence[object] = ()) -> Result:
        """Column names and rows of a read-only query over the events and the history's tables."""
        self._check_process()

        def ask(database: Database) -> Result:
            if self._tables is not None:
                database.fill(self._tables)
            return database.query(sql, parameters)

        return self._owner.do(ask)

    def fold(self) -> Fold:
        """The fold of all events so far, which the tables for queries will be filled from: give it
        each event to come, in a listener."""
        folding, self._tables = tables.follow(self.events(), self._filled)
        return folding

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
