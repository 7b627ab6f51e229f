"""Calls that are recorded before and after: effects.

An effect's intent and idempotency key are durable before it runs, its outcome after. When the
process dies in between, an idempotent one is carried out again with the same key; any other stops
its step ``in doubt`` until the user says what happened.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from duranb.engine import context as ctx, scopes, transactions
from duranb.engine.budgets import in_force
from duranb.engine.claim import Claim
from duranb.engine.flows import Flow, arun, run
from duranb.engine.operations import Operation, perform
from duranb.engine.runtime import active
from duranb.errors import Unrecorded, UsageError
from duranb.record.kinds import Kind
from duranb.record.ways import How
from duranb.state import preview
from duranb.state.inplace import can_change
from duranb.text import diff

R = TypeVar("R")


@dataclass(frozen=True)
class Effect:
    """How a function is carried out: under which name, and what makes it safe.

    ``idempotent``: carrying it out twice with the same key does it once, so it may be repeated.
    ``compensate`` undoes it: called with the result, and the arguments too if it takes them.
    ``transaction``: see :func:`call`.
    """

    name: str
    idempotent: bool = False
    compensate: Callable[..., Any] | None = None
    transaction: object = None


def call(
    fn: Callable[..., R],
    /,
    *args: Any,
    idempotent: bool = False,
    compensate: Callable[..., Any] | None = None,
    transaction: object = None,
    **kwargs: Any,
) -> R:
    """Carry out ``fn(*args, **kwargs)`` as an effect of the current step, at most once.

    Inside a step its intent is durable before it runs and its result after; a run that resumes
    gets the recorded result. Outside of steps it is a plain call. If ``fn`` is a coroutine
    function the result is awaitable. Raises :class:`duranb.errors.InDoubt` when an earlier process
    died inside this very call and it is not declared ``idempotent``.

    ``transaction`` is a DB-API connection (SQLite, DuckDB, PostgreSQL by psycopg), or a function
    that gives one. What ``fn`` does by it commits together with its record, and is rolled back when
    ``fn`` raises: exactly once, whatever dies when. ``fn`` must not commit. Raises
    :class:`duranb.errors.UsageError` for a connection that cannot do that.
    """
    return carry(effect_of(fn, idempotent, compensate, transaction), fn, args, kwargs)


def effect_of(
    fn: Callable[..., Any],
    idempotent: bool,
    compensate: Callable[..., Any] | None,
    transaction: object,
    name: str = "",
) -> Effect:
    """How a function is to be carried out. Raises :class:`UsageError` for an async one that is to
    be a transaction."""
    name = name or name_of(fn)
    if transaction is not None and is_async(fn):
        raise UsageError(f"{name}: transaction= is for functions that are not async")
    kept = transactions.named(fn, transaction)
    return Effect(name, idempotent or kept is not None, compensate, kept)


def name_of(fn: Callable[..., Any]) -> str:
    """Under which name an effect of a function is recorded."""
    return getattr(fn, "__qualname__", None) or type(fn).__qualname__


def is_async(fn: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine, as of an ``async def`` or an object that has one."""
    called = getattr(type(fn), "__call__", None)  # noqa: B004
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(called)


def carry(effect: Effect, fn: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any]) -> R:
    """Call ``fn`` as an effect of the current step, or plainly outside of steps."""
    here = ctx.current()
    if here is None:
        refuse_in_replay(effect.name)
        if effect.transaction is not None:
            work = functools.partial(fn, *args, **kwargs)
            return cast(R, transactions.plainly(effect.transaction, work))
        return fn(*args, **kwargs)
    flow = carry_out(here, effect, fn, args, kwargs)
    return cast(R, arun(flow) if is_async(fn) else run(flow))


def carry_out(
    here: ctx.StepContext,
    effect: Effect,
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    identity: str = "",
) -> Flow[Any]:
    """Call ``fn`` as an effect of a step; its result. ``identity`` says which call of the effect
    this is, where its arguments do not. Raises what
    :func:`duranb.engine.operations.perform` does."""
    version_of = here.runtime.namespace.version_of
    arguments = [version_of(a) for a in args]
    arguments += [f"{name}={version_of(kwargs[name])}" for name in sorted(kwargs)]
    preview = preview_of(args, kwargs)
    watching = _Watching(here, fn, args, kwargs)
    operation = Operation(
        Kind.EFFECT,
        effect.name,
        Kind.EFFECT.key(effect.name, identity or "\0".join(arguments)),
        idempotent=effect.idempotent,
        arguments=(args, kwargs),
        compensate=effect.compensate,
        preview=preview,
        explain=lambda: difference(here, effect.name, preview),
        beside=watching.changed,
        missing=lambda beside: here.unrecorded.note(
            How.MISSING, f"{effect.name}: {', '.join(beside)}"
        ),
    )

    def make(claim: Claim, idempotency_key: str) -> Carried:
        where = scopes.Inside(here, claim.attempt, idempotency_key, in_force(), scopes.desk())
        work = functools.partial(fn, *args, **kwargs)
        watching.begin()
        if effect.transaction is None:
            return Carried(where, work, fn)
        checked = functools.partial(_checked, fn, work)
        once = functools.partial(
            transactions.once, here, effect.transaction, idempotency_key, effect.name, checked
        )
        return Carried(where, once, fn)

    return perform(here.journal, operation, make)


class _Watching:
    """What an effect's function changes in the notebook while it is carried out: its arguments, and
    what it reaches. Only its result is recorded, so that has to be known when it is replayed."""

    def __init__(
        self,
        here: ctx.StepContext,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self._here = here
        self._fn = fn
        self._given = {**_named(fn, args), **kwargs}
        self._versions: dict[str, str] = {}
        self._changed: Callable[[], list[str]] = list

    def begin(self) -> None:
        """It is about to be called."""
        version_of = self._here.runtime.namespace.version_of
        self._versions = {n: version_of(v) for n, v in self._given.items() if can_change(v)}
        self._changed = self._here.reached(self._fn).watch()

    def changed(self) -> list[str]:
        """What it has changed."""
        version_of = self._here.runtime.namespace.version_of
        given = {n for n, was in self._versions.items() if version_of(self._given[n]) != was}
        return sorted({*given, *self._changed()})


def _named(fn: Callable[..., Any], args: tuple[Any, ...]) -> dict[str, Any]:
    names = getattr(getattr(fn, "__code__", None), "co_varnames", ())
    return {names[n] if n < len(names) else f"argument {n + 1}": a for n, a in enumerate(args)}


class Carried:
    """An effect's function being called; code inside it knows which effect it is part of."""

    def __init__(
        self, where: scopes.Inside, call: Callable[[], Any], fn: Callable[..., Any]
    ) -> None:
        self._where = where
        self._call = call
        self._fn = fn

    def wait(self) -> Any:
        """What the function returns."""
        with scopes.set_inside(self._where):
            return _checked(self._fn, self._call)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._awaited().__await__()

    async def _awaited(self) -> Any:
        with scopes.set_inside(self._where):
            return await self._call()


def _checked(fn: Callable[..., Any], call: Callable[[], Any]) -> Any:
    """What ``call`` gives, which calls ``fn``: a coroutine that nobody will await is refused."""
    made = call()
    if inspect.iscoroutine(made):
        made.close()
        raise UsageError(
            f"{name_of(fn)} returned a coroutine and is no coroutine function, so nothing was "
            "done: make it async def, and await what it returns"
        )
    return made


def refuse_in_replay(name: str) -> None:
    """Outside of steps an effect is a plain call, which nothing recorded could answer. Raises
    :class:`duranb.errors.Unrecorded` in a strict replay."""
    runtime = active()
    if runtime is not None and runtime.settings.strict:
        raise Unrecorded(
            f"{name} was called outside of any step, so it was never recorded and a replay "
            "would do it again: put %%durable on the cell that calls it, and run it live once."
        )


def difference(here: ctx.StepContext, name: str, arguments: str) -> str:
    """How these arguments differ from the nearest recorded ones of the same effect."""
    known = [
        call.preview
        for call in here.journal.recorded_calls()
        if call.kind.traits.effect and call.step == here.step and call.name == name
    ]
    if not known:
        return ""
    nearest = known[diff.closest(arguments, known)]
    return diff.source(f"{name}({nearest})", f"{name}({arguments})", "recorded", "now")


def preview_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The arguments of a call, for people."""
    return ", ".join([*map(preview, args), *(f"{k}={preview(v)}" for k, v in kwargs.items())])[:200]
