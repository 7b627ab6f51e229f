"""One pass over a whole log, which checks all of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from duranb.record.events import Event
from duranb.store import chain, segments
from duranb.store.segments import HEAD_SIZE, MARK, Frame, Mark, Place


class Reading:
    """Yields each event that can be read, with the place of its payload, in order.

    Once it is through: ``last`` and ``hash`` are those of the last event, ``segments`` the numbers
    of the log's segments, and ``end`` is where the last whole frame of the last segment ends; what
    lies behind it was never acknowledged. ``marks`` are frames to look for events from. ``problem``
    is a sentence about the first thing that is not as it was written, in the segments ``harmed``,
    or empty. ``hashes`` are those of the events that were ``wanted``.
    """

    def __init__(self, folder: Path, wanted: Iterable[int] = ()) -> None:
        self.segments = segments.segments(folder)
        self.last = 0
        self.hash = chain.GENESIS
        self.end = 0
        self.marks: list[Mark] = []
        self.problem = ""
        self.harmed: list[int] = []
        self.hashes: dict[int, bytes] = {}
        self._folder = folder
        self._wanted = frozenset(wanted)

    def __iter__(self) -> Iterator[tuple[Event, Place]]:
        for number, first in enumerate(self.segments, 1):
            path = self._folder / segments.segment_name(first)
            with path.open("rb", buffering=1 << 20) as file:
                size = path.stat().st_size
                yield from self._segment(file, path, first, size, number == len(self.segments))

    def _segment(
        self, file: BinaryIO, path: Path, first: int, size: int, is_last: bool
    ) -> Iterator[tuple[Event, Place]]:
        head = segments.read_header(file.read(HEAD_SIZE), path)
        self.end = 0 if head is None else HEAD_SIZE
        if head is not None and head != (first, self.hash):
            self._found(first, f"log/{path.name} does not follow the segment before it")
        doubtful: list[Frame] = []  # torn and never acknowledged, unless a whole one follows
        for frame in segments.frames(file, first, HEAD_SIZE, size):
            if not frame.whole:
                doubtful.append(frame)
                continue
            if self.end == 0:
                self._found(first, f"the beginning of log/{path.name} cannot be read")
            self.end = frame.end
            for each in [*doubtful, frame]:
                yield from self._events(first, path, each)
            doubtful.clear()
        if not is_last and (doubtful or self.end == 0):
            self._found(first, f"the end of log/{path.name} cannot be read")

    def _events(self, segment: int, path: Path, frame: Frame) -> list[tuple[Event, Place]]:
        if not frame.records:
            self._found(segment, f"log/{path.name} cannot be read from byte {frame.start} on")
            return []
        if not self.marks or not 0 <= frame.start - self.marks[-1].offset < MARK:
            self.marks.append(Mark(frame.records[0].seq, segment, frame.start))
        found = []
        for seq, ts, digest, data, place in frame.records:
            event, linked = chain.event(self.hash, seq, ts, data, digest)
            if event is not None:
                found.append((event, place))
                if not linked or seq != self.last + 1:
                    self._found(segment, f"the chain of events is broken at event {seq}")
            else:
                self._found(segment, f"event {seq} cannot be read")
            self.last, self.hash = seq, digest
            if seq in self._wanted:
                self.hashes[seq] = digest
        return found

    def _found(self, segment: int, what: str) -> None:
        self.problem = self.problem or what
        if segment not in self.harmed:
            self.harmed.append(segment)

    def is_event(self, seq: int, digest: bytes) -> bool:
        """Whether event number ``seq``, which was ``wanted``, has this hash."""
        return self.hashes.get(seq) == digest

    def against(self, tail: tuple[int, bytes] | None) -> str:
        """What was acknowledged according to the tail and is not there, as a sentence, or an empty
        string. The number in the tail must have been ``wanted``."""
        wanted, digest = tail or (0, b"")
        if self.last < wanted:
            return f"acknowledged events are missing at the end: {wanted - self.last}"
        if self.hashes.get(wanted, digest) != digest:
            return f"event {wanted} is not the one that was acknowledged"
        return ""
