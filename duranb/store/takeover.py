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
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from duranb.errors import StoreDamaged, StoreTooNew
from duranb.store import chain, files, guarded, segments
from duranb.store.log import SEGMENT
from duranb.store.paths import DATABASE, JOURNAL, LOG, TAIL, WAL
from duranb.store.reading import Reading

if TYPE_CHECKING:  # imported late: only old stores need it here
    import duckdb

SCRATCH = "takeover"
"""A folder in the store's where a log is being made; what is left of it is of no use."""

LAST = 2
"""The last version of the database that held the history itself."""

FRAME = 500
"""Events that are written together."""

_JOURNAL_FRAME = Struct("<II")
"""Before each batch of an old journal: its length in bytes, and its CRC-32."""


class _Line(NamedTuple):
    """An event as earlier versions kept it, in the database and in their journal."""

    seq: int
    ts: int
    type: str
    execution: int | None
    step: str | None
    data: str
    payload: bytes | None
    hash: bytes


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
    import duckdb

    # What moves from one file to the next is copied in that order: a process may have it open.
    for name in (JOURNAL, WAL, DATABASE):
        with contextlib.suppress(FileNotFoundError):
            guarded.copy(source / name, target / name)
    damage = ""
    try:
        try:
            connection = duckdb.connect(str(target / DATABASE))
        except duckdb.Error as error:
            if "WAL" not in str(error) or not (target / WAL).exists():
                raise
            (target / WAL).unlink()
            damage = f"the write-ahead log is damaged ({str(error).splitlines()[0]})"
            connection = duckdb.connect(str(target / DATABASE))
        with contextlib.closing(connection):
            _check_version(connection, source)
            _write(target / LOG, _lines(connection, target / JOURNAL))
    except duckdb.Error as error:
        if "No space left" in str(error):
            raise files.unwritable(source, OSError(errno.ENOSPC, str(error))) from error
        raise StoreDamaged(
            f"the database {source / DATABASE} cannot be read: {str(error).splitlines()[0]}. It "
            f"was left as it is. Put a backup of it in its place, or move {source} away to begin a "
            "new store"
        ) from error
    return damage


def _check_version(connection: duckdb.DuckDBPyConnection, source: Path) -> None:
    from duranb.store import schema

    found = schema.version(connection)
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


def _lines(connection: duckdb.DuckDBPyConnection, journal: Path) -> Iterator[_Line]:
    last, digest = 0, chain.GENESIS
    columns = "seq, ts, kind, execution, step, data, payload, hash"
    while True:
        found = connection.execute(
            f"SELECT {columns} FROM events WHERE seq > ? AND seq <= ? ORDER BY seq",
            [last, last + FRAME],
        ).fetchall()
        if not found:
            more = connection.execute("SELECT min(seq) FROM events WHERE seq > ?", [last])
            following = more.fetchall()[0][0]
            if following is None:
                break
            last = following - 1
            continue
        for row in found:
            line = _Line(*row)
            last, digest = line.seq, line.hash
            yield line
    # A journal may be that of another store: its events must follow, without a gap.
    for line in _journaled(journal):
        _, linked = chain.event(digest, line.seq, line.ts, line.data, line.hash)
        if line.seq == last + 1 and linked:
            last, digest = line.seq, line.hash
            yield line


def _journaled(file: Path) -> Iterator[_Line]:
    """The events of an old journal's whole batches. What follows a torn or damaged one was never
    acknowledged, or is missed by the tail."""
    data = file.read_bytes() if file.exists() else b""
    at = 0
    while at + _JOURNAL_FRAME.size <= len(data):
        length, checksum = _JOURNAL_FRAME.unpack_from(data, at)
        at += _JOURNAL_FRAME.size
        body = data[at : at + length]
        if len(body) != length or zlib.crc32(body) != checksum:
            return
        at += length
        try:
            yield from msgspec.msgpack.decode(body, type=list[_Line])
        except msgspec.MsgspecError:
            return


def _write(folder: Path, lines: Iterator[_Line]) -> None:
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
