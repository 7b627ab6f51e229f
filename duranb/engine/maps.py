"""``duranb.map``: one function over many items, each recorded by itself; ``duranb.gather`` for a
handful of different jobs."""

from __future__ import annotations

import builtins
import functools
import inspect
import numbers
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import Any, Literal, TypeVar, cast, overload

from duranb.code.bytecode import code_names
from duranb.code.looking import qualname_of
from duranb.engine.items import BY_KEY, Check, Work
from duranb.engine.jobs import Batch, Job, OnError, Results, Settings
from duranb.engine.retry import Policy
from duranb.engine.runtime import Runtime
from duranb.engine.today import of_today
from duranb.errors import UsageError
from duranb.state import preview
from duranb.state.previews import type_name
from duranb.state.unstorable import is_unstorable

T = TypeVar("T")
R = TypeVar("R")


@overload
def map(  # type: ignore[overload-overlap]
    fn: Callable[[T], Awaitable[R]],
    items: Iterable[T] | AsyncIterable[T],
    *,
    workers: int = 8,
    retries: int = 3,
    backoff: float = 1.0,
    validate: Check = None,
    on_error: OnError = "raise",
    rate: float | None = None,
    budget: float | None = None,
    key: Callable[[T], object] | None = None,
    batch: Batch = False,
    stream: bool = False,
) -> Job[R]: ...
@overload
def map(
    fn: Callable[[T], R],
    items: Iterable[T],
    *,
    workers: int = 8,
    retries: int = 3,
    backoff: float = 1.0,
    validate: Check = None,
    on_error: OnError = "raise",
    rate: float | None = None,
    budget: float | None = None,
    key: Callable[[T], object] | None = None,
    batch: Batch = False,
    stream: Literal[False] = False,
) -> Results[R]: ...
@overload
def map(
    fn: Callable[[T], R],
    items: Iterable[T] | AsyncIterable[T],
    *,
    workers: int = 8,
    retries: int = 3,
    backoff: float = 1.0,
    validate: Check = None,
    on_error: OnError = "raise",
    rate: float | None = None,
    budget: float | None = None,
    key: Callable[[T], object] | None = None,
    batch: Batch = False,
    stream: Literal[True],
) -> Job[R]: ...
def map(
    fn: Callable[[Any], Any],
    items: Iterable[Any] | AsyncIterable[Any],
    *,
    workers: int = 8,
    retries: int = 3,
    backoff: float = 1.0,
    validate: Check = None,
    on_error: OnError = "raise",
    rate: float | None = None,
    budget: float | None = None,
    key: Callable[[Any], object] | None = None,
    batch: Batch = False,
    stream: bool = False,
) -> Any:
    """Call ``fn`` with each of ``items``, ``workers`` at once; the :class:`Results` in their order.

    ``results = duranb.map(summarise, documents)``, and where ``summarise`` is an ``async def``,
    ``results = await duranb.map(summarise, documents)``. ``stream=True`` gives a :class:`Job`, for
    any function: ``for`` (``async for``) has each result as soon as it and those before it are
    there. ``items`` are pulled when a worker is free; an (async) iterator may have no end.

    In a step, each item is recorded by itself: after a crash those that completed are served, and
    of the others only the calls that are missing are made. An item is known by its content, or by
    what ``key`` says of it (those with one key by their order; where they differ that is said).
    Edit ``fn`` and its items run again, with the calls that they made before; only new ones are
    made and paid for. So does, after a crash, an item that changed anything beside its result:
    itself, a list or a counter, an object. Each item has ``retries`` of its own, by cause and with
    waits that grow from ``backoff`` seconds; an answer that is no good (``duranb.Reject``, a JSON
    or pydantic error, ``validate`` not true of the result) is made anew, alone. ``validate`` is a
    function of the result, or an expression over ``result``. At most ``rate`` tries begin in a
    second, and all together cost at most ``budget`` US dollars (:func:`duranb.budget`). Outside of
    steps and inside effects nothing is recorded; all else is the same.

    ``batch=True`` has the provider's batch API make the calls to models, at its price: those of all
    items are collected, submitted together, and waited for, over restarts if need be. An item runs
    until it has to wait, and again when it can go on; one that makes several calls takes several
    rounds. What no batch takes (a stream), rejects or lets expire is made as usual, and said; with
    ``batch="only"`` such an item fails instead. So are calls in an effect, or in a step or a map
    inside an item.

    With ``on_error="raise"`` the first item that fails for good ends the map with
    :class:`duranb.errors.ItemFailed`; with ``"collect"`` a :class:`Failure` stands in its place,
    and ``results.failures`` lists them. Raises :class:`duranb.errors.UsageError` for options that
    make no sense.
    """
    if not callable(fn):
        raise UsageError(f"duranb.map: {preview(fn)} cannot be called: it takes a function first")
    if rate is not None and not (_is_number(rate) and rate > 0):
        raise UsageError(f"duranb.map: rate is {rate!r}: it takes tries a second, above 0")
    for name, number in (("backoff", backoff), ("budget", budget)):
        if number is not None and not (_is_number(number) and number >= 0):
            raise UsageError(f"duranb.map: {name} is {number!r}: it takes a number, 0 or more")
    _check(fn, validate)
    if batch not in (False, True, "only"):
        raise UsageError(f'duranb.map: batch is {batch!r}: it takes True, False or "only"')
    settings = Settings(
        _Mapping(fn, key),
        _checked("workers", workers, least=1),
        Policy(_checked("retries", retries, least=0), backoff),
        validate,
        _known(on_error),
        rate,
        budget,
        batch,
    )
    job: Job[Any] = Job(settings, items)
    return job if stream or job.awaits else job.wait()


def gather(
    *jobs: Any,
    workers: int | None = None,
    retries: int = 3,
    backoff: float = 1.0,
    on_error: OnError = "raise",
) -> Any:
    """Call a handful of different functions at once; the :class:`Results` in their order.

    ``a, b = duranb.gather(lambda: ask(x), lambda: look_up(y))``; to be awaited where one of them is
    an ``async def``. Each takes no arguments, and is recorded and retried as an item of
    :func:`map` is. Raises :class:`duranb.errors.UsageError` for what cannot be called: a coroutine
    could be run only once.
    """
    for job in jobs:
        _check(job, None)
        if not callable(job):
            if inspect.iscoroutine(job):
                job.close()
            raise UsageError(
                f"duranb.gather: {preview(job)} cannot be called: give it functions without "
                "arguments (lambda: fetch(url)), which it can call again when one fails"
            )
    settings = Settings(
        _Gathering(asynchronous=any(_is_async(job) for job in jobs)),
        _checked("workers", max(1, len(jobs)) if workers is None else workers, least=1),
        Policy(_checked("retries", retries, least=0), backoff),
        None,
        _known(on_error),
    )
    made: Job[Any] = Job(settings, jobs)
    return made if made.awaits else made.wait()


def _check(fn: Callable[..., Any], validate: Check) -> None:
    """Refuse what would fail for each item only after it was paid for."""
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise UsageError(
            f"duranb.map: {_label(fn)} is a generator function, and calling it runs nothing of it: "
            "have it return a list"
        )
    if isinstance(validate, str):
        try:
            names = code_names(compile(validate, "<validate>", "eval")).loads
        except (SyntaxError, ValueError) as error:
            raise UsageError(f"duranb.map: validate is {validate!r}: {error}") from None
        unknown = sorted(names - {"result"} - vars(builtins).keys())
        if unknown:
            raise UsageError(
                f"duranb.map: validate is {validate!r}, an expression over `result` that knows no "
                f"{unknown[0]}: give it a function of the result"
            )
    elif validate is not None and not callable(validate):
        raise UsageError(
            f"duranb.map: validate is {validate!r}: it takes a function of the result, or an "
            "expression over `result`"
        )


def _checked(name: str, value: int, *, least: int) -> int:
    if not isinstance(value, int) or value < least:
        raise UsageError(f"duranb.map: {name} is {value!r}: it takes {least} or more")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real)


def _known(on_error: str) -> OnError:
    if on_error not in ("raise", "collect"):
        raise UsageError(f'duranb.map: on_error is {on_error!r}: it takes "raise" or "collect"')
    return cast(OnError, on_error)


# -- what is done ------------------------------------------------------------------------------


class _Mapping:
    """One function over all items."""

    def __init__(self, fn: Callable[[Any], Any], key: Callable[[Any], object] | None) -> None:
        self.label = _label(fn)
        self.asynchronous = _is_async(fn)
        self._fn = fn
        self._key = key

    def __reduce__(self) -> tuple[Any, ...]:
        return _Mapping, (self._fn, self._key)

    def call(self, item: Any) -> Callable[[], Any]:
        return functools.partial(self._fn, item)

    def awaits(self, item: Any) -> bool:
        return self.asynchronous

    def called(self, item: Any) -> Callable[..., Any]:
        return self._fn

    def key(self, runtime: Runtime, index: int, item: Any, version: str) -> str:
        if self._key is None:
            version = version or runtime.namespace.version_of(item)
            if is_unstorable(version):
                raise UsageError(
                    f"item {index} of the map of {self.label}, a {type_name(item)}, shows no "
                    "content by which it would be known again: say what identifies an item, with "
                    "duranb.map(…, key=lambda item: …)"
                )
            return version
        known = self._key(item)
        version = runtime.namespace.version_of(known)
        if is_unstorable(version):
            raise UsageError(
                f"the key of item {index} of the map of {self.label}, a {type_name(known)}, shows "
                "no content by which it would be known again: give a text or a number"
            )
        return f"{BY_KEY}{version}"

    @property
    def code(self) -> list[Callable[..., Any]]:
        return [self._fn] if self._key is None else [self._fn, self._key]

    def of_today(self) -> Work:
        return _Mapping(of_today(self._fn), of_today(self._key))


class _Gathering:
    """Each item is a job of its own; its place tells it from others."""

    label = "gather"

    def __init__(self, *, asynchronous: bool) -> None:
        self.asynchronous = asynchronous

    def call(self, item: Callable[[], Any]) -> Callable[[], Any]:
        return item

    def awaits(self, item: Callable[[], Any]) -> bool:
        return _is_async(item)

    def called(self, item: Callable[[], Any]) -> Callable[..., Any]:
        return item

    def key(self, runtime: Runtime, index: int, item: Callable[[], Any], version: str) -> str:
        return f"{index} {_label(item)}"

    @property
    def code(self) -> list[Callable[..., Any]]:
        return []  # each is an item, and is among those that failed

    def of_today(self) -> Work:
        return self


def _label(fn: Callable[..., Any]) -> str:
    inner = fn.func if isinstance(fn, functools.partial) else fn
    return getattr(inner, "__qualname__", None) or qualname_of(type(inner))


def _is_async(fn: Callable[..., Any]) -> bool:
    if inspect.isfunction(fn) or inspect.ismethod(fn) or isinstance(fn, functools.partial | type):
        return inspect.iscoroutinefunction(fn)
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(type(fn).__call__)
