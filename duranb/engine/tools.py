"""``@duranb.tool``: a function that steps call as an effect, with the schema that models want.

What it makes is a plain function (or method, or coroutine function), so that every framework takes
it as it takes the one it was made of.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload

from duranb.engine.effects import Effect, carry, effect_of, is_async, name_of
from duranb.engine.schema import tool_schema
from duranb.errors import UsageError

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

if TYPE_CHECKING:

    class Tool(Protocol[P, R_co]):
        """A function whose calls are effects. ``schema`` is how chat APIs describe it:
        ``{"type": "function", "function": {...}}``."""

        schema: dict[str, Any]

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

        @overload
        def __get__(self, instance: None, owner: type) -> Tool[P, R_co]: ...
        @overload
        def __get__(
            self: Tool[Concatenate[Any, Q], R_co], instance: object, owner: type
        ) -> Tool[Q, R_co]: ...


@overload
def tool(fn: Callable[P, R], /) -> Tool[P, R]: ...
@overload
def tool(
    *,
    compensate: Callable[..., Any] | None = None,
    idempotent: bool = False,
    transaction: object = None,
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...
def tool(
    fn: Callable[P, R] | None = None,
    /,
    *,
    compensate: Callable[..., Any] | None = None,
    idempotent: bool = False,
    transaction: object = None,
) -> Tool[P, R] | Callable[[Callable[P, R]], Tool[P, R]]:
    """Make a function a tool: called inside a step it is an effect (see :func:`duranb.call`).

    ``compensate`` undoes it and is called with its result (and its arguments, if it takes them);
    ``idempotent`` says that carrying it out twice does it once: reading tools are. With
    ``transaction``, a connection, it is a transaction on that database.

    It stays a function: sync or async, static, of a class or of an instance. ``schema`` describes
    it to chat APIs. Of a method, two calls are the same when their arguments are: the state of the
    instance does not count, so what tells two instances apart has to be an argument. The undo of a
    method may be a method of the same class. Raises :class:`duranb.errors.UsageError` when no
    model could be told how to call it.
    """
    names = _local_names(sys._getframe(1))

    def wrap(inner: Callable[P, R]) -> Tool[P, R]:
        return cast("Tool[P, R]", _made(inner, compensate, idempotent, transaction, names))

    return wrap if fn is None else wrap(fn)


def _made(
    inner: Any,
    compensate: Callable[..., Any] | None,
    idempotent: bool,
    transaction: object,
    names: Mapping[str, Any],
) -> Any:
    if isinstance(inner, staticmethod | classmethod):
        # Their own attributes come from the function, the schema with them.
        made = _made(inner.__func__, compensate, idempotent, transaction, names)
        return type(inner)(made)
    if not callable(inner):
        raise UsageError(f"{inner!r} cannot be a tool: it cannot be called")
    name = name_of(inner.func if isinstance(inner, functools.partial) else inner)
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise UsageError(f"{name} cannot be a tool: it yields, and a tool returns one result")
    bound = _has_receiver(inner)
    effect = effect_of(inner, idempotent, compensate, transaction, name)
    made = _wrapped(inner, effect, bound)
    made.effect = effect
    made.schema = tool_schema(inner, made.__name__, names, skip=int(bound))
    return made


def _wrapped(inner: Callable[..., Any], effect: Effect, bound: bool) -> Any:
    """The function that takes its place."""
    if is_async(inner):

        async def run_async(*args: Any, **kwargs: Any) -> Any:
            return await _call(effect, inner, bound, args, kwargs)

        made: Any = run_async
    else:

        def run(*args: Any, **kwargs: Any) -> Any:
            return _call(effect, inner, bound, args, kwargs)

        made = run
    functools.update_wrapper(made, inner)
    if not hasattr(inner, "__name__"):  # an object that can be called, a partial
        made.__name__ = made.__qualname__ = effect.name.rpartition(".")[2]
    return made


def _call(
    effect: Effect, fn: Callable[..., Any], bound: bool, args: tuple[Any, ...], kwargs: Any
) -> Any:
    if not (bound and args):
        return carry(effect, fn, args, kwargs)
    receiver, *rest = args
    undo = effect.compensate
    if undo is not None and _class_of(undo) == _class_of(fn) and _has_receiver(undo):
        effect = replace(effect, compensate=types.MethodType(undo, receiver))
    return carry(effect, types.MethodType(fn, receiver), tuple(rest), kwargs)


def _class_of(fn: Callable[..., Any]) -> str:
    """The qualified name of the class in whose body a function stands; empty for none."""
    return getattr(fn, "__qualname__", "").rpartition(".")[0]


def _has_receiver(fn: Callable[..., Any]) -> bool:
    """Whether a function is a method, whose first parameter is what it is called on."""
    owner = _class_of(fn)
    if not isinstance(fn, types.FunctionType) or not owner or owner.endswith("<locals>"):
        return False
    return next(iter(inspect.signature(fn).parameters), "") in ("self", "cls")


def _local_names(frame: types.FrameType | None) -> dict[str, Any]:
    """What annotations may name besides globals: the names of the function or class body where the
    tool is made, and of those around a class body."""
    found: dict[str, Any] = {}
    while frame is not None and frame.f_locals is not frame.f_globals:
        found = {**frame.f_locals, **found}
        if "__qualname__" not in frame.f_locals:
            break
        frame = frame.f_back
    return found
