"""The hash chain over events, and its tail outside the database.

DuckDB can drop a damaged part of its write-ahead log on open without an error. The number and the
hash of the last acknowledged event are therefore also kept in a small file, and compared at open.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterable
from pathlib import Path

import blake3
import msgspec

from duranb.errors import StoreTooNew
from duranb.record.events import ArtifactStored, Event, EventBody, decode

HASH_BYTES = 16
GENESIS = bytes(HASH_BYTES)
_TAIL = struct.Struct(f"<Q{HASH_BYTES}s")


def link(before: bytes, seq: int, ts: int, data: str) -> bytes:
    """The hash of an event, given that of the one before it. ``data`` holds its kind."""
    head = before + struct.pack("<QQ", seq, ts)
    return blake3.blake3(head + data.encode()).digest(HASH_BYTES)


def covered(body: EventBody, data: str) -> str:
    """What of an event the chain covers: all but a signature, which ``trust`` renews."""
    if isinstance(body, ArtifactStored):
        return f"artifact {body.digest} {body.size} {body.in_file}"
    return data


def follows(before: bytes, seq: int, ts: int, data: str, digest: bytes) -> bool:
    """Whether an event is linked to the one before it."""
    if link(before, seq, ts, data) == digest:
        return True
    try:
        body = decode(data)
    except msgspec.MsgspecError:
        return False
    return link(before, seq, ts, covered(body, data)) == digest


def follow(lines: Iterable[tuple[int, int, str, bytes]]) -> tuple[list[Event], str]:
    """The events of ``(seq, ts, data, hash)`` lines, and a sentence about where the chain breaks
    (empty where it does not). What cannot be read is left out.

    Raises :class:`StoreTooNew` for an event that is as it was written and of an unknown kind.
    """
    events: list[Event] = []
    before, problem = GENESIS, ""
    for expected, (seq, ts, data, digest) in enumerate(lines, 1):
        try:
            body = decode(data)
        except msgspec.MsgspecError as error:
            if link(before, seq, ts, data) == digest:
                raise StoreTooNew(
                    f"event {seq} was written by a later duranb, this one does not know its kind "
                    f"({error}): pip install -U duranb"
                ) from error
            problem = problem or f"event {seq} cannot be read ({error})"
            continue
        if seq != expected or link(before, seq, ts, covered(body, data)) != digest:
            problem = problem or f"the chain of events is broken at event {seq}"
        events.append(Event(seq, ts, body, digest))
        before = digest
    return events, problem


def read_tail(file: Path) -> tuple[int, bytes] | None:
    """What :class:`Tail` wrote last, or None where there is no such thing."""
    try:
        seq, digest = _TAIL.unpack(file.read_bytes())
    except (OSError, struct.error):
        return None
    return int(seq), bytes(digest)


class Tail:
    """The number and hash of the last acknowledged event, in a file of 24 bytes.

    Written after each commit without a sync: it survives the process, which is what kills it
    most, and an older tail after a power cut only makes the comparison weaker.
    """

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)

    def write(self, seq: int, digest: bytes) -> None:
        """Set it."""
        # Where even this cannot be written, an older tail is as good as after a power cut.
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, _TAIL.pack(seq, digest), 0)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
