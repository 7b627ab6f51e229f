"""Who makes a call: the body of a step's attempt, or a task, a thread or a pool item it started.

An answer that turns out to be no good is rejected in the scope where the error rose, and what a
failed attempt has started makes no calls any more. Tasks inherit context variables; threads and
pool items are given those of the code that starts them.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import heapq
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from duranb.engine.flows import Flow, Pause
from duranb.engine.retry import is_content

if TYPE_CHECKING:
    from duranb.engine.budgets import Budget
    from duranb.engine.context import StepContext
    from duranb.engine.rounds import Desk
    from duranb.record.model import Call

T = TypeVar("T")

MOST_ERRORS = 1000
"""Errors of an attempt whose scope is remembered; the latest ones."""


class Scope:
    """Something that makes calls in an attempt. ``number`` is 0 for the body itself.

    ``answers`` are the calls that a model answered here, and in the scopes started from here.
    ``spoke``: something was sent from here.
    """

    __slots__ = ("answers", "attempt", "number", "parent", "spoke")

    def __init__(self, attempt: Attempt, number: int, parent: Scope | None) -> None:
        self.attempt = attempt
        self.number = number
        self.parent = parent
        self.answers: list[int] = []
        self.spoke = False

    def answered(self, call: int) -> None:
        """A model has answered ``call``, or it was replayed."""
        self.answers.append(call)
        if self.parent is not None:
            self.parent.answered(call)

    def run(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call ``fn`` in this thread as this scope."""
        before, _here.scope = getattr(_here, "scope", None), self
        try:
            return fn(*args, **kwargs)
        except BaseException as error:
            self.attempt.rose(error, self)
            raise
        finally:
            _here.scope = before


@dataclass(frozen=True)
class Item:
    """An item of a map: ``key`` sets its calls apart, ``code`` is the key of its own record."""

    key: str
    code: str


class Attempt:
    """One attempt while it lasts: its scopes, the places of its calls, and those on their way.

    An item of a map has attempts of its own, ``within`` the scope that started the map, with the
    number of the step's attempt. ``over`` once it, or one around it, has failed and another one is
    to follow. ``relied`` are the calls that an item's attempt was answered by. ``put_off``: a call
    of it waits at its ``desk`` for those of other items; ``refused`` is why one was not answered
    with theirs. Safe from any thread.
    """

    def __init__(self, number: int, within: Scope | None = None, item: Item | None = None) -> None:
        self.number = number
        self.item = item
        self.relied: list[int] = []
        self.desk: Desk | None = None
        self.put_off = False
        self.refused: Exception | None = None
        self._outer = within.attempt if within is not None else None
        self._root: Attempt = self._outer._root if self._outer is not None else self
        self._over = False
        # Re-entrant: a stream that is garbage collected settles its call, wherever we are then.
        self._lock = threading.RLock()
        self._last = 0
        # By key. A number for each: objects for a hundred thousand calls would have to be walked
        # by the garbage collector, while an event loop waits.
        self._next_place: defaultdict[str, int] = defaultdict(int)
        self._free_places: dict[str, list[int]] = {}
        self._maps: defaultdict[str, int] = defaultdict(int)
        self._failed: defaultdict[str, int] = defaultdict(int)
        self._met: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.body = Scope(self, self._root._numbered() if within is not None else 0, within)
        self._main: asyncio.Task[Any] | None = None
        self._tasks: dict[asyncio.Task[Any], Scope] = {}
        self._futures: WeakSet[Future[Any]] = WeakSet()
        self._threads: WeakKeyDictionary[threading.Thread, Scope] = WeakKeyDictionary()
        self._under_way: dict[object, asyncio.Task[Any] | None] = {}
        self._rose: deque[tuple[BaseException, Scope]] = deque(maxlen=MOST_ERRORS)

    @property
    def over(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._over or (self._outer is not None and self._outer.over)

    @over.setter
    def over(self, over: bool) -> None:
        self._over = over

    def _numbered(self) -> int:
        """A number for a scope, another one for each in the step's attempt."""
        with self._lock:
            self._last += 1
            return self._last

    def take_place(self, key: str) -> int:
        """Claim the lowest free place of a key; they are numbered from 0."""
        with self._lock:
            if free := self._free_places.get(key):
                return heapq.heappop(free)
            place = self._next_place[key]
            self._next_place[key] = place + 1
            return place

    def give_back(self, key: str, place: int) -> None:
        """Free a place."""
        with self._lock:
            heapq.heappush(self._free_places.setdefault(key, []), place)

    def next_failure(self, key: str, place: int, failed: Sequence[Call]) -> Call | None:
        """Which of the recorded failures of a place is met now: each once. After one the place is
        free again, as it was; the last one is what became of it, and keeps it."""
        with self._lock:
            met = self._met[key, place]
            self._met[key, place] = met + 1
            if met + 1 < len(failed):
                self.give_back(key, place)
        return failed[met] if met < len(failed) else None

    def next_map(self, label: str) -> int:
        """Which of the maps with this label begins now in this attempt, from 0."""
        with self._lock:
            self._maps[label] += 1
            return self._maps[label] - 1

    def failed(self, key: str) -> None:
        """A call with this key has failed."""
        with self._lock:
            self._failed[key] += 1

    @property
    def tries(self) -> int:
        """How often the call that failed most was tried: an SDK tries again by itself."""
        with self._lock:
            return max(self._failed.values(), default=1)

    def relies(self, call: int) -> None:
        """An item was answered by ``call``: so are those around it."""
        if self._outer is not None:
            self.relied.append(call)
            self._outer.relies(call)

    def entered(self) -> None:
        """The body runs from here on, in the current task."""
        self._main = _current_task()

    def started(self) -> Scope:
        """A new scope, started by the code that runs."""
        return Scope(self, self._root._numbered(), self.here())

    def here(self) -> Scope:
        """The scope of the code that runs."""
        task = _current_task()
        if task is not None and task is not self._main:
            return self._of_task(task)
        return self._outside_tasks()

    def _outside_tasks(self) -> Scope:
        scope: Scope | None = getattr(_here, "scope", None)
        return scope if scope is not None and scope.attempt is self else self.body

    def _of_task(self, task: asyncio.Task[Any]) -> Scope:
        with self._lock:
            found = self._tasks.get(task)
            if found is None:
                number = self._root._numbered()
                found = self._tasks[task] = Scope(self, number, self._outside_tasks())
                task.add_done_callback(self._task_done)
            return found

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        with self._lock:
            scope = self._tasks.pop(task)
        error = _error_of(task)
        if error is not None:
            self.rose(error, scope)

    def submitted(self, future: Future[Any]) -> None:
        """Work of this attempt waits in a pool."""
        with self._lock:
            self._futures.add(future)

    def began(self, thread: threading.Thread, scope: Scope) -> None:
        """Code of this attempt starts a thread, which is that scope."""
        with self._lock:
            self._threads[thread] = scope

    def lasting(self) -> list[str]:
        """The names of threads that it has started and that go on. One that nobody waits for, and
        that has sent nothing (a progress bar's), is not worth a word."""
        with self._lock:
            threads = list(self._threads.items())
        return [
            thread.name
            for thread, scope in threads
            if thread.is_alive()
            and (scope.spoke or not thread.daemon)
            and thread not in getattr(thread, "idle_workers", ())  # anyio's, which waits for work
        ]

    # -- errors ----------------------------------------------------------------------------

    def rose(self, error: BaseException, scope: Scope) -> None:
        """An error has left a scope. The first scope that it leaves is the one where it rose."""
        with self._lock:
            if is_content(error) and self._scope_of(error) is None:
                self._rose.append((error, scope))

    def _scope_of(self, error: BaseException) -> Scope | None:
        with self._lock:
            noted = next((s for known, s in reversed(self._rose) if known is error), None)
            if noted is not None:
                return noted
            # A task may be awaited by somebody who is woken before we are.
            return next((s for t, s in self._tasks.items() if _error_of(t) is error), None)

    def suspects(self, error: BaseException) -> list[int]:
        """The answers that ``error`` may be about, oldest first: those of the scope where it rose,
        or all of them where that scope has none."""
        scope = next(filter(None, map(self._scope_of, _chain(error))), self.body)
        return list(scope.answers or self.body.answers)

    # -- the end of a failed attempt -------------------------------------------------------

    def begin(self, call: object) -> None:
        """A call is being made: nobody interrupts it, since it may be paid for already."""
        with self._lock:
            self._under_way[call] = _current_task()
        if self._outer is not None:
            self._outer.begin(call)

    def settle(self, call: object) -> None:
        """It was recorded, or will not be."""
        with self._lock:
            self._under_way.pop(call, None)
        if self._outer is not None:
            self._outer.settle(call)

    def is_calling(self, task: asyncio.Task[Any]) -> bool:
        """Whether its body is ``task``, and calls are being made."""
        return self._main is task and self.under_way

    @property
    def is_alone(self) -> bool:
        """Whether nothing but its body has made a call."""
        return self._last == 0

    @property
    def under_way(self) -> bool:
        """Whether calls are being made."""
        return bool(self._under_way)

    def leave(self) -> None:
        """The attempt has failed: cancel what it has started and makes no call just now."""
        self.over = True
        with self._lock:
            busy = set(self._under_way.values())
            idle = [t for t in self._tasks if t not in busy and t is not self._main]
            futures = list(self._futures)
        for future in futures:
            future.cancel()
        for task in idle:
            _cancel(task)

    def abandon(self) -> None:
        """Cancel all that is left of it."""
        with self._lock:
            self._under_way.clear()
        self.leave()

    @property
    def alive(self) -> bool:
        """Whether tasks that it has started have not ended yet."""
        with self._lock:
            return any(task is not self._main for task in self._tasks)


PATIENCE = 60.0
"""Seconds for which the calls of a failed attempt that are on their way are waited for, at most."""

GOODBYE = 1.0
"""Seconds for which its tasks may clean up after they were cancelled, at most."""

LOOK = 0.01
"""Seconds between two looks at whether they have ended."""


def leave(attempt: Attempt, patience: float = PATIENCE) -> Flow[None]:
    """End what a failed attempt has started and left running. Calls that are on their way are
    waited for: they are paid for, and the next attempt is answered from them."""
    attempt.leave()
    end = time.monotonic() + patience
    while attempt.under_way and time.monotonic() < end:
        yield Pause(LOOK)
    attempt.abandon()
    end = time.monotonic() + GOODBYE
    while attempt.alive and time.monotonic() < end:
        yield Pause(LOOK)


def linger(attempt: Attempt, patience: float = GOODBYE) -> Flow[None]:
    """Let what a put off attempt has started come to its own calls, so that they are put off in
    the same round."""
    end = time.monotonic() + patience
    while attempt.alive and time.monotonic() < end:
        yield Pause(LOOK)


def _current_task() -> asyncio.Task[Any] | None:
    return asyncio.current_task() if asyncio._get_running_loop() is not None else None


def _error_of(task: asyncio.Task[Any]) -> BaseException | None:
    """Its error, without counting as having asked for it: an error that nobody asks for is logged,
    as it would be without us."""
    return getattr(task, "_exception", None) if task.done() and not task.cancelled() else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and those it was raised from: it may wrap the one that rose in the scope."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__ or at.__context__


def _cancel(task: asyncio.Task[Any]) -> None:
    loop = task.get_loop()
    if loop is asyncio._get_running_loop():
        task.cancel()
    else:
        with contextlib.suppress(RuntimeError):  # its loop was closed
            loop.call_soon_threadsafe(task.cancel)


# -- where code runs ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Inside:
    """Where code runs: in which attempt of which step, in which effect (empty for none), paid from
    which budgets, and at which desk its calls are collected."""

    step: StepContext
    attempt: Attempt
    idempotency_key: str = ""
    budgets: tuple[Budget, ...] = ()
    desk: Desk | None = None


inside: ContextVar[Inside | None] = ContextVar("duranb_inside", default=None)
_here = threading.local()


def desk() -> Desk | None:
    """Where calls made here are collected, or None."""
    where = inside.get()
    return where.desk if where is not None else None


@contextlib.contextmanager
def set_inside(where: Inside | None) -> Iterator[None]:
    """Code in this block runs there."""
    token = inside.set(where)
    try:
        yield
    finally:
        inside.reset(token)


def _as(where: Inside, scope: Scope, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    with set_inside(where):
        return scope.run(fn, *args, **kwargs)


def _thread_as(where: Inside, scope: Scope, run: Callable[[], None]) -> None:
    try:
        _as(where, scope, run)
    except asyncio.CancelledError:
        if not (where.attempt.over or where.attempt.put_off):  # else nobody waits for it any more
            raise


@functools.cache
def follow() -> None:
    """Let threads, and what is given to thread pools, belong to the step that starts them.

    Outside of steps nothing is different. A new thread begins with empty context variables (before
    Python 3.14), so nobody could tell whose calls it makes.
    """
    start, submit = threading.Thread.start, ThreadPoolExecutor.submit

    def start_inside(thread: threading.Thread) -> None:
        where = inside.get()
        if where is not None:
            run, scope = thread.run, where.attempt.started()
            where.attempt.began(thread, scope)
            thread.run = lambda: _thread_as(where, scope, run)  # type: ignore[method-assign]
        start(thread)

    def submit_inside(
        pool: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Future[Any]:
        where = inside.get()
        if where is None:
            return submit(pool, fn, *args, **kwargs)
        scope = where.attempt.started()
        with set_inside(None):  # a thread that the pool starts now will serve others as well
            future = submit(pool, _as, where, scope, fn, *args, **kwargs)
        where.attempt.submitted(future)
        return future

    threading.Thread.start = start_inside  # type: ignore[method-assign,assignment]
    ThreadPoolExecutor.submit = submit_inside  # type: ignore[method-assign,assignment]
