"""Larger artifacts as files named by their content."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import re
import secrets
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import blake3

from duranb.errors import StoreDamaged, StoreUnwritable
from duranb.record.artifacts import Buffer
from duranb.store import guarded

PART = ".part"

REMEDY = "Run the step that made it again with --fresh, or put a backup of the file in its place"


def place(folder: Path, digest: str) -> Path:
    """Where the file of a digest lies. Raises :class:`StoreDamaged` for what is none: in a store
    from elsewhere it could be the path of any file."""
    if not _DIGEST.fullmatch(digest):
        raise StoreDamaged(f"the store {folder} names an artifact {digest[:80]!r}, which is none")
    return folder / "artifacts" / digest[:2] / digest


_DIGEST = re.compile("[0-9a-f]{64}")


def digest_of(parts: Sequence[memoryview]) -> str:
    """The name of the concatenation of ``parts``: hex blake3."""
    size = sum(map(len, parts))
    hasher = blake3.blake3(max_threads=blake3.blake3.AUTO if size > 1 << 20 else 1)
    for part in parts:
        hasher.update(part)
    digest: str = hasher.hexdigest()
    return digest


def is_whole(folder: Path, digest: str, size: int) -> bool:
    """Whether the file of a digest is there, as large as it should be.

    Raises :class:`StoreUnwritable` where that cannot be told: it is not to be replaced then.
    """
    try:
        found = os.lstat(place(folder, digest))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise unwritable(folder, error) from error
    return stat.S_ISREG(found.st_mode) and found.st_size == size


def set_aside(folder: Path, digest: str) -> None:
    """Move what is not the file of a digest, although it is called so, into quarantine."""
    target = place(folder, digest)
    aside = folder / "quarantine" / f"{time.time_ns()}"
    guarded.folder(aside, parents=True)
    target.rename(aside / digest)


def write(folder: Path, digest: str, parts: Sequence[Buffer]) -> None:
    """Write an artifact so that it is there whole, and durable, or not at all."""
    target = place(folder, digest)
    if is_whole(folder, digest, sum(memoryview(p).nbytes for p in parts)):
        return
    part = target.parent.with_name(f"{digest}.{secrets.token_hex(4)}{PART}")
    try:
        guarded.folder(target.parent)
        with _made(part) as out:
            for piece in parts:
                view = memoryview(piece).cast("B")
                while view:
                    view = view[out.write(view) :]
            os.fsync(out.fileno())
        if os.path.lexists(target):
            set_aside(folder, digest)
        part.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise unwritable(folder, error) from error


def write_over(folder: Path, digest: str, data: bytes) -> None:
    """Put other bytes in the place of an artifact's, in one step. Raises OSError."""
    target = place(folder, digest)
    part = target.parent.with_name(f"{digest}.{secrets.token_hex(4)}{PART}")
    with _made(part) as out:
        view = memoryview(data)
        while view:
            view = view[out.write(view) :]
        os.fsync(out.fileno())
    part.replace(target)
    sync_folder(target.parent)


def _made(part: Path) -> BinaryIO:
    """A new file that only the user may read, written without a buffer."""
    return os.fdopen(
        guarded.descriptor(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb", buffering=0
    )


def tidy(folder: Path) -> None:
    """Remove what a killed process had begun to write; for the one who holds the lock."""
    for place in ("artifacts", "log"):
        for part in (folder / place).glob(f"*{PART}"):
            part.unlink(missing_ok=True)


def read(folder: Path, digest: str, size: int, *, writable: bool = False) -> memoryview:
    """The bytes of an artifact's file of a known size, mapped and not copied. What is written to a
    ``writable`` one stays in this process."""
    access = mmap.ACCESS_COPY if writable else mmap.ACCESS_READ
    file = place(folder, digest)
    try:
        with guarded.reading(file) as source:
            if os.fstat(source.fileno()).st_size != size:
                raise ValueError("its size is another one")
            return memoryview(mmap.mmap(source.fileno(), 0, access=access))
    except FileNotFoundError as error:
        raise StoreDamaged(
            f"artifact {digest[:12]} is missing from {folder / 'artifacts'}: the history names it, "
            f"but its file is gone. {REMEDY}"
        ) from error
    except (OSError, ValueError) as error:  # a ValueError for an empty one
        raise StoreDamaged(
            f"artifact {digest[:12]} in {folder} cannot be read ({error}). {REMEDY}"
        ) from error


def unwritable(folder: Path, error: OSError) -> StoreUnwritable:
    """The plain sentence for what kept us from writing."""
    if error.errno == errno.ELOOP:
        return StoreUnwritable(f"the store {folder} is not opened: {error.strerror}")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreUnwritable(
            f"the disk of {folder} is full: nothing that was acknowledged is lost. Free some "
            "space and run the cell again"
        )
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StoreUnwritable(
            f"the store {folder} cannot be written ({error.strerror}): give this user the right "
            "to, or work on a copy of the notebook elsewhere"
        )
    return StoreUnwritable(f"the store {folder} cannot be written: {error}")


def replace(target: Path, data: bytes) -> None:
    """Put a small file in the place of another, whole and durable, or not at all.

    Raises :class:`StoreUnwritable`.
    """
    part = target.with_name(f"{target.name}.{secrets.token_hex(4)}{PART}")
    try:
        with _made(part) as out:
            out.write(data)
            os.fsync(out.fileno())
        part.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise unwritable(target.parent, error) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    if os.name == "nt":
        return  # Windows has no such thing; a rename is durable there
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
