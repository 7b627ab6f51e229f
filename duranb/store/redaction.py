"""Taking something out of a store that should not be in it.

What is taken out is written over in its place, by as many bytes: nothing moves. The chain keeps the
hashes that were acknowledged. An event of the history, :class:`duranb.record.events.Redacted`, says
which events and artifacts are not what they were, and what they are now: it is sealed like all
others, and durable before the first byte is written over. A process that dies in between leaves a
store that is whole, and doing it again finishes it.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from duranb.errors import StoreDamaged
from duranb.record import events as e
from duranb.store import chain, encryption, files, guarded, segments
from duranb.store.index import Index
from duranb.store.log import LogReader
from duranb.store.paths import LOG, current
from duranb.store.segments import HEAD_SIZE, Record

Data = bytes | memoryview


class Redaction(NamedTuple):
    """What to take out. ``text`` gives the JSON of an event as it is to be, ``data`` the bytes of
    an artifact, given its digest; both by as many bytes, and None for what stays."""

    text: Callable[[int, bytes], bytes | None]
    data: Callable[[str, Data], bytes | None]


class Plan(NamedTuple):
    """What is written over: events by their numbers, short artifacts by the numbers of the events
    that stored them, and files by their digests. ``events`` and ``artifacts`` are what the history
    is told of it."""

    texts: dict[int, bytes]
    payloads: dict[int, bytes]
    files: list[str]
    events: list[tuple[int, str]]
    artifacts: dict[str, str]

    def __bool__(self) -> bool:
        return bool(self.texts or self.payloads or self.files)


def planned(log: LogReader, index: Index, redaction: Redaction) -> Plan:
    """What there is to be taken out of a store. Nothing is changed.

    Raises :class:`StoreDamaged` where an artifact cannot be read.
    """
    plan = Plan({}, {}, [], [], {})
    for record, body in _records(log):
        text = redaction.text(record.seq, record.data.encode())
        if text is not None:
            plan.texts[record.seq] = text
            plan.events.append((record.seq, chain.content(body, text.decode())))
        if isinstance(body, e.ArtifactStored) and not body.in_file:
            payload = redaction.data(body.digest, log.read(record.place))
            if payload is not None:
                plan.payloads[record.seq] = payload
                plan.artifacts[body.digest] = files.digest_of([memoryview(payload)])
    for digest in index.digests_in_files():
        with contextlib.suppress(StoreDamaged):  # what is gone holds nothing
            data = redaction.data(digest, index.raw(digest))
            if data is not None:
                plan.files.append(digest)
                plan.artifacts[digest] = files.digest_of([memoryview(data)])
    return plan


def _records(log: LogReader) -> Iterator[tuple[Record, e.EventBody | None]]:
    for frame in log.frames(0):
        for record in frame.records:
            yield record, chain.body(record.data)


def write_over(log: LogReader, plan: Plan) -> None:
    """Write the events and short artifacts of a plan over, segment by segment, each in one step.
    Nobody may append to these segments any more. Raises OSError."""
    wanted = sorted({*plan.texts, *plan.payloads})
    firsts = [*log.segments, log.last + 1]
    for first, following in itertools.pairwise(firsts):
        if any(first <= seq < following for seq in wanted):
            path = log.path(first)
            with guarded.reading(path, 1 << 20) as file:
                data = bytearray(file.read())
                for frame in segments.frames(file, first, HEAD_SIZE, len(data), log.layout):
                    segments.write_over(data, frame, plan.texts, plan.payloads, first, log.layout)
            files.replace(path, bytes(data))
            log.renewed(first)


def write_files(index: Index, plan: Plan, redaction: Redaction) -> None:
    """Write the larger artifacts of a plan over. Raises OSError."""
    for digest in plan.files:
        data = redaction.data(digest, index.raw(digest))
        if data is not None:
            index.files.write_over(digest, data)


def held(folder: Path, holds: Callable[[Data], object]) -> list[Path]:
    """Files of a store beside its history that hold something: what was set aside, and what others
    have left there to be taken in. What cannot be looked through may hold it: what was set aside of
    an encrypted store, and what is no such file by its size. Raises OSError."""
    found = []
    encrypted = encryption.is_encrypted(current(folder, LOG))
    for place in BESIDE:
        for path in (folder / place).rglob("*"):
            if guarded.is_file(path) and _holds(path, holds, encrypted):
                found.append(path)
    return found


def _holds(path: Path, holds: Callable[[Data], object], encrypted: bool) -> bool:
    try:
        if not encrypted:
            return bool(holds(guarded.text_of(path)))
        return path.parent.name not in LETTERS or bool(holds(encryption.letter(path)))
    except ValueError:
        return True
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        return True


LETTERS = ("answers", "signals")
"""Folders of what other processes leave in a store."""

BESIDE = ("quarantine", "takeover", *LETTERS)
"""What is beside the history in a store's folder, and may be removed."""


def clean(folder: Path, holds: Callable[[Data], object]) -> None:
    """Remove such files. Raises OSError."""
    for path in held(folder, holds):
        path.unlink()
