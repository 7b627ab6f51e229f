"""One implementation for sync and async code: a generator that says what to wait for.

A flow yields what has to be waited for (a receipt of the store, an :class:`Act`, a
:class:`Pause`), gets the outcome back, and returns a value. :func:`run` drives it in a thread,
:func:`arun` on an event loop. The idea is httpx's ``auth_flow``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Final, Protocol, TypeAlias, TypeVar

T = TypeVar("T")

TICK = 0.2
"""Seconds between two looks at whether a pause was interrupted."""

NOT_YET: Final = object()
"""What a look gives that has found nothing."""


class Waitable(Protocol):
    """What a flow may yield: it can be waited for in a thread and on an event loop."""

    def wait(self) -> Any:
        """Block until it is done; what came of it. Raises what went wrong."""

    def __await__(self) -> Generator[Any, None, Any]:
        """The same without blocking the event loop."""


Flow: TypeAlias = Generator[Waitable, Any, T]


class Act:
    """Calls ``do``, whose result is awaited where the flow runs on an event loop."""

    def __init__(self, do: Callable[[], Any]) -> None:
        self._do = do

    def wait(self) -> Any:
        """The result of ``do``."""
        return self._do()

    def __await__(self) -> Generator[Any, None, Any]:
        made: Awaitable[Any] = self._do()
        return made.__await__()


class Blocking:
    """Calls ``do``, which blocks: in a thread of its own where the flow runs on an event loop."""

    def __init__(self, do: Callable[[], Any]) -> None:
        self._do = do

    def wait(self) -> Any:
        """The result of ``do``."""
        return self._do()

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.to_thread(self._do).__await__()


class Pause:
    """Waits ``seconds``; in a thread in small pieces, so that it can be interrupted."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def wait(self) -> None:
        """Sleep."""
        end = time.monotonic() + self._seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(TICK, left))

    def __await__(self) -> Generator[Any, None, None]:
        return asyncio.sleep(self._seconds).__await__()


class Polled:
    """Asks ``look`` now and then, until it gives something other than ``NOT_YET``. It is told
    whether it may block."""

    def __init__(self, look: Callable[[bool], Any]) -> None:
        self._look = look

    def wait(self) -> Any:
        """What it gave."""
        while (found := self._look(True)) is NOT_YET:
            time.sleep(TICK)
        return found

    def __await__(self) -> Generator[Any, None, Any]:
        while (found := self._look(False)) is NOT_YET:
            yield from asyncio.sleep(TICK).__await__()
        return found


def run(flow: Flow[T]) -> T:
    """Drive a flow in this thread; what it returns."""
    try:
        wanted = next(flow)
        while True:
            try:
                outcome = wanted.wait()
            except BaseException as error:
                wanted = flow.throw(error)
            else:
                wanted = flow.send(outcome)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]


async def arun(flow: Flow[T]) -> T:
    """Drive a flow on the running event loop; what it returns."""
    try:
        wanted = next(flow)
        while True:
            try:
                outcome = await wanted
            except BaseException as error:
                wanted = flow.throw(error)
            else:
                wanted = flow.send(outcome)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
