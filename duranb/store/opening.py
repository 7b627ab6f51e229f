"""Opening a log and comparing it with what was acknowledged. What is damaged is set aside as it was
found; the rest is in use."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import NamedTuple

from duranb.record.fold import Fold
from duranb.store import chain, files, segments, takeover, trust
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


def find(folder: Path, log: Path, key: bytes) -> Found:
    """Read the log of a store through, and check it. Nothing is changed.

    Raises :class:`duranb.errors.StoreTooNew` or OSError.
    """
    tail, trusted = chain.read_tail(folder / TAIL), trust.read(folder, key)
    reading = Reading(log, {tail[0] if tail else 0, trusted.seq if trusted else 0})
    reader = LogReader(log, reading)
    artifacts = Index(folder, reader.read, key)
    folding = Fold()
    for event, place in reading:
        artifacts.add(event, place)
        folding.apply(event)
    reader.last = reading.last
    if trusted and not reading.problem and reading.is_event(trusted.seq, trusted.hash):
        artifacts.trusted = trusted.seq
    return Found(reading, reader, artifacts, reading.against(tail), folding)


def open_log(folder: Path, key: bytes) -> tuple[Log, Found, str]:
    """Open the log in a store's folder, made if there is none; for the one who holds the lock.
    With it what was found in it, and a sentence about what is damaged, or an empty one.

    Raises :class:`StoreTooNew`, :class:`StoreDamaged`, :class:`StoreUnwritable` or OSError;
    nothing is changed then.
    """
    damage = takeover.take_over(folder)
    (folder / LOG).mkdir(exist_ok=True)
    files.sync_folder(folder)
    found = find(folder, folder / LOG, key)
    damage = damage or _set_aside(folder, found.reading, found.missing)
    return Log(folder / LOG, found.log, found.reading), found, damage


def _set_aside(folder: Path, reading: Reading, missing: str) -> str:
    """Keep a copy of what is damaged; what to say of it, which is nothing the second time."""
    names = [segments.segment_name(first) for first in reading.harmed]
    if missing:
        names += [segments.segment_name(first) for first in reading.segments[-1:]]
    elif all(list((folder / "quarantine").glob(f"*/{name}")) for name in names):
        return ""
    aside = folder / "quarantine" / f"{time.time_ns()}"
    aside.mkdir(parents=True)
    for name in dict.fromkeys(names):
        shutil.copy2(folder / LOG / name, aside / name)
    if (folder / TAIL).exists():
        shutil.copy2(folder / TAIL, aside / TAIL)
    what = "; ".join(x for x in (reading.problem, missing) if x)
    return (
        f"the store {folder} is damaged: {what}. What can be read is in use (up to event "
        f"{reading.last}); the files as they were found are in {aside}"
    )
