"""What an open store, its history and a live namespace are together.

Everything in the engine that changes state does so through a :class:`Runtime`; the session owns
it. There is one active runtime in a process, since there is one notebook in a kernel.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from duranb.record.events import Event, EventBody, SnapshotCaptured
from duranb.record.fold import Fold
from duranb.state import Delta, Mark, Namespace
from duranb.store import Store


@dataclass
class Settings:
    """How this process was started.

    ``strict`` replays offline: every step's body runs, its calls are answered from the journal
    alone, and nothing is carried out. It is for a copy of the store. ``parameters`` are those that
    a headless run was given. ``check`` has what is stored loaded once more, aside, to compare.
    """

    headless: bool = False
    parameters: dict[str, Any] | None = None
    strict: bool = False
    check: bool = True


class Runtime:
    """One open store with its folded history and the namespace it follows.

    ``at`` is the snapshot that the live namespace descends from: 0 in a fresh kernel, whatever
    the head of the history may be. ``lock`` guards the history against the store's owner thread,
    which folds events in; hold it to iterate, single look-ups need none.
    """

    def __init__(
        self, store: Store, folding: Fold, namespace: Namespace, settings: Settings
    ) -> None:
        self.store = store
        self.history = folding.history
        self._folding = folding
        self.namespace = namespace
        self.settings = settings
        self.at = 0
        self.lock = folding.history.lock
        self.failed: dict[str, FailedStart] = {}
        self._pid = os.getpid()
        store.listeners.append(self._fold)

    @property
    def here(self) -> bool:
        """False in a forked child, where nothing may be recorded."""
        return os.getpid() == self._pid

    def _fold(self, events: Sequence[Event]) -> None:
        with self.lock:
            for event in events:
                self._folding.apply(event)

    def next_id(self, what: str) -> int:
        """A fresh id for an ``execution``, ``call`` or ``snapshot``."""
        with self.lock:
            return self.history.next_id(what)

    def record(self, *bodies: EventBody, wait: bool = True) -> None:
        """Append to the history; with ``wait`` it is durable when this returns.

        Raises :class:`duranb.errors.StoreError`.
        """
        receipt = self.store.append(*bodies)
        if wait:
            receipt.wait()

    def snapshot(self, delta: Delta) -> tuple[int, list[EventBody]]:
        """The id of the state after ``delta``, and the events that must be recorded for it."""
        if not (delta.changed or delta.deleted or delta.random):
            return self.at, []
        number = self.next_id("snapshot")
        body = SnapshotCaptured(
            snapshot=number,
            parent=self.at,
            branch=self.history.branch,
            changed=delta.changed,
            deleted=delta.deleted,
            random=delta.random,
        )
        return number, [body]

    def catch_up(self) -> int:
        """Capture what plain cells did since the last snapshot; its id. Not waited for."""
        number, bodies = self.snapshot(self.namespace.sync())
        if bodies:
            self.record(*bodies, wait=False)
        self.at = number
        return number


@dataclass
class FailedStart:
    """Where a step that failed for good had started, so that its next run starts clean there.

    ``left`` maps each name the failed attempt changed to the version it left behind: a name that
    something else has changed since is not put back.
    """

    mark: Mark
    left: dict[str, str] = field(default_factory=dict)


_active: Runtime | None = None


def active() -> Runtime | None:
    """The runtime of this process, or None before a store is open and in forked children."""
    return _active if _active is not None and _active.here else None


def activate(runtime: Runtime | None) -> None:
    """Make ``runtime`` the active one; None when the session closes."""
    global _active
    _active = runtime
