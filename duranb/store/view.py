"""Reading a store from another process, while its kernel runs or after it died.

The log is read as it lies there: it only ever grows, and its last frame is whole or ignored.
Nothing is copied, except from a store of an earlier version.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from duranb.errors import StoreDamaged, StoreError, Untrusted
from duranb.record.artifacts import Buffer
from duranb.record.events import Event
from duranb.record.history import History
from duranb.store import guarded, keys, opening, rows, takeover
from duranb.store.lock import holder
from duranb.store.paths import LOG, TAIL, check_folder, current, is_store
from duranb.store.rows import Result
from duranb.store.tables import Tables

if TYPE_CHECKING:  # imported late: most of what looks at a store asks no SQL
    from duranb.store.database import Database

TRIES = 10


class StoreView:
    """A store as it was when this was opened; a context manager. Never changes anything.

    ``last`` is the number of the last event. ``problems`` are sentences about what is not as it was
    acknowledged, of the history and not of the artifacts. ``foreign`` says why this user does not
    stand for the history, or is empty; ``is_encrypted`` that it lies on the disk encrypted.
    """

    def __init__(self, path: Path, log: Path, scratch: Path | None = None) -> None:
        self.path = path
        self._scratch = scratch
        self._database: Database | None = None
        found = opening.find(path, log, keys.user_key(), settled=scratch is None)
        self.is_encrypted = found.cipher is not None
        self._log, self._index = found.log, found.artifacts
        if self.holder is None:
            found.folding.kernel_died()
        self._history = found.folding.history
        self.last = found.log.last
        self.foreign = found.artifacts.foreign
        self.problems = [x for x in (found.reading.problem, found.missing, self.foreign) if x]

    @classmethod
    def open(cls, path: Path) -> StoreView:
        """Raises :class:`StoreError` when there is no store, and :class:`StoreDamaged` when it
        cannot be read."""
        try:
            check_folder(path)
        except OSError as error:
            raise StoreDamaged(f"the store {path} is not opened: {error.strerror}") from error
        if not is_store(path):
            if (path / TAIL).exists():
                raise StoreDamaged(f"the store {path} has lost its log, {path / LOG}")
            raise StoreError(f"there is no store at {path}: no durable cell has run there yet")
        if guarded.is_folder(current(path, LOG)):
            try:
                return cls(path, current(path, LOG))
            except OSError as error:
                raise StoreDamaged(f"the store {path} cannot be read: {error}") from error
        return cls._of_old(path)

    @classmethod
    def _of_old(cls, path: Path) -> StoreView:
        for attempt in range(TRIES):
            scratch = Path(tempfile.mkdtemp(prefix="duranb-view-"))
            try:
                takeover.convert(path, scratch)
                return cls(path, scratch / LOG, scratch)
            except BaseException as error:
                shutil.rmtree(scratch, ignore_errors=True)
                if not isinstance(error, StoreDamaged | OSError):
                    raise
                # Where nobody writes, nothing moved between two looks: it stays as it is.
                if attempt == TRIES - 1 or holder(path) is None:
                    raise StoreDamaged(f"the store {path} cannot be read: {error}") from error
                time.sleep(0.01 * 2**attempt)
        raise AssertionError("not reached")

    def need_trust(self) -> None:
        """Raise :class:`Untrusted` where this user does not stand for the history."""
        if self.foreign:
            raise Untrusted(self.foreign)

    @property
    def holder(self) -> int | None:
        """The pid of the process that has the store open, or None."""
        return holder(self.path)

    def events(self, after: int = 0) -> Iterator[Event]:
        """The events with numbers above ``after``, oldest first."""
        return self._log.events(after)

    def history(self) -> History:
        """What the events say. Where no process has the store open, what was running has died."""
        return self._history

    def get(self, digest: str) -> memoryview:
        """The bytes of an artifact; see :class:`duranb.record.artifacts.Artifacts`."""
        return self._index.get(digest)

    def raw(self, digest: str) -> memoryview:
        """The bytes of an artifact as they are, whoever wrote them: to be looked through, never to
        be loaded. Raises :class:`StoreDamaged`."""
        return self._index.raw(digest)

    def copy(self, digest: str) -> memoryview:
        """The bytes of an artifact, to write to."""
        return memoryview(bytearray(self.get(digest)))

    def problem(self, digest: str) -> str:
        """What is wrong with an artifact, as a sentence, or an empty string."""
        return self._index.problem(digest)

    def put(self, parts: Sequence[Buffer]) -> str:
        """A view keeps nothing."""
        raise StoreError("a view of a store cannot be written")

    def digests(self) -> list[str]:
        """The digests of all artifacts."""
        return self._index.digests()

    def query(self, sql: str, parameters: Sequence[object] = ()) -> Result:
        """Column names and rows of a read-only query over the events and the history's tables,
        which are made in memory on first use."""
        from duranb.store.database import Database

        if self._database is None:
            database, filled = Database(None), 0
            while found := rows.read(self._log, filled, rows.BULK):
                database.insert(found)
                filled = found[-1].seq
            database.fill(Tables(self._history))
            self._database = database
        return self._database.query(sql, parameters)

    def close(self) -> None:
        """Let go of its files."""
        if self._database is not None:
            self._database.close()
        self._log.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> StoreView:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
