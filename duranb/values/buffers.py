"""Large buffers as artifacts: whole the first time, then what changed since.

An array of which one element was written is kept as the array before it and the chunks that differ,
never as a chain of such differences. What differs is found by hashes of the chunks, which change
detection needs anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import xxhash

from duranb.record.artifacts import Artifacts

LARGE = 1 << 18
"""Bytes from which a buffer is an artifact of its own."""

CHUNK = 1 << 20
"""Bytes that are stored again when one of them changes."""

MOST = 4
"""A buffer of which more than one in so many chunks differ is stored whole."""

_PROBES = 8

Entry: TypeAlias = str | tuple[str, dict[int, str]]
"""Where a buffer is kept: its digest, or another one's and the chunks that differ by index."""


def chunk(buffer: memoryview, index: int) -> memoryview:
    """One chunk of a buffer."""
    return buffer[index * CHUNK : (index + 1) * CHUNK]


def hashes(buffer: memoryview) -> list[bytes]:
    """The hashes of a buffer's chunks."""
    count = -(-buffer.nbytes // CHUNK)
    return [xxhash.xxh3_128_digest(chunk(buffer, i)) for i in range(count)]


class Known:
    """The buffers that were stored whole, by their chunks. One for each store."""

    def __init__(self) -> None:
        self._hashes: dict[str, Sequence[bytes]] = {}
        self._with: dict[tuple[int, int, bytes], str] = {}

    def put(self, buffer: memoryview, now: Sequence[bytes], artifacts: Artifacts) -> Entry:
        """Keep a buffer whose chunks' hashes are ``now``.

        Raises :class:`duranb.errors.StoreUnwritable`.
        """
        bases = {self._with.get((buffer.nbytes, i, now[i])) for i in _probes(len(now))} - {None}
        for base in bases:
            assert base is not None
            before = self._hashes[base]
            changed = [i for i, one in enumerate(now) if one != before[i]]
            if not changed:
                return base
            if len(changed) * MOST <= len(now):
                return base, {i: artifacts.put([chunk(buffer, i)]) for i in changed}
        digest = artifacts.put([buffer])
        self._hashes[digest] = now
        self._with |= {(buffer.nbytes, i, one): digest for i, one in enumerate(now)}
        return digest


def _probes(count: int) -> range:
    """A few chunks that are looked for: one of them is likely to be where nothing changed."""
    return range(0, count, max(1, count // _PROBES))


def assembled(entry: Entry, artifacts: Artifacts) -> memoryview:
    """The bytes of a buffer, for the caller to write to.

    Raises :class:`duranb.errors.StoreDamaged` or :class:`duranb.errors.Untrusted`.
    """
    if isinstance(entry, str):
        return artifacts.copy(entry)
    base, changed = entry
    data = artifacts.copy(base)
    for index, digest in changed.items():
        chunk(data, index)[:] = artifacts.get(digest)
    return data
