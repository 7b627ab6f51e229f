"""Sagas: what undoes which steps, and in which order.

A step is undone by its ``%%compensate`` cell if it has one, else by the ``compensate`` functions of
its effects, and of those of the function steps inside it, latest first. Several steps are undone in
reverse order of completion. What was begun is carried on by the next process; one that fails stops
the chain and says so. :mod:`duranb.engine.undo` carries out a single one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from duranb.engine import undo as undos
from duranb.engine.claim import describe
from duranb.engine.operations import doubt
from duranb.engine.options import COMPENSATE
from duranb.engine.runtime import Runtime
from duranb.engine.steprun import StepRun
from duranb.errors import StepError, UsageError
from duranb.record import events as e, standing
from duranb.record.fold import DIED
from duranb.record.model import Call, CallStatus, Execution, Status

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Undoing:
    """What undoes an execution: a cell's source, a function, or the undos of these effects in this
    order. ``without`` are effects that nothing undoes. ``mended`` says that what undoes it is not
    what was recorded with it."""

    execution: Execution
    source: str = ""
    function: Callable[..., Any] | None = None
    effects: tuple[undos.Undo, ...] = ()
    without: tuple[Call, ...] = ()
    mended: bool = False

    @property
    def possible(self) -> bool:
        """Whether there is anything that undoes it."""
        return bool(self.source or self.function or self.effects)


functions: dict[str, Callable[..., Any]] = {}
"""The undo of each function step that has one; filled by :func:`compensation`."""


def compensation(step: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make the decorated function the undo of function step ``step``.

    It is called with those of the step's recorded arguments, and its ``result``, that it has
    parameters for. Put it before the first call of the step.
    """

    def register(fn: Callable[P, R]) -> Callable[P, R]:
        functions[step] = fn
        return fn

    return register


# -- what undoes an execution --------------------------------------------------------------------


def undoing(runtime: Runtime, execution: Execution) -> Undoing:
    """What compensating an execution would do, but for the function steps inside it."""
    history = runtime.history
    done = [
        (call, undos.of_call(runtime, call)) for call in standing.effects_of(history, execution)
    ]
    effects = tuple(found for _, found in done if found is not None)
    if execution.error is None or (done and not effects):
        source = history.compensations.get(execution.step, "")
        if source:
            mended = history.mended_undos.get(execution.step, 0) > execution.ended
            return Undoing(execution, source=source, mended=mended)
        if execution.arguments and execution.step in functions:
            return Undoing(execution, function=functions[execution.step])
    return Undoing(
        execution,
        effects=effects,
        without=tuple(call for call, found in done if found is None),
        mended=any(found.mended for found in effects),
    )


def whole(runtime: Runtime, execution: Execution) -> list[Undoing]:
    """What compensating an execution would do, in order: the function steps inside it come along,
    unless it has an undo of its own as a whole."""
    own = undoing(runtime, execution)
    if own.source or own.function:
        return [own]
    within = [undoing(runtime, each) for each in standing.inside(runtime.history, execution)]
    within = [each for each in within if each.execution.status is not Status.COMPENSATED]
    by_id = {each.execution.id: each for each in [own, *within] if each is own or each.possible}
    return [by_id[x.id] for x in standing.latest_first(u.execution for u in by_id.values())]


def meant(runtime: Runtime, reference: str) -> Execution:
    """The execution that ``STEP``, ``STEP@ID`` or ``ID`` names to be undone: of a step its latest
    one that did anything, also if that failed or is in doubt.

    Raises :class:`duranb.errors.NoSuchStep`.
    """
    history = runtime.history
    found = history.find(reference)
    if reference in history.steps:
        for this in reversed(history.executions_of(reference)):
            if this.id <= found.id or this.run != history.run:
                break
            open_or_done = (CallStatus.COMPLETED, CallStatus.INTENDED, CallStatus.IN_DOUBT)
            calls = [c for c in history.intended_calls_of(this.id) if c.kind.traits.effect]
            doubtful = this.status is Status.IN_DOUBT
            if doubtful or any(c.status in open_or_done for c in calls):
                found = this
                break
    return history.executions[found.of] if found.of else found


def need_undoing(runtime: Runtime, execution: Execution) -> list[Undoing]:
    """See :func:`whole`. Raises :class:`UsageError` where there is nothing to undo."""
    if execution.status is Status.COMPENSATED:
        raise UsageError(f"step {execution.step!r} was compensated already")
    found = whole(runtime, execution)
    if not any(each.possible for each in found):
        if execution.id in runtime.history.partly_undone:
            raise UsageError(f"all that step {execution.step!r} did was undone already")
        raise UsageError(
            f"nothing undoes step {execution.step!r}: give it a cell that begins with "
            f"%%compensate {execution.step}, or its tools a compensate= function"
        )
    return found


def need_settled(runtime: Runtime, executions: Sequence[Execution]) -> None:
    """Raise :class:`duranb.errors.InDoubt` where an effect of these is in doubt: whether there is
    anything to undo, only the user can say."""
    for execution in executions:
        for call in standing.doubts(runtime.history, execution):
            raise doubt(call.step, call.name, call.preview, call.compensate, undoes=execution.step)


# -- undoing -------------------------------------------------------------------------------------


def compensate(runtime: Runtime, execution: Execution) -> int:
    """Undo an execution, without the function steps inside it; the id of the compensation.

    Raises :class:`UsageError` when nothing undoes it, and whatever the undo itself raises once
    its retries are spent: then the execution is ``compensation failed``.
    """
    plan = undoing(runtime, execution)
    number = 0
    try:
        if plan.source:
            number = undos.run(runtime, execution, undos.cell(runtime, execution, plan.source))
        elif plan.function:
            body = undos.function(runtime, execution, plan.function)
            number = undos.run(runtime, execution, body)
        else:
            number = undos.run(runtime, execution, lambda step: _effects(runtime, plan, step))
    except BaseException as error:
        error.add_note(
            f"duranb: the compensation of step {execution.step!r} stopped here, and what it had "
            f"undone stays undone. Once this is mended, %duranb compensate {execution.step} goes on"
        )
        failed = describe(error)
        runtime.record(
            e.ExecutionCompensated(execution=execution.id, by=number, ok=False, error=failed)
        )
        raise
    # What a cell or a function has undone is done again when the step runs again.
    whole = standing.effects_of(runtime.history, execution) if plan.source or plan.function else ()
    runtime.record(
        *(e.CallCompensated(call=call.id, by=number) for call in whole),
        e.ExecutionCompensated(execution=execution.id, by=number),
    )
    return number


def _effects(runtime: Runtime, plan: Undoing, step: StepRun) -> None:
    for each in plan.effects:
        if runtime.history.calls[each.call.id].status is not CallStatus.COMPENSATED:
            undos.carry(runtime, each, step)


def undo(runtime: Runtime, executions: Sequence[Execution], reason: str) -> list[int]:
    """Undo executions, and the function steps inside them, in reverse order of completion; the ids
    of the compensations. Raises what :func:`need_undoing` and :func:`begin` do."""
    history = runtime.history
    found = [history.executions[x.of] if x.of else x for x in executions]
    plan = [each for x in found for each in need_undoing(runtime, x)]
    steps = {each.execution.id: each.execution for each in plan}
    return begin(runtime, standing.latest_first(steps.values()), reason)


def begin(runtime: Runtime, executions: Sequence[Execution], reason: str) -> list[int]:
    """Undo executions in this order, each once, whatever dies in between; the ids of the
    compensations. Raises what :func:`compensate` does, and what :func:`need_settled` does."""
    need_settled(runtime, executions)
    runtime.record(e.SagaBegun(executions=[x.id for x in executions], reason=reason))
    return carry_on(runtime, [x.id for x in executions])


def carry_on(runtime: Runtime, wanted: Sequence[int] | None = None) -> list[int]:
    """Undo what sagas have still to undo, until those that are ``wanted`` are undone (None: all
    that there are now); the ids of the compensations. What another thread is undoing is waited for.
    Raises what :func:`begin` does."""
    history, busy, done = runtime.history, runtime.undoing, list[int]()
    left = list(history.to_undo)
    need_settled(runtime, [history.executions[i] for i in left])
    ours = set(left if wanted is None else wanted)
    while True:
        with busy.changed:
            left = list(history.to_undo)
            taken = left[0] if left and left[0] not in busy.executions else None
            if taken is not None:
                busy.executions.add(taken)
            elif ours.isdisjoint(left):
                return done
            else:
                busy.changed.wait()
                continue
        try:
            done.append(compensate(runtime, history.executions[taken]))
        finally:
            with busy.changed:
                busy.executions.discard(taken)
                busy.changed.notify_all()


def undo_one(runtime: Runtime, call: Call) -> None:
    """Undo a single effect, as a compensation of its own. Raises :class:`UsageError` where nothing
    undoes it."""
    found = undos.of_call(runtime, call)
    if found is None:
        raise UsageError(f"{call.name} has no compensate= function")
    execution = runtime.history.executions[call.execution]
    undos.run(runtime, execution, lambda step: undos.carry(runtime, found, step))


def by_hand(runtime: Runtime, execution: Execution) -> None:
    """Record that the user has undone an execution. Nothing runs."""
    calls = standing.effects_of(runtime.history, execution)
    runtime.record(
        *(e.CallCompensated(call=c.id, by=0) for c in calls),
        e.ExecutionCompensated(execution=execution.id, by=0),
    )


# -- after a failure -----------------------------------------------------------------------------


def failed(runtime: Runtime, execution: int, tell: Callable[[str], None]) -> None:
    """Undo what a step did that has failed for good and asked for that; ``tell`` says so."""
    this = runtime.history.executions[execution]
    plan = whole(runtime, this)
    if runtime.settings.strict or not any(each.possible for each in plan):
        return
    without = [c.name for each in plan for c in each.without]
    try:
        begin(runtime, [each.execution for each in plan], f"{this.step} failed")
    except Exception as error:
        tell(
            f"{this.step} failed, and undoing what it had done stopped too "
            f"({type(error).__name__}: {error}): %duranb compensate goes on with it"
        )
        return
    shown = [f"{u.call.name}({u.call.preview})" for each in plan for u in each.effects]
    what = ", ".join(shown) or "what its compensation undoes"
    left = f"; nothing undoes {', '.join(without)}" if without else ""
    tell(f"{this.step} failed, and what it had done was undone: {what}{left}")


def settle(runtime: Runtime, last: Execution | None) -> None:
    """Finish what :func:`failed` was about to do when its process died, or was stopped in. ``last``
    is the last execution of the step that is about to run again.

    Raises :class:`StepError` with the failure of back then: the step ends as it would have, and is
    not done anew on its own. Raises what undoing raises, too.
    """
    if last is None or last.options.get("on_failure") != COMPENSATE or last.error is None:
        return
    begun = last.id in list(runtime.history.to_undo)
    failed_itself = last.status is Status.FAILED and last.error.type != DIED
    if runtime.settings.strict or not (begun or failed_itself):
        return
    if begun:
        carry_on(runtime, [last.id])
    else:
        plan = whole(runtime, last)
        if not any(each.possible for each in plan):
            return
        begin(runtime, [each.execution for each in plan], f"{last.step} failed")
    raise StepError(
        f"step {last.step!r} had failed ({last.error.type}: {last.error.message}), and not all "
        "that it had done was undone. Now it is: run it again to do it anew."
    )


def to_undo(runtime: Runtime) -> list[Undoing]:
    """All that stands of the current run and can be undone, latest first. Raises what
    :func:`need_settled` does."""
    found = standing.standing(runtime.history)
    need_settled(runtime, found)
    return [each for each in (undoing(runtime, x) for x in found) if each.possible]


def after_failed_run(runtime: Runtime) -> list[Execution]:
    """Undo all that the current run did; what was undone. Raises what :func:`begin` does."""
    plan = [each.execution for each in to_undo(runtime)]
    if plan:
        begin(runtime, plan, "the run failed")
    return plan
