"""What leaves a step: by ways that are recorded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TypeVar


class Recorded:
    """Something that is recorded as a whole while it is on its way: whatever code sends meanwhile
    is part of it.

    A task or a thread that was started meanwhile inherits the context variable and outlives it, so
    there is a switch in it.
    """

    on = True


R = TypeVar("R", bound=Recorded)

_around: ContextVar[Recorded | None] = ContextVar("duranb_recorded", default=None)


def around() -> Recorded | None:
    """What this code is part of, or None."""
    found = _around.get()
    return found if found is not None and found.on else None


@contextlib.contextmanager
def part_of(whole: R) -> Iterator[R]:
    """What the code in this block sends is part of ``whole``."""
    token = _around.set(whole)
    try:
        yield whole
    finally:
        whole.on = False
        _around.reset(token)
