"""How long a server asks to be left alone for, as its headers say it.

Anything may stand in a header. What is no time is none, and a time that nobody can have meant
(a year, a number that is none) is one as well: whoever waits sets a bound.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_TEXT = 64
"""Characters of what can be a time."""

_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def asked_for(header: Callable[[str], str]) -> float | None:
    """Seconds that ``retry-after-ms`` or ``Retry-After`` asks to wait for, or None. ``header``
    gives the text of one (its name in lower case), or an empty string."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        seconds = _number(header(name))
        if seconds is not None:
            return seconds / unit
    return _until(header("retry-after")) or None


def seconds(text: str) -> float:
    """``6m0s``, ``120ms``, a number of seconds, or a time: seconds from now."""
    if len(text) > LONGEST_TEXT:
        return 0.0
    parts = _SPAN.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    found = _number(text)
    return _until(text) if found is None else found


def _number(text: str) -> float | None:
    if not text or len(text) > LONGEST_TEXT:
        return None
    try:
        found = float(text)
    except ValueError:
        return None  # a date, perhaps
    return max(0.0, found) if math.isfinite(found) else None


def _until(text: str) -> float:
    """Seconds until a time, 0 for what is none."""
    if not text or len(text) > LONGEST_TEXT:
        return 0.0
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            then = read(text)
        except (ValueError, TypeError, LookupError, OverflowError):
            continue  # not written in this way
        if then.tzinfo is None:  # "-0000": in UTC, and nobody knows where
            then = then.replace(tzinfo=UTC)
        return max(0.0, (then - datetime.now(UTC)).total_seconds())
    return 0.0
