"""The recorded calls by what they asked, so that an identical request finds its answer.

A place is a run, a step, a key and an occurrence: the n-th identical request of a step is answered
from what the n-th one recorded. Several calls can stand in one place: a failed one and its retry, a
rejected one and the one made anew, one of each branch.
"""

from __future__ import annotations

from typing import TypeAlias

_Request: TypeAlias = tuple[str, str, str]
_Place: TypeAlias = tuple[str, str, str, int]


class RecordedCalls:
    """Ids of calls by place. Every look-up takes the same time, however many calls there are."""

    def __init__(self) -> None:
        self._calls: dict[_Place, tuple[int, ...]] = {}
        self._further: dict[_Request, int] = {}  # places whose occurrence is not 0: few have any

    def add(self, run: str, step: str, key: str, occurrence: int, call: int) -> None:
        """Note that ``call`` stands in a place; the latest comes last."""
        place = (run, step, key, occurrence)
        there = self._calls.get(place)
        if there is None and occurrence:
            self._further[place[:3]] = self._further.get(place[:3], 0) + 1
        self._calls[place] = (*there, call) if there else (call,)

    def at(self, run: str, step: str, key: str, occurrence: int) -> tuple[int, ...]:
        """The ids of the calls in one place, oldest first."""
        return self._calls.get((run, step, key, occurrence), ())

    def occurrences(self, run: str, step: str, key: str) -> int:
        """How many places there are for identical requests of a step."""
        return ((run, step, key, 0) in self._calls) + self._further.get((run, step, key), 0)
