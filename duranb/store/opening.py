"""Opening a log and comparing it with what was acknowledged. What is damaged is set aside as it was
found; the rest is in use."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from duranb.errors import StoreEncrypted
from duranb.record.fold import Fold
from duranb.store import chain, encryption, files, guarded, heads, keys, segments, takeover, trust
from duranb.store.artifacts import ArtifactFiles
from duranb.store.heads import Head
from duranb.store.index import Index
from duranb.store.log import Log, LogReader
from duranb.store.paths import DATABASE, LOG, TAIL, WAL
from duranb.store.reading import Reading
from duranb.store.segments import Layout

if TYPE_CHECKING:  # cryptography is an extra
    from duranb.store.cipher import Cipher


class Found(NamedTuple):
    """A log that was read through: the check, a reader of it, the artifacts in it, what is missing
    from it according to the tail (as a sentence or an empty string), what its events say, and what
    decrypts it, where it is encrypted."""

    reading: Reading
    log: LogReader
    artifacts: Index
    missing: str
    folding: Fold
    cipher: Cipher | None


def find(folder: Path, log: Path, key: bytes, *, settled: bool = True) -> Found:
    """Read the log of a store through, and check it. Nothing is changed. What the events of a
    ``settled`` one say is read again from there when it is asked for.

    Raises :class:`duranb.errors.StoreTooNew`, :class:`duranb.errors.StoreEncrypted` or OSError.
    """
    cipher = encryption.cipher_of(log)
    # The log may grow meanwhile.
    head, tail = heads.read(folder), chain.read_tail(folder / TAIL, cipher)
    seal, wanted = keys.derived(key, "seal"), {tail[0] if tail else 0}
    reading = Reading(log, wanted, seal, trust.read(folder, key), layout_of(cipher))
    reader = LogReader(log, reading)
    artifacts = Index(folder, ArtifactFiles(folder, cipher), reader)
    folding = Fold()
    folding.history.calls.reader = reader.event if settled else None
    for event in reading:
        artifacts.add(event)
        folding.apply(event)
    reader.last = reading.last
    missing = reading.against(tail)
    artifacts.foreign = _foreign(folder, reading) or (
        "" if missing else _older(folder, head, reading, reader, cipher)
    )
    return Found(reading, reader, artifacts, missing, folding, cipher)


def layout_of(cipher: Cipher | None) -> Layout:
    """How the frames of a log are laid out, encrypted or not."""
    if cipher is None:
        return segments.PLAIN
    from duranb.store.encrypted import Encrypted

    return Encrypted(cipher)


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


def _older(
    folder: Path,
    head: Head | None,
    reading: Reading,
    reader: LogReader,
    cipher: Cipher | None,
) -> str:
    """Says that a store was further on, at this place, than it is now."""
    if head is None or head.store != reading.store:
        return ""
    found = reader.hash_of(head.seq)
    if head.hash in (found, heads.outside(found, cipher)):
        return ""
    return (
        f"the store {folder} is an older copy: it ends at event {reading.last}, and event "
        f"{head.seq} was acknowledged here. What it does not know of would be paid for and done "
        "again. If you put it back on purpose: %duranb trust (or: duranb trust NOTEBOOK)"
    )


def open_log(folder: Path, key: bytes, *, settled: bool) -> tuple[Log, Found, str]:
    """Open the log in a store's folder, made if there is none; for the one who holds the lock.
    With it what was found in it, and a sentence about what is damaged, or an empty one. One that
    is ``settled`` is encrypted where the user wants stores to be.

    Raises :class:`StoreTooNew`, :class:`StoreDamaged`, :class:`StoreEncrypted`,
    :class:`StoreUnwritable` or OSError; nothing is changed then.
    """
    begun = settled and encryption.is_wanted() and not encryption.is_encrypted(folder / LOG)
    if begun:
        _check_new(folder)
    damage = takeover.take_over(folder)
    guarded.folder(folder / LOG)
    if begun:
        encryption.begin(folder / LOG)
    files.sync_folder(folder)
    found = find(folder, folder / LOG, key)
    if found.cipher is not None:
        encryption.heal(folder / LOG)
        for name in (DATABASE, WAL):  # of before: there are no plain rows on the disk
            (folder / name).unlink(missing_ok=True)
    damage = damage or _set_aside(folder, found.reading, found.missing)
    log = Log(folder / LOG, found.log, found.reading, keys.derived(key, "seal"))
    return log, found, damage


def _check_new(folder: Path) -> None:
    """Raise :class:`StoreEncrypted` where there is a plain store already."""
    if segments.segments(folder / LOG) or os.path.lexists(folder / DATABASE):
        raise StoreEncrypted(
            f"the store {folder} is not encrypted, and {encryption.WANTED} says that stores are to "
            "be. Nothing was changed. Encrypt it: duranb encrypt NOTEBOOK; or go on without: "
            f"{encryption.WANTED}=0"
        )


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
