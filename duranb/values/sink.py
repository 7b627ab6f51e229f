"""Where the canonical pickle of a value is written to, to be hashed and forgotten."""

from __future__ import annotations

import pickle
from typing import Any

import xxhash

from duranb.record.artifacts import Buffer


class Sink:
    """Hashes what is written, up to ``most`` bytes. Raises :class:`TooLarge`."""

    def __init__(self, most: int) -> None:
        self.hasher = xxhash.xxh3_128()
        self.size = 0
        self._most = most

    def write(self, data: Any) -> int:
        """Hash what is written; its length."""
        view = bytes(data) if len(data) < 1 << 20 else data
        self.hasher.update(view)
        self.size += len(data)
        if self.size > self._most:
            raise TooLarge
        return len(data)

    def take(self, buffer: pickle.PickleBuffer) -> None:
        """Hash what is not written but handed over; it is fast, and counts for less."""
        raw = buffer.raw()
        self.size += raw.nbytes >> 6
        if self.size > self._most:
            raise TooLarge
        self.hasher.update(raw)


class TooLarge(Exception):
    """It is large, or shared parts made a pickle without a memo explode."""


class Pieces:
    """A file that keeps what is written in pieces: a large string is never copied."""

    def __init__(self) -> None:
        self.pieces: list[Buffer] = []

    def write(self, data: Buffer) -> int:
        """Keep a piece."""
        self.pieces.append(data if isinstance(data, bytes) else bytes(data))
        return len(data)
