"""Carrying out one compensation: a step of its own, with what was recorded at the time.

It is journaled, retried, and resumed by the next process; what it prints is kept. Each undo of an
effect is an effect itself: one that died in the middle is repeated only if it is declared
idempotent (as a tool), else it is in doubt. Which undos there are, and in which order they run, is
:mod:`duranb.engine.saga`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import sys
import threading
import types
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from duranb.engine import flows, printed
from duranb.engine.claim import now_us
from duranb.engine.decide import Decision
from duranb.engine.effects import Effect, carry_out
from duranb.engine.keeping import NoState
from duranb.engine.runtime import Runtime
from duranb.engine.spec import Spec
from duranb.engine.steprun import NOTHING, StepRun
from duranb.errors import Unrecorded, UsageError
from duranb.record import events as e
from duranb.record.events import Binding
from duranb.record.model import Call, Execution
from duranb.record.standing import UNDO
from duranb.terminal import tame
from duranb.text import sources

MOST_PRINTED = 100_000
"""Characters that an undo prints which are kept."""


def run(runtime: Runtime, execution: Execution, body: Callable[[StepRun], None]) -> int:
    """Carry out ``body`` as the compensation of an execution; its id. Raises what it raises."""
    if runtime.settings.strict:
        raise Unrecorded(
            f"step {execution.step!r} would be undone, and a replay carries nothing out: leave "
            "the cell that does so out of the notebook."
        )
    spec = Spec(
        name=UNDO + execution.step,
        source=runtime.history.compensations.get(execution.step, ""),
        fingerprint="",
        reads=frozenset(),
        loads=frozenset(),
        kind="compensation",
    )
    decision = Decision({}, {}, "", runtime.at, None, f"undoes {execution.step}@{execution.id}")
    host = _Printed()
    step = StepRun(
        runtime,
        spec,
        decision,
        host,
        NoState(runtime),
        scope=f"compensates {execution.id}",
        compensates=execution.id,
    )
    with host.listening():
        for attempt in step:
            with attempt:
                body(step)
    return step.id


# -- the undo of an effect -----------------------------------------------------------------------


@dataclass(frozen=True)
class Undo:
    """What undoes an effect: a function, and how it is carried out. ``mended`` says that it is
    another one than was recorded with the effect."""

    call: Call
    fn: Callable[..., Any]
    effect: Effect
    mended: bool = False


def of_call(runtime: Runtime, call: Call) -> Undo | None:
    """What undoes an effect, as it is today: the ``compensate`` of the tool that has the effect's
    name now, else the one that was recorded; and of that, the function that has its name now. None
    for nothing."""
    namespace = runtime.namespace
    recorded = namespace.load_value(Binding(call.compensate, "")) if call.compensate else None
    tool = _live(runtime, call.name)
    today = (_effect_of(tool).compensate if tool is not None else None) or recorded
    if today is None:
        return None
    if _is_notebooks(runtime, today):
        today = _live(runtime, getattr(today, "__qualname__", "")) or today
    receiver = getattr(recorded, "__self__", None)
    if receiver is not None and not hasattr(today, "__self__"):
        today = types.MethodType(today, receiver)
    same = recorded is not None and _code(runtime, recorded) == _code(runtime, today)
    return _undo(call, today, mended=not same)


def _undo(call: Call, fn: Callable[..., Any], *, mended: bool = False) -> Undo:
    effect = replace(_effect_of(fn), name=f"undo {call.name}", compensate=None)
    return Undo(call, _inner(fn), effect, mended)


def _effect_of(fn: object) -> Effect:
    """How a tool is carried out; any other function is not idempotent."""
    found = getattr(fn, "effect", None)
    return found if isinstance(found, Effect) else Effect("")


def _inner(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function that a tool was made of, on the same instance."""
    if not isinstance(getattr(fn, "effect", None), Effect):
        return fn
    wrapped: Any = getattr(fn, "__wrapped__", fn)
    receiver = getattr(fn, "__self__", None)
    return wrapped if receiver is None else types.MethodType(wrapped, receiver)


def _live(runtime: Runtime, name: str) -> Callable[..., Any] | None:
    """The function that the notebook has under a (dotted) name now."""
    head, *rest = name.split(".")
    namespace = runtime.namespace
    namespace.need({head})
    found = namespace.live.get(head)
    for part in rest:
        found = inspect.getattr_static(found, part, None)
        found = getattr(found, "__func__", found)
    return found if isinstance(found, types.FunctionType) else None


def _is_notebooks(runtime: Runtime, fn: Callable[..., Any]) -> bool:
    return getattr(inspect.unwrap(fn), "__globals__", None) is runtime.namespace.live


def _code(runtime: Runtime, fn: Callable[..., Any]) -> str:
    plain = _inner(fn)
    return runtime.namespace.uses.fingerprint(getattr(plain, "__func__", plain))


def carry(runtime: Runtime, undo: Undo, step: StepRun) -> None:
    """Carry out the undo of one effect, as an effect of the compensation that runs."""
    call, namespace = undo.call, runtime.namespace
    args, kwargs = namespace.load_value(Binding(call.arguments, "")) if call.arguments else ((), {})
    result = None if call.result is None else namespace.load_value(call.result)
    args, kwargs = _fitting(undo.fn, result, args, kwargs)

    def undone(*args: Any, **kwargs: Any) -> Any:
        return finish(undo.fn(*args, **kwargs))

    identity = f"undo {call.id}"
    flows.run(carry_out(step.context, undo.effect, undone, args, kwargs, identity=identity))
    runtime.record(e.CallCompensated(call=call.id, by=step.id))


def _fitting(
    undo: Callable[..., Any], result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The result and the recorded arguments if the undo takes them all, else the result alone."""
    try:
        inspect.signature(undo).bind(result, *args, **kwargs)
    except TypeError:
        return (result,), {}
    return (result, *args), kwargs


# -- the undo of a step --------------------------------------------------------------------------


def cell(runtime: Runtime, execution: Execution, source: str) -> Callable[[StepRun], None]:
    """The body of a compensation that runs a ``%%compensate`` cell. Raises :class:`UsageError`
    where no cell can run."""
    run_body = runtime.run_body
    if run_body is None:
        raise UsageError(
            f"a %%compensate cell undoes step {execution.step!r}: compensate it in the notebook"
        )
    names = _recorded_names(runtime, execution)
    code = sources.runnable(source, execution.step)

    def body(step: StepRun) -> None:
        finish(run_body(code, {**runtime.namespace.live, **names}))

    return body


def function(
    runtime: Runtime, execution: Execution, undo: Callable[..., Any]
) -> Callable[[StepRun], None]:
    """The body of a compensation that calls the function registered for a function step."""
    namespace = runtime.namespace
    values = dict(namespace.load_value(Binding(execution.arguments, "")))
    if execution.result is not None:
        values["result"] = namespace.load_value(execution.result)
    wanted = {n: values.get(n) for n in inspect.signature(undo).parameters}

    def body(step: StepRun) -> None:
        finish(undo(**wanted))

    return body


def _recorded_names(runtime: Runtime, execution: Execution) -> dict[str, Any]:
    """The inputs and outputs of an execution, as they were recorded at the time; of one that did
    not complete, what it left."""
    history, namespace = runtime.history, runtime.namespace
    before = history.namespace(execution.before)
    left = history.snapshots.get(execution.left)
    bindings: Mapping[str, Binding] = {
        **{n: before[n] for n in execution.inputs if n in before},
        **(left.changed if left is not None else {}),
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


# -- what it prints ------------------------------------------------------------------------------


class _Printed:
    """The host of a compensation: what it prints goes where it always does, and is kept."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, int, list[str]]] = []
        self._left = MOST_PRINTED

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """What is printed in this block is kept."""
        token = _listener.set(self._keep)
        try:
            with _Tee.heard("stdout", self._keep), _Tee.heard("stderr", self._keep):
                yield
        finally:
            _listener.reset(token)

    def _keep(self, name: str, text: str) -> None:
        if not self._kept or self._kept[-1][0] != name:
            self._kept.append((name, now_us(), []))
        text = text[: self._left]
        self._left -= len(text)
        self._kept[-1][2].append(text)

    def begin_attempt(self) -> None:
        self._kept.clear()
        self._left = MOST_PRINTED

    def outputs(self) -> list[dict[str, Any]]:
        return [
            {"type": "stream", "content": {"name": name, "text": "".join(texts)}, "at": at}
            for name, at, texts in self._kept
            if any(texts)
        ]

    def result(self) -> object:
        return NOTHING

    def evaluate(self, expression: str) -> object:
        raise AssertionError("a compensation has no validator")

    def notice(self, text: str) -> None:
        print(f"duranb: {tame(text)}")

    def completed(self, execution: int) -> None:
        """Its caller sees the result."""


_Keep = Callable[[str, str], None]

_listener: contextvars.ContextVar[_Keep | None] = contextvars.ContextVar(
    "duranb_undoing", default=None
)
"""What keeps the prints of the code that runs here."""


class _Tee(printed.Above):
    """Stands for a stream for as long as any compensation runs: several may run at once, and end in
    any order. What is printed is kept with the one that prints it, if that is known, else with all
    of them."""

    _lock = threading.Lock()
    _worn: ClassVar[dict[str, _Tee]] = {}

    def __init__(self, name: str) -> None:
        super().__init__(getattr(sys, name))
        self._name = name
        self._keeps: list[_Keep] = []

    @classmethod
    @contextlib.contextmanager
    def heard(cls, name: str, keep: _Keep) -> Iterator[None]:
        """What is written to ``sys.stdout`` or ``sys.stderr`` in this block goes to ``keep``
        too."""
        with cls._lock:
            if name not in cls._worn:
                cls._worn[name] = cls(name)
                setattr(sys, name, cls._worn[name])
            tee = cls._worn[name]
            tee._keeps.append(keep)
        try:
            yield
        finally:
            with cls._lock:
                tee._keeps.remove(keep)
                if not tee._keeps:
                    del cls._worn[name]
                    if getattr(sys, name) is tee:
                        setattr(sys, name, tee._below)

    def write(self, text: str) -> int:
        keeps = list(self._keeps)
        mine = _listener.get()
        for keep in [mine] if mine is not None and mine in keeps else keeps:
            keep(self._name, text)
        return self._below.write(text)
