"""Values that another thread changes while they are looked at.

Two steps that run at once may share a client, which fills its attributes as they are first used.
Whoever goes through its dict at that moment is told by Python that it changed. That is no fault of
the value, which is looked at again a moment later.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from operator import call
from typing import Any, TypeVar

T = TypeVar("T")

_PAUSES = (0.0, 0.0, 0.001, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Seconds before each further look: 0.4 in all, for a value that something fills without end."""

_SAYS = (
    "changed size during iteration",  # of dicts and sets
    "keys changed during iteration",
    "mutated during iteration",  # of deques and ordered dicts
)


def is_moving(error: BaseException) -> bool:
    """Whether an error says that a container changed while it was gone through."""
    return type(error) is RuntimeError and str(error).endswith(_SAYS)


def steady(look: Callable[[], T]) -> T:
    """What ``look()`` finds once nothing changes underneath it. Raises what it raises, and the
    ``RuntimeError`` of a container that changed every time."""
    for pause in _PAUSES:
        try:
            return look()
        except RuntimeError as error:
            if not is_moving(error):
                raise
        time.sleep(pause)
    return look()


def in_one_go(*calls: Callable[[], Any]) -> None:
    """Make calls, of functions that are written in C, with no other thread running in between."""
    through: Iterable[Any] = map(call, calls)
    deque(through, 0)
