"""One pass over a whole log, which checks all of it."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from duranb.record.events import Event, Redacted
from duranb.store import chain, guarded, segments
from duranb.store.segments import (
    ENCRYPTED,
    HEAD_SIZE,
    MARK,
    PLAIN,
    Frame,
    Layout,
    Mark,
    Record,
    place_of,
)
from duranb.store.trust import Trusted

_REDACTED = '{"type":"history.redacted"'


class Reading:
    """Yields each event that can be read, with its place in the log, in order.

    Once it is through: ``last`` and ``hash`` are those of the last event, ``segments`` the numbers
    of the log's segments, ``version`` the layout of the last one, and ``end`` is where its last
    whole frame ends; what lies behind it was never acknowledged. ``marks`` are frames to look for
    events from. ``problem`` is a sentence about the first thing that is not as it was written, in
    the segments ``harmed``, or empty. ``store`` is the store's id, empty where nothing in it is
    sealed; ``foreign`` counts the events that the holder of ``key`` neither wrote nor trusts, up to
    event number ``foreign_until``. ``hashes`` are those of the events that were ``wanted``.
    """

    def __init__(
        self,
        folder: Path,
        wanted: Iterable[int] = (),
        key: bytes = b"",
        trusted: Trusted | None = None,
        layout: Layout = PLAIN,
    ) -> None:
        self.segments = segments.segments(folder)
        self.layout = layout
        self.version = layout.version
        self.last = 0
        self.hash = chain.GENESIS
        self.end = 0
        self.marks: list[Mark] = []
        self.problem = ""
        self.harmed: list[int] = []
        self.store = b""
        self.foreign = 0
        self.foreign_until = 0
        self.hashes: dict[int, bytes] = {}
        self._folder = folder
        self._wanted = frozenset(wanted)
        self._key = key
        self._trusted = trusted

    def __iter__(self) -> Iterator[Event]:
        for number, first in enumerate(self.segments):
            path = self._folder / segments.segment_name(first)
            with guarded.reading(path, 1 << 20) as file:
                size = os.fstat(file.fileno()).st_size
                yield from self._segment(file, path, number, size)

    def _segment(self, file: BinaryIO, path: Path, number: int, size: int) -> Iterator[Event]:
        first, is_last = self.segments[number], number == len(self.segments) - 1
        layout = self.layout
        encrypted = layout.version == ENCRYPTED
        head = segments.read_header(file.read(HEAD_SIZE), path, encrypted=encrypted)
        self.end = 0 if head is None else HEAD_SIZE
        self.version = layout.version if head is None else head.version
        if head is not None and head[1:] != (first, layout.before(self.hash)):
            self._found(first, f"log/{path.name} does not follow the segment before it")
        doubtful: list[Frame] = []  # torn and never acknowledged, unless a whole one follows
        for frame in segments.frames(file, first, HEAD_SIZE, size, self.layout):
            if not frame.whole:
                doubtful.append(frame)
                continue
            if self.end == 0:
                self._found(first, f"the beginning of log/{path.name} cannot be read")
            self.end = frame.end
            for each in [*doubtful, frame]:
                yield from self._events(number, path, each)
            doubtful.clear()
        if not is_last and (doubtful or self.end == 0):
            self._found(first, f"the end of log/{path.name} cannot be read")

    def _events(self, number: int, path: Path, frame: Frame) -> list[Event]:
        segment = self.segments[number]
        if not frame.records:
            self._found(segment, f"log/{path.name} cannot be read from byte {frame.start} on")
            return []
        seq = frame.records[0].seq
        if seq <= self.last:
            self._found(segment, f"event {seq} is there twice: the second is left out")
            return []
        if not self.marks or not 0 <= frame.start - self.marks[-1].offset < MARK:
            self.marks.append(Mark(seq, segment, frame.start))
        ours = self._is_ours(frame)
        if frame.seal and not (ours or frame.whole):
            self._found(segment, f"event {seq} and those stored with it cannot be read")
            return []
        before = frame.seal.before if ours and frame.seal else self.hash
        if seq != self.last + 1 or before != self.hash:
            self._found(segment, f"the chain of events is broken at event {seq}")
        if not frame.whole:
            self._found(segment, f"log/{path.name} is damaged behind byte {frame.start}")
        found = []
        for record in frame.records:
            at = place_of(number, record.offset)
            event, linked = chain.event(before, *record[:2], record.data, record.hash, at)
            linked = linked or (event is not None and self._is_redacted(record, event, ours))
            if event is None:
                self._found(segment, f"event {record.seq} cannot be read")
            elif not linked:
                self._found(segment, f"the chain of events is broken at event {record.seq}")
            # What was sealed and changed since is not what it was; nothing else is known of it.
            if event is not None and (linked or not ours):
                found.append(event)
            before = record.hash
            self._read(record, ours)
        return found

    def _is_redacted(self, record: Record, event: Event, ours: bool) -> bool:
        """Whether an event is not what it was because something was taken out of it, as a later one
        says; of one of the key's holder, one of theirs."""
        told = chain.content(event.body, record.data)
        return (record.seq, told) in self._redactions[ours]

    @functools.cached_property
    def _redactions(self) -> dict[bool, set[tuple[int, str]]]:
        """What events of the log say was taken out of others: of the key's holder, and of anybody.
        They come later than what they are about, so that the log is gone through once more."""
        found: dict[bool, set[tuple[int, str]]] = {True: set(), False: set()}
        last, before = 0, chain.GENESIS
        for first in self.segments:
            path = self._folder / segments.segment_name(first)
            with guarded.reading(path, 1 << 20) as file:
                size = os.fstat(file.fileno()).st_size
                for frame in segments.frames(file, first, HEAD_SIZE, size, self.layout):
                    ours = frame.whole and self._is_ours(frame)
                    for record in frame.records:
                        event = None
                        if record.data.startswith(_REDACTED):
                            event, linked = chain.event(
                                before, *record[:2], record.data, record.hash
                            )
                            follows = linked and record.seq == last + 1
                        if event is not None and isinstance(event.body, Redacted):
                            if follows and (ours or self._may_tell(record)):
                                found[False].update(event.body.events)
                            if ours:
                                found[True].update(event.body.events)
                        last, before = record.seq, record.hash
        return found

    def _may_tell(self, record: Record) -> bool:
        """Whether what somebody else has written is believed: all of it where it is only looked at,
        and what was there already where this user has come to trust it."""
        return self._trusted is None or record.seq <= self._trusted.seq

    def _is_ours(self, frame: Frame) -> bool:
        """Whether the holder of the key wrote a frame, for this store."""
        if frame.seal is None or not self._key or not frame.is_sealed(self._key):
            return False
        self.store = self.store or frame.seal.store
        return self.store == frame.seal.store

    def _read(self, record: Record, ours: bool) -> None:
        self.last, self.hash = record.seq, record.hash
        if record.seq in self._wanted:
            self.hashes[record.seq] = record.hash
        if not ours:
            self.foreign += 1
            self.foreign_until = record.seq
        trusted = self._trusted
        # The hash covers all that came before, where nothing in it is broken.
        if trusted is None or self.problem:
            return
        if (record.seq, record.hash) == (trusted.seq, trusted.hash):
            self.foreign = self.foreign_until = 0

    def _found(self, segment: int, what: str) -> None:
        self.problem = self.problem or what
        if segment not in self.harmed:
            self.harmed.append(segment)

    def against(self, tail: tuple[int, bytes] | None) -> str:
        """What was acknowledged according to the tail and is not there, as a sentence, or an empty
        string. The number in the tail must have been ``wanted``."""
        wanted, digest = tail or (0, b"")
        if self.last < wanted:
            return f"acknowledged events are missing at the end: {wanted - self.last}"
        if self.hashes.get(wanted, digest) != digest:
            return f"event {wanted} is not the one that was acknowledged"
        return ""
