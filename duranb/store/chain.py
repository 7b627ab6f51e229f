"""The hash chain over events, and its tail outside the log.

The number and the hash of the last acknowledged event are also kept in a small file, so that a log
that was cut short is noticed.
"""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import blake3
import msgspec

from duranb.errors import StoreTooNew
from duranb.record.events import ArtifactStored, Event, EventBody, decode
from duranb.store import guarded
from duranb.store.segments import HASH_BYTES

if TYPE_CHECKING:  # cryptography is an extra
    from duranb.store.cipher import Cipher

GENESIS = bytes(HASH_BYTES)
_LINKED = struct.Struct(f"<{HASH_BYTES}sQQ")
_TAIL = struct.Struct(f"<Q{HASH_BYTES}s")
_ABOUT = b"tail"


def link(before: bytes, seq: int, ts: int, data: str) -> bytes:
    """The hash of an event, given that of the one before it. ``data`` is its JSON, or what is
    :func:`covered` of it."""
    return blake3.blake3(_LINKED.pack(before, seq, ts) + data.encode()).digest(HASH_BYTES)


def covered(body: EventBody, data: str) -> str:
    """What of an event the chain covers: of a stored artifact what it is, without the signature
    that earlier versions gave each."""
    if isinstance(body, ArtifactStored):
        return f"artifact {body.digest} {body.size} {body.in_file}"
    return data


def content(body: EventBody | None, data: str) -> str:
    """What tells what an event says by now, which something was taken out of: a hash, in hex."""
    told = data if body is None else covered(body, data)
    return blake3.blake3(told.encode()).hexdigest(HASH_BYTES)


def body(data: str) -> EventBody | None:
    """The body of an event from its JSON, None where it cannot be read."""
    try:
        return decode(data)
    except msgspec.MsgspecError:
        return None


def event(
    before: bytes, seq: int, ts: int, data: str, digest: bytes, at: int = 0
) -> tuple[Event | None, bool]:
    """The event of a line (None where it cannot be read), and whether it is as it was written and
    follows the one with hash ``before``. The log has it ``at`` a place.

    Raises :class:`StoreTooNew` for one that is as it was written and of an unknown type.
    """
    try:
        body = decode(data)
    except msgspec.MsgspecError as error:
        if link(before, seq, ts, data) == digest:
            raise StoreTooNew(
                f"event {seq} was written by a later duranb, this one does not know its type "
                f"({error}): pip install -U duranb"
            ) from error
        return None, False
    return Event(seq, ts, body, digest, at), link(before, seq, ts, covered(body, data)) == digest


def read_tail(file: Path, cipher: Cipher | None = None) -> tuple[int, bytes] | None:
    """What :class:`Tail` wrote last, or None where there is no such thing."""
    try:
        data = guarded.read(file)
        if cipher is not None and len(data) > _TAIL.size:  # else it was left before encrypting
            data = cipher.decrypt(data, _ABOUT)
        seq, digest = _TAIL.unpack(data)
    except (OSError, struct.error, ValueError):
        return None
    return int(seq), bytes(digest)


def packed(seq: int, digest: bytes, cipher: Cipher | None = None) -> bytes:
    """The bytes of a tail."""
    data = _TAIL.pack(seq, digest)
    return data if cipher is None else cipher.encrypt(data, _ABOUT)


class Tail:
    """The number and hash of the last acknowledged event, in a file of 24 bytes; encrypted, of 52.

    Written after each commit without a sync: it survives the process, which is what is killed
    most. After a power cut it may be older, empty or gone, which only makes the comparison weaker:
    the log itself was synced.
    """

    def __init__(self, file: Path, cipher: Cipher | None = None) -> None:
        self._cipher = cipher
        self._descriptor = guarded.descriptor(file, os.O_RDWR | os.O_CREAT)
        size = len(packed(0, GENESIS, cipher))
        if os.fstat(self._descriptor).st_size > size:  # of an encrypted store that is plain now
            os.ftruncate(self._descriptor, size)

    def write(self, seq: int, digest: bytes) -> None:
        """Set it."""
        # Where even this cannot be written, an older tail is as good as after a power cut.
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, packed(seq, digest, self._cipher), 0)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
