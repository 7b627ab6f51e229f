"""What a function step prints, where somebody listens: kept with its result, and printed again."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from threading import Lock
from typing import Any, TextIO

from duranb.code.looking import own
from duranb.terminal import tame

listening: ContextVar[Callable[[], str] | None] = ContextVar("duranb_printed", default=None)
"""Gives all that the current thread or task has printed so far; None where nobody listens. In a
notebook the cell's own outputs are kept."""


class Printed:
    """What is printed from now on."""

    def __init__(self) -> None:
        told = listening.get()
        self._start = len(told()) if told is not None else 0

    def messages(self) -> list[dict[str, Any]]:
        """As output messages, like a cell's."""
        told = listening.get()
        text = told()[self._start :] if told is not None else ""
        if not text:
            return []
        return [{"type": "stream", "content": {"name": "stdout", "text": text}}]


def again(messages: list[dict[str, Any]]) -> None:
    """Print what a step had printed, where somebody listens."""
    if listening.get() is not None:
        for message in messages:
            if message["type"] == "stream":
                print(message["content"]["text"], end="")


@contextlib.contextmanager
def heard() -> Iterator[None]:
    """What the current thread or task prints in this block, and what it calls from there, is kept
    with the steps that print it; it is shown too."""
    texts: list[str] = []
    token, told = _kept.set(texts), listening.set(lambda: "".join(texts))
    _Ear.put_on()
    try:
        yield
    finally:
        _Ear.take_off()
        listening.reset(told)
        _kept.reset(token)


_kept: ContextVar[list[str] | None] = ContextVar("duranb_heard", default=None)


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """What the current thread or task prints in this block is not shown, where somebody listens."""
    token = muted.set(True)
    try:
        yield
    finally:
        muted.reset(token)


muted: ContextVar[bool] = ContextVar("duranb_muted", default=False)
"""Whether it is so."""


class Above(io.TextIOBase):
    """Stands for a stream, and passes on what is asked of it. What is written its own kinds say,
    which write to the stream itself by :meth:`_put`.

    Who has got hold of the stream before (a log handler, ``out = sys.stdout``) writes to this one
    too, from :meth:`_take` to :meth:`_leave`.
    """

    def __init__(self, below: TextIO) -> None:
        self._below = below
        self._put: Callable[[str], int] = below.write
        self._had: dict[str, Any] = {}

    def _take(self) -> None:
        attributes = own(self._below)
        self._had = {n: attributes[n] for n in ("write",) if n in attributes}
        with contextlib.suppress(AttributeError):  # one of C's that takes no attributes
            self._below.write = self.write  # type: ignore[method-assign]

    def _leave(self) -> None:
        if own(self._below).get("write") == self.write:
            del self._below.write
            vars(self._below).update(self._had)

    def flush(self) -> None:
        self._below.flush()

    def isatty(self) -> bool:
        return self._below.isatty()

    def fileno(self) -> int:
        return self._below.fileno()

    def writable(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        """What is asked of a stream but seldom: its encoding, its buffer."""
        return getattr(self._below, name)


class _Ear(Above):
    """Stands for ``sys.stdout`` while anybody listens in this way, and passes all on."""

    _lock = Lock()
    _users = 0
    _worn: _Ear | None = None

    @classmethod
    def put_on(cls) -> None:
        """One more listens."""
        with cls._lock:
            cls._users += 1
            if cls._worn is None:
                cls._worn = cls(sys.stdout)
                cls._worn._take()
                sys.stdout = cls._worn

    @classmethod
    def take_off(cls) -> None:
        """One less does; after the last one everything is as it was."""
        with cls._lock:
            cls._users -= 1
            if not cls._users and cls._worn is not None:
                cls._worn._leave()
                if sys.stdout is cls._worn:
                    sys.stdout = cls._worn._below
                cls._worn = None

    def write(self, text: str) -> int:
        if muted.get():
            return len(text)
        if (kept := _kept.get()) is not None:
            kept.append(text)
        return self._put(text)


def notice(text: str) -> None:
    """Say something that is no output of the step's."""
    out = sys.stdout if listening.get() is None else sys.stderr
    print(f"duranb: {tame(text)}", file=out)
