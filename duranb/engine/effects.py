"""Calls that are recorded before and after: effects and tools.

An effect's intent and idempotency key are durable before it runs, its outcome after. When the
process dies in between, an idempotent one is carried out again with the same key; any other stops
its step ``in doubt`` until the user says what happened.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

import blake3

from duranb.code.looking import is_a
from duranb.engine import context as ctx
from duranb.engine.retry import cause_of
from duranb.engine.runtime import active
from duranb.errors import InDoubt, Unrecorded
from duranb.record.events import CallCompleted, CallFailed, CallIntended
from duranb.record.model import Call, CallStatus, Cause
from duranb.state import preview
from duranb.text import diff

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Effect:
    """How a function is carried out: under which name, and what makes it safe.

    ``idempotent``: carrying it out twice with the same key does it once, so it may be repeated.
    ``compensate`` undoes it: called with the result, and the arguments too if it takes them.
    """

    name: str
    idempotent: bool = False
    compensate: Callable[..., Any] | None = None


def call(
    fn: Callable[..., R],
    /,
    *args: Any,
    idempotent: bool = False,
    compensate: Callable[..., Any] | None = None,
    **kwargs: Any,
) -> R:
    """Carry out ``fn(*args, **kwargs)`` as an effect of the current step, at most once.

    Inside a step its intent is durable before it runs and its result after; a run that resumes
    gets the recorded result. Outside of steps it is a plain call. If ``fn`` is a coroutine
    function the result is awaitable. Raises :class:`duranb.errors.InDoubt` when an earlier process
    died inside this very call and it is not declared ``idempotent``.
    """
    return _perform(Effect(_name(fn), idempotent, compensate), fn, args, kwargs)


class Tool(Generic[P, R]):
    """A function that steps call as an effect, with the JSON schema that chat APIs want."""

    def __init__(self, fn: Callable[P, R], effect: Effect) -> None:
        functools.update_wrapper(self, fn)
        self.fn = fn
        self.effect = effect

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return _perform(self.effect, self.fn, args, kwargs)

    @property
    def schema(self) -> dict[str, Any]:
        """The tool as chat APIs describe one: ``{"type": "function", "function": {...}}``."""
        from duranb.engine.schema import tool_schema

        return tool_schema(self.fn)


@overload
def tool(fn: Callable[P, R], /) -> Tool[P, R]: ...
@overload
def tool(
    *, compensate: Callable[..., Any] | None = None, idempotent: bool = False
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...
def tool(
    fn: Callable[P, R] | None = None,
    /,
    *,
    compensate: Callable[..., Any] | None = None,
    idempotent: bool = False,
) -> Tool[P, R] | Callable[[Callable[P, R]], Tool[P, R]]:
    """Make a function a tool: called inside a step it is an effect (see :func:`call`).

    ``compensate`` undoes it and is called with its result (and its arguments, if it takes them);
    ``idempotent`` says that carrying it out twice does it once: reading tools are.
    """

    def wrap(inner: Callable[P, R]) -> Tool[P, R]:
        return Tool(inner, Effect(_name(inner), idempotent, compensate))

    return wrap if fn is None else wrap(fn)


def _name(fn: Callable[..., Any]) -> str:
    return getattr(fn, "__qualname__", None) or type(fn).__qualname__


def _perform(
    effect: Effect, fn: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> R:
    here = ctx.current()
    if here is None:
        _refuse_in_replay(effect)
        return fn(*args, **kwargs)
    deed = Deed(here, effect, args, kwargs)
    if inspect.iscoroutinefunction(fn):
        return cast(R, _perform_async(deed, fn, args, kwargs))
    if deed.settled:
        return cast(R, deed.recorded_value())
    deed.intend()
    try:
        with ctx.effect(deed.idempotency_key):
            value = fn(*args, **kwargs)
    except BaseException as error:
        deed.failed(error)
        raise
    deed.done(value)
    return value


def _refuse_in_replay(effect: Effect) -> None:
    """Outside of steps an effect is a plain call, which nothing recorded could answer."""
    runtime = active()
    if runtime is not None and runtime.settings.strict:
        raise Unrecorded(
            f"{effect.name} was called outside of any step, so it was never recorded and a replay "
            "would do it again: put %%durable on the cell that calls it, and run it live once."
        )


async def _perform_async(
    deed: Deed,
    fn: Callable[..., Awaitable[Any]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    if deed.settled:
        return deed.recorded_value()
    deed.intend()
    try:
        with ctx.effect(deed.idempotency_key):
            value = await fn(*args, **kwargs)
    except BaseException as error:
        deed.failed(error)
        raise
    deed.done(value)
    return value


class Deed:
    """One effect being carried out in a step, and what is recorded of it."""

    def __init__(
        self,
        here: ctx.StepContext,
        effect: Effect,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        identity: str = "",
    ) -> None:
        self._here = here
        self._effect = effect
        self._arguments = (args, kwargs)
        namespace = here.runtime.namespace
        version = identity or "\0".join(
            [
                *(namespace.version_of(a) for a in args),
                *(f"{k}={namespace.version_of(kwargs[k])}" for k in sorted(kwargs)),
            ]
        )
        key = blake3.blake3(f"effect\0{effect.name}\0{version}".encode()).hexdigest(16)
        slot = here.take(
            key,
            kind="effect",
            name=effect.name,
            explain=lambda: self._difference(_preview(args, kwargs)),
        )
        assert slot is not None
        self._slot = slot
        self._earlier = slot.recorded
        unsettled = self._earlier is not None and self._earlier.status is not CallStatus.COMPLETED
        if unsettled and not (effect.idempotent or cast(Call, self._earlier).idempotent):
            raise here.stop(doubt(here.step, cast(Call, self._earlier)))
        earlier_key = self._earlier.idempotency_key if self._earlier is not None else ""
        self.idempotency_key = earlier_key or ctx.idempotency_key(here, slot.key, slot.occurrence)
        self.id = self._earlier.id if self._earlier is not None else 0
        self._started = 0

    def _difference(self, arguments: str) -> str:
        """How these arguments differ from the nearest recorded ones of the same effect."""
        history, here, name = self._here.runtime.history, self._here, self._effect.name
        with here.runtime.lock:
            known = [
                c.preview
                for c in history.calls.values()
                if c.kind.traits.effect and c.step == here.step and c.name == name
            ]
        if not known:
            return ""
        nearest = known[diff.closest(arguments, known)]
        return diff.source(f"{name}({nearest})", f"{name}({arguments})", "recorded", "now")

    @property
    def settled(self) -> bool:
        """Whether the outcome is recorded, so that nothing has to be done."""
        return self._earlier is not None and self._earlier.status is CallStatus.COMPLETED

    def recorded_value(self) -> Any:
        """The recorded result."""
        assert self._earlier is not None
        self._here.serve(self._earlier)
        if self._earlier.result is None:
            return None
        return self._here.runtime.namespace.load_value(self._earlier.result)

    def intend(self) -> None:
        """Make the intent durable: what will be done, with which arguments, under which key."""
        namespace = self._here.runtime.namespace
        args, kwargs = self._arguments
        undo = self._effect.compensate
        self.id = self.id or self._here.runtime.next_id("call")
        self._started = ctx.now_us()
        self._here.runtime.record(
            CallIntended(
                **self._here.told(self.id, self._slot),
                idempotency_key=self.idempotency_key,
                idempotent=self._effect.idempotent,
                compensate=namespace.capture_value(undo).artifact if undo is not None else "",
                arguments=namespace.capture_value(self._arguments).artifact,
                preview=_preview(args, kwargs),
            )
        )

    def done(self, value: Any) -> None:
        """Make the outcome durable, before the step's code can see it."""
        self._here.runtime.record(
            CallCompleted(
                **self._here.told(self.id, self._slot),
                result=self._here.runtime.namespace.capture_value(value),
                started=self._started,
            )
        )

    def failed(self, error: BaseException) -> None:
        """Record a failure that is known to be one.

        A connection that broke, a timeout or an interrupt says nothing about whether it happened:
        then the intent stands alone, as after a crash, unless repeating is harmless.
        """
        unknown = not is_a(error, Exception)
        unknown = unknown or cause_of(error, answered=False) is Cause.TRANSPORT
        if unknown and not self._effect.idempotent:
            if is_a(error, Exception):
                raise self._here.stop(
                    doubt(self._here.step, self._here.runtime.history.calls[self.id])
                ) from error
            return
        if unknown and not is_a(error, Exception):
            return
        self._here.release(self._slot)
        self._here.runtime.record(
            CallFailed(
                **self._here.told(self.id, self._slot),
                error=ctx.describe(error),
                started=self._started,
            )
        )


def doubt(step: str, call: Call) -> InDoubt:
    """The error for an effect that was begun and whose outcome nobody knows."""
    undo = f"\n  %duranb resolve {step} --compensate          undo it" if call.compensate else ""
    return InDoubt(
        f"step {step!r} is in doubt: {call.name}({call.preview}) was begun and its outcome was "
        "never recorded, so it may or may not have happened. Look, then say so:\n"
        f"  %duranb resolve {step} --happened [RESULT]   it happened (with this result)\n"
        f"  %duranb resolve {step} --not-happened        it did not: the next run does it{undo}"
    )


def _preview(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    return ", ".join([*map(preview, args), *(f"{k}={preview(v)}" for k, v in kwargs.items())])[:200]
