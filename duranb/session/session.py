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
from duranb.engine import questions, runtime as engine
from duranb.engine.runtime import Runtime, Settings
from duranb.errors import UsageError
from duranb.record import events as e
from duranb.record.artifacts import Artifacts
from duranb.record.history import History
from duranb.record.kinds import Kind
from duranb.record.model import CallStatus
from duranb.session import compensation, moving, replaying, resolving
from duranb.session.plan import Plan
from duranb.state import Namespace
from duranb.store import Store
from duranb.text.credentials import is_secret_variable
from duranb.views import (
    diff as diff_view,
    log as log_view,
    show as show_view,
    status as status_view,
)
from duranb.views.render import View

CHANGING = ("rewind", "replay", "fork", "switch", "compensate", "resolve")
"""Verbs that change something: planned, shown, confirmed, and awaited."""


class Bodies(Protocol):
    """How the surface runs cells' sources. The seam between the session and Jupyter."""

    def run_step(self, source: str, *, replays: int, fresh: bool) -> Awaitable[None]:
        """Run a durable cell again; ``replays`` is the execution it replays, 0 to let it decide."""

    def run_body(self, source: str, namespace: dict[str, Any]) -> Any:
        """Run a cell's source in a namespace of its own; may return an awaitable."""


class Session:
    """One notebook's durable state in this process. Surfaces call it, never the storage."""

    def __init__(self, notebook: Path, runtime: Runtime, store: Store) -> None:
        self.notebook = notebook
        self.runtime = runtime
        self.store = store
        self.bodies: Bodies | None = None
        self._left_at = runtime.history.head
        self._subscribers: list[Callable[[int], None]] = []
        runtime.store.listeners.append(self._tell)

    @classmethod
    def open(cls, notebook: Path, store: Path, live: dict[str, Any], settings: Settings) -> Session:
        """Open (or create) a notebook's store and make it the active one.

        ``live`` is the namespace it follows. Raises :class:`duranb.errors.StoreLocked` when
        another process holds it, and the other :class:`duranb.errors.StoreError`.
        """
        opened = Store.open(store)
        try:
            folding = opened.fold()
            uses = Uses(live, root=notebook.parent)
            namespace = Namespace(live, opened, uses)
            namespace.alive_will_do = settings.strict
            inbox = questions.inbox(store)
            runtime = Runtime(opened, folding, namespace, settings, inbox=inbox)
            session = cls(notebook, runtime, opened)
            session._begin()
        except BaseException:
            opened.close()
            raise
        engine.activate(runtime)
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

    def trust(self) -> int:
        """Sign all artifacts of the store with this user's key; how many there are.

        After this they are unpickled when they are needed: only for a store you trust.
        """
        return self.store.trust()

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
        return self._left_at or self.history.head

    def _tell(self, events: Sequence[e.Event]) -> None:
        if any(isinstance(x.body, _MOVING) for x in events):
            self._left_at = 0
        for callback in list(self._subscribers):
            callback(events[-1].seq)

    # -- verbs that look -------------------------------------------------------------------

    def status(self) -> View:
        """Where everything stands: steps, what they cost and saved, what waits for the user."""
        return self._look(status_view.view)

    def log(self, n: int = 30) -> View:
        """The latest ``n`` lines of the history, as sentences, newest last."""
        events = self.events()
        return self._look(lambda history: log_view.view(history, events, n))

    def show(self, step: str) -> View:
        """Everything about a step, or one execution of it (``step@7``), and why it ran.

        Raises :class:`NoSuchStep`.
        """
        return self._look(lambda history: show_view.view(history, step))

    def diff(self, a: str, b: str) -> View:
        """What differs between two executions. Raises :class:`NoSuchStep`."""
        return self._look(lambda history: diff_view.view(history, a, b))

    def _look(self, draw: Callable[[History], View]) -> View:
        self.runtime.flush()
        with self.lock:
            return draw(self.history)

    # -- verbs that change something: a plan first, and ``await plan.apply()`` does it ------

    def rewind(self, step: str = "", *, before: bool = False, compensate: bool = False) -> Plan:
        """Plan to bring every variable back to what it was after (or ``before``) a step, or at
        the head of the history. ``compensate`` undoes what was done since, latest first."""
        return self._plan(moving.rewind, step, before, compensate)

    def replay(
        self,
        step: str = "",
        *,
        from_: str = "",
        stale: bool = False,
        live: bool = False,
        with_: dict[str, str] | None = None,
    ) -> Plan:
        """Plan to run a step again, it and what follows (``from_``), or what is ``stale``.

        Its inputs are those recorded, with ``with_`` (name to expression) in their place; its
        calls are answered from the journal, or made anew (``live``).
        """
        return self._plan(replaying.replay, step, from_, stale, live, with_)

    def fork(self, name: str, *, at: str = "") -> Plan:
        """Plan to begin a branch after a step, or at the head, and stand on it."""
        return self._plan(moving.fork, name, at)

    def switch(self, name: str) -> Plan:
        """Plan to stand on another branch, at its head."""
        return self._plan(moving.switch, name)

    def compensate(self, step: str) -> Plan:
        """Plan to undo a step, with the inputs and outputs recorded at the time."""
        return self._plan(compensation.compensate, step)

    def resolve(
        self,
        step: str,
        *,
        happened: bool = False,
        not_happened: bool = False,
        compensate: bool = False,
        result: str = "",
    ) -> Plan:
        """Plan to settle a step's effect in doubt: it happened (with ``result``, an expression),
        it did not, or it is to be undone."""
        return self._plan(resolving.resolve, step, happened, not_happened, compensate, result)

    def plan(self, verb: str, **arguments: Any) -> Plan:
        """The plan of one of :data:`CHANGING`, by its name, for surfaces that read it from words.

        Raises :class:`UsageError` or :class:`NoSuchStep`.
        """
        if verb not in CHANGING:
            raise UsageError(f"there is no verb {verb!r}; the verbs are {', '.join(CHANGING)}")
        plan: Plan = getattr(self, verb)(**arguments)
        return plan

    def _plan(self, planner: Callable[..., Plan], *arguments: Any) -> Plan:
        self.runtime.catch_up()
        self.runtime.flush()
        with self.lock:
            return planner(self, *arguments)

    def answer(self, number: int, value: Any) -> str:
        """Answer question ``number``; the step that waits goes on when it is run again."""
        question = self.history.calls.get(number)
        if question is None or question.kind is not Kind.ASK:
            raise UsageError(f"there is no question {number}")
        if question.status is CallStatus.COMPLETED:
            raise UsageError(f"question {number} was answered already: {question.preview}")
        self.runtime.record(e.Answered(call=number, value=value))
        return f"answered question {number}: run step {question.step!r} again and it goes on"

    def register_compensation(self, step: str, source: str) -> None:
        """Give a step its undo: the source of a ``%%compensate`` cell."""
        if self.history.compensations.get(step) != source:
            self.runtime.record(e.CompensationRegistered(step=step, source=source))

    def need_bodies(self) -> Bodies:
        """The surface that can run cells. Raises :class:`UsageError` where there is none."""
        if self.bodies is None:
            raise UsageError("this verb runs cells: use it in the notebook")
        return self.bodies


_MOVING = (e.ExecutionStarted, e.ExecutionRestored, e.HeadMoved)
