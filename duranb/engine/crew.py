"""Workers that carry out the items of a map, and the line in which what became of them is handed
over in the order of the items: threads for plain functions, tasks for those that await."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from duranb.engine.flows import TICK, arun, run
from duranb.engine.items import Items, Outcome, Pulled
from duranb.engine.progress import Progress
from duranb.engine.scopes import LOOK

NOT_YET: Final = "not yet"
OVER: Final = "over"
IDLE: Final = "idle"
"""What :meth:`Line.poll` gives instead of an outcome. ``IDLE``: its workers have left, and items
are put off."""

Full = Callable[[], bool]
"""Whether no more items should be pulled in this round."""


class Line:
    """Hands outcomes over in the order of the items. Safe from any thread.

    Workers may be ``ahead`` items ahead of whoever takes them; None: as far as they like. No more
    items begin once one has failed, where that ``stops`` the map.
    """

    def __init__(self, progress: Progress, ahead: int | None, *, stops: bool) -> None:
        self.progress = progress
        self._stops = stops
        self.closed = False
        self._ahead = ahead
        self._changed = threading.Condition()
        self._ready: dict[int, Outcome] = {}
        self._next = 0
        self._count: int | None = None
        self._error: BaseException | None = None
        self._working = 0
        self._wakers: list[Callable[[], None]] = []

    def on_change(self, waker: Callable[[], None]) -> None:
        """Call ``waker`` whenever something changes, from whichever thread."""
        self._wakers.append(waker)

    def _tell(self) -> None:
        self._changed.notify_all()
        for waker in self._wakers:
            waker()

    def put(self, index: int, outcome: Outcome) -> None:
        """An item has ended."""
        with self._changed:
            self._ready[index] = outcome
            progress = self.progress
            self.closed = self.closed or (self._stops and outcome.failure is not None)
            progress.done += 1
            progress.failed += outcome.failure is not None
            progress.served += outcome.served
            progress.cost += outcome.cost
            self._tell()

    def begin(self, workers: int) -> None:
        """So many workers begin."""
        with self._changed:
            self._working += workers

    def leave(self) -> None:
        """One of them finds nothing to do."""
        with self._changed:
            self._working -= 1
            self._tell()

    @property
    def is_idle(self) -> bool:
        """Whether all of them have left."""
        return not self._working

    def fail(self, error: BaseException) -> None:
        """The whole map ends with an error; the first one counts."""
        with self._changed:
            self.closed = True
            self._error = self._error or error
            self._tell()

    def end(self, count: int) -> None:
        """There are no more than ``count`` items."""
        with self._changed:
            self._count = count
            self._tell()

    def close(self) -> None:
        """Nobody takes any more."""
        with self._changed:
            self.closed = True
            self._tell()

    @property
    def is_bounded(self) -> bool:
        """Whether workers may have to wait for whoever takes the outcomes."""
        return self._ahead is not None

    def has_room(self, index: int) -> bool:
        """Whether item ``index`` may begin, or nobody waits for it any more."""
        return self.closed or self._ahead is None or index < self._next + self._ahead

    def wait_for_room(self, index: int) -> None:
        """Block until it may."""
        with self._changed:
            self._changed.wait_for(lambda: self.has_room(index))

    def poll(self) -> Outcome | str:
        """The next outcome, ``NOT_YET``, ``OVER`` or ``IDLE``. Raises what the map ended with."""
        with self._changed:
            outcome = self._ready.pop(self._next, None)
            if outcome is None and self.is_idle and self.closed and self._error is None:
                outcome = self._failed()
            if outcome is not None:
                self._next += 1
                if self._ahead is not None:
                    self._tell()
                return outcome
            if self._error is not None:
                raise self._error
            if self._next == self._count:
                return OVER
            return IDLE if self.is_idle else NOT_YET

    def _failed(self) -> Outcome | None:
        """The first item that failed, where those before it are put off."""
        failed = (i for i, outcome in self._ready.items() if outcome.failure is not None)
        return self._ready.get(min(failed, default=-1))

    def take(self) -> Outcome | str:
        """What :meth:`poll` gives, after waiting for it a moment."""
        with self._changed:
            found = self.poll()
            if found is NOT_YET:
                self._changed.wait(TICK)
                found = self.poll()
            return found


class Source:
    """The items, pulled when a worker is free; first those of ``due``, which were put off."""

    def __init__(
        self, items: Items, line: Line, source: Iterator[Any] | AsyncIterator[Any], full: Full
    ) -> None:
        self._items = items
        self._line = line
        self._source = source
        self._full = full
        self._index = 0
        self.ended = False
        self.put_off: list[Pulled] = []
        self._due: deque[Pulled] = deque()
        self._lock = threading.Lock()

    def again(self) -> None:
        """What was put off is due."""
        self._due.extend(sorted(self.put_off, key=lambda pulled: pulled.index))
        self.put_off = []

    def ended_with(self, pulled: Pulled, outcome: Outcome) -> None:
        """An item has ended, or was put off."""
        if outcome.put_off:
            self.put_off.append(pulled)
        else:
            self._line.put(pulled.index, outcome)

    def pull(self) -> Pulled | None:
        """The next item; None when there is no more for now. In threads."""
        assert isinstance(self._source, Iterator)
        with self._lock:
            if (due := self._next_due()) is not None:
                return due
            self._line.wait_for_room(self._index)
            return self._numbered(next(self._source, OVER)) if self._going else None

    def _next_due(self) -> Pulled | None:
        return self._due.popleft() if self._due and not self._line.closed else None

    @property
    def _going(self) -> bool:
        return not (self.ended or self._line.closed or self._full())

    def _numbered(self, item: Any) -> Pulled | None:
        if item is OVER:
            self.ended = True
            self._line.end(self._index)
            return None
        index, self._index = self._index, self._index + 1
        return self._items.identify(index, item)

    async def apull(self, turn: asyncio.Lock, room: asyncio.Event) -> Pulled | None:
        """The same on an event loop. Tasks take ``turn``; ``room`` is set when there may be."""
        async with turn:
            if (due := self._next_due()) is not None:
                return due
            while not self._line.has_room(self._index):
                room.clear()
                if not self._line.has_room(self._index):
                    await room.wait()
            if not self._going:
                return None
            source = self._source
            if isinstance(source, AsyncIterator):
                return self._numbered(await anext(source, OVER))
            return self._numbered(next(source, OVER))


class Threads:
    """Threads that carry out items of a plain function."""

    def __init__(self, items: Items, line: Line, source: Source, workers: int) -> None:
        self._items = items
        self._line = line
        self._source = source
        self._context = contextvars.copy_context()
        self._threads = [
            threading.Thread(target=self._work, name=f"duranb-map-{n}", daemon=True)
            for n in range(workers)
        ]

    def start(self) -> None:
        """Begin."""
        self._line.begin(len(self._threads))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End: calls on their way are waited for, and no other is made."""
        if not self._line.is_idle:
            self._line.close()
            self._items.stop()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        try:
            while (pulled := self._context.copy().run(self._source.pull)) is not None:
                flow = self._items.carry_out(pulled)
                self._source.ended_with(pulled, self._context.copy().run(run, flow))
        except BaseException as error:  # of any kind: it ends the map, for whoever waits for it
            self._line.fail(error)
        finally:
            self._line.leave()


class Tasks:
    """Tasks that carry out items of a function that awaits, on the loop that runs."""

    def __init__(self, items: Items, line: Line, source: Source, workers: int) -> None:
        self._items = items
        self._line = line
        self._source = source
        self._workers = workers
        self._turn = asyncio.Lock()
        self._room = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="duranb-map")
        items.block_in(self._pool)
        if line.is_bounded:
            line.on_change(self._changed)

    def _changed(self) -> None:
        self._loop.call_soon_threadsafe(self._room.set)

    def start(self) -> None:
        """Begin."""
        self._line.begin(self._workers)
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._workers)]

    async def stop(self) -> None:
        """End: calls on their way are waited for, and no other is made."""
        if not self._line.is_idle:
            self._line.close()
            self._items.stop()
        left = set(self._tasks)
        asked: set[asyncio.Task[None]] = set()
        while left:
            for task in left - asked:
                if not self._items.is_calling(task):
                    task.cancel()
                    asked.add(task)
            _, left = await asyncio.wait(left, timeout=LOOK)
        self._pool.shutdown(wait=False)

    async def _work(self) -> None:
        try:
            while (pulled := await self._source.apull(self._turn, self._room)) is not None:
                outcome = await arun(self._items.carry_out(pulled))
                self._source.ended_with(pulled, outcome)
        except BaseException as error:  # of any kind: it ends the map, for whoever waits for it
            self._line.fail(error)
        finally:
            self._line.leave()


class LoopThread:
    """Tasks on an event loop of their own, in a thread, for whoever waits in another one."""

    def __init__(self, make: Callable[[], Tasks]) -> None:
        self._make = make
        self._begun = threading.Event()
        self._context = contextvars.copy_context()
        self._thread = threading.Thread(target=self._run, name="duranb-map-loop", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self._begun.wait()

    def stop(self) -> None:
        """End: calls on their way are waited for, and no other is made."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        self._context.run(asyncio.run, self._main())

    async def _main(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        tasks = self._make()
        tasks.start()
        self._begun.set()
        await self._stopping.wait()
        await tasks.stop()
