"""A map under way: its results, all at once or as they come, waited for or awaited."""

from __future__ import annotations

import asyncio
import contextlib
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

from duranb.engine import budgets, context as ctx, rounds
from duranb.engine.context import StepContext
from duranb.engine.crew import IDLE, NOT_YET, OVER, Line, LoopThread, Source, Tasks, Threads
from duranb.engine.flows import TICK, Flow, arun, run
from duranb.engine.items import Check, Failure, Items, Outcome, Pace, Work
from duranb.engine.progress import Display, Nowhere, Progress
from duranb.engine.retry import Policy
from duranb.engine.rounds import MOST_PUT_OFF, Desk
from duranb.engine.spread import Share
from duranb.engine.today import name_of_today, of_today
from duranb.errors import ItemFailed, UsageError
from duranb.state import preview

R = TypeVar("R")

AHEAD = 16
"""How far a stream's workers may be ahead of whoever reads it, in items for each worker."""

OnError = Literal["raise", "collect"]

Batch = bool | Literal["only"]


class Results(list[R]):
    """The results of a map in the order of its items; where one failed, its :class:`Failure`.

    ``failures`` are those that failed, and :meth:`retry_failed` runs just them again.
    """

    failures: list[Failure]

    def __init__(
        self,
        values: Iterable[R] = (),
        again: Settings | None = None,
        failures: Iterable[Failure] = (),
    ) -> None:
        super().__init__(values)
        self.failures = list(failures)
        self._again = again if self.failures else None
        if self._again is not None:
            self.__wrapped__, self.__reads__ = _code_of(self._again)

    @property
    def succeeded(self) -> list[R]:
        """The results of the items that did not fail."""
        failed = set(map(id, self.failures))  # a result may be another map's failure
        return [v for v in self if id(v) not in failed]

    def retry_failed(self) -> Any:
        """Run the items that failed once more, with the function that the notebook has under this
        name now: the results of all, with theirs in place. To be awaited where the function is."""
        if self._again is None:
            return self
        check = of_today(self._again.check)
        again = replace(self._again, work=self._again.work.of_today(), check=check)
        job: Job[R] = Job(again, [failure.item for failure in self.failures])
        if not job.awaits:
            return self._with(job.wait())
        return self._awaited(job)

    async def _awaited(self, job: Job[R]) -> Results[R]:
        return self._with(await job)

    def _with(self, made: Results[R]) -> Results[R]:
        """These results, with what was ``made`` for those that failed."""
        values: list[Any] = list(self)
        failed, failures = set(map(id, made.failures)), []
        for failure, value in zip(self.failures, made, strict=True):
            known: Any = value
            if id(value) in failed:
                known = replace(cast(Failure, value), index=failure.index)
                failures.append(known)
            values[failure.index] = known
        return Results(values, self._again, failures)

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
    batch: Batch = False


def _code_of(settings: Settings) -> tuple[list[Any], list[str]]:
    """What results lead to that can be run again: the code, and the names under which the notebook
    may have another one by then. Whoever reads the results depends on both."""
    code = [fn for fn in (*settings.work.code, settings.check) if callable(fn)]
    return code, sorted(set(filter(None, map(name_of_today, code))))


class Job(Generic[R]):
    """A map that begins when it is awaited, iterated, or waited for; once.

    ``await job`` and ``job.wait()`` give all :class:`Results`; ``async for`` and ``for`` give each
    as soon as it and those before it are there.
    """

    def __init__(self, settings: Settings, items: Iterable[Any] | AsyncIterable[Any]) -> None:
        self._settings = settings
        self._items = items
        self._begun = False
        self._failures: list[Failure] = []
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
        return Results(list(self._each(None)), self._settings, self._failures)

    def __iter__(self) -> Iterator[R]:
        return self._each(self._settings.workers * AHEAD)

    def __await__(self) -> Generator[Any, None, Results[R]]:
        return self._all().__await__()

    async def _all(self) -> Results[R]:
        values = [value async for value in self._aeach(None)]
        return Results(values, self._settings, self._failures)

    def __aiter__(self) -> AsyncIterator[R]:
        return self._aeach(self._settings.workers * AHEAD)

    # -- carrying out ----------------------------------------------------------------------

    def _begin(self, ahead: int | None) -> _Going:
        if self._begun:
            raise UsageError(
                f"the map of {self._settings.work.label} has begun already: call it again"
            )
        self._begun = True
        here = None if ctx.in_effect() else ctx.current()
        settings, label = self._settings, self._settings.work.label
        desk = rounds.desk(here, label, only=settings.batch == "only") if settings.batch else None
        purse = None if settings.budget is None else budgets.of_map(here, settings.budget)
        pace = Pace(settings.rate)
        items = Items(here, settings.work, settings.policy, settings.check, pace, purse, desk)
        total = len(self._items) if isinstance(self._items, Sized) else None
        if here is not None and total is not None and ahead is None:
            items.share = self._share(here, items, total)
        stops = settings.on_error == "raise"
        line = Line(Progress(label, total), None if desk is not None else ahead, stops=stops)
        given = self._items
        pulled = aiter(given) if isinstance(given, AsyncIterable) else iter(given)
        workers = settings.workers if total is None else max(1, min(settings.workers, total))
        display = here.runtime.settings.display() if here is not None else Nowhere()
        return _Going(items, line, pulled, workers, display, desk)

    def _share(self, here: StepContext, items: Items, total: int) -> Share | None:
        """The items that this process is to carry out, where that is not all of them. What holds
        for all together (a rate, a budget, a batch) has to be kept by one process."""
        settings, spread = self._settings, here.runtime.settings.spread
        limited = settings.rate is not None or settings.batch or budgets.in_force()
        if spread is None or limited or settings.budget is not None or not items.is_outermost:
            return None
        return spread.meets(here, (settings.work.label, items.nth), total)

    def _each(self, ahead: int | None) -> Iterator[R]:
        """Each result, in this thread."""
        going = self._begin(ahead)
        line = going.line
        outcome: Outcome | str = NOT_YET
        try:
            while outcome is not OVER:
                crew = LoopThread(going.tasks) if self.awaits else going.threads()
                crew.start()
                try:
                    while (outcome := line.take()) is not OVER and outcome is not IDLE:
                        going.show()
                        if isinstance(outcome, Outcome):
                            yield self._result(outcome)
                finally:
                    going.stopping(outcome)
                    crew.stop()
                if outcome is IDLE:
                    run(going.next_round())
            going.stop_after_share()
        finally:
            going.end()

    async def _aeach(self, ahead: int | None) -> AsyncIterator[R]:
        """Each result, on the event loop that runs."""
        going = self._begin(ahead)
        line = going.line
        outcome: Outcome | str = NOT_YET
        changed = asyncio.Event()
        line.on_change(changed.set)
        try:
            while outcome is not OVER:
                crew = going.tasks()
                crew.start()
                try:
                    while (outcome := line.poll()) is not OVER and outcome is not IDLE:
                        going.show()
                        if isinstance(outcome, Outcome):
                            yield self._result(outcome)
                            continue
                        with contextlib.suppress(TimeoutError):  # to show how long it takes
                            async with asyncio.timeout(TICK):
                                await changed.wait()
                        changed.clear()
                finally:
                    going.stopping(outcome)
                    await crew.stop()
                if outcome is IDLE:
                    await arun(going.next_round())
            going.stop_after_share()
        finally:
            going.end()

    def _result(self, outcome: Outcome) -> R:
        """An item's result, or its failure; the error where failures are not collected."""
        failure = outcome.failure
        if failure is None:
            return cast(R, outcome.value)
        if self._settings.on_error == "collect":
            self._failures.append(failure)
            return cast(R, failure)
        raise _failed(self._settings.work.label, failure) from outcome.error


class _Going:
    """A map while it is carried out, in one round of workers or in several."""

    def __init__(
        self,
        items: Items,
        line: Line,
        pulled: Iterator[Any] | AsyncIterator[Any],
        workers: int,
        display: Display,
        desk: Desk | None,
    ) -> None:
        self.line = line
        self._items = items
        self._workers = workers
        self._display = display
        self._desk = desk
        self._source = Source(items, line, pulled, self._is_full)

    def _is_full(self) -> bool:
        return self._desk is not None and self._desk.is_full

    def threads(self) -> Threads:
        """Workers for a plain function."""
        return Threads(self._items, self.line, self._source, self._workers)

    def tasks(self) -> Tasks:
        """Workers for one that awaits, on the loop that runs."""
        return Tasks(self._items, self.line, self._source, self._workers)

    def next_round(self) -> Flow[None]:
        """All workers have left, and items are put off: submit what was collected. When there are
        no further items to collect, wait until those can go on."""
        assert self._desk is not None
        yield from self._desk.submit()
        if self._source.ended or len(self._source.put_off) >= MOST_PUT_OFF:
            yield from self._desk.wait(self._tell)
            self._tell("")
            self._source.again()

    def stop_after_share(self) -> None:
        """Where this process was to carry out a share alone, the step ends here."""
        self._items.stop_after_share(self.line.progress.total or 0)

    def _tell(self, waiting: str) -> None:
        self.line.progress.waiting = waiting
        self.show()

    def show(self) -> None:
        """Show how far it is."""
        if self._desk is not None:
            self.line.progress.batched = self._desk.taken
        self._display.update(self.line.progress)

    def stopping(self, outcome: Outcome | str) -> None:
        """The workers are to end; ``outcome`` was the last that came. Where that is not the last
        of all, calls that are on their way are waited for, and that may take as long as they do."""
        if outcome is not OVER and not self.line.is_idle:
            self._tell("stopping: calls on their way are waited for")

    def end(self) -> None:
        """It is over, one way or another."""
        self.line.progress.waiting = ""
        self.line.progress.end()
        self.show()
        if self._desk is not None:
            self._desk.close()


def _failed(label: str, failure: Failure) -> ItemFailed:
    tries = "1 try" if failure.tries == 1 else f"{failure.tries} tries"
    return ItemFailed(
        f"item {failure.index} of the map of {label}, {preview(failure.item)}, failed after "
        f"{tries} ({failure.type}: {failure.error}). What the others have made is kept: run the "
        "cell again and only what is missing is made. To go on without it: "
        'duranb.map(…, on_error="collect")',
        failure.index,
    )
