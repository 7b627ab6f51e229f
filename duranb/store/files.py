"""Files of a store: written whole and durable or not at all, and what is said where that
cannot be."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import blake3

from duranb.errors import StoreUnwritable
from duranb.record.artifacts import Buffer
from duranb.store import guarded

PART = ".part"

_DIGEST = re.compile("[0-9a-f]{64}")

REMEDY = "Run the step that made it again with --fresh, or put a backup of the file in its place"


def is_digest(text: str) -> bool:
    """Whether it is the digest of an artifact; what somebody else wrote might be a path."""
    return bool(_DIGEST.fullmatch(text))


def digest_of(parts: Sequence[memoryview]) -> str:
    """The name of the concatenation of ``parts``: hex blake3."""
    size = sum(map(len, parts))
    hasher = blake3.blake3(max_threads=blake3.blake3.AUTO if size > 1 << 20 else 1)
    for part in parts:
        hasher.update(part)
    digest: str = hasher.hexdigest()
    return digest


def made(part: Path) -> BinaryIO:
    """A new file that only the user may read, written without a buffer."""
    return os.fdopen(
        guarded.descriptor(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb", buffering=0
    )


def write_all(out: BinaryIO, data: Buffer) -> None:
    """Write all of some bytes to a file without a buffer, which may take less at a time."""
    view = memoryview(data)
    while view:
        view = view[out.write(view) :]


def tidy(folder: Path) -> None:
    """Remove what a killed process had begun to write; for the one who holds the lock."""
    for place in ("artifacts", "log"):
        for part in (folder / place).glob(f"*{PART}"):
            part.unlink(missing_ok=True)


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
        with made(part) as out:
            write_all(out, data)
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
