"""Byte streams for httpx and httpx2: one that tees, one that replays.

httpx and httpx2 tell streams by their own base classes, so these are mixed with them when a
library is hooked.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from duranb.engine.flows import arun, run
from duranb.llm.tape import Tape


class Tee:
    """A response's stream, taken down on a tape. Its state is the tape's, so it may be iterated
    again from where it stands, which SDKs do to drain a connection."""

    def __init__(self, inner: Any, tape: Tape) -> None:
        self._inner = inner
        self._tape = tape

    @property
    def elapsed(self) -> timedelta | None:
        """The time until the stream was closed, where the library keeps it on the stream."""
        found: timedelta | None = getattr(self._inner, "elapsed", None)
        return found


class SyncTee(Tee):
    """For ``Client``."""

    def __iter__(self) -> Iterator[bytes]:
        source = iter(self._inner)
        while True:
            try:
                raw = next(source)
            except StopIteration:
                break
            except Exception as error:
                yield from self._tape.cut(error)
                raise
            yield from run(self._tape.feed(raw))
        yield from run(self._tape.end())

    def drain(self) -> list[bytes]:
        """All of it, at once."""
        try:
            return list(self)
        finally:
            self.close()

    def close(self) -> None:
        """Closed by the response, whether its body was read to the end or not."""
        try:
            self._tape.close()
        finally:
            self._inner.close()


class AsyncTee(Tee):
    """For ``AsyncClient``. The loop goes on while an answer is made durable, and whoever is
    cancelled meanwhile loses nothing: the answer is on its way to the disk."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        source = self._inner.__aiter__()
        try:
            while True:
                try:
                    raw = await source.__anext__()
                except StopAsyncIteration:
                    break
                except Exception as error:
                    for piece in self._tape.cut(error):
                        yield piece
                    raise
                for piece in await arun(self._tape.feed(raw)):
                    yield piece
            for piece in await arun(self._tape.end()):
                yield piece
        finally:
            if isinstance(source, AsyncGenerator):
                await source.aclose()

    async def drain(self) -> list[bytes]:
        """All of it, at once."""
        try:
            return [piece async for piece in self]
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Closed by the response, whether its body was read to the end or not."""
        try:
            self._tape.close()
        finally:
            await self._inner.aclose()


class Replayed:
    """A recorded body in the pieces in which it came; goes on where an earlier iteration ended.

    Closed before its end it calls ``abandoned``, since a live stream that is abandoned frees its
    place in the journal for the next identical request: on replay the same one must be free.
    """

    def __init__(self, pieces: Sequence[bytes], abandoned: Callable[[], None]) -> None:
        self._left = list(reversed(pieces))
        self._abandoned = abandoned

    def __iter__(self) -> Iterator[bytes]:
        while self._left:
            yield self._left.pop()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._left:
            yield self._left.pop()

    def close(self) -> None:
        """Nothing is open."""
        if self._left:
            self._abandoned()

    async def aclose(self) -> None:
        """Nothing is open."""
        self.close()
