"""The store of one notebook: its events, and artifacts by their content."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from duranb.errors import StoreError, StoreUnwritable
from duranb.record import events as e
from duranb.record.artifacts import Buffer
from duranb.record.events import ArtifactStored, Event, EventBody
from duranb.record.fold import Fold
from duranb.store import chain, files, guarded, heads, keys, opening, redaction, rewriting, trust
from duranb.store.filler import Filler
from duranb.store.heads import Head
from duranb.store.lock import StoreLock
from duranb.store.log import Line
from duranb.store.paths import ARTIFACTS, TAIL, check_folder
from duranb.store.port import Listener, Receipt
from duranb.store.redaction import Plan, Redaction
from duranb.store.rows import Result
from duranb.store.tables import Tables
from duranb.store.writer import Draft, Writer
from duranb.text.known import KNOWN

INLINE = 32 * 1024
"""Bytes up to which an artifact lies in the log; measured by tests/benchmarks/bench_store.py.

Below it a payload rides along in a batch that has to be synced anyway; above it a file is mapped
when it is read, and is not copied."""

LATER = 8 << 20
"""Bytes up to which a larger artifact is written with the next events, on the thread that syncs
them, so that an event loop that puts an answer does not wait for the disk."""


_Fresh = tuple[ArtifactStored, bytes | None]
"""An artifact that is not durable yet, with its bytes; None where they are in a file already."""


class Store:
    """Open, and owned by this process. Safe from any thread.

    It is a :class:`duranb.store.port.Port`; its listeners are called on the writer's thread.
    ``damage`` says what was found to be damaged at open, or is empty. A store that is ``foreign``,
    which says why, can only be looked at until it is trusted.
    """

    def __init__(self, path: Path, lock: StoreLock, *, settled: bool) -> None:
        self.path = path
        self.listeners: list[Listener] = []
        self._lock = lock
        self._pid = os.getpid()
        self._key = keys.user_key()
        # Re-entrant: an answer that is garbage collected unread is recorded, wherever we are then.
        self._mutex = threading.RLock()
        self._unsent: dict[str, _Fresh] = {}  # to be appended with the next events
        self._sent: dict[str, _Fresh] = {}  # on their way to the log
        self._log, found, self.damage = opening.open_log(path, self._key, settled=settled)
        self._index, self._folding = found.artifacts, found.folding
        self._files, self._cipher = found.artifacts.files, found.cipher
        self._tail = chain.Tail(path / TAIL, self._cipher)
        self._tail.write(self._log.last, self._log.hash)
        self._heads = heads.Heads(path) if settled else None
        if not self.foreign:
            self._keep_head()
        self._writer = Writer(self._log, self._keep, self._stored, self._check_folder)
        self._filler = Filler(
            path,
            self._log.reader,
            Tables(found.folding.history),
            self._check_folder,
            fresh=bool(self.foreign),
            settled=settled,
            in_memory=self._cipher is not None,
        )
        self._filler.news()
        atexit.register(self.close)

    @classmethod
    def open(cls, path: Path, *, settled: bool = True) -> Store:
        """Open a store, made if there is none. A copy for a moment is not ``settled``: nobody has
        to notice when an older one lies in its place.

        Raises :class:`StoreLocked`, :class:`StoreTooNew`, :class:`StoreDamaged`,
        :class:`StoreEncrypted` or :class:`StoreUnwritable`; nothing is changed then.
        """
        try:
            check_folder(path)
            guarded.folder(path, parents=True)
            with contextlib.suppress(PermissionError):  # somebody else's, who shares it
                path.chmod(guarded.PRIVATE_FOLDER)  # earlier versions let everybody in
            lock = StoreLock(path / "lock")
        except OSError as error:
            raise files.unwritable(path, error) from error
        try:
            rewriting.finish(path)
            guarded.folder(path / ARTIFACTS)
            files.tidy(path)
            return cls(path, lock, settled=settled)
        except OSError as error:
            lock.release()
            raise files.unwritable(path, error) from error
        except BaseException:
            lock.release()
            raise

    # -- artifacts -------------------------------------------------------------------------

    def put(self, parts: Sequence[Buffer]) -> str:
        """Keep bytes by their content; see :class:`duranb.record.artifacts.Artifacts`. What is
        known to be a secret is masked in them, but for memory that others own: whoever gives that
        has looked.

        They become durable with the next :meth:`append`; those that are very large, or may change
        after this returns, at once.
        """
        self._check_process()
        KNOWN.look_around()  # a body may have set what it sends, or prints
        views = [memoryview(p).cast("B") for p in parts]
        size = sum(map(len, views))
        whole = all(isinstance(p, bytes) for p in parts)
        if whole and size <= LATER:  # in one piece, as a secret may lie across two of them
            views = [memoryview(KNOWN.masked(b"".join(parts)))]
        else:
            views = [
                memoryview(KNOWN.masked(p)) if isinstance(p, bytes) else v
                for p, v in zip(parts, views, strict=True)
            ]
        digest = files.digest_of(views)
        in_file = size > INLINE
        if self._is_kept(digest, size, in_file):
            return digest
        if in_file and self._index.is_written_over(digest):
            self._files.remove(digest)  # it comes back whole
        now = in_file and (size > LATER or not whole)
        if now:
            self._files.write(digest, views)
        body = ArtifactStored(digest=digest, size=size, in_file=in_file)
        with self._mutex:
            if digest not in self._sent:
                self._unsent[digest] = body, None if now else b"".join(views)
        return digest

    def _is_kept(self, digest: str, size: int, in_file: bool) -> bool:
        with self._mutex:
            if digest in self._unsent or digest in self._sent:
                return True
        return self._index.has(digest) and (not in_file or self._files.is_whole(digest, size))

    def get(self, digest: str) -> memoryview:
        """The bytes of a digest; see :class:`duranb.record.artifacts.Artifacts`."""
        return self._get(digest, writable=False)

    def raw(self, digest: str) -> memoryview:
        """The bytes of an artifact as they are, whoever wrote them: to be looked through, never to
        be loaded. Raises :class:`StoreDamaged`."""
        self.flush()
        return self._index.raw(digest)

    def copy(self, digest: str) -> memoryview:
        """The bytes of a digest, to write to; see :class:`duranb.record.artifacts.Artifacts`."""
        data = self._get(digest, writable=True)
        return memoryview(bytearray(data)) if data.readonly else data

    def _get(self, digest: str, *, writable: bool) -> memoryview:
        with self._mutex:
            fresh = self._unsent.get(digest) or self._sent.get(digest)
        if fresh is not None:
            body, data = fresh
            if data is None:
                return self._files.read(digest, body.size, writable=writable)
            return memoryview(data)
        self._check_process()
        try:
            return self._index.get(digest, writable=writable)
        except StoreError:
            self._index.set_aside(digest)
            raise

    # -- events ----------------------------------------------------------------------------

    def events(self, after: int = 0) -> Iterator[Event]:
        """The events with numbers above ``after``, oldest first: those appended before the call."""
        self.flush()
        return self._log.reader.events(after)

    @property
    def foreign(self) -> str:
        """Why this user does not stand for what is in the store, as a sentence, or empty."""
        return self._index.foreign

    @property
    def is_encrypted(self) -> bool:
        """Whether what is in the store lies on the disk encrypted."""
        return self._cipher is not None

    def append(self, *bodies: EventBody, expected: int | None = None) -> Receipt:
        """Append events; see :meth:`duranb.store.port.Port.append`. The receipt raises
        :class:`StoreUnwritable` where they cannot be written.

        Raises :class:`Untrusted` where the store is foreign. Whoever acts on a history first
        records that, so that nothing in it is acted on.
        """
        KNOWN.look_around()
        return self._append([Line(*e.public(body), b"") for body in bodies], expected)

    def take_in(self, events: Sequence[tuple[int, EventBody]]) -> Receipt:
        """Append what happened elsewhere, each event with its time, as :meth:`append` does: it is
        this user's from now on."""
        return self._append([Line(*e.public(body), b"", at) for at, body in events], None)

    def _append(self, made: Sequence[Line], expected: int | None) -> Receipt:
        self._check_process()
        if made:
            self._index.check_ours()
        receipt = Receipt(self._writer.hurry)
        with self._mutex:
            taken, self._unsent = ({}, self._unsent) if self.foreign else (self._unsent, {})
            self._sent |= taken
            lines, large = [], []
            for digest, (body, data) in taken.items():
                payload = b"" if body.in_file else data or b""
                lines.append(Line(body, e.encode(body)[1], payload))
                if body.in_file and data is not None:
                    large.append((digest, data))
            lines += made

            def undo() -> None:
                """What was put and could not be written goes with the next events."""
                with self._mutex:
                    self._unsent = {**taken, **self._unsent}
                    for digest in taken:
                        self._sent.pop(digest, None)

            self._writer.append(Draft(lines, receipt, expected, large, undo))
        return receipt

    def flush(self) -> None:
        """Wait until all that was appended is durable. Raises what went wrong with it."""
        if not self._writer.is_here:  # there, all that can be is durable already
            self.append().wait()

    def fold(self) -> Fold:
        """The fold of the events that were there at open, from which the tables for queries are
        filled: give it each event to come, in a listener."""
        return self._folding

    def query(self, sql: str, parameters: Sequence[object] = ()) -> Result:
        """Column names and rows of a read-only query over all that was appended."""
        self._check_process()
        self.flush()
        return self._filler.do(lambda database: database.query(sql, parameters))

    def planned(self, taking: Redaction) -> Plan:
        """What there is to be taken out. Raises :class:`Untrusted`."""
        self.flush()
        self._index.check_ours()
        return redaction.planned(self._log.reader, self._index, taking)

    def redact(
        self, taking: Redaction, told: e.Redacted, holds: Callable[[redaction.Data], object]
    ) -> Plan:
        """Take something out; the history is ``told``. Of other files in the folder those go that
        hold it. Done again after a crash, it goes on.

        Raises :class:`Untrusted` or :class:`StoreUnwritable`.
        """
        plan = self.planned(taking)
        try:
            if plan or told.executions:
                artifacts, events = plan.artifacts, plan.events
                told = msgspec.structs.replace(told, artifacts=artifacts, events=events)
                self.append(told).wait()
                self._writer.do(lambda: self._write_over(plan, taking))
            redaction.clean(self.path, holds)
        except OSError as error:
            raise files.unwritable(self.path, error) from error
        return plan

    def remove(self, told: e.Redacted) -> None:
        """Free the room of artifacts; the history is ``told`` which. Done again after a crash, it
        goes on. Raises :class:`Untrusted` or :class:`StoreUnwritable`."""
        try:
            if told.removed:
                self.append(told).wait()
            self._writer.do(self._index.remove)
        except OSError as error:
            raise files.unwritable(self.path, error) from error

    def artifact_sizes(self) -> dict[str, int]:
        """The bytes of each artifact that has a file of its own. Raises :class:`StoreDamaged`."""
        return self._index.sizes_in_files()

    def renew_database(self) -> None:
        """Make the tables anew: nothing that was taken out of the history lies in their file then.

        Raises :class:`duranb.errors.StoreError`.
        """
        self._filler.renew()

    def _write_over(self, plan: Plan, taking: Redaction) -> None:
        self._log.turn()
        redaction.write_over(self._log.reader, plan)
        redaction.write_files(self._index, plan, taking)

    def trust(self) -> int:
        """Stand for all that is in the store now; how many artifacts that are."""
        self.flush()
        trust.write(self.path, self._key, self._log.last, self._log.hash)
        self._index.foreign = ""
        self._keep_head()
        return len(self._index.digests())

    def close(self) -> None:
        """Write what is queued and let go of the store. Once closed it stays so."""
        if os.getpid() != self._pid:
            return
        atexit.unregister(self.close)
        self._writer.close()
        self._filler.close()
        self._tail.close()
        if self._heads is not None:
            self._heads.close()
        self._log.close()
        self._lock.release()
        self._pid = -1

    def _keep_head(self) -> None:
        if self._heads is not None and self._log.last:
            digest = heads.outside(self._log.hash, self._cipher)
            self._heads.write(Head(self._log.store, self._log.last, digest))

    # -- on the writer's thread ------------------------------------------------------------

    def _keep(self, digest: str, data: bytes) -> None:
        self._files.write(digest, [data])

    def _stored(self, events: Sequence[Event]) -> None:
        self._tail.write(events[-1].seq, events[-1].hash)
        self._keep_head()
        for event in events:
            self._index.add(event)
        with self._mutex:
            for event in events:
                if isinstance(event.body, ArtifactStored):
                    self._sent.pop(event.body.digest, None)
        self._filler.news()
        for listener in self.listeners:
            listener(events)

    def _check_folder(self) -> None:
        try:
            there = self._log.in_place()
        except OSError as error:
            raise files.unwritable(self.path, error) from error
        if not there:
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
