"""The bytes of the log: append-only segment files of frames, each one synced batch of events.

A segment is named by the number of its first event. It begins with a header, which repeats that
number and the hash of the event before it; frames follow. A frame is whole or was never
acknowledged: its checksum covers all of it. Its seal says who wrote it. Numbers are
little-endian. ``duranb/FORMAT.md`` has the tables.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import blake3
import msgspec

from duranb.errors import StoreTooNew
from duranb.store import guarded

VERSION = 2
"""Of this layout. A later one is refused, and left as it is. Version 1 had no seals."""

HASH_BYTES = 16
STORE_BYTES = 16
"""Of a store's id: random, given with its first frame."""

_HEAD = struct.Struct(f"<8sIQ{HASH_BYTES}s")
"""Of a segment: a mark, the version, the number of its first event, the hash before that one."""
_HEAD_MARK = b"durablog"
_CHECK = struct.Struct("<I")
HEAD_SIZE = _HEAD.size + _CHECK.size

_FRAME = struct.Struct("<4sIQ")
"""Of a frame: a mark, the CRC-32 of its body, the bytes of its body."""
FRAME_MARK = b"\xd5fs\n"
_UNSEALED_MARK = b"\xd5fr\n"
_MARKS = (FRAME_MARK, _UNSEALED_MARK)
_MARK_START = b"\xd5f"

_CODE_BYTES = 16
_SEAL = struct.Struct(f"<{STORE_BYTES}s{HASH_BYTES}s{_CODE_BYTES}s")
"""At the beginning of a sealed frame's body: the store's id, the hash before, the seal itself."""

_RECORD = struct.Struct(f"<QQ{HASH_BYTES}sII")
"""Of an event: number, time in microseconds, hash, bytes of its JSON, bytes of its payload."""

MARK = 256 << 10
"""Bytes between two remembered places of a segment, from which an event is looked for."""

LARGEST = 1 << 30
"""Bytes of a frame, at most: of what claims to be larger nothing is read."""

_SUFFIX = ".seg"
_DIGITS = 20
_CHUNK = 1 << 20
_PATIENCE = 4
_LIKELY = 1024
"""Bytes in which most records have their JSON."""


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a payload lies: the segment (by its first event's number), the offset, the bytes."""

    segment: int
    offset: int
    size: int


_OFFSET_BITS = 40


def place_of(number: int, offset: int) -> int:
    """Where an event lies, as one number: the offset in segment ``number`` of a log, from 0. It is
    never 0, since a segment begins with its header."""
    return number << _OFFSET_BITS | offset


def segment_at(place: int) -> tuple[int, int]:
    """The number of a segment and the offset that :func:`place_of` was given."""
    return place >> _OFFSET_BITS, place & ((1 << _OFFSET_BITS) - 1)


NOWHERE = Place(0, 0, 0)
"""The place of no bytes."""


class Mark(NamedTuple):
    """Where the frame lies that begins with an event."""

    seq: int
    segment: int
    offset: int


class Record(NamedTuple):
    """An event as the log holds it. ``data`` is its JSON, ``place`` that of its payload, ``offset``
    where in its segment it begins."""

    seq: int
    ts: int
    hash: bytes
    data: str
    place: Place
    offset: int


class Seal(NamedTuple):
    """What says who wrote a frame: the store's id, the hash of the event before its first, and a
    code over both and the hashes of its events, which only the holder of a key can make."""

    store: bytes
    before: bytes
    code: bytes

    @classmethod
    def made(cls, key: bytes, store: bytes, before: bytes, hashes: Iterable[bytes]) -> Seal:
        """The seal of events with these hashes, in order."""
        code = blake3.blake3(b"".join((store, before, *hashes)), key=key).digest(_CODE_BYTES)
        return cls(store, before, code)


class Frame(NamedTuple):
    """A stretch of a segment and the records in it, none where it cannot be read. ``whole`` is
    false where the checksum does not fit: something in it is not as it was written. Earlier
    versions wrote no ``seal``."""

    start: int
    end: int
    records: Sequence[Record]
    whole: bool = True
    seal: Seal | None = None

    def is_sealed(self, key: bytes) -> bool:
        """Whether the holder of a key wrote it."""
        if self.seal is None:
            return False
        store, before, _ = self.seal
        return self.seal == Seal.made(key, store, before, (r.hash for r in self.records))


def segment_name(first: int) -> str:
    """The file of the segment whose first event has this number."""
    return f"{first:0{_DIGITS}d}{_SUFFIX}"


def segments(folder: Path) -> list[int]:
    """The segments of a log, by the number of their first event, in order; none where there is no
    such folder. Raises OSError for one that cannot be read: it is not empty for that."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(
        int(n[:_DIGITS]) for n in names if n[:_DIGITS].isdecimal() and n[_DIGITS:] == _SUFFIX
    )


def header(first: int, before: bytes) -> bytes:
    """The first bytes of a segment."""
    head = _HEAD.pack(_HEAD_MARK, VERSION, first, before)
    return head + _CHECK.pack(zlib.crc32(head))


class Header(NamedTuple):
    """What the beginning of a segment says: the version of its layout, its first event's number
    and the hash before that."""

    version: int
    first: int
    before: bytes


def read_header(data: bytes, file: Path) -> Header | None:
    """The header of a segment, or None for what is none.

    Raises :class:`StoreTooNew` for the header of a later layout.
    """
    if len(data) != HEAD_SIZE or _CHECK.unpack_from(data, _HEAD.size)[0] != zlib.crc32(
        data[: _HEAD.size]
    ):
        return None
    mark, version, first, before = _HEAD.unpack_from(data)
    if mark != _HEAD_MARK:
        return None
    if version > VERSION:
        raise StoreTooNew(
            f"the log {file} was written by a later duranb (its layout is version {version}, this "
            f"one knows {VERSION}). Nothing was touched: pip install -U duranb"
        )
    return Header(version, first, before)


class FrameWriter:
    """Collects the records of one frame, to be written at ``at`` in segment ``segment``."""

    def __init__(self, segment: int, at: int, *, sealed: bool) -> None:
        self._segment = segment
        self._end = at + _FRAME.size + (_SEAL.size if sealed else 0)
        self._parts: list[bytes] = []

    def add(self, seq: int, ts: int, digest: bytes, data: bytes, payload: bytes) -> int:
        """Add an event; the offset in the segment at which it will begin."""
        self._parts += (_RECORD.pack(seq, ts, digest, len(data), len(payload)), data, payload)
        begin = self._end
        self._end += _RECORD.size + len(data) + len(payload)
        return begin

    def frame(self, seal: Seal | None) -> bytes:
        """The whole frame; with a seal if it was begun as a sealed one."""
        head = () if seal is None else (_SEAL.pack(*seal),)
        body = b"".join((*head, *self._parts))
        mark = _UNSEALED_MARK if seal is None else FRAME_MARK
        return _FRAME.pack(mark, zlib.crc32(body), len(body)) + body


def frames(file: BinaryIO, segment: int, start: int, end: int) -> Iterator[Frame]:
    """What lies between two offsets of a segment, in order.

    After a frame that cannot be read, the next mark with a whole frame behind it is looked for.
    """
    file.seek(start)
    at = start
    while at < end:
        found = _frame(file, segment, at, end)
        if found is None:
            found = Frame(at, _next_frame(file, segment, at + 1, end), (), whole=False)
            file.seek(found.end)
        yield found
        at = found.end


def record(read: Callable[[int, int], bytes], segment: int, at: int) -> Record:
    """The record that begins at an offset of a segment; ``read`` reads so many bytes at an offset.

    Raises ``struct.error`` or UnicodeDecodeError for what is none.
    """
    data = read(at, _LIKELY)
    seq, ts, digest, of_data, of_payload = _RECORD.unpack_from(data)
    end = _RECORD.size + of_data
    if end > len(data):
        data = read(at, end)
    if end > len(data):
        raise struct.error("it ends too early")
    place = Place(segment, at + end, of_payload) if of_payload else NOWHERE
    return Record(seq, ts, digest, data[_RECORD.size : end].decode(), place, at)


def _frame(file: BinaryIO, segment: int, at: int, end: int) -> Frame | None:
    """The frame that begins where ``file`` stands, which is ``at``; it stands at its end then."""
    head = file.read(_FRAME.size)
    if len(head) != _FRAME.size:
        return None
    mark, checksum, size = _FRAME.unpack(head)
    if mark not in _MARKS or size > min(end - at - _FRAME.size, LARGEST):
        return None
    body = file.read(size)
    base = at + _FRAME.size
    whole = zlib.crc32(body) == checksum
    if not whole and file.read(len(mark)) not in _MARKS:
        return None  # torn, or its length is wrong
    if not whole:
        file.seek(base + size)
    try:
        seal = Seal(*_SEAL.unpack_from(body)) if mark == FRAME_MARK else None
        records = _records(body, segment, base, _SEAL.size if seal else 0)
        return Frame(at, base + size, records, whole, seal)
    except (struct.error, UnicodeDecodeError):
        return None


def _records(body: bytes, segment: int, base: int, at: int) -> list[Record]:
    found = []
    while at < len(body):
        seq, ts, digest, of_data, of_payload = _RECORD.unpack_from(body, at)
        begin, start = base + at, at + _RECORD.size
        at = start + of_data
        place = Place(segment, base + at, of_payload) if of_payload else NOWHERE
        found.append(Record(seq, ts, digest, body[start:at].decode(), place, begin))
        at += of_payload
    if at > len(body):
        raise struct.error("a length is wrong")
    return found


def write_over(
    data: bytearray, frame: Frame, texts: dict[int, bytes], payloads: dict[int, bytes]
) -> None:
    """Write the JSON and payloads of some events of a frame over, in the bytes of its segment: each
    by as many as it has."""
    mark, _, size = _FRAME.unpack_from(data, frame.start)
    begin = frame.start + _FRAME.size
    at = begin + (_SEAL.size if frame.seal else 0)
    for _ in frame.records:
        seq, _, _, of_data, of_payload = _RECORD.unpack_from(data, at)
        start = at + _RECORD.size
        at = start + of_data + of_payload
        for there, end, new in (
            (start, start + of_data, texts.get(seq)),
            (start + of_data, at, payloads.get(seq)),
        ):
            if new is not None:
                if len(new) != end - there:
                    raise ValueError(f"event {seq} cannot be written over by another length")
                data[there:end] = new
    _FRAME.pack_into(data, frame.start, mark, zlib.crc32(data[begin : frame.end]), size)


def _next_frame(file: BinaryIO, segment: int, at: int, end: int) -> int:
    """Where the next whole frame begins, at ``at`` or later; ``end`` if there is none.

    What looks like the beginning of a frame is read as one; where too much is, the rest of the file
    was made to be: nothing more is looked for.
    """
    patience = _PATIENCE * (end - at) + _CHUNK
    while at < end:
        file.seek(at)
        chunk = file.read(min(_CHUNK, end - at))
        offset = chunk.find(_MARK_START)
        if offset < 0:
            at = guarded.next_data(file, at + max(len(chunk) - len(_MARK_START) + 1, 1), end)
            continue
        at += offset
        file.seek(at)
        found = _frame(file, segment, at, end)
        if found is not None and found.whole:
            return at
        patience -= file.tell() - at
        if patience < 0:
            return end
        at += 1
    return end
