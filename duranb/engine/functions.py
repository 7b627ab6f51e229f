"""``@duranb.step``: a function as a step, in scripts and inside cells.

Its identity is its code, the helpers it uses and its arguments. What it changes in place, the
globals it binds and the state of the random generators are recorded with its result, and come back
with it (:mod:`duranb.engine.reach`).
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, TypeVar, cast, overload
from weakref import WeakKeyDictionary

from duranb.code import commands
from duranb.code.holding import Held, value as value_of
from duranb.code.interrupts import held_off
from duranb.engine import context as ctx, saga
from duranb.engine.decide import Decision, is_alike, is_ignored, touched, why
from duranb.engine.options import COMPENSATE
from duranb.engine.printed import Printed, again, notice
from duranb.engine.reach import FunctionState, global_name, values_of
from duranb.engine.restoring import messages_of
from duranb.engine.retry import Policy
from duranb.engine.runtime import Runtime, needed
from duranb.engine.spec import Spec
from duranb.engine.steprun import NOTHING, StepRun
from duranb.engine.telling import Telling
from duranb.errors import UsageError
from duranb.record import events as e, ways
from duranb.record.history import History
from duranb.record.model import ABSENT, Execution
from duranb.state.beside import Beside
from duranb.state.inplace import NotAlike
from duranb.state.untold import Untold
from duranb.values.immutable import is_atom

P = ParamSpec("P")
R = TypeVar("R")


class _FunctionHost:
    """A function's body: it has a result, what it prints where somebody listens, and notices."""

    def __init__(self, runtime: Runtime, telling: Telling) -> None:
        self._runtime = runtime
        self._telling = telling
        self._printed = Printed()
        self.value: object = NOTHING

    def begin_attempt(self) -> None:
        self.value = NOTHING
        self._printed = Printed()
        self._telling.begin()

    def outputs(self) -> list[dict[str, Any]]:
        return self._printed.messages() + self._telling.messages()

    def result(self) -> object:
        return self.value

    def evaluate(self, expression: str) -> object:
        return eval(expression, {"result": self.value})

    def notice(self, text: str) -> None:
        notice(text)

    def completed(self, execution: int) -> None:
        """Its caller sees the result, and is told what nobody has recorded of it."""
        self._telling.note(self.value)
        this = self._runtime.history.executions[execution]
        _tell_unrecorded(this.step, this.unrecorded)


@overload
def step(fn: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def step(
    *,
    name: str = "",
    retries: int = 3,
    backoff: float = 1.0,
    timeout: float | None = None,
    validate: str = "",
    budget: float | None = None,
    retry_on: tuple[str, ...] = (),
    no_retry_on: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    always: bool = False,
    fresh: bool = False,
    on_failure: str = "",
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def step(
    fn: Callable[P, R] | None = None,
    /,
    *,
    name: str = "",
    retries: int = 3,
    backoff: float = 1.0,
    timeout: float | None = None,
    validate: str = "",
    budget: float | None = None,
    retry_on: tuple[str, ...] = (),
    no_retry_on: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    always: bool = False,
    fresh: bool = False,
    on_failure: str = "",
) -> Callable[P, R] | Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function a durable step: called again with equal arguments, it is restored.

    The options are those of ``%%durable``; ``validate`` is an expression over ``result``, and
    ``ignore`` names parameters (and globals) whose value does not count. ``on_failure`` is
    ``"compensate"`` to undo what a step that failed for good had done. Works with ``async
    def``. Outside of notebooks and of ``duranb.durable()`` it is the plain function.
    """
    policy = Policy(retries, backoff, timeout, retry_on, no_retry_on)
    if on_failure not in ("", COMPENSATE):
        raise UsageError(f"on_failure takes {COMPENSATE!r}, not {on_failure!r}")

    def wrap(inner: Callable[P, R]) -> Callable[P, R]:
        named = name or inner.__name__
        made = _Step(inner, named, policy, validate, ignore, always, fresh, budget, on_failure)
        if inspect.iscoroutinefunction(inner):

            @functools.wraps(inner)
            async def run_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                return await made.call_async(args, kwargs)

            return cast(Callable[P, R], run_async)

        @functools.wraps(inner)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            return cast(R, made.call(args, kwargs))

        return run

    return wrap if fn is None else wrap(fn)


class _Step:
    def __init__(
        self,
        fn: Callable[..., Any],
        name: str,
        policy: Policy,
        validate: str,
        ignore: tuple[str, ...],
        always: bool,
        fresh: bool,
        budget: float | None,
        on_failure: str,
    ) -> None:
        self.fn = fn
        self.budget = budget
        self.name = name
        self.policy = policy
        self.validate = validate
        self.ignore = ignore
        self.always = always
        self.fresh = fresh
        self.on_failure = on_failure
        self._signature = inspect.signature(fn)
        self._latest = _Latest(name, frozenset(self._signature.parameters))

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        runtime = needed()
        if runtime is None:
            return self.fn(*args, **kwargs)
        spec, decision, reached = self._decide(runtime, args, kwargs)
        if decision.restore is not None:
            with contextlib.suppress(NotAlike):
                return _restored(runtime, spec, decision, reached)
        with _running(runtime, spec, decision, reached) as (run, host):
            for attempt in run:
                with attempt:
                    host.value = self.fn(*args, **kwargs)
        return host.value

    async def call_async(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        runtime = needed()
        if runtime is None:
            return await cast(Awaitable[Any], self.fn(*args, **kwargs))
        spec, decision, reached = self._decide(runtime, args, kwargs)
        if decision.restore is not None:
            with contextlib.suppress(NotAlike):
                return _restored(runtime, spec, decision, reached)
        with _running(runtime, spec, decision, reached) as (run, host):
            async for attempt in run:
                async with attempt:
                    host.value = await cast(Awaitable[Any], self.fn(*args, **kwargs))
        return host.value

    @held_off
    def _decide(
        self, runtime: Runtime, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Spec, Decision, _Reached]:
        """The spec, the decision, and what the function can reach."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        namespace = runtime.namespace
        inputs = {n: namespace.version_of(v) for n, v in bound.arguments.items()}
        spec = Spec(
            name=self.name,
            source=_source(self.fn),
            fingerprint=namespace.uses.fingerprint(self.fn),
            reads=frozenset(),
            loads=frozenset(),
            kind="function",
            policy=self.policy,
            validate=self.validate,
            budget=self.budget,
            ignore=self.ignore,
            always=self.always,
            fresh=self.fresh,
            on_failure=self.on_failure,
            commands=commands.of_function(self.fn).commands,
        )
        reach = namespace.uses.of_object(self.fn, bound.arguments.values())
        uses = dict(reach.uses)
        live = namespace.live
        given = {n: v for n, v in inputs.items() if n not in self.ignore}
        saga.settle(runtime, self._latest.of(runtime.history, given))
        inputs = dict(given)
        for name in reach.data - set(self.ignore):
            version = namespace.version_of(live[name]) if name in live else ABSENT
            inputs[global_name(name, bound.arguments)] = version
        for name in self.ignore:
            uses.pop(name, None)
        identity = spec.identity(inputs, uses)
        found = touched(runtime, spec, reach, reach.data)
        around = self._given(runtime, found)
        alike = partial(is_alike, runtime, around, self.ignore)
        recorded = runtime.history.completed(self.name, identity, alike)
        if self.always or self.fresh or runtime.settings.strict:
            recorded = None
        reason = ""
        if runtime.settings.strict:
            reason = "replayed"
        elif recorded is None:
            last = self._latest.of(runtime.history, given)
            first = "first call with these arguments"
            reason = why(runtime, spec, last, inputs, uses, first, around)
        decision = Decision(inputs, uses, identity, runtime.at, recorded, reason, given=around)
        arguments = bound.arguments
        values = values_of(self.fn, arguments, reach, live)
        kept = {n: v for n, v in values.items() if n not in self.ignore}
        names = frozenset(reach.data | reach.stores)
        ignored = partial(is_ignored, ignore=self.ignore)
        beside = Beside.now(namespace.uses, self.fn, found, values.values(), ignored)
        untold = Untold.now(namespace.uses, self.fn, reach, beside)
        telling = Telling(runtime, self.fn, arguments)
        return spec, decision, _Reached(arguments, kept, names, untold, telling)

    def _given(self, runtime: Runtime, found: Held) -> dict[str, str]:
        """What the function reads beside arguments and variables. What it binds itself is left out,
        and what could be changed in place: it does not come back with a result, and calls that run
        at once would each find it another one. One that does change it is never restored."""
        kept = {n for n in found.reads if "." not in n or is_atom(value_of(n))}
        return runtime.surroundings.told(kept - found.sets)


class _Latest:
    """The latest execution of a function step with given arguments.

    A step may have been called thousands of times: each execution is looked at once.
    """

    def __init__(self, step: str, parameters: frozenset[str]) -> None:
        self._step = step
        self._parameters = parameters
        self._history: History | None = None
        self._seen = 0
        self._by_arguments: dict[tuple[tuple[str, str], ...], int] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Stored with its function, without the history it has looked at."""
        return _Latest, (self._step, self._parameters)

    def of(self, history: History, given: dict[str, str]) -> Execution | None:
        """That of the current run, or None."""
        with self._lock:  # whoever asks meanwhile would miss what is not looked at yet
            if history is not self._history:
                self._history, self._seen, self._by_arguments = history, 0, {}
            for this in history.carried_out_since(self._step, self._seen):
                self._seen = this.id
                arguments = {n: v for n, v in this.inputs.items() if n in self._parameters}
                self._by_arguments[_key(arguments)] = this.id
            latest = self._by_arguments.get(_key(given), 0)
        found = history.executions.get(latest)
        return found if found is not None and found.run == history.run else None


def _key(arguments: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(arguments.items()))


@dataclass(frozen=True)
class _Reached:
    """What a call can reach: its ``arguments``, all ``values`` by how inputs are called, the names
    of globals, what it could change that no value shows, and what it tells libraries."""

    arguments: dict[str, Any]
    values: dict[str, Any]
    globals: frozenset[str]
    untold: Untold
    telling: Telling


@contextlib.contextmanager
def _running(
    runtime: Runtime, spec: Spec, decision: Decision, reached: _Reached
) -> Iterator[tuple[StepRun, _FunctionHost]]:
    """The execution. Its place in the journal is its arguments, so that mended code finds the
    calls it made; its arguments are kept where a compensation will want them."""
    outer = ctx.current()
    parent = outer.execution if outer is not None else 0
    namespace, arguments = runtime.namespace, reached.arguments
    kept = namespace.capture_value(arguments).artifact if spec.name in saga.functions else ""
    host = _FunctionHost(runtime, reached.telling)
    given = namespace.given(reached.values, decision.inputs)
    state = FunctionState(
        runtime,
        spec.name,
        host,
        given,
        reached.untold,
        reached.telling,
        reached.globals,
        arguments,
        parent,
    )
    run = StepRun(
        runtime,
        spec,
        decision,
        host,
        state,
        scope=repr([(n, decision.inputs[n]) for n in sorted(arguments) if n in decision.inputs]),
        parent=parent,
        arguments=kept,
        failed=functools.partial(saga.failed, runtime) if spec.on_failure else None,
    )
    state.begin(run.id)
    try:
        yield run, host
    finally:
        state.end()


@held_off
def _restored(runtime: Runtime, spec: Spec, decision: Decision, reached: _Reached) -> Any:
    """The recorded result, with all that the function did to what it was given. Raises
    :class:`NotAlike` where that is not built as it was: then it has to run."""
    source, outer = decision.restore, ctx.current()
    assert source is not None
    result, messages = None, messages_of(runtime, source)
    reached.telling.prepare(messages)
    if source.result is not None:
        result = runtime.namespace.again(reached.values, source.result)
    runtime.record(
        e.ExecutionRestored(
            execution=runtime.next_id("execution"),
            of=source.id,
            step=spec.name,
            run=runtime.history.run,
            branch=runtime.history.branch,
            before=runtime.at,
            snapshot=runtime.at,
            parent=outer.execution if outer is not None else 0,
        ),
        wait=False,
    )
    if failed := reached.telling.again(messages, result):
        failed_ones = "; ".join(failed)
        notice(f"{spec.name} was restored, and this could not be set again: {failed_ones}")
    again(messages)
    _tell_unrecorded(source.step, ways.not_recorded(source.unrecorded))
    return result


_told: set[str] = set()
_telling = threading.Lock()


def _tell_unrecorded(step: str, found: Sequence[ways.Way]) -> None:
    """Once for a step in each process: it may be called a thousand times."""
    with _telling:
        if not found or step in _told:
            return
        _told.add(step)
    notice(ways.sentence(step, found))


_sources: WeakKeyDictionary[Callable[..., Any], str] = WeakKeyDictionary()
"""Read once for each function. They are no part of a step that is stored: its code is."""


def _source(fn: Callable[..., Any]) -> str:
    found = _sources.get(fn)
    if found is None:
        try:
            found = inspect.getsource(fn)
        except (OSError, TypeError):  # typed at a prompt, or built by exec: only for people anyway
            found = ""
        _sources[fn] = found
    return found
