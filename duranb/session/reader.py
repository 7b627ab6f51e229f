"""What is recorded of a notebook, for whoever only looks at it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from duranb.errors import Untrusted
from duranb.record.artifacts import Artifacts, Buffer
from duranb.record.events import Event
from duranb.record.history import History
from duranb.session.places import find_store
from duranb.store.rows import Result
from duranb.store.view import StoreView


@dataclass(frozen=True)
class Reader:
    """A history and the bytes behind it: of this process's store, or of another process's.

    Reading changes nothing and unpickles nothing. ``events`` and ``query`` are asked when needed:
    every event, oldest first, and the columns and rows of an SQL query over the history.
    ``raw`` gives an artifact as it is, whoever wrote it: to be looked through, never to be loaded.
    ``holder`` is the pid of the other process that has the store open, or None. Hold ``lock`` to
    iterate over the history, and ask for events and rows before: it keeps new ones out.
    ``foreign`` says why this user does not stand for the history, or is empty; ``is_encrypted``
    that it lies on the disk encrypted.
    """

    notebook: Path
    store_path: Path
    history: History
    artifacts: Artifacts
    events: Callable[[], Iterable[Event]]
    query: Callable[[str], Result]
    raw: Callable[[str], Buffer]
    holder: int | None = None
    foreign: str = ""
    is_encrypted: bool = False
    lock: AbstractContextManager[Any] = field(default_factory=contextlib.nullcontext)

    def need_trust(self) -> None:
        """Raise :class:`duranb.errors.Untrusted` where this user does not stand for the history."""
        if self.foreign:
            raise Untrusted(self.foreign)


@contextlib.contextmanager
def open_reader(notebook: Path) -> Iterator[Reader]:
    """Read a notebook's store, while its kernel runs or after it died; also given as its folder.

    Raises :class:`UsageError` when there is none, and :class:`duranb.errors.StoreDamaged`.
    """
    with StoreView.open(find_store(notebook)) as view:
        yield Reader(
            notebook=notebook,
            store_path=view.path,
            history=view.history(),
            artifacts=view,
            events=view.events,
            query=view.query,
            raw=view.raw,
            holder=view.holder,
            foreign=view.foreign,
            is_encrypted=view.is_encrypted,
        )
