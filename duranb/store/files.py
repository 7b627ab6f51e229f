"""Larger artifacts as files named by their content."""

from __future__ import annotations

import errno
import mmap
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from duranb.pure.artifacts import Buffer
from duranb.pure.errors import StoreDamaged, StoreUnwritable


def place(folder: Path, digest: str) -> Path:
    """Where the file of a digest lies."""
    return folder / "artifacts" / digest[:2] / digest


def write(folder: Path, digest: str, parts: Sequence[Buffer]) -> None:
    """Write an artifact so that it is there whole, and durable, or not at all."""
    target = place(folder, digest)
    if target.exists():
        return
    part = target.with_name(f"{digest}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb", buffering=0) as out:
            for piece in parts:
                view = memoryview(piece).cast("B")
                while view:
                    view = view[out.write(view) :]
            os.fsync(out.fileno())
        part.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise unwritable(folder, error) from error


def read(folder: Path, digest: str, *, writable: bool = False) -> memoryview:
    """The bytes of an artifact's file, mapped and not copied. What is written to a ``writable``
    one stays in this process."""
    access = mmap.ACCESS_COPY if writable else mmap.ACCESS_READ
    try:
        with place(folder, digest).open("rb") as source:
            return memoryview(mmap.mmap(source.fileno(), 0, access=access))
    except FileNotFoundError as error:
        raise StoreDamaged(
            f"artifact {digest[:12]} is missing from {folder / 'artifacts'}: the history names it, "
            "but its file is gone. Put the file back, or run the step again with --fresh"
        ) from error


def unwritable(folder: Path, error: OSError) -> StoreUnwritable:
    """The plain sentence for what kept us from writing."""
    if error.errno == errno.ENOSPC:
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


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows has no such thing; a rename is durable there
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
