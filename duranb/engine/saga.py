"""Compensation: undoing a step with the inputs and outputs recorded at the time.

A compensation is itself a step: journaled, retried, resumed after a crash, completed once. A step
is undone by its ``%%compensate`` cell if it has one, else by the ``compensate`` functions of its
effects, in reverse order of completion. One that fails stops the chain and says so.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from duranb.engine import flows
from duranb.engine.decide import Decision
from duranb.engine.effects import Effect, carry_out
from duranb.engine.journal import describe
from duranb.engine.keeping import NoState
from duranb.engine.runtime import Runtime
from duranb.engine.spec import Spec
from duranb.engine.steprun import NOTHING, StepRun
from duranb.errors import Unrecorded, UsageError
from duranb.record import events as e
from duranb.record.events import Binding
from duranb.record.model import Call, CallStatus, Execution, Status

P = ParamSpec("P")
R = TypeVar("R")

RunBody = Callable[[str, dict[str, Any]], Any]
"""Runs a cell's source in a namespace; may return an awaitable. The surface provides it."""


@dataclass(frozen=True)
class Undoing:
    """What undoes an execution: a cell's source, a function, or these effects in this order.

    ``without`` are effects that nothing undoes.
    """

    execution: Execution
    source: str = ""
    function: Callable[..., Any] | None = None
    effects: tuple[Call, ...] = ()
    without: tuple[Call, ...] = ()

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


def undoing(runtime: Runtime, execution: Execution) -> Undoing:
    """What compensating an execution would do."""
    source = runtime.history.compensations.get(execution.step, "")
    if source:
        return Undoing(execution, source=source)
    if execution.arguments and execution.step in functions:
        return Undoing(execution, function=functions[execution.step])
    done = effects_of(runtime, execution)
    return Undoing(
        execution,
        effects=tuple(c for c in done if c.compensate),
        without=tuple(c for c in done if not c.compensate),
    )


def need_undoing(runtime: Runtime, execution: Execution) -> Undoing:
    """What compensating it does. Raises :class:`UsageError` where there is nothing to undo."""
    if execution.status is Status.COMPENSATED:
        raise UsageError(f"step {execution.step!r} was compensated already")
    found = undoing(runtime, execution)
    if not found.possible:
        raise UsageError(
            f"nothing undoes step {execution.step!r}: give it a cell that begins with "
            f"%%compensate {execution.step}, or its tools a compensate= function"
        )
    return found


def effects_of(runtime: Runtime, execution: Execution) -> list[Call]:
    """The effects an execution stands for (its own and those it was served), latest first."""
    history = runtime.history
    ids = {c.id for c in history.calls_of(execution.of or execution.id)} | set(execution.served)
    calls = [history.calls[i] for i in ids]
    done = [c for c in calls if c.kind.traits.effect and c.status is CallStatus.COMPLETED]
    return sorted(done, key=lambda c: c.ended, reverse=True)


def compensate(runtime: Runtime, execution: Execution, run_body: RunBody) -> int:
    """Undo an execution; the id of the compensation.

    Raises :class:`UsageError` when nothing undoes it, and whatever the undo itself raises once
    its retries are spent: then the execution is ``compensation failed``.
    """
    if execution.of:
        execution = runtime.history.executions[execution.of]
    plan = need_undoing(runtime, execution)
    number = 0
    try:
        if plan.source:
            number = _run(runtime, execution, _cell(runtime, execution, plan.source, run_body))
        elif plan.function:
            number = _run(runtime, execution, _function(runtime, execution, plan.function))
        else:
            number = _run(runtime, execution, lambda run: _undo_all(runtime, plan, run))
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
    runtime.record(e.ExecutionCompensated(execution=execution.id, by=number))
    return number


def _run(runtime: Runtime, execution: Execution, body: Callable[[StepRun], None]) -> int:
    if runtime.settings.strict:
        raise Unrecorded(
            f"step {execution.step!r} would be undone, and a replay carries nothing out: leave "
            "the cell that does so out of the notebook."
        )
    spec = Spec(
        name=f"compensate {execution.step}",
        source=runtime.history.compensations.get(execution.step, ""),
        fingerprint="",
        reads=frozenset(),
        loads=frozenset(),
        kind="compensation",
    )
    decision = Decision({}, {}, "", runtime.at, None, f"undoes {execution.step}@{execution.id}")
    run = StepRun(
        runtime,
        spec,
        decision,
        _Quiet(),
        NoState(runtime),
        scope=f"compensates {execution.id}",
        compensates=execution.id,
    )
    for attempt in run:
        with attempt:
            body(run)
    return run.id


def undo_one(runtime: Runtime, call: Call) -> None:
    """Undo a single effect, as a compensation of its own."""
    execution = runtime.history.executions[call.execution]
    _run(runtime, execution, lambda run: undo_call(runtime, call, run))


def _undo_all(runtime: Runtime, plan: Undoing, run: StepRun) -> None:
    for call in plan.effects:
        if runtime.history.calls[call.id].status is CallStatus.COMPENSATED:
            continue
        undo_call(runtime, call, run)


def undo_call(runtime: Runtime, call: Call, run: StepRun) -> None:
    """Carry out the ``compensate`` function of one effect, as an effect of its own."""
    namespace = runtime.namespace
    undo = namespace.load_value(Binding(call.compensate, ""))
    args, kwargs = namespace.load_value(Binding(call.arguments, ""))
    result = None if call.result is None else namespace.load_value(call.result)
    args, kwargs = _fitting(undo, result, args, kwargs)
    effect = Effect(f"undo {call.name}", idempotent=True)

    def undone(*args: Any, **kwargs: Any) -> Any:
        return finish(undo(*args, **kwargs))

    identity = f"undo {call.id}"
    flows.run(carry_out(run.context, effect, undone, args, kwargs, identity=identity))
    runtime.record(e.CallCompensated(call=call.id, by=run.id))


def _fitting(
    undo: Callable[..., Any], result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The result and the recorded arguments if the undo takes them all, else the result alone."""
    try:
        inspect.signature(undo).bind(result, *args, **kwargs)
    except TypeError:
        return (result,), {}
    return (result, *args), kwargs


def _cell(
    runtime: Runtime, execution: Execution, source: str, run_body: RunBody
) -> Callable[[StepRun], None]:
    names = recorded_names(runtime, execution)

    def body(run: StepRun) -> None:
        finish(run_body(source, {**runtime.namespace.live, **names}))

    return body


def _function(
    runtime: Runtime, execution: Execution, undo: Callable[..., Any]
) -> Callable[[StepRun], None]:
    namespace = runtime.namespace
    values = dict(namespace.load_value(Binding(execution.arguments, "")))
    if execution.result is not None:
        values["result"] = namespace.load_value(execution.result)
    wanted = {n: values.get(n) for n in inspect.signature(undo).parameters}

    def body(run: StepRun) -> None:
        finish(undo(**wanted))

    return body


def recorded_names(runtime: Runtime, execution: Execution) -> dict[str, Any]:
    """The inputs and outputs of an execution, as they were recorded at the time."""
    history, namespace = runtime.history, runtime.namespace
    before = history.namespace(execution.before)
    bindings: Mapping[str, Binding] = {
        **{n: before[n] for n in execution.inputs if n in before},
        **execution.outputs,
    }
    return {n: namespace.load_value(b, name=n) for n, b in bindings.items() if b.artifact}


def finish(value: Any) -> Any:
    """The value itself, or what it gives when awaited.

    A compensation may be started while an event loop runs in this thread, so an awaitable gets a
    loop in a thread of its own.
    """
    if not inspect.iscoroutine(value):
        return value
    outcome: list[Any] = []

    def work(coroutine: Coroutine[Any, Any, Any]) -> None:
        try:
            outcome.extend((asyncio.run(coroutine), None))
        except BaseException as error:
            outcome.extend((None, error))

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(work, value), name="duranb-compensation")
    thread.start()
    thread.join()
    result, error = outcome
    if error is not None:
        raise error
    return result


class _Quiet:
    """The host of a compensation: its outputs are not recorded."""

    def begin_attempt(self) -> None:
        """Nothing was shown."""

    def outputs(self) -> list[dict[str, Any]]:
        return []

    def result(self) -> object:
        return NOTHING

    def evaluate(self, expression: str) -> object:
        raise AssertionError("a compensation has no validator")

    def notice(self, text: str) -> None:
        print(f"duranb: {text}")

    def completed(self, execution: int) -> None:
        """Its caller sees the result."""
