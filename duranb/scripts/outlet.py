"""What functions print that run at once: shown in their order, each as a whole."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from functools import partial
from threading import Lock
from typing import TextIO

from duranb.engine import printed

_current: ContextVar[int] = ContextVar("duranb_node", default=-1)


class Outlet(printed.Above):
    """Stands for ``sys.stdout``. What the first node that has not ended prints is shown at once,
    what later ones print when it is their turn; what no node prints is passed on."""

    def __init__(self, below: TextIO) -> None:
        super().__init__(below)
        self._front = 0
        self._ended: set[int] = set()
        self._waiting: dict[int, list[str]] = {}
        self._all: dict[int, list[str]] = {}
        self._lock = Lock()

    @classmethod
    @contextlib.contextmanager
    def installed(cls) -> Iterator[Outlet]:
        """One in the place of ``sys.stdout``; in the end all is shown."""
        made = cls(sys.stdout)
        made._take()
        with contextlib.redirect_stdout(made):
            try:
                yield made
            finally:
                made.show_all()
                made._leave()

    def enter(self, node: int) -> None:
        """What this thread or task prints from now on is of this node."""
        _current.set(node)
        printed.listening.set(partial(self._text, node))

    def _text(self, node: int) -> str:
        return "".join(self._all.get(node, ()))

    def ended(self, node: int) -> None:
        """The node prints no more; the next in order may have something to show."""
        with self._lock:
            self._ended.add(node)
            self._all.pop(node, None)
            while self._front in self._ended:
                self._front += 1
                self._put("".join(self._waiting.pop(self._front, [])))
            self._below.flush()

    def show_all(self) -> None:
        """Show what is still waiting, in order."""
        with self._lock:
            for node in sorted(self._waiting):
                self._put("".join(self._waiting.pop(node)))
            self._below.flush()

    def write(self, text: str) -> int:
        if printed.muted.get():
            return len(text)
        node = _current.get()
        with self._lock:
            if node >= 0:
                self._all.setdefault(node, []).append(text)
            if node > self._front:
                self._waiting.setdefault(node, []).append(text)
            else:
                self._put(text)
        return len(text)
