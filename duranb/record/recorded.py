"""The recorded calls by what they asked, so that an identical request finds its answer.

A place is a run, a step, a key and an occurrence: the n-th identical request of a step is answered
from what the n-th one recorded. Several calls can stand in one place: a failed one and its retry, a
rejected one and the one made anew, one of each branch.
"""

from __future__ import annotations

import xxhash

from duranb.record.numbers import Numbers


class RecordedCalls:
    """Ids of calls by place. Every look-up takes the same time, however many calls there are."""

    def __init__(self) -> None:
        self._calls = Numbers()

    def add(self, run: str, step: str, key: str, occurrence: int, call: int) -> None:
        """Note that ``call`` stands in a place; the latest comes last."""
        self._calls.add(hash_of(run, step, key, occurrence), call)

    def at(self, run: str, step: str, key: str, occurrence: int) -> list[int]:
        """The ids of the calls in one place, oldest first. Others may be among them: whoever asks
        looks at what they say of themselves."""
        return self._calls.get(hash_of(run, step, key, occurrence))


def hash_of(*parts: str | int) -> int:
    """A hash of 64 bits."""
    text = "\0".join(map(str, parts))
    found: int = xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))
    return found
