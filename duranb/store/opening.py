"""Opening a log and comparing it with what was acknowledged. What is damaged is set aside as it was
found; the rest is in use."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from duranb.record.fold import Fold
from duranb.store import chain, files, guarded, heads, keys, segments, takeover, trust
from duranb.store.heads import Head
from duranb.store.index import Index
from duranb.store.log import Log, LogReader
from duranb.store.paths import LOG, TAIL
from duranb.store.reading import Reading


class Found(NamedTuple):
    """A log that was read through: the check, a reader of it, the artifacts in it, what is missing
    from it according to the tail (as a sentence or an empty string), and what its events say."""

    reading: Reading
    log: LogReader
    artifacts: Index
    missing: str
    folding: Fold


def find(folder: Path, log: Path, key: bytes, *, settled: bool = True) -> Found:
    """Read the log of a store through, and check it. Nothing is changed. What the events of a
    ``settled`` one say is read again from there when it is asked for.

    Raises :class:`duranb.errors.StoreTooNew` or OSError.
    """
    head, tail = heads.read(folder), chain.read_tail(folder / TAIL)  # the log may grow meanwhile
    seal = keys.derived(key, "seal")
    reading = Reading(log, {tail[0] if tail else 0}, seal, trust.read(folder, key))
    reader = LogReader(log, reading)
    artifacts = Index(folder, reader)
    folding = Fold()
    folding.history.calls.reader = reader.event if settled else None
    for event in reading:
        artifacts.add(event)
        folding.apply(event)
    reader.last = reading.last
    missing = reading.against(tail)
    artifacts.foreign = _foreign(folder, reading) or (
        "" if missing else _older(folder, head, reading, reader)
    )
    return Found(reading, reader, artifacts, missing, folding)


def _foreign(folder: Path, reading: Reading) -> str:
    """Says what in a store this user has not written, and does not trust."""
    if not reading.foreign:
        return ""
    return (
        f"the store {folder} is not all yours: {reading.foreign} of its {reading.last} events, up "
        f"to event {reading.foreign_until}, are not sealed with your key. Somebody else wrote or "
        "changed them, or a duranb before seals. It can be looked at; nothing in it is loaded, run "
        "or answered. If you trust where it comes from: %duranb trust (or: duranb trust NOTEBOOK)"
    )


def _older(folder: Path, head: Head | None, reading: Reading, reader: LogReader) -> str:
    """Says that a store was further on, at this place, than it is now."""
    if head is None or head.store != reading.store or reader.hash_of(head.seq) == head.hash:
        return ""
    return (
        f"the store {folder} is an older copy: it ends at event {reading.last}, and event "
        f"{head.seq} was acknowledged here. What it does not know of would be paid for and done "
        "again. If you put it back on purpose: %duranb trust (or: duranb trust NOTEBOOK)"
    )


def open_log(folder: Path, key: bytes) -> tuple[Log, Found, str]:
    """Open the log in a store's folder, made if there is none; for the one who holds the lock.
    With it what was found in it, and a sentence about what is damaged, or an empty one.

    Raises :class:`StoreTooNew`, :class:`StoreDamaged`, :class:`StoreUnwritable` or OSError;
    nothing is changed then.
    """
    damage = takeover.take_over(folder)
    guarded.folder(folder / LOG)
    files.sync_folder(folder)
    found = find(folder, folder / LOG, key)
    damage = damage or _set_aside(folder, found.reading, found.missing)
    log = Log(folder / LOG, found.log, found.reading, keys.derived(key, "seal"))
    return log, found, damage


def _set_aside(folder: Path, reading: Reading, missing: str) -> str:
    """Keep a copy of what is damaged; what to say of it, which is nothing the second time."""
    names = [segments.segment_name(first) for first in reading.harmed]
    if missing:
        names += [segments.segment_name(first) for first in reading.segments[-1:]]
    elif all(list((folder / "quarantine").glob(f"*/{name}")) for name in names):
        return ""
    aside = folder / "quarantine" / f"{time.time_ns()}"
    guarded.folder(aside, parents=True)
    for name in dict.fromkeys(names):
        guarded.copy(folder / LOG / name, aside / name)
    if guarded.is_file(folder / TAIL):
        guarded.copy(folder / TAIL, aside / TAIL)
    what = "; ".join(x for x in (reading.problem, missing) if x)
    return (
        f"the store {folder} is damaged: {what}. What can be read is in use (up to event "
        f"{reading.last}); the files as they were found are in {aside}"
    )
