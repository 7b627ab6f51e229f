"""What an open store, its history and a live namespace are together.

Everything in the engine that changes state does so through a :class:`Runtime`; the session owns
it. A kernel has one notebook, so one runtime is active in the whole process; code that is run
:func:`inside <using>` another one, in this process too, sees that one.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from duranb.engine.progress import Display, Nowhere
from duranb.record.events import Event, EventBody, SnapshotCaptured
from duranb.record.fold import Fold
from duranb.record.question import Question
from duranb.state import Delta, Mark, Namespace
from duranb.state.surroundings import Around, Surroundings
from duranb.store.port import Port, Receipt
from duranb.text.known import KNOWN

if TYPE_CHECKING:
    from duranb.engine.budgets import Budget
    from duranb.engine.context import StepContext
    from duranb.engine.forms import Form
    from duranb.engine.spread import Spread


class Shown(Protocol):
    """A question on the page, with what answers it. An answer is recorded like any other one."""

    @property
    def is_dead(self) -> bool:
        """Whether the page cannot answer it while this process is busy."""

    def problem(self, text: str) -> None:
        """Say why an answer was not taken."""

    def settle(self, text: str) -> None:
        """Nothing is asked any more; ``text`` says what became of it, if anything."""


@dataclass
class Settings:
    """How this process was started.

    ``strict`` replays offline: every step's body runs, its calls are answered from the journal
    alone, and nothing is carried out. It is for a copy of the store. ``parameters`` are those that
    a headless run was given. ``check`` has what is stored loaded once more, aside, to compare.
    ``prompt`` asks the user a question at once: what they typed, or None when nobody can;
    ``is_attended`` says whether somebody could. ``show``
    shows the question of a call, which waits until a time (0: for ever), where it can be answered
    meanwhile; None where it cannot.
    ``visiting`` carries out a verb from outside of the notebook: this process has none of its
    variables, so nothing that changes in it is a change of the notebook's. ``display`` makes what
    shows how far a map is. ``budget`` is what the whole run may cost. ``importing`` runs no step:
    each is given what was imported for it, or ends the run. ``spread`` has several workers carry
    out the items of maps. ``owns_generators`` says whether the random generators are used by
    nothing else meanwhile, or by nothing here; None: nobody knows. ``careful`` has what is stored
    loaded before a step is taken to be restored: an earlier process could not load something.
    """

    headless: bool = False
    parameters: dict[str, Any] | None = None
    strict: bool = False
    check: bool = True
    prompt: Callable[[str], str | None] = lambda question: None
    is_attended: Callable[[], bool] = lambda: False
    show: Callable[[int, Question, int], Shown | None] = lambda call, question, until: None
    visiting: bool = False
    display: Callable[[], Display] = Nowhere
    budget: Budget | None = None
    importing: bool = False
    spread: Spread | None = None
    owns_generators: bool | None = None
    careful: bool = False


class Undoing:
    """The executions that are being undone; hold ``changed`` to look at them, which tells when one
    of them is over."""

    def __init__(self) -> None:
        self.executions: set[int] = set()
        self.changed = threading.Condition()


class Runtime:
    """One open store with its folded history and the namespace it follows.

    ``at`` is the snapshot that the live namespace descends from: 0 in a fresh kernel, whatever the
    head of the history may be. ``lock`` guards the history against the store's writer thread, which
    folds events in; hold it to iterate, single look-ups need none. ``inbox`` is the store's folder,
    where other processes leave answers and signals. ``asked`` are the forms of the questions that
    are open in this process, by their calls, and ``taking`` is held to give a signal to one wait;
    ``undoing`` is what is undone now, whoever does it. ``running`` is the cell that runs, for code
    that no context variable tells where it is. ``wanted`` are values that cannot be stored, by
    their names, for want of which plain cells failed. ``run_body`` runs a cell's source in a
    namespace, and may return an awaitable; None where no cell can run.
    """

    def __init__(
        self,
        store: Port,
        folding: Fold,
        namespace: Namespace,
        settings: Settings,
        *,
        inbox: Path | None = None,
    ) -> None:
        self.store = store
        self.inbox = inbox
        self.asked: dict[int, Form] = {}
        self.taking = threading.Lock()
        self.undoing = Undoing()
        self.running: StepContext | None = None
        self.wanted: set[str] = set()
        self.run_body: Callable[[str, dict[str, Any]], Any] | None = None
        self.history = folding.history
        self._folding = folding
        self.namespace = namespace
        self.surroundings = Surroundings(namespace)
        self.settings = settings
        self.at = 0
        self.lock = folding.history.lock
        self.failed: dict[str, FailedStart] = {}
        self.here: dict[str, set[int]] = {}
        """By step, the executions of this process that have changed something in the process."""
        self.known_secrets = len(KNOWN)
        """How many there were when it was last looked at what they were stored in."""
        self._pid = os.getpid()
        self._closed = False
        store.listeners.append(self._fold)

    @property
    def is_open(self) -> bool:
        """False once it is closed, and in a forked child, where nothing may be recorded."""
        return not self._closed and os.getpid() == self._pid

    def budgets(self) -> tuple[Budget, ...]:
        """The budget of the whole run, where it has one."""
        return () if self.settings.budget is None else (self.settings.budget,)

    def close(self) -> None:
        """Nothing may be recorded any more. The store is left to whoever opened it."""
        global _active
        self._closed = True
        if _active is self:
            _active = None

    def _fold(self, events: Sequence[Event]) -> None:
        with self.lock:
            for event in events:
                self._folding.apply(event)

    def next_id(self, what: str) -> int:
        """A fresh id for an ``execution``, ``call`` or ``snapshot``."""
        with self.lock:
            return self.history.next_id(what)

    def append(self, *bodies: EventBody) -> Receipt:
        """Append to the history; durable when the receipt says so."""
        return self.store.append(*bodies)

    def flush(self) -> None:
        """Wait until all that was appended is durable. Raises what went wrong with it."""
        self.store.append().wait()

    def record(self, *bodies: EventBody, wait: bool = True) -> None:
        """Append to the history; with ``wait`` it is durable when this returns.

        Raises :class:`duranb.errors.StoreError`.
        """
        receipt = self.store.append(*bodies)
        if wait:
            receipt.wait()

    def snapshot(self, delta: Delta, *, more: bool = False) -> tuple[int, list[EventBody]]:
        """The id of the state after ``delta``, and the events that must be recorded for it.
        ``more`` says that something changed beside the namespace."""
        if not (more or delta.changed or delta.deleted or delta.random):
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
        """Capture what plain cells did since the last snapshot; its id. Not waited for. While a
        durable cell runs, other threads are given the snapshot that it began with: half of what it
        does is no state to come back to."""
        running = self.running
        if self.settings.visiting or (running is not None and running.is_elsewhere):
            return self.at
        number, bodies = self.snapshot(self.namespace.sync())
        if bodies:
            self.record(*bodies, wait=False)
        self.at = number
        return number


@dataclass
class FailedStart:
    """Where a step that failed for good had started, so that its next run starts clean there.

    ``left`` maps each name the failed attempt changed to the version it left behind, ``stood`` each
    random generator to where it left it: what something else has changed since is not put back.
    ``around`` are the surroundings before and after.
    """

    mark: Mark
    left: dict[str, str] = field(default_factory=dict)
    stood: dict[str, str] = field(default_factory=dict)
    around: tuple[Around, Around] | None = None


_active: Runtime | None = None
_opener: Callable[[], object] | None = None
_opening = threading.RLock()
_using: ContextVar[Runtime | None] = ContextVar("duranb_runtime", default=None)


def active() -> Runtime | None:
    """The runtime this code runs in, else that of the process. None before a store is open, after
    it was closed and in forked children."""
    found = _using.get() or _active
    return found if found is not None and found.is_open else None


def needed() -> Runtime | None:
    """The active runtime, for code that wants to be durable: a surface that opens its store only
    when it is needed opens it now. None where there is no such surface."""
    if active() is None and _opener is not None:
        with _opening:  # several threads may be the first
            if active() is None and _opener is not None:
                _opener()
    return active()


def open_when_needed(opener: Callable[[], object] | None) -> None:
    """Say how to open the store, and activate its runtime, when code needs it; None: no more."""
    global _opener
    _opener = opener


def activate(runtime: Runtime) -> None:
    """Make ``runtime`` the one of the process, for all code that runs in no other."""
    global _active
    _active = runtime


@contextlib.contextmanager
def using(runtime: Runtime) -> Iterator[None]:
    """Run the code of this context, and what it starts, in ``runtime``."""
    token = _using.set(runtime)
    try:
        yield
    finally:
        _using.reset(token)
