"""The session: an open store, its history, the live namespace, and the verbs."""

from __future__ import annotations

import os
import platform
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import duranb
from duranb.code.fingerprint import Uses
from duranb.engine import runtime as engine
from duranb.engine.runtime import Runtime, Settings
from duranb.errors import Untrusted, UsageError
from duranb.record import events as e
from duranb.record.artifacts import Artifacts
from duranb.record.history import History
from duranb.session.change import Change
from duranb.session.method import Method
from duranb.session.reader import Reader
from duranb.state import Namespace, typed
from duranb.store import Store
from duranb.text import sources
from duranb.text.called import is_secret_variable
from duranb.text.known import KNOWN
from duranb.verbs import table
from duranb.verbs.declaration import Acts, Changes, Looks


class Surface(Protocol):
    """What a surface does for the session: it runs cells' sources."""

    def run_step(self, source: str, *, replays: int, fresh: bool) -> Awaitable[None]:
        """Run a durable cell again; ``replays`` is the execution it replays, 0 to let it decide."""

    def run_body(self, source: str, namespace: dict[str, Any]) -> Any:
        """Run a cell's source in a namespace of its own; may return an awaitable."""


class Session:
    """One notebook's durable state in this process. Surfaces call it, never the storage.

    ``surface`` is the one that can run cells, or None where there is none.
    """

    def __init__(
        self, notebook: Path, runtime: Runtime, store: Store, surface: Surface | None = None
    ) -> None:
        self.notebook = notebook
        self.runtime = runtime
        self.store = store
        self._surface = surface
        if surface is not None:
            runtime.run_body = surface.run_body
        self._subscribers: list[Callable[[int], None]] = []
        runtime.store.listeners.append(self._tell)

    @classmethod
    def open(
        cls,
        notebook: Path,
        store: Path,
        live: dict[str, Any],
        settings: Settings,
        surface: Surface | None = None,
    ) -> Session:
        """Open (or create) a notebook's store and make it the current one of this process.

        ``live`` is the namespace it follows. Raises :class:`duranb.errors.StoreLocked` when
        another process holds it, and the other :class:`duranb.errors.StoreError`. A store that is
        not this user's is open too: to be looked at, and to be trusted.
        """
        session = cls._opened(notebook, store, live, settings, surface)
        try:
            if not session.store.foreign:
                session._begin()
        except BaseException:
            session.close()
            raise
        return session

    @classmethod
    def visit(cls, notebook: Path, store: Path) -> Session:
        """Open a store for a verb from outside of the notebook: without its variables.

        The notebook has not come back by that, so it is not recorded as if it had. Raises what
        :meth:`open` raises.
        """
        settings = Settings(headless=True, check=False, visiting=True)
        return cls._opened(notebook, store, {}, settings, None)

    @classmethod
    def _opened(
        cls,
        notebook: Path,
        store: Path,
        live: dict[str, Any],
        settings: Settings,
        surface: Surface | None,
    ) -> Session:
        global _current
        KNOWN.look_around()
        typed.watch()
        opened = Store.open(store, settled=not settings.strict)
        try:
            folding = opened.fold()
            uses = Uses(live, root=notebook.parent)
            namespace = Namespace(live, opened, uses)
            namespace.alive_will_do = settings.strict
            runtime = Runtime(opened, folding, namespace, settings, inbox=store)
            session = cls(notebook, runtime, opened, surface)
        except BaseException:
            opened.close()
            raise
        engine.activate(session.runtime)
        _current = session
        return session

    def _begin(self) -> None:
        bodies: list[e.EventBody] = []
        if not self.history.run:
            bodies.append(
                e.RunStarted(
                    run=secrets.token_hex(4),
                    notebook=str(self.notebook),
                    python=platform.python_version(),
                    version=duranb.__version__,
                )
            )
        parameters = self.runtime.settings.parameters
        bodies.append(
            e.SessionOpened(
                pid=os.getpid(),
                host=socket.gethostname(),
                parameters=parameters,
                credentials=sorted(filter(is_secret_variable, os.environ)),
            )
        )
        self.runtime.record(*bodies)

    def close(self) -> None:
        """Flush and let go of the store; the namespace stays as it is."""
        global _current
        if _current is self:
            _current = None
        self.runtime.close()
        self.store.close()

    # -- reading ---------------------------------------------------------------------------

    @property
    def history(self) -> History:
        """All that is recorded. Hold :attr:`lock` to iterate over it."""
        return self.runtime.history

    @property
    def lock(self) -> Any:
        """Guards the history against the thread that folds new events in."""
        return self.runtime.lock

    @property
    def artifacts(self) -> Artifacts:
        """Where recorded bytes are read from."""
        return self.store

    @property
    def store_path(self) -> Path:
        """The store's folder."""
        return self.store.path

    def query(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of a read-only SQL query over the history."""
        return self.store.query(sql)

    def events(self) -> list[e.Event]:
        """Every event so far, oldest first."""
        return list(self.store.events())

    def subscribe(self, callback: Callable[[int], None]) -> Callable[[], None]:
        """Have ``callback(seq)`` called, on the store's thread, whenever the history has grown.

        Returns the function that ends it.
        """
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    @property
    def head(self) -> int:
        """The snapshot to come back to: in a fresh kernel, until a step runs or the head is moved,
        the one that the life before left; plain cells alone do not take its place."""
        return self.history.left or self.history.head

    def _tell(self, events: Sequence[e.Event]) -> None:
        for callback in list(self._subscribers):
            callback(events[-1].seq)

    # -- verbs -----------------------------------------------------------------------------

    def reader(self) -> Reader:
        """A reader of everything recorded so far, and of what is recorded later."""
        self.runtime.flush()
        return Reader(
            notebook=self.notebook,
            store_path=self.store_path,
            history=self.history,
            artifacts=self.artifacts,
            events=self.events,
            query=self.query,
            is_encrypted=self.store.is_encrypted,
            raw=self.store.raw,
            lock=self.lock,
        )

    def look(self, verb: Looks) -> Any:
        """Something to look at, which prints itself. Raises :class:`NoSuchStep`."""
        return verb.resolve_handler()(self.reader(), verb)

    def change(self, verb: Changes) -> Change:
        """What a verb would do; nothing has changed before it is applied.

        Raises :class:`UsageError`, :class:`NoSuchStep`, or :class:`Untrusted` for a store that is
        not this user's, except to trust it.
        """
        handler = verb.resolve_handler()
        if not isinstance(verb, table.Trust):
            self.need_trust()
            self.runtime.catch_up()
        self.runtime.flush()
        with self.lock:
            change: Change = handler(self, verb)
            return change

    def need_trust(self) -> None:
        """Raise :class:`Untrusted` where the store is not this user's."""
        if self.store.foreign:
            raise Untrusted(self.store.foreign)

    def accept(self) -> int:
        """Stand for all that is in the store, and go on with it; how many artifacts that are."""
        accepted = self.store.trust()
        if not self.runtime.settings.visiting:
            self._begin()
        return accepted

    def act(self, verb: Acts) -> str:
        """Do it at once; one sentence about what was done.

        Raises :class:`UsageError` or :class:`Untrusted`.
        """
        self.need_trust()
        said: str = verb.resolve_handler()(self, verb)
        return said

    status = Method(table.Status, look)
    log = Method(table.Log, look)
    show = Method(table.Show, look)
    diff = Method(table.Diff, look)
    rewind = Method(table.Rewind, change)
    replay = Method(table.Replay, change)
    fork = Method(table.Fork, change)
    switch = Method(table.Switch, change)
    compensate = Method(table.Compensate, change)
    resolve = Method(table.Resolve, change)
    answer = Method(table.Answer, act)
    signal = Method(table.Signal, act)
    trust = Method(table.Trust, change)
    scan = Method(table.Scan, look)
    redact = Method(table.Redact, change)
    forget = Method(table.Forget, change)
    prune = Method(table.Prune, change)

    def register_compensation(self, step: str, source: str) -> None:
        """Give a step its undo: the source of a ``%%compensate`` cell."""
        told = sources.recorded(source)
        if self.history.compensations.get(step) != told:
            self.runtime.record(e.CompensationRegistered(step=step, source=told))

    def need_surface(self) -> Surface:
        """The surface that can run cells. Raises :class:`UsageError` where there is none."""
        if self._surface is None:
            raise UsageError("this verb runs cells: use it in the notebook")
        return self._surface


_current: Session | None = None


def current() -> Session:
    """The session of this kernel or script, with the verbs of ``%duranb`` as its methods.

    ``status()``, ``log()``, ``show(step)`` and ``diff(a, b)`` give something to look at;
    ``rewind``, ``replay``, ``fork``, ``switch``, ``compensate``, ``resolve`` and ``trust`` give a
    change, which says what it would do: ``await change.apply()`` does it. ``answer(number, value)``
    and ``signal(name, value)`` do it at once.

    Raises :class:`duranb.errors.UsageError` when none is open, and in code that runs beside it,
    over a journal of its own: a step that a worker runs.
    """
    runtime = engine.active()
    if runtime is not None and (_current is None or runtime is not _current.runtime):
        raise UsageError(
            "duranb.current() is a notebook's or a script's; this step runs on a worker, and what "
            "is recorded of its run is looked at from outside (python -m duranb.temporal status)"
        )
    if _current is None:
        raise UsageError(
            "no store is open: it is once a durable cell has run, or inside duranb.durable()"
        )
    return _current
