"""Reading a store from another process, while its kernel runs or after it died.

DuckDB lets no second process open the file, so a consistent copy is read. What moves from one file
to the next is copied in that order: the journal, DuckDB's write-ahead log, the database. (The
other order can miss what moved between the two looks.)
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import duckdb

from duranb.errors import StoreDamaged, StoreError
from duranb.record.artifacts import Buffer
from duranb.record.events import ArtifactStored, Event
from duranb.record.fold import Fold
from duranb.record.history import History
from duranb.store import chain, files, journal, keys
from duranb.store.database import Database, Result
from duranb.store.lock import holder
from duranb.store.paths import DATABASE, JOURNAL, TAIL, WAL
from duranb.store.store import check_digest, check_signature
from duranb.store.tables import Tables, follow

TRIES = 10


class StoreView:
    """A store as it was when this was opened; a context manager. Never changes anything.

    ``broken`` says where the chain of events is, or is empty.
    """

    def __init__(self, path: Path, folder: tempfile.TemporaryDirectory[str]) -> None:
        self.path = path
        self._folder = folder
        self._key = keys.user_key()
        self._queried = False
        self._where: dict[str, tuple[int, ArtifactStored]] = {}
        self._database = Database(Path(folder.name) / DATABASE)
        try:
            self._database.catch_up(journal.read(Path(folder.name) / JOURNAL))
            self._events, self.broken = chain.follow(self._database.lines())
        except BaseException:
            self._database.close()
            raise
        for event in self._events:
            if isinstance(event.body, ArtifactStored):
                self._where[event.body.digest] = (event.seq, event.body)

    @classmethod
    def open(cls, path: Path) -> StoreView:
        """Copy and open. Raises :class:`StoreError` when there is no store, and
        :class:`StoreDamaged` when it cannot be read."""
        if not (path / DATABASE).exists():
            if (path / TAIL).exists():
                raise StoreDamaged(f"the store {path} has lost its database, {DATABASE}")
            raise StoreError(f"there is no store at {path}: no durable cell has run there yet")
        for attempt in range(TRIES):
            folder = tempfile.TemporaryDirectory(prefix="duranb-view-")
            try:
                _copy(path, Path(folder.name))
                return cls(path, folder)
            except (duckdb.Error, OSError) as error:
                folder.cleanup()
                # Where nobody writes, nothing moved between two looks: it stays as it is.
                if attempt == TRIES - 1 or holder(path) is None:
                    raise StoreDamaged(f"the store {path} cannot be read: {error}") from error
                time.sleep(0.01 * 2**attempt)
            except BaseException:
                folder.cleanup()
                raise
        raise AssertionError("not reached")

    @property
    def holder(self) -> int | None:
        """The pid of the process that has the store open, or None."""
        return holder(self.path)

    def events(self) -> list[Event]:
        """Every event, oldest first."""
        return list(self._events)

    def history(self) -> History:
        """What the events say. Where no process has the store open, what was running has died."""
        return self._follow(0)[0].history

    def _follow(self, seq: int) -> tuple[Fold, Tables]:
        folding, tables = follow(self._events, seq)
        if self.holder is None:
            folding.kernel_died()
        return folding, tables

    def get(self, digest: str) -> memoryview:
        """The bytes of an artifact; see :class:`duranb.record.artifacts.Artifacts`."""
        data, body = self.raw(digest)
        check_signature(body, self._key, self.path)
        check_digest(data, digest, self.path)
        return data

    def copy(self, digest: str) -> memoryview:
        """The bytes of an artifact, to write to."""
        return memoryview(bytearray(self.get(digest)))

    def raw(self, digest: str) -> tuple[memoryview, ArtifactStored]:
        """The bytes of an artifact as they are, unchecked, with what the history says of them."""
        found = self._where.get(digest)
        if found is None:
            raise StoreDamaged(f"the store {self.path} has no artifact {digest[:12]}")
        seq, body = found
        if body.in_file:
            return files.read(self.path, digest), body
        return memoryview(self._database.payload(seq) or b""), body

    def put(self, parts: Sequence[Buffer]) -> str:
        """A view keeps nothing."""
        raise StoreError("a view of a store cannot be written")

    def digests(self) -> list[str]:
        """The digests of all artifacts."""
        return list(self._where)

    def query(self, sql: str, parameters: Sequence[object] = ()) -> Result:
        """Column names and rows of a read-only query over the events and the history's tables."""
        if not self._queried:
            last = self._events[-1].seq if self._events else 0
            self._database.fill(self._follow(self._database.filled(last))[1])
            self._queried = True
        return self._database.query(sql, parameters)

    def close(self) -> None:
        """Remove the copy."""
        self._database.close()
        self._folder.cleanup()

    def __enter__(self) -> StoreView:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _copy(source: Path, target: Path) -> None:
    for log in (JOURNAL, WAL):
        # The log may go between the two looks: all of it is further down by then.
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(source / log, target / log)
    shutil.copyfile(source / DATABASE, target / DATABASE)
