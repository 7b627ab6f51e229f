"""An item's function being called, in a thread or on an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from duranb.engine import scopes
from duranb.errors import UsageError


class Doing:
    """A call of it; code inside knows which item it is part of."""

    def __init__(
        self,
        where: scopes.Inside | None,
        call: Callable[[], Any],
        label: str,
        awaits: bool,
        pool: ThreadPoolExecutor | None,
    ) -> None:
        self._where = where
        self._call = call
        self._label = label
        self._awaits = awaits
        self._pool = pool

    @contextlib.contextmanager
    def _inside(self) -> Iterator[None]:
        if self._where is None:
            yield
            return
        with scopes.set_inside(self._where):
            yield

    def wait(self) -> Any:
        """What the function returns."""
        with self._inside():
            result = self._call()
        if inspect.iscoroutine(result):
            result.close()
            raise UsageError(
                f"{self._label} returned a coroutine: make it an `async def`, so that "
                "duranb.map(...) is something to await"
            )
        return result

    def __await__(self) -> Generator[Any, None, Any]:
        return self._awaited().__await__()

    async def _awaited(self) -> Any:
        with self._inside():
            if self._awaits:
                return await self._call()
            loop = asyncio.get_running_loop()
            result = await loop.run_in_executor(self._pool, copy_context().run, self._call)
            return await result if inspect.isawaitable(result) else result
