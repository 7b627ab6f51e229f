"""A store's log and artifacts written anew, encrypted or in plain form, and put in their place.

They are written beside those there are. One rename says that the new ones count; a process that is
killed before it leaves the store as it was, and one killed after it leaves the rest to whoever
opens the store next. The history stays what it is, event by event, with its hashes and seals.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from duranb.errors import StoreDamaged
from duranb.store import chain, encryption, files, guarded, heads, keys, opening, segments, takeover
from duranb.store.artifacts import ArtifactFiles
from duranb.store.lock import StoreLock
from duranb.store.log import LogReader
from duranb.store.paths import (
    ARTIFACTS,
    DATABASE,
    LOG,
    REWRITTEN,
    TAIL,
    WAL,
    check_folder,
)
from duranb.store.reading import Reading
from duranb.store.redaction import LETTERS
from duranb.store.segments import HEAD_SIZE, FrameWriter, Layout

if TYPE_CHECKING:  # cryptography is an extra
    from duranb.store.cipher import Cipher

_MAKING = "rewriting"
"""The folder while it is being made; what is left of it is of no use."""

_OLD = "old"


class Rewritten(NamedTuple):
    """What was written anew: events, artifacts in files; and what could not be read and is left
    out, as sentences."""

    events: int
    artifacts: int
    left_out: list[str]


def rewrite(folder: Path, *, encrypted: bool) -> Rewritten:
    """Encrypt a store that nobody has open, or decrypt it.

    Raises :class:`duranb.errors.StoreLocked`, :class:`duranb.errors.StoreEncrypted`,
    :class:`StoreDamaged` or :class:`duranb.errors.StoreUnwritable`; the store is as it was then,
    or, once the new files count, done but for what is to be tidied up.
    """
    try:
        check_folder(folder)
        lock = StoreLock(folder / "lock")
        try:
            finish(folder)
            takeover.take_over(folder)
            done = _write(folder, encrypted=encrypted)
            (folder / _MAKING).rename(folder / REWRITTEN)
            files.sync_folder(folder)
            finish(folder)
            return done
        finally:
            lock.release()
    except OSError as error:
        raise files.unwritable(folder, error) from error


def change_key(folder: Path) -> None:
    """Have another key open an encrypted store that nobody has open; see
    :func:`duranb.store.encryption.rewrap`. Raises what :func:`rewrite` raises."""
    try:
        check_folder(folder)
        lock = StoreLock(folder / "lock")
        try:
            finish(folder)
            encryption.rewrap(folder / LOG, encryption.data_key(folder / LOG))
        finally:
            lock.release()
    except OSError as error:
        raise files.unwritable(folder, error) from error


def finish(folder: Path) -> None:
    """Put a rewritten log and its artifacts in their place, if there are such, and remove what was
    there before; for the one who holds the lock. Raises OSError."""
    if os.path.lexists(folder / _MAKING):
        _remove(folder / _MAKING)
    if not guarded.is_folder(folder / REWRITTEN):
        return
    old = folder / REWRITTEN / _OLD
    for name in (ARTIFACTS, LOG):
        if guarded.is_folder(folder / REWRITTEN / name):
            guarded.folder(old)
            if os.path.lexists(folder / name):
                (folder / name).rename(old / f"{name}-{os.urandom(4).hex()}")
            (folder / REWRITTEN / name).rename(folder / name)
    files.sync_folder(folder)
    for name in (DATABASE, WAL, "quarantine", "takeover"):
        _remove(folder / name)
    _remove(old)
    cipher = encryption.cipher_of(folder / LOG)
    if cipher is not None:
        _rewrite_letters(folder, cipher, cipher)
        _rewrite_tail(folder, cipher)
    files.sync_folder(folder)
    _remove(folder / REWRITTEN)


def _remove(path: Path) -> None:
    if guarded.is_folder(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write(folder: Path, *, encrypted: bool) -> Rewritten:
    """Write all of it anew, in a folder of its own."""
    found = opening.find(folder, folder / LOG, keys.user_key())
    target = folder / _MAKING
    guarded.folder(target)
    guarded.folder(target / LOG)
    guarded.folder(target / ARTIFACTS)
    cipher = encryption.begin(target / LOG) if encrypted else None
    layout = opening.layout_of(cipher)
    left_out = list(_write_log(found.log, target / LOG, layout))
    made, count = ArtifactFiles(target, cipher), 0
    for digest in found.artifacts.digests_in_files():
        problem = found.artifacts.problem(digest)
        if problem:
            left_out.append(problem)
            continue
        made.write(digest, [found.artifacts.raw(digest)])
        count += 1
    for path in (target / LOG, target / ARTIFACTS, target):
        files.sync_folder(path)
    _check(found.reading, target / LOG, layout)
    if cipher is None:  # in plain form they are taken in from an encrypted store too
        _rewrite_letters(folder, found.cipher, None)
        files.replace(folder / TAIL, chain.packed(found.reading.last, found.reading.hash))
        head = heads.read(folder)
        acknowledged = found.log.hash_of(head.seq) if head else b""
        if head and acknowledged and head.hash == heads.outside(acknowledged, found.cipher):
            _rewrite_head(folder, head, acknowledged)
    found.log.close()
    return Rewritten(found.reading.last, count, left_out)


def _write_log(log: LogReader, target: Path, layout: Layout) -> Iterator[str]:
    """Write the log in a layout; what cannot be read of it, as sentences."""
    before = chain.GENESIS
    for first in log.segments:
        path = log.path(first)
        with guarded.reading(path, 1 << 20) as file, files.made(target / path.name) as out:
            head = segments.header(first, layout.before(before), layout.version)
            files.write_all(out, head)
            at, size = len(head), os.fstat(file.fileno()).st_size
            for frame in segments.frames(file, first, HEAD_SIZE, size, log.layout):
                if not frame.records:
                    if frame.end < size or first != log.segments[-1]:
                        yield f"{frame.end - frame.start} bytes of log/{path.name}"
                    continue
                writer = FrameWriter(first, at, sealed=frame.seal is not None, layout=layout)
                for record in frame.records:
                    data, payload = record.data.encode(), log.read(record.place)
                    writer.add(record.seq, record.ts, record.hash, data, payload)
                    before = record.hash
                data = writer.frame(frame.seal)
                files.write_all(out, data)
                at += len(data)
            os.fsync(out.fileno())


def _check(before: Reading, log: Path, layout: Layout) -> None:
    """Raise :class:`StoreDamaged` unless the history in a log is the same."""
    now = Reading(log, layout=layout)
    for _ in now:
        pass
    if (now.last, now.hash) != (before.last, before.hash):
        raise StoreDamaged(
            f"the log was written anew in {log}, and what was written is not the same: it ends at "
            f"event {now.last}, not at {before.last}. The store is as it was"
        )


def _rewrite_tail(folder: Path, cipher: Cipher) -> None:
    """Encrypt the tail, and what is kept of it outside of the store."""
    tail, head = chain.read_tail(folder / TAIL, cipher), heads.read(folder)
    if tail is None:
        return
    files.replace(folder / TAIL, chain.packed(*tail, cipher))
    if head is not None and (head.seq, head.hash) == tail:
        _rewrite_head(folder, head, heads.outside(head.hash, cipher))


def _rewrite_head(folder: Path, head: heads.Head, digest: bytes) -> None:
    kept = heads.Heads(folder)
    kept.write(head._replace(hash=digest))
    kept.close()


def _rewrite_letters(folder: Path, now: Cipher | None, then: Cipher | None) -> None:
    """Write what other processes have left anew, each in one step; what cannot be read stays."""
    for name in LETTERS:
        if not guarded.is_folder(folder / name):
            continue
        for path in sorted((folder / name).iterdir()):
            if not guarded.is_file(path) or path.name.endswith(files.PART):
                continue
            try:
                data = encryption.opened(guarded.read(path), path.name, now)
            except (OSError, ValueError):
                continue
            files.replace(path, encryption.shut(data, path.name, then))
