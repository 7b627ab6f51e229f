"""What a function step prints, where somebody listens: kept with its result, and printed again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

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
            print(message["content"]["text"], end="")


def notice(text: str) -> None:
    """Say something that is no output of the step's."""
    out = sys.stdout if listening.get() is None else sys.stderr
    print(f"duranb: {text}", file=out)
