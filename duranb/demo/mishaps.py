"""What goes wrong at the stand-in, on a fixed schedule: so that every demo meets it."""

from __future__ import annotations

from enum import StrEnum


class Mishap(StrEnum):
    """What becomes of a request."""

    NONE = "ok"
    RATE_LIMITED = "rate limited"
    FAILED = "failed"
    SLOW = "slow"


RETRY_AFTER = 0.3
"""Seconds that a rate-limited client is told to wait."""

SLOW = 6.0
"""Seconds until a slow answer: longer than the tutorial's clients wait."""

_SCHEDULE = (
    (13, 6, Mishap.RATE_LIMITED),
    (29, 17, Mishap.FAILED),
    (41, 27, Mishap.SLOW),
)
"""Every how many requests, at which of them, and what."""


def mishap(number: int) -> Mishap:
    """What happens to the ``number``-th request, from 1."""
    for period, at, what in _SCHEDULE:
        if number % period == at:
            return what
    return Mishap.NONE
