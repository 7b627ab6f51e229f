"""Taking an answer down while it is passed on, and holding back its end until it is durable.

A :class:`Tape` knows nothing of HTTP libraries: pieces go in as they come over the wire, and those
that the caller may see by now come out. Only the piece that completes the answer waits, for the
one commit that makes it durable; everything before it streams through.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from duranb.engine.flows import Flow
from duranb.llm import decoding
from duranb.llm.decoding import Decode
from duranb.llm.sse import Splitter, Verdict, fields, finishes, verdict

PIECE = 64
"""Bytes that a piece counts for beside its own: a body that comes byte by byte takes more memory to
keep than it has bytes."""


class Journal(Protocol):
    """What becomes of the answer on a tape; exactly one of these is called, once."""

    def complete(self, pieces: Sequence[bytes]) -> Flow[None]:
        """The answer is whole. Durable when this flow has ended."""

    def fail(self, error: Exception) -> None:
        """The answer is none, or was cut."""

    def abandon(self) -> None:
        """Nobody wanted to see its end."""


class Tape:
    """One answer on its way.

    ``decode`` undoes the content encoding piece by piece; with ``as_it_came`` that only tells what
    is in the pieces, which are taken down without it (and an encoding has an end of its own, which
    comes after the last event). With ``events`` the body is a stream of
    server-sent events, whose last one is told by its content; anything else ends where it ends, so
    its newest piece is held back. ``ends_silently``: without a marker, the body's end is the
    answer's end. ``holds_reason``: nothing but the marker and the bill comes after an event that
    gives the reason for the end, so a caller may well stop there; it waits for them.
    """

    def __init__(
        self,
        journal: Journal,
        decode: Decode,
        *,
        events: bool,
        ends_silently: bool = True,
        holds_reason: bool = False,
        as_it_came: bool = False,
    ) -> None:
        self._journal = journal
        self._decode = decode
        self._splitter = Splitter() if events else None
        self._ends_silently = ends_silently
        self._holds_reason = holds_reason
        self._as_it_came = as_it_came
        self._ends_later = as_it_came and decode is not bytes
        self._over = False
        self._held: list[bytes] = []
        self._pieces: list[bytes] = []
        self._size = 0
        self._settled = False
        self._finished = False

    def feed(self, raw: bytes) -> Flow[list[bytes]]:
        """Take down a piece; the pieces that may be passed on.

        Raises :class:`duranb.errors.StoreError` when the answer cannot be made durable: then it
        is not passed on.
        """
        if self._settled:
            return [raw]
        self._held.append(raw)
        try:
            piece = self._decode(raw)
        except Exception as error:  # each codec raises its own; the client will meet it as well
            return self.cut(error)
        if kept := raw if self._as_it_came else piece:
            self._pieces.append(kept)
            self._size += len(kept) + PIECE
        if self._size > decoding.LONGEST_ANSWER:
            return self.cut(decoding.too_long())
        if self._splitter is None:
            return self._let_go(keep=1)
        for event in self._splitter.feed(piece):
            self._finished = self._finished or finishes(event)
            match verdict(event):
                case Verdict.LAST if self._ends_later:
                    self._over = True
                case Verdict.LAST:
                    yield from self._complete()
                    return self._let_go()
                case Verdict.FAILED:
                    return self.cut(RuntimeError(f"the model reported: {_told(event)}"))
        if self._over or self._splitter.ending or (self._holds_reason and self._finished):
            return []
        return self._let_go()

    def end(self) -> Flow[list[bytes]]:
        """The body has ended; the pieces that were still held back."""
        if not self._settled:
            if self._is_whole():
                yield from self._complete()
            else:
                self._settled = True
                self._journal.fail(ConnectionError("the stream ended before its answer did"))
        return self._let_go()

    def cut(self, error: Exception) -> list[bytes]:
        """The body broke off; the pieces that were still held back."""
        if not self._settled:
            self._settled = True
            self._pieces, self._splitter = [], None
            self._journal.fail(error)
        return self._let_go()

    def close(self) -> None:
        """The caller reads no further."""
        if not self._settled:
            self._settled = True
            self._journal.abandon()

    def _is_whole(self) -> bool:
        if self._splitter is None or self._ends_silently or self._over:
            return True
        return self._finished or self._splitter.ending or finishes(self._splitter.rest)

    def _complete(self) -> Flow[None]:
        self._settled = True
        yield from self._journal.complete(self._pieces)

    def _let_go(self, keep: int = 0) -> list[bytes]:
        cut = len(self._held) - keep
        free, self._held = self._held[:cut], self._held[cut:]
        return free


def _told(event: bytes) -> str:
    return fields(event)[1].decode("utf-8", "replace")[:500]
