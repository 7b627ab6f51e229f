"""Ids and times that code drew while it ran: another one each time, and of no account.

A time is one only if it lies in the time in which its execution ran, so that no other number and no
other date is ever taken for one. An id is a UUID; one stands for the same one wherever it occurs.
"""

from __future__ import annotations

import datetime
import math
import re
import uuid
from dataclasses import dataclass
from typing import Any

from duranb.text.credentials import NO_KEY

_TOKENS = re.compile(
    r"""
    (?P<id>
        (?<![0-9a-f]) [0-9a-f]{8} (?:-[0-9a-f]{4}){3} - [0-9a-f]{12} (?![0-9a-f])
        # Without hyphens, a version that is drawn: another 32 digits may be a checksum.
      | (?<![0-9a-f]) [0-9a-f]{12} [1467] [0-9a-f]{3} [89ab] [0-9a-f]{15} (?![0-9a-f])
        # What is called an id, as it is written in Python, in JSON and in MessagePack.
      | (?: (?<=id[^0-9a-z]) | (?<=id[^0-9a-z]{2}) | (?<=id[^0-9a-z]{4}) )
        (?<![0-9a-f]) [0-9a-f]{16,64} (?![0-9a-f])
    )
  | (?P<time>
        \d{4}-\d\d-\d\d [T ] \d\d:\d\d (?: :\d\d (?: [.,]\d{1,9})? )? (?: Z | [+-]\d\d:?\d\d )?
    )
  | (?P<number> (?<![\w.]) \d{10,19} (?: \.\d+ )? (?![\w.]) )
  | (?P<address> (?<=\ at\ ) 0x[0-9a-f]+ )
    """,
    re.IGNORECASE | re.VERBOSE,
)

_SHORTEST = 16
"""Characters of an id, at least."""

_DURATION = re.compile(
    r"(^|_)(ms|millis|milliseconds|seconds|secs|took|elapsed|runtime|durations?|latency|latencies)"
    r"(_|$)"
)
"""Names of what tells how long something took."""

_HASH = re.compile(r"^_\w*hash$")
"""Names under which objects keep their own hash: of a text, it is another one in each process."""

_ID = re.compile(r"(^|_)ids?$")
"""Names of what holds ids."""

_HEX = re.compile(r"[0-9a-f]{16,64}")
"""An id that may be made of drawn ones, as their hash."""

_KEY = re.compile(r"[!-~]+")
"""What a credential is made of, or its mask."""

_MEMORY = range(1 << 32, 1 << 47)
_ALIGNED = 16
"""Where objects lie in memory, and of what that is a multiple."""

_UNITS = (1, 10**3, 10**6, 10**9)
"""Parts of a second in which times are counted."""

_OFFSET = 15 * 60
"""Seconds in which time zones differ from each other."""

_FARTHEST = 14 * 3600


@dataclass(frozen=True)
class Window:
    """The time in which an execution ran, in microseconds since the epoch."""

    first: int
    last: int

    def has(self, value: float) -> bool:
        """Whether a number may be a time within: seconds since the epoch, or parts of them."""
        return any(
            math.floor(self.first * unit / 1e6) <= value <= math.ceil(self.last * unit / 1e6)
            for unit in _UNITS
        )

    def has_moment(self, value: datetime.datetime) -> bool:
        """Whether a moment lies within; without a time zone, in any."""
        first, last = self.first / 1e6 - 1, self.last / 1e6  # some are cut to whole seconds
        if value.tzinfo is not None:
            return first <= value.timestamp() <= last
        told = value.replace(tzinfo=datetime.UTC).timestamp()
        offset = round((told - (first + last) / 2) / _OFFSET) * _OFFSET
        return abs(offset) <= _FARTHEST and first <= told - offset <= last

    def has_day(self, value: datetime.date) -> bool:
        """Whether it was that day, anywhere."""
        edge = datetime.timedelta(seconds=_FARTHEST)
        days = (
            datetime.datetime.fromtimestamp(self.first / 1e6, datetime.UTC) - edge,
            datetime.datetime.fromtimestamp(self.last / 1e6, datetime.UTC) + edge,
        )
        return days[0].date() <= value <= days[1].date()

    def has_length(self, seconds: float) -> bool:
        """Whether something may have taken as long, within."""
        return 0 <= seconds <= (self.last - self.first) / 1e6


class Drawn:
    """What two executions of the same code drew, the one in ``was`` and the other in ``now``."""

    def __init__(self, was: Window, now: Window) -> None:
        self._was = was
        self._now = now
        self._ids: dict[str, str] = {}
        self._taken: dict[str, str] = {}

    def same(self, was: Any, now: Any, label: str = "") -> bool:
        """Whether two different values of one type, under the attribute or key ``label``, differ
        only in what is drawn."""
        kind = type(was)
        if kind is str:
            if _ID.search(label.lower()) and _HEX.fullmatch(was) and _HEX.fullmatch(now):
                return len(was) == len(now) and self._one_id(was, now)
            return self._texts(was, now)
        if kind is bytes:
            return self._texts(was.decode("latin-1"), now.decode("latin-1"))
        if kind in (int, float):
            kept = kind is int and _HASH.search(label) is not None
            if kept or self._numbers(was, now) or self._durations(was, now, label):
                return True
            return kind is int and self._addresses(was, now, label)
        if kind is uuid.UUID:
            return self._one_id(str(was), str(now))
        if issubclass(kind, datetime.datetime):
            return self._was.has_moment(was) and self._now.has_moment(now)
        if kind is datetime.date:
            return self._was.has_day(was) and self._now.has_day(now)
        if kind is datetime.timedelta:
            return self._lasted(was.total_seconds(), now.total_seconds())
        return False

    def kept(self, value: Any) -> bool:
        """Whether the ids in a text that is the same in both executions stand for themselves."""
        if type(value) is bytes:
            value = value.decode("latin-1")
        if type(value) is not str or len(value) < _SHORTEST:
            return True
        found = (match for match in _TOKENS.finditer(value) if match.lastgroup == "id")
        return all(self._one_id(match.group().lower(), match.group().lower()) for match in found)

    def _numbers(self, was: float, now: float) -> bool:
        return self._was.has(was) and self._now.has(now)

    def _addresses(self, was: int, now: int, label: str) -> bool:
        """Whether both are where an object lay in memory, kept as its id: each stands for another
        one."""
        if not (_ID.search(label.lower()) and was in _MEMORY and now in _MEMORY):
            return False
        return was % _ALIGNED == now % _ALIGNED == 0 and self._one_id(hex(was), hex(now))

    def _durations(self, was: float, now: float, label: str) -> bool:
        if not _DURATION.search(label.lower()):
            return False
        return any(self._lasted(was / unit, now / unit) for unit in _UNITS[:2])

    def _lasted(self, was: float, now: float) -> bool:
        """Whether both may be how long something took, in seconds. What answers from the journal
        tells how long it had taken then, which may be longer than all of the replay."""
        is_now = self._now.has_length(now) or self._was.has_length(now)
        return self._was.has_length(was) and is_now

    def _one_id(self, was: str, now: str) -> bool:
        """Each id stands for one and the same other one."""
        known, taken = self._ids.setdefault(was, now), self._taken.setdefault(now, was)
        return known == now and taken == was

    def _texts(self, was: str, now: str) -> bool:
        """Whether two texts are the same but for tokens of which each was drawn, and for what a
        replay has in the place of a credential."""
        if NO_KEY in now:
            at = now.index(NO_KEY)
            key = _KEY.match(was, at)
            end = key.end() if key is not None else at
            was, now = was[:at] + was[end:], now[:at] + now[at + len(NO_KEY) :]
            return key is not None and (was == now or self._texts(was, now))
        first, second = list(_TOKENS.finditer(was)), list(_TOKENS.finditer(now))
        if len(first) != len(second) or _between(was, first) != _between(now, second):
            return False
        return all(self._tokens(a, b) for a, b in zip(first, second, strict=True))

    def _tokens(self, was: re.Match[str], now: re.Match[str]) -> bool:
        if was.group() == now.group():
            return True
        if was.lastgroup != now.lastgroup:
            return False
        if was.lastgroup == "number":
            return self._numbers(float(was.group()), float(now.group()))
        if was.lastgroup == "time":
            a, b = _moment(was.group()), _moment(now.group())
            return (
                a is not None and b is not None and self._was.has_moment(a)
            ) and self._now.has_moment(b)
        return self._one_id(was.group().lower(), now.group().lower())


def _between(text: str, found: list[re.Match[str]]) -> list[str]:
    edges = [0, *(edge for match in found for edge in match.span()), len(text)]
    return [text[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _moment(text: str) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(text.replace(",", "."))
    except ValueError:
        return None
