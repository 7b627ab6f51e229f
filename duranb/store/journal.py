"""What was acknowledged and is not in the database yet: an append-only file, synced at each batch.

A commit of DuckDB costs four times a synced append, most of it planning. So a batch is durable, and
acknowledged, once it is here; the database gets many batches in one transaction, when nobody waits.
What a killed process left here goes into the database at the next open.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from duranb.store import files
from duranb.store.database import Row

_FRAME = struct.Struct("<II")
"""Before each batch: its length in bytes, and its CRC-32."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Row]).decode

_sync = getattr(os, "fdatasync", os.fsync)  # macOS has only the one that syncs more


class Journal:
    """The file of one store. Its owner thread is the only one that calls it."""

    def __init__(self, file: Path) -> None:
        self._folder = file.parent
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        self._end = os.fstat(self._descriptor).st_size

    def append(self, rows: Sequence[Row]) -> None:
        """Make a batch durable, whole or not at all. Raises :class:`StoreUnwritable`."""
        body = _encode(rows)
        frame = memoryview(_FRAME.pack(len(body), zlib.crc32(body)) + body)
        at = self._end
        try:
            while frame:
                written = os.pwrite(self._descriptor, frame, at)
                at, frame = at + written, frame[written:]
            _sync(self._descriptor)
        except OSError as error:
            with contextlib.suppress(OSError):  # what is torn is not read, and written over
                os.ftruncate(self._descriptor, self._end)
            raise files.unwritable(self._folder, error) from error
        self._end = at

    def clear(self) -> None:
        """Empty it: all that was in it is in the database."""
        os.ftruncate(self._descriptor, 0)
        self._end = 0

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def read(file: Path) -> list[Row]:
    """The rows of a journal's whole batches, in order. What follows a torn or damaged one was
    never acknowledged, or is missed by the tail."""
    data = file.read_bytes() if file.exists() else b""
    return [row for batch in _batches(data) for row in batch]


def _batches(data: bytes) -> Iterator[list[Row]]:
    at = 0
    while at + _FRAME.size <= len(data):
        length, checksum = _FRAME.unpack_from(data, at)
        body = data[at + _FRAME.size : at + _FRAME.size + length]
        if len(body) != length or zlib.crc32(body) != checksum:
            return
        try:
            rows = _decode(body)
        except msgspec.MsgspecError:
            return
        yield rows
        at += _FRAME.size + length
