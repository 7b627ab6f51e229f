"""Many numbers in little memory: what a long history is looked up by.

A dictionary with an entry for each call of a hundred thousand takes tens of megabytes, most of them
for the objects in it. Here an entry takes 16 bytes, and a fifth more for room to grow.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

FEW = 256
"""Numbers up to which a tuple of them is as good."""

_ENTRIES = 32
"""Entries of a bucket, about: as many are looked at to find one, at C speed."""


class Numbers:
    """Numbers by a hash of 64 bits: several may have the same one, and so may what is not the same.
    Whoever asks looks whether what it was given is what it asked for.

    A linear hash table: for every few entries one bucket is split in two, so that it never stops to
    move all of them. Safe to be asked while another thread adds.
    """

    def __init__(self) -> None:
        self._buckets = [array("Q")]
        self._whole = 1  # buckets when the latest round of splits began
        self._entries = 0

    def __len__(self) -> int:
        """How many there are."""
        return self._entries

    def add(self, key: int, number: int) -> None:
        """Note a number, from 0 to 2**64 - 1, under a hash; it comes after those already there."""
        self._buckets[self._place(key)].extend((key, number))
        self._entries += 1
        if self._entries > len(self._buckets) * _ENTRIES:
            self._split()

    def __contains__(self, key: int) -> bool:
        """Whether there are any numbers under a hash."""
        return bool(self.get(key))

    def get(self, key: int) -> list[int]:
        """The numbers under a hash, in the order in which they were added."""
        while True:
            place = self._place(key)
            bucket = self._buckets[place]
            found: list[int] = []
            at = 0
            try:
                while True:
                    at = bucket.index(key, at)
                    if not at % 2:  # else it is another one's number
                        found.append(bucket[at + 1])
                    at += 1
            except ValueError:
                pass
            # What is not there may just have moved to the bucket that was split off.
            if self._place(key) == place and self._buckets[place] is bucket:
                return found

    def _place(self, key: int) -> int:
        buckets, whole = len(self._buckets), self._whole
        place = key & (2 * whole - 1)
        return place if place < buckets else key & (whole - 1)

    def _split(self) -> None:
        if len(self._buckets) == 2 * self._whole:
            self._whole *= 2
        at = len(self._buckets) - self._whole
        bit = self._whole
        stay, move = array("Q"), array("Q")
        old = self._buckets[at]
        for i in range(0, len(old), 2):
            (move if old[i] & bit else stay).extend(old[i : i + 2])
        self._buckets.append(move)
        self._buckets[at] = stay

    def numbers(self) -> list[int]:
        """All numbers, in no order."""
        return [number for bucket in self._buckets for number in bucket[1::2]]


def packed(numbers: Iterable[int]) -> Sequence[int]:
    """The same numbers, from 0 to 2**64 - 1, in as little memory as is worth it. Raises ValueError
    for others."""
    found = tuple(numbers)
    try:
        return found if len(found) <= FEW else array("Q", found)
    except OverflowError as error:
        raise ValueError(str(error)) from error
