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

from duranb.errors import StoreDamaged, StoreTooNew
from duranb.store import guarded

VERSION = 2
"""Of this layout. A later one is refused, and left as it is. Version 1 had no seals."""

ENCRYPTED = 3
"""The version of the layout in which the content of frames is encrypted."""

HASH_BYTES = 16
STORE_BYTES = 16
"""Of a store's id: random, given with its first frame."""

_HEAD = struct.Struct(f"<8sIQ{HASH_BYTES}s")
"""Of a segment: a mark, the version, the number of its first event, the hash before that one."""
_HEAD_MARK = b"durablog"
_CHECK = struct.Struct("<I")
HEAD_SIZE = _HEAD.size + _CHECK.size

FRAME = struct.Struct("<4sIQ")
"""Of a frame: a mark, the CRC-32 of its body, the bytes of its body."""
FRAME_MARK = b"\xd5fs\n"
_UNSEALED_MARK = b"\xd5fr\n"
_MARKS = (FRAME_MARK, _UNSEALED_MARK)
_MARK_START = b"\xd5f"

_CODE_BYTES = 16
SEAL = struct.Struct(f"<{STORE_BYTES}s{HASH_BYTES}s{_CODE_BYTES}s")
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


def header(first: int, before: bytes, version: int = VERSION) -> bytes:
    """The first bytes of a segment."""
    head = _HEAD.pack(_HEAD_MARK, version, first, before)
    return head + _CHECK.pack(zlib.crc32(head))


class Header(NamedTuple):
    """What the beginning of a segment says: the version of its layout, its first event's number
    and the hash before that."""

    version: int
    first: int
    before: bytes


def read_header(data: bytes, file: Path, *, encrypted: bool = False) -> Header | None:
    """The header of a segment; None for what is none, and for that of a plain one among encrypted
    ones.

    Raises :class:`StoreTooNew` for the header of a later layout, and :class:`StoreDamaged` for
    that of an encrypted one where no key is known of.
    """
    if len(data) != HEAD_SIZE or _CHECK.unpack_from(data, _HEAD.size)[0] != zlib.crc32(
        data[: _HEAD.size]
    ):
        return None
    mark, version, first, before = _HEAD.unpack_from(data)
    if mark != _HEAD_MARK:
        return None
    if version > ENCRYPTED:
        raise StoreTooNew(
            f"the log {file} was written by a later duranb (its layout is version {version}, this "
            f"one knows {ENCRYPTED}). Nothing was touched: pip install -U duranb"
        )
    if version == ENCRYPTED and not encrypted:
        raise StoreDamaged(
            f"the log {file} is encrypted, and the file with its key, which should lie beside it, "
            f"is gone: put a backup of {file.parent / 'encryption'} in its place"
        )
    return Header(version, first, before) if encrypted == (version == ENCRYPTED) else None


class Front(NamedTuple):
    """What is in front of an event's JSON: number, time, hash, and the bytes of the JSON and of
    the payload as they are stored."""

    seq: int
    ts: int
    hash: bytes
    of_data: int
    of_payload: int


class Layout:
    """How the content of frames is laid out: in plain form. :mod:`duranb.store.encrypted` has the
    other one."""

    version = VERSION

    seal_size = SEAL.size

    front_size = _RECORD.size

    def before(self, digest: bytes) -> bytes:
        """What a segment's header says of the hash of the event before it."""
        return digest

    def seal(self, seal: Seal, segment: int, at: int) -> bytes:
        """A seal as it is stored at a place."""
        return SEAL.pack(*seal)

    def front(self, front: Front) -> bytes:
        """What is in front of an event's JSON, as it is stored."""
        return _RECORD.pack(*front)

    def text(self, seq: int, data: bytes) -> bytes:
        """The JSON of an event as it is stored."""
        return data

    def payload(self, segment: int, at: int, data: bytes) -> bytes:
        """A payload as it is stored at a place."""
        return data

    def read_seal(self, data: bytes, segment: int, at: int) -> Seal:
        """The seal at the beginning of some bytes. Raises ``struct.error`` where there is none."""
        return Seal(*SEAL.unpack_from(data))

    def read_front(self, data: bytes, at: int) -> Front:
        """What is in front of the event that begins at an index. Raises ``struct.error``."""
        return Front(*_RECORD.unpack_from(data, at))

    def read_text(self, seq: int, data: bytes) -> str:
        """The JSON of an event from what is stored; empty for what does not say what it was.
        Raises UnicodeDecodeError."""
        return data.decode()

    def read_payload(self, segment: int, at: int, data: bytes) -> bytes:
        """A payload from what is stored; anything for what was changed: its digest tells."""
        return data


PLAIN = Layout()


class FrameWriter:
    """Collects the records of one frame, to be written at ``at`` in segment ``segment``."""

    def __init__(self, segment: int, at: int, *, sealed: bool, layout: Layout = PLAIN) -> None:
        self._segment = segment
        self._layout = layout
        self._begin = at + FRAME.size
        self._end = self._begin + (layout.seal_size if sealed else 0)
        self._parts: list[bytes] = []

    def add(self, seq: int, ts: int, digest: bytes, data: bytes, payload: bytes) -> int:
        """Add an event; the offset in the segment at which it will begin."""
        layout, begin = self._layout, self._end
        data = layout.text(seq, data)
        at = begin + layout.front_size + len(data)
        if payload:
            payload = layout.payload(self._segment, at, payload)
        front = layout.front(Front(seq, ts, digest, len(data), len(payload)))
        self._parts += (front, data, payload)
        self._end = at + len(payload)
        return begin

    def frame(self, seal: Seal | None) -> bytes:
        """The whole frame; with a seal if it was begun as a sealed one."""
        head = () if seal is None else (self._layout.seal(seal, self._segment, self._begin),)
        body = b"".join((*head, *self._parts))
        mark = _UNSEALED_MARK if seal is None else FRAME_MARK
        return FRAME.pack(mark, zlib.crc32(body), len(body)) + body


def frames(
    file: BinaryIO, segment: int, start: int, end: int, layout: Layout = PLAIN
) -> Iterator[Frame]:
    """What lies between two offsets of a segment, in order.

    After a frame that cannot be read, the next mark with a whole frame behind it is looked for.
    """
    file.seek(start)
    at = start
    while at < end:
        found = _frame(file, segment, at, end, layout)
        if found is None:
            behind = _next_frame(file, segment, at + 1, end, layout)
            found = Frame(at, behind, (), whole=False)
            file.seek(found.end)
        yield found
        at = found.end


def record(read: Callable[[int, int], bytes], segment: int, at: int, layout: Layout) -> Record:
    """The record that begins at an offset of a segment; ``read`` reads so many bytes at an offset.

    Raises ``struct.error`` or UnicodeDecodeError for what is none.
    """
    data = read(at, _LIKELY)
    front = layout.read_front(data, 0)
    end = layout.front_size + front.of_data
    if end > len(data):
        data = read(at, end)
    if end > len(data):
        raise struct.error("it ends too early")
    return _record(front, data[layout.front_size : end], segment, at, layout)


def _record(front: Front, data: bytes, segment: int, at: int, layout: Layout) -> Record:
    seq, ts, digest, of_data, of_payload = front
    behind = at + layout.front_size + of_data
    place = Place(segment, behind, of_payload) if of_payload else NOWHERE
    return Record(seq, ts, digest, layout.read_text(seq, data), place, at)


def _frame(file: BinaryIO, segment: int, at: int, end: int, layout: Layout) -> Frame | None:
    """The frame that begins where ``file`` stands, which is ``at``; it stands at its end then."""
    head = file.read(FRAME.size)
    if len(head) != FRAME.size:
        return None
    mark, checksum, size = FRAME.unpack(head)
    if mark not in _MARKS or size > min(end - at - FRAME.size, LARGEST):
        return None
    body = file.read(size)
    base = at + FRAME.size
    whole = zlib.crc32(body) == checksum
    if not whole and file.read(len(mark)) not in _MARKS:
        return None  # torn, or its length is wrong
    if not whole:
        file.seek(base + size)
    try:
        seal = layout.read_seal(body, segment, base) if mark == FRAME_MARK else None
        records = [
            _record(front, body[middle - front.of_data : middle], segment, base + start, layout)
            for front, start, middle in _fronts(body, layout.seal_size if seal else 0, layout)
        ]
        return Frame(at, base + size, records, whole, seal)
    except (struct.error, UnicodeDecodeError):
        return None


def _fronts(body: bytes, at: int, layout: Layout) -> Iterator[tuple[Front, int, int]]:
    """What is in front of each event of a frame, where that begins in the frame's body, and where
    the event's JSON ends. Raises ``struct.error``."""
    while at < len(body):
        front = layout.read_front(body, at)
        middle = at + layout.front_size + front.of_data
        yield front, at, middle
        at = middle + front.of_payload
    if at > len(body):
        raise struct.error("a length is wrong")


def write_over(
    data: bytearray,
    frame: Frame,
    texts: dict[int, bytes],
    payloads: dict[int, bytes],
    segment: int = 0,
    layout: Layout = PLAIN,
) -> None:
    """Write the JSON and payloads of some events of a frame over, in the bytes of its segment: each
    by as many as it has. A layout that is not plain needs to know which segment it is."""
    mark, _, size = FRAME.unpack_from(data, frame.start)
    begin = frame.start + FRAME.size
    body = bytes(data[begin : frame.end])
    records = _fronts(body, layout.seal_size if frame.seal else 0, layout) if frame.records else ()
    for front, _, behind in records:
        seq, middle = front.seq, begin + behind
        for new, start, end in (
            (texts.get(seq), middle - front.of_data, middle),
            (payloads.get(seq), middle, middle + front.of_payload),
        ):
            if new is None:
                continue
            if start == middle:
                written = layout.payload(segment, start, new)
            else:
                written = layout.text(seq, new)
            if len(written) != end - start:
                raise ValueError(f"event {seq} cannot be written over by another length")
            data[start:end] = written
    FRAME.pack_into(data, frame.start, mark, zlib.crc32(data[begin : frame.end]), size)


def _next_frame(file: BinaryIO, segment: int, at: int, end: int, layout: Layout) -> int:
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
        found = _frame(file, segment, at, end, layout)
        if found is not None and found.whole:
            return at
        patience -= file.tell() - at
        if patience < 0:
            return end
        at += 1
    return end
