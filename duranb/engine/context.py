"""The step that is being carried out, as code inside it (and the wire hook) sees it.

A context variable finds the step from tasks, and from threads and pool items that it started; a
thread that was there before has none, so each runtime also knows the cell that is running.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection
from contextvars import Token
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from duranb.engine import scopes, tracing
from duranb.engine.beside import Reached
from duranb.engine.journal import Journal
from duranb.engine.runtime import Runtime, active
from duranb.engine.ways import Tally

if TYPE_CHECKING:
    from duranb.engine.budgets import Budget

MOST_REACHED = 100
"""Functions of which is remembered what they reach: those that a step makes anew each time it calls
one are not."""


class StepContext:
    """One execution of a step while its body runs, with its journal. ``budgets`` are those that its
    calls are paid from: its own, those of what calls it, and that of the whole run. ``ignored`` are
    the names that make no difference to it; ``unrecorded`` is what leaves it by ways that are not
    recorded."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        step: str,
        execution: int,
        scope: str = "",
        fresh: bool = False,
        strict: bool = False,
        replays: int = 0,
        ignored: Collection[str] = (),
        budget: Budget | None = None,
    ) -> None:
        outer = scopes.inside.get()
        self.runtime = runtime
        self.step = step
        self.budgets = outer.budgets if outer is not None else runtime.budgets()
        self.budgets += (budget,) if budget is not None else ()
        self.execution = execution
        self.ignored = frozenset(ignored)
        self.journal = Journal(
            runtime,
            runtime.namespace,
            step=step,
            execution=execution,
            scope=scope,
            fresh=fresh,
            strict=strict or runtime.settings.strict,
            replays=replays,
        )
        within: Tally | None = outer.step.unrecorded if outer is not None else None
        self.unrecorded: Tally = Tally(execution, runtime.append, within)
        self.span: tracing.Current | None = None
        self._outer: StepContext | None = None
        self._thread = threading.get_ident()
        self._desk = scopes.desk()
        self._reached: dict[int, Reached] = {}

    @property
    def attempt(self) -> int:
        """The number of the current attempt, from 1."""
        return self.journal.attempt.number

    @property
    def is_elsewhere(self) -> bool:
        """Whether another thread than the one that asks carries it out."""
        return self._thread != threading.get_ident()

    def reached(self, fn: Callable[..., Any]) -> Reached:
        """What a function reaches that this step calls, probably again and again."""
        found = self._reached.get(id(fn))
        if found is None or found.fn is not fn:
            if len(self._reached) >= MOST_REACHED:
                self._reached.clear()
            found = self._reached[id(fn)] = Reached(self.runtime, fn, self.ignored)
        return found

    def enter(self, *, process_wide: bool) -> Token[scopes.Inside | None]:
        """Become the current step of this context (and of the runtime, for a cell)."""
        scopes.follow()
        history = self.runtime.history
        self.span = tracing.Current.begin(
            self.step, self.execution, self.attempt, history.run, history.branch
        )
        if process_wide:
            self._outer, self.runtime.running = self.runtime.running, self
        self.journal.attempt.entered()
        attempt = self.journal.attempt
        where = scopes.Inside(self, attempt, budgets=self.budgets, desk=self._desk)
        return scopes.inside.set(where)

    def exit(
        self,
        token: Token[scopes.Inside | None],
        *,
        process_wide: bool,
        error: BaseException | None = None,
    ) -> None:
        """Undo :meth:`enter`; ``error`` is what the body raised. Done once more it does what was
        left undone."""
        if self.span is not None:
            self.span.end(error)
            self.span = None
        if process_wide and self.runtime.running is self:
            self.runtime.running, self._outer = self._outer, None
        # The cell's task ended in another context, or this was done before.
        with contextlib.suppress(ValueError, RuntimeError):
            scopes.inside.reset(token)


def current() -> StepContext | None:
    """The step this code runs in, or None outside of steps and in forked children."""
    where, runtime = scopes.inside.get(), active()
    found = where.step if where is not None else runtime.running if runtime is not None else None
    return found if found is not None and found.runtime.is_open else None


def in_effect() -> bool:
    """Whether an effect's function runs: it is recorded as a whole."""
    where = scopes.inside.get()
    return where is not None and bool(where.idempotency_key)


@dataclass(frozen=True)
class Context:
    """What :func:`context` tells code inside a step. ``idempotency_key`` is stable over retries
    and restarts: inside an effect it is that effect's, in an item of a map that item's, else the
    step execution's."""

    run: str
    branch: str
    step: str
    execution: int
    attempt: int
    idempotency_key: str


def context() -> Context | None:
    """Where this code runs: run, step, attempt, idempotency key. None outside of steps."""
    here = current()
    if here is None:
        return None
    history, where = here.runtime.history, scopes.inside.get()
    key, item = "", None
    if where is not None and where.step is here:
        key, item = where.idempotency_key, where.attempt.item
    if not key:
        key = here.journal.idempotency_key("step" if item is None else f"{item.key} item", 0)
    return Context(history.run, history.branch, here.step, here.execution, here.attempt, key)
