"""Generators, coroutines, futures and tasks that have come to their end.

One that is on its way lives in its frame or its loop, and cannot be stored. When it has ended there
is only its outcome left: a generator gives nothing more, a task has its result or error. What
streams an answer holds some, and is kept for what it knows when all is said.
"""

from __future__ import annotations

import asyncio
import re
import sys
import types
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any

Reduction = tuple[Any, ...]

_ON_ITS_WAY = "cannot pickle {!r} object: it has not ended"


def _generator(found: Any) -> Reduction:
    if found.gi_frame is not None:
        raise TypeError(_ON_ITS_WAY.format("generator"))
    return generator, (found.__name__, found.__qualname__)


def generator(name: str, qualname: str) -> Generator[Any, Any, Any]:
    """A generator that gives nothing more."""
    made: Any = (None for _ in ())
    made.close()
    _name(made, name, qualname)
    return made  # type: ignore[no-any-return]


def _coroutine(found: Any) -> Reduction:
    if found.cr_frame is not None:
        raise TypeError(_ON_ITS_WAY.format("coroutine"))
    return coroutine, (found.__name__, found.__qualname__)


def coroutine(name: str, qualname: str) -> Coroutine[Any, Any, Any]:
    """A coroutine that was awaited."""
    made: Any = _nothing()
    made.close()
    _name(made, name, qualname)
    return made  # type: ignore[no-any-return]


async def _nothing() -> None:
    pass


def _async_generator(found: Any) -> Reduction:
    if found.ag_frame is not None:
        raise TypeError(_ON_ITS_WAY.format("async_generator"))
    return async_generator, (found.__name__, found.__qualname__)


def async_generator(name: str, qualname: str) -> AsyncGenerator[Any, Any]:
    """An async generator that gives nothing more."""
    made: Any = _none()
    try:
        made.aclose().send(None)  # it has not begun: there is nothing to wait for
    except StopIteration:
        _name(made, name, qualname)
    return made  # type: ignore[no-any-return]


async def _none() -> AsyncGenerator[Any, Any]:
    for _ in ():
        yield


def _name(made: Any, name: str, qualname: str) -> None:
    made.__name__, made.__qualname__ = name, qualname


# -- futures and tasks ---------------------------------------------------------------------------


def _outcome(found: Any) -> tuple[Any, BaseException | None]:
    """The result and the error, without counting as having asked for it: an error that nobody asks
    for is logged, as it would be without us."""
    if not found.done():
        raise TypeError(_ON_ITS_WAY.format(type(found).__name__))
    if found.cancelled():
        return None, asyncio.CancelledError()
    error = found._exception
    if error is not None and not isinstance(error, Exception):
        raise TypeError(f"cannot pickle a task that ended with {type(error).__name__}")
    return found._result, error


def _future(found: Any) -> Reduction:
    return future, _outcome(found)


def future(result: Any, error: BaseException | None) -> asyncio.Future[Any]:
    """A future of the running loop that has this outcome. Raises RuntimeError where none runs."""
    made = asyncio.get_running_loop().create_future()
    if isinstance(error, asyncio.CancelledError):
        made.cancel()
    elif error is not None:
        made.set_exception(error)
        made._log_traceback = False
    else:
        made.set_result(result)
    return made


def _task(found: Any) -> Reduction:
    name = found.get_name()
    # What ran in this task may hold it still: when that comes back, the task has long ended.
    outcome = (None, None) if _is_running(found) else _outcome(found)
    return task, (None if _NUMBERED.fullmatch(name) else name, *outcome)


def _is_running(found: Any) -> bool:
    return asyncio._get_running_loop() is not None and asyncio.current_task() is found


_NUMBERED = re.compile(r"Task-\d+")
"""The name of a task that was given none: how many there were before it in this process."""


def task(name: str | None, result: Any, error: BaseException | None) -> asyncio.Task[Any]:
    """A task of the running loop that has this outcome. Raises RuntimeError where none runs."""

    async def end() -> Any:
        if error is not None:
            raise error
        return result

    loop = asyncio.get_running_loop()
    made = _at_once(end(), loop, name)
    if error is not None and not made.cancelled():
        made._log_traceback = False
    return made


if sys.version_info >= (3, 12):

    def _at_once(
        ending: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop, name: str | None
    ) -> asyncio.Task[Any]:
        return asyncio.Task(ending, loop=loop, name=name, eager_start=True)

else:

    def _at_once(
        ending: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop, name: str | None
    ) -> asyncio.Task[Any]:
        """A task that has ended when this returns. A loop that is not written in Python cannot be
        asked for that: AttributeError."""
        steps: list[Callable[[], None]] = []

        def keep(step: Callable[[], None], *, context: Any = None) -> None:
            steps.append(step)

        loop.call_soon = keep  # type: ignore[method-assign, assignment]
        try:
            made = asyncio.Task(ending, loop=loop, name=name)
        finally:
            del loop.call_soon
        current = asyncio.current_task(loop)
        if current is not None:
            asyncio.tasks._leave_task(loop, current)
        try:
            steps[0]()
        finally:
            if current is not None:
                asyncio.tasks._enter_task(loop, current)
        return made


RECIPES: dict[type, Callable[[Any], Reduction]] = {
    types.GeneratorType: _generator,
    types.CoroutineType: _coroutine,
    types.AsyncGeneratorType: _async_generator,
    asyncio.Future: _future,
    asyncio.Task: _task,
}
"""How those that have ended are pickled; TypeError for the others."""
