"""A map under way: its results, all at once or as they come, waited for or awaited."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Generator,
    Iterable,
    Iterator,
    Sized,
)
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar, cast

from duranb.engine import budgets, context as ctx
from duranb.engine.crew import OVER, Line, LoopThread, Tasks, Threads
from duranb.engine.items import Check, Failure, Items, Outcome, Pace, Work
from duranb.engine.progress import Display, Nowhere, Progress
from duranb.engine.retry import Policy
from duranb.errors import ItemFailed, UsageError
from duranb.state import preview

R = TypeVar("R")

AHEAD = 16
"""How far a stream's workers may be ahead of whoever reads it, in items for each worker."""

OnError = Literal["raise", "collect"]


class Results(list[R]):
    """The results of a map in the order of its items; where one failed, its :class:`Failure`.

    ``failures`` are those that failed, and :meth:`retry_failed` runs just them again.
    """

    failures: list[Failure]

    def __init__(self, values: Iterable[R] = (), again: Settings | None = None) -> None:
        super().__init__(values)
        self.failures = [v for v in self if isinstance(v, Failure)]
        self._again = again if self.failures else None

    @property
    def succeeded(self) -> list[R]:
        """The results of the items that did not fail."""
        return [v for v in self if not isinstance(v, Failure)]

    def retry_failed(self) -> Any:
        """Run the items that failed once more, with the function that the notebook has under this
        name now: the results of all, with theirs in place. To be awaited where the function is."""
        if self._again is None:
            return self
        again = replace(self._again, work=self._again.work.of_today())
        job: Job[R] = Job(again, [failure.item for failure in self.failures])
        if not job.awaits:
            return self._with(job.wait())
        return self._awaited(job)

    async def _awaited(self, job: Job[R]) -> Results[R]:
        return self._with(await job)

    def _with(self, made: Results[R]) -> Results[R]:
        """These results, with what was ``made`` for those that failed."""
        values: list[Any] = list(self)
        for failure, value in zip(self.failures, made, strict=True):
            known = replace(value, index=failure.index) if isinstance(value, Failure) else value
            values[failure.index] = known
        return Results(values, self._again)

    def __await__(self) -> Generator[None, None, Results[R]]:
        """They are there: awaiting them gives them."""
        yield from ()
        return self


@dataclass(frozen=True)
class Settings:
    """What a map was asked, but for the items."""

    work: Work
    workers: int
    policy: Policy
    check: Check
    on_error: OnError
    rate: float | None = None
    budget: float | None = None


class Job(Generic[R]):
    """A map that begins when it is awaited, iterated, or waited for; once.

    ``await job`` and ``job.wait()`` give all :class:`Results`; ``async for`` and ``for`` give each
    as soon as it and those before it are there.
    """

    def __init__(self, settings: Settings, items: Iterable[Any] | AsyncIterable[Any]) -> None:
        self._settings = settings
        self._items = items
        self._begun = False
        self.awaits = settings.work.asynchronous or isinstance(items, AsyncIterable)

    def __repr__(self) -> str:
        state = "begun" if self._begun else "not begun: await it, iterate over it, or .wait()"
        return f"<duranb.map of {self._settings.work.label}: {state}>"

    def __del__(self) -> None:
        if not self._begun:
            label = self._settings.work.label
            text = f"duranb.map of {label} was never begun: await it, or iterate over it"
            warnings.warn(text, RuntimeWarning, stacklevel=2)

    def __reduce__(self) -> tuple[Any, ...]:
        raise UsageError(
            f"the map of {self._settings.work.label} is no result: keep what awaiting it gives"
        )

    def wait(self) -> Results[R]:
        """All results, in order. Blocks; a function that awaits gets an event loop of its own.

        Raises :class:`duranb.errors.ItemFailed` for the first that fails, unless failures are
        collected.
        """
        return Results(self._each(None), self._settings)

    def __iter__(self) -> Iterator[R]:
        return self._each(self._settings.workers * AHEAD)

    def __await__(self) -> Generator[Any, None, Results[R]]:
        return self._all().__await__()

    async def _all(self) -> Results[R]:
        return Results([value async for value in self._aeach(None)], self._settings)

    def __aiter__(self) -> AsyncIterator[R]:
        return self._aeach(self._settings.workers * AHEAD)

    # -- carrying out ----------------------------------------------------------------------

    def _begin(self, ahead: int | None) -> tuple[Items, Line, Display]:
        if self._begun:
            raise UsageError(
                f"the map of {self._settings.work.label} has begun already: call it again"
            )
        self._begun = True
        here = None if ctx.in_effect() else ctx.current()
        settings = self._settings
        purse = None if settings.budget is None else budgets.of_map(here, settings.budget)
        pace = Pace(settings.rate)
        items = Items(here, settings.work, settings.policy, settings.check, pace, purse)
        total = len(self._items) if isinstance(self._items, Sized) else None
        stops = settings.on_error == "raise"
        line = Line(Progress(settings.work.label, total), ahead, stops=stops)
        return items, line, here.runtime.settings.display() if here is not None else Nowhere()

    def _each(self, ahead: int | None) -> Iterator[R]:
        """Each result, in this thread."""
        items, line, display = self._begin(ahead)
        crew: LoopThread | Threads = (
            LoopThread(lambda: self._tasks(items, line))
            if self.awaits
            else self._threads(items, line)
        )
        crew.start()
        try:
            while (outcome := line.take()) is not OVER:
                display.update(line.progress)
                if isinstance(outcome, Outcome):
                    yield self._result(outcome)
        finally:
            crew.stop()
            line.progress.end()
            display.update(line.progress)

    async def _aeach(self, ahead: int | None) -> AsyncIterator[R]:
        """Each result, on the event loop that runs."""
        items, line, display = self._begin(ahead)
        crew = self._tasks(items, line)
        changed = asyncio.Event()
        line.on_change(changed.set)
        crew.start()
        try:
            while (outcome := line.poll()) is not OVER:
                display.update(line.progress)
                if isinstance(outcome, Outcome):
                    yield self._result(outcome)
                    continue
                await changed.wait()
                changed.clear()
        finally:
            await crew.stop()
            line.progress.end()
            display.update(line.progress)

    def _threads(self, items: Items, line: Line) -> Threads:
        return Threads(items, line, iter(cast(Iterable[Any], self._items)), self._workers(line))

    def _tasks(self, items: Items, line: Line) -> Tasks:
        source = self._items
        pulled = aiter(source) if isinstance(source, AsyncIterable) else iter(source)
        return Tasks(items, line, pulled, self._workers(line))

    def _workers(self, line: Line) -> int:
        total = line.progress.total
        return (
            self._settings.workers if total is None else max(1, min(self._settings.workers, total))
        )

    def _result(self, outcome: Outcome) -> R:
        """An item's result, or its failure; the error where failures are not collected."""
        failure = outcome.failure
        if failure is None:
            return cast(R, outcome.value)
        if self._settings.on_error == "collect":
            return cast(R, failure)
        raise _failed(self._settings.work.label, failure) from outcome.error


def _failed(label: str, failure: Failure) -> ItemFailed:
    tries = "1 try" if failure.tries == 1 else f"{failure.tries} tries"
    return ItemFailed(
        f"item {failure.index} of the map of {label}, {preview(failure.item)}, failed after "
        f"{tries} ({failure.type}: {failure.error}). What the others have made is kept: run the "
        "cell again and only what is missing is made. To go on without it: "
        'duranb.map(…, on_error="collect")',
        failure.index,
    )
