"""Stores of earlier versions, which kept their history in the database: it becomes a log, once.

What was found is left alone until the log is there, whole and durable. A process that is killed on
the way leaves the store as it was, or taken over.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from duranb.errors import StoreDamaged, StoreTooNew
from duranb.store import chain, files, guarded, segments
from duranb.store.apart import Apart, Line, Unreadable
from duranb.store.log import SEGMENT
from duranb.store.paths import DATABASE, JOURNAL, LOG, TAIL, WAL
from duranb.store.reading import Reading

SCRATCH = "takeover"
"""A folder in the store's where a log is being made; what is left of it is of no use."""

LAST = 2
"""The last version of the database that held the history itself."""

FRAME = 500
"""Events that are written together."""


def take_over(folder: Path) -> str:
    """Make a log of the history in an old store's database; a sentence about what is damaged in it,
    or an empty one. Does nothing where there is a log.

    Raises :class:`StoreDamaged`, :class:`StoreTooNew`, :class:`StoreUnwritable` or OSError;
    nothing is changed then.
    """
    if guarded.is_folder(folder / SCRATCH):
        shutil.rmtree(folder / SCRATCH, ignore_errors=True)
    if os.path.lexists(folder / LOG):
        (folder / JOURNAL).unlink(missing_ok=True)  # of the one that was killed right after it
        return ""
    if not (folder / DATABASE).exists():
        return ""
    made = folder / SCRATCH / LOG
    guarded.folder(made, parents=True)
    try:
        damage = convert(folder, folder / SCRATCH)
        tail = chain.read_tail(folder / TAIL)
        reading = Reading(made, [tail[0]] if tail else [])
        for _ in reading:
            pass
        damage = damage or reading.problem or reading.against(tail)
    except BaseException:
        shutil.rmtree(folder / SCRATCH, ignore_errors=True)
        raise
    made.rename(folder / LOG)
    files.sync_folder(folder)
    shutil.rmtree(folder / SCRATCH, ignore_errors=True)
    found = [folder / name for name in (DATABASE, WAL, JOURNAL) if (folder / name).exists()]
    if not damage:
        for file in found:
            file.unlink()
        return ""
    aside = folder / "quarantine" / f"{time.time_ns()}"
    guarded.folder(aside, parents=True)
    for file in found:
        file.rename(aside / file.name)
    return (
        f"the store {folder} was damaged: {damage}. What can be read is in use (up to event "
        f"{reading.last}); the files as they were found are in {aside}"
    )


def convert(source: Path, target: Path) -> str:
    """Write the history of the old store ``source`` to a log in the folder ``target``, which may
    be used for other files too; a sentence about what is damaged, or an empty one.

    Raises :class:`StoreDamaged`, :class:`StoreTooNew`, :class:`StoreUnwritable` or OSError.
    """
    # What moves from one file to the next is copied in that order: a process may have it open.
    for name in (JOURNAL, WAL, DATABASE):
        with contextlib.suppress(FileNotFoundError):
            guarded.copy(source / name, target / name)
    try:
        with Apart(target) as found:
            _check_version(found.version, source)
            _write(target / LOG, found.lines())
            return found.damage
    except Unreadable as error:
        if "No space left" in str(error):
            raise files.unwritable(source, OSError(errno.ENOSPC, str(error))) from error
        raise StoreDamaged(
            f"the database {source / DATABASE} cannot be read: {error}. It was left as it is. Put "
            f"a backup of it in its place, or move {source} away to begin a new store"
        ) from error


def _check_version(found: int, source: Path) -> None:
    from duranb.store import schema

    if found > schema.VERSION:
        raise StoreTooNew(
            f"the store {source} was written by a later duranb (its schema is version {found}, "
            f"this one knows {schema.VERSION}). Nothing was touched: pip install -U duranb"
        )
    if found > LAST:
        raise StoreDamaged(
            f"the store {source} has lost its log, {source / LOG}, which is the history. Put a "
            f"backup of it in its place, or move {source} away to begin a new store"
        )


def _write(folder: Path, lines: Iterator[Line]) -> None:
    """Write a log, durable when this returns."""
    folder.mkdir(exist_ok=True)
    digest = chain.GENESIS
    while batch := list(islice(lines, FRAME)):
        segment = batch[0].seq
        with (folder / segments.segment_name(segment)).open("wb") as out:
            out.write(segments.header(segment, digest))
            while batch:
                writer = segments.FrameWriter(segment, out.tell(), sealed=False)
                for line in batch:
                    payload = line.payload or b""
                    writer.add(line.seq, line.ts, line.hash, line.data.encode(), payload)
                    digest = line.hash
                out.write(writer.frame(None))
                batch = list(islice(lines, FRAME)) if out.tell() < SEGMENT else []
            out.flush()
            os.fsync(out.fileno())
    files.sync_folder(folder)
