"""The log of an open store: one synced append makes a batch of events durable; what it holds is
read back by its place."""

from __future__ import annotations

import bisect
import contextlib
import errno
import os
import secrets
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from duranb.errors import StoreDamaged
from duranb.record.events import Event, EventBody, decode
from duranb.store import chain, files, guarded, segments
from duranb.store.reading import Reading
from duranb.store.segments import (
    HEAD_SIZE,
    MARK,
    STORE_BYTES,
    Frame,
    FrameWriter,
    Mark,
    Place,
    Record,
    Seal,
    place_of,
    segment_name,
)

SEGMENT = 64 << 20
"""Bytes after which a new segment is begun."""

_sync = getattr(os, "fdatasync", os.fsync)  # macOS has only the one that syncs more


class Line(NamedTuple):
    """An event to be appended: its body, its JSON, and its payload. ``at`` is when it happened,
    where that was elsewhere and earlier: microseconds since the epoch, UTC; 0 for now."""

    body: EventBody
    data: str
    payload: bytes
    at: int = 0


class LogReader:
    """Reads what is durable in a log, from any thread: up to event number ``last``.

    ``segments`` and ``marks`` are those that :class:`Reading` found; the owner of the log adds to
    them as it goes on.
    """

    def __init__(self, folder: Path, found: Reading) -> None:
        self.last = found.last
        self.segments = found.segments
        self.marks = found.marks
        self.layout = found.layout
        self._folder = folder
        self._open: dict[int, int] = {}
        self._old: list[int] = []  # of files that others lie in the place of

    def path(self, segment: int) -> Path:
        """The file of a segment."""
        return self._folder / segment_name(segment)

    def events(self, after: int = 0) -> Iterator[Event]:
        """The events with numbers above ``after``, without those that cannot be read."""
        for frame in self.frames(after):
            for seq, ts, digest, data, *_ in frame.records:
                if seq > after:
                    with contextlib.suppress(msgspec.MsgspecError):
                        yield Event(seq, ts, decode(data), digest)

    def event(self, at: int) -> Event:
        """The event that lies at a place, :attr:`Event.at`. Raises :class:`StoreDamaged` where it
        cannot be read any more."""
        seq, ts, digest, data, *_ = self.record(at)
        try:
            return Event(seq, ts, decode(data), digest, at)
        except msgspec.MsgspecError as error:
            raise self._unreadable(at, f"event {seq} is none any more") from error

    def record(self, at: int) -> Record:
        """The record that lies at a place. Raises :class:`StoreDamaged`."""
        number, offset = segments.segment_at(at)
        try:
            segment = self.segments[number]
            descriptor = self._descriptor(segment)
            return segments.record(
                lambda at, size: os.pread(descriptor, size, at), segment, offset, self.layout
            )
        except OSError as error:
            raise self._unreadable(at, error.strerror or str(error)) from error
        except (IndexError, struct.error, UnicodeDecodeError) as error:
            raise self._unreadable(at, f"there is no event any more: {error}") from error

    def _unreadable(self, at: int, why: str) -> StoreDamaged:
        number, offset = segments.segment_at(at)
        path = self.path(self.segments[number]) if number < len(self.segments) else self._folder
        return StoreDamaged(
            f"the log {path} cannot be read at byte {offset} ({why}). {files.REMEDY}"
        )

    def hash_of(self, seq: int) -> bytes:
        """The hash of an event, empty where there is none."""
        for frame in self.frames(seq - 1):
            return next((r.hash for r in frame.records if r.seq == seq), b"")
        return b""

    def frames(self, after: int) -> Iterator[Frame]:
        """The whole frames with events above a number, up to the last durable one."""
        upto = self.last
        if after >= upto:
            return
        found = bisect.bisect_right(self.marks, after + 1, key=lambda mark: mark.seq)
        _, segment, start = self.marks[max(found - 1, 0)]
        for first in self.segments[self.segments.index(segment) :]:
            path = self.path(first)
            with guarded.reading(path, MARK) as file:
                size = os.fstat(file.fileno()).st_size
                for frame in segments.frames(file, first, start, size, self.layout):
                    if frame.records and frame.records[-1].seq > after:
                        yield frame
                        if frame.records[-1].seq >= upto:
                            return
            start = HEAD_SIZE

    def read(self, place: Place) -> bytes:
        """A payload. Raises :class:`StoreDamaged` where its segment cannot be read."""
        if not place.size:
            return b""
        try:
            data = os.pread(self._descriptor(place.segment), place.size, place.offset)
        except OSError as error:
            raise StoreDamaged(
                f"the log {self.path(place.segment)} cannot be read ({error.strerror}). "
                f"{files.REMEDY}"
            ) from error
        return self.layout.read_payload(place.segment, place.offset, data)

    def _descriptor(self, segment: int) -> int:
        descriptor = self._open.get(segment)
        if descriptor is None:
            descriptor = guarded.descriptor(self.path(segment))
            kept = self._open.setdefault(segment, descriptor)
            if kept != descriptor:  # another thread was first
                os.close(descriptor)
                descriptor = kept
        return descriptor

    def renewed(self, segment: int) -> None:
        """Another file lies in the place of a segment's. Who reads from the old one may go on."""
        if segment in self._open:
            self._old.append(self._open.pop(segment))

    def close(self) -> None:
        """Close its files."""
        while self._open:
            os.close(self._open.popitem()[1])
        while self._old:
            os.close(self._old.pop())


class Log:
    """Appends to a log; one thread does. ``hash`` is that of the last durable event, ``store`` the
    store's id."""

    def __init__(self, folder: Path, reader: LogReader, found: Reading, key: bytes) -> None:
        """Continue the log that was found in a folder, behind its last whole frame, and seal with
        a key what is appended.

        Raises OSError.
        """
        self.reader = reader
        self.hash = found.hash
        self.store = found.store or secrets.token_bytes(STORE_BYTES)
        self._key = key
        self._folder = folder
        self._end = found.end
        if found.end and found.version == self.reader.layout.version:
            self._path = str(self.reader.path(found.segments[-1]))
            self._writing = guarded.descriptor(Path(self._path), os.O_RDWR)
            if os.fstat(self._writing).st_size > found.end:
                os.ftruncate(self._writing, found.end)
            os.fsync(self._writing)  # a killed process may not have synced it
            return
        if found.segments and found.end <= HEAD_SIZE:  # nothing in it can be read
            self.reader.path(found.segments.pop()).unlink()
        self._writing = self._begin()

    @property
    def last(self) -> int:
        """The number of the last durable event."""
        return self.reader.last

    def _begin(self) -> int:
        """Begin a segment with the next event; its descriptor."""
        first = self.last + 1
        path = self.reader.path(first)
        descriptor = guarded.descriptor(path, os.O_RDWR | os.O_CREAT)
        try:
            if os.fstat(descriptor).st_size > HEAD_SIZE:
                raise FileExistsError(errno.EEXIST, "it holds events already", str(path))
            os.ftruncate(descriptor, 0)
            layout = self.reader.layout
            head = segments.header(first, layout.before(self.hash), layout.version)
            os.pwrite(descriptor, head, 0)
            os.fsync(descriptor)
            files.sync_folder(self._folder)
        except FileExistsError:
            os.close(descriptor)
            raise
        except BaseException:
            os.close(descriptor)
            path.unlink()
            raise
        self.reader.segments.append(first)
        self._path, self._end = str(path), HEAD_SIZE
        return descriptor

    def turn(self) -> None:
        """Append to another segment from now on, if anything lies in this one. Raises OSError."""
        if self._end > HEAD_SIZE:
            full, self._writing = self._writing, self._begin()
            os.close(full)

    def in_place(self) -> bool:
        """Whether the file that is written to still is the one that lies in the folder.

        Raises OSError where that cannot be told.
        """
        try:
            found = os.stat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        own = os.fstat(self._writing)
        return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)

    def append(self, lines: Sequence[Line]) -> list[Event]:
        """Make events durable, all or none; each with its place.

        Raises :class:`StoreUnwritable`.
        """
        try:
            if self._end > SEGMENT:
                os.ftruncate(self._writing, self._end)  # a torn frame that could not be removed
                full, self._writing = self._writing, self._begin()
                os.close(full)
            number, segment = len(self.reader.segments) - 1, self.reader.segments[-1]
            layout = self.reader.layout
            writer = FrameWriter(segment, self._end, sealed=True, layout=layout)
            stored, digest, hashes = [], self.hash, []
            for seq, (body, data, payload, at) in enumerate(lines, self.last + 1):
                ts = at or time.time_ns() // 1000
                digest = chain.link(digest, seq, ts, chain.covered(body, data))
                hashes.append(digest)
                at = place_of(number, writer.add(seq, ts, digest, data.encode(), payload))
                stored.append(Event(seq, ts, body, digest, at))
            seal = Seal.made(self._key, self.store, self.hash, hashes)
            end = self._write(writer.frame(seal))
        except OSError as error:
            raise files.unwritable(self._folder.parent, error) from error
        marks = self.reader.marks
        if not marks or not 0 <= self._end - marks[-1].offset < MARK:
            marks.append(Mark(self.last + 1, segment, self._end))
        self._end, self.hash = end, digest
        self.reader.last = stored[-1].seq
        return stored

    def _write(self, frame: bytes) -> int:
        at, rest = self._end, memoryview(frame)
        try:
            while rest:
                written = os.pwrite(self._writing, rest, at)
                at, rest = at + written, rest[written:]
            _sync(self._writing)
        except OSError:
            with contextlib.suppress(OSError):  # a torn frame is not read, and written over
                os.ftruncate(self._writing, self._end)
            raise
        return at

    def close(self) -> None:
        """Close its files."""
        os.close(self._writing)
        self.reader.close()
