"""Opening what lies in a store's folder, which somebody else may have filled.

An archive and a repository carry links. A link, a pipe or a device in the place of a file would be
written through, or waited for, so only regular files and folders of the store's own are opened.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_SAFELY = (
    getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
) | getattr(os, "O_BINARY", 0)

SMALL = 1 << 20
"""Bytes up to which a small file is read: a lock, a tail, an answer."""

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def descriptor(file: Path, flags: int = os.O_RDONLY) -> int:
    """Open a regular file, or with ``O_CREAT`` make one that only the user may read.

    One that is to be written must have no other name. Raises OSError.
    """
    try:
        opened = os.open(file, flags | _SAFELY, PRIVATE_FILE)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO):  # a link; a pipe, to write to
            raise refused(file) from error
        raise
    try:
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode) or (flags & os.O_ACCMODE and found.st_nlink > 1):
            raise refused(file)
    except OSError:
        os.close(opened)
        raise
    return opened


def reading(file: Path, buffering: int = -1) -> BinaryIO:
    """Open a regular file to read. Raises OSError."""
    return os.fdopen(descriptor(file), "rb", buffering)


def read(file: Path) -> bytes:
    """What a small file holds. Raises OSError, also for one that is not small."""
    with reading(file) as opened:
        data = opened.read(SMALL + 1)
    if len(data) > SMALL:
        raise OSError(errno.EFBIG, f"{file} is larger than {SMALL} bytes, which nothing there is")
    return data


def copy(source: Path, target: Path) -> None:
    """Copy a regular file; holes in it, which may be of any size, stay holes. Raises OSError."""
    with reading(source) as opened, open(target, "xb") as out:
        end = os.fstat(opened.fileno()).st_size
        at = next_data(opened, 0, end)
        while at < end:
            opened.seek(at)
            out.seek(at)
            out.write(opened.read(min(SMALL, end - at)))
            at = next_data(opened, opened.tell(), end)
        out.truncate(end)


SPARSE = 64 << 20
"""Bytes of holes from which on a file was never written by somebody who had something to say."""


def text_of(file: Path) -> bytes:
    """What a file holds that is text or the like, which nobody writes with holes: 8 TB of nothing
    take no room, and would take all of the memory. Raises OSError."""
    with reading(file) as opened:
        found = os.fstat(opened.fileno())
        if found.st_size - getattr(found, "st_blocks", found.st_size) * 512 > SPARSE:
            raise OSError(
                errno.EFBIG, f"{file} says that it has {found.st_size} bytes, and is empty"
            )
        return opened.read()


def next_data(file: BinaryIO, at: int, end: int) -> int:
    """Where, at ``at`` or later, a file of ``end`` bytes holds anything but a hole."""
    if not hasattr(os, "SEEK_DATA"):
        return at
    try:
        return max(at, os.lseek(file.fileno(), at, os.SEEK_DATA))
    except OSError as error:
        return end if error.errno == errno.ENXIO else at  # nothing behind it; or it cannot tell


def folder(path: Path, *, parents: bool = False) -> None:
    """Make a folder that only the user may enter, unless it is there; a link to one is not.

    Raises OSError.
    """
    with contextlib.suppress(FileExistsError):
        if parents and not path.parent.is_dir():
            folder(path.parent, parents=True)
        path.mkdir(PRIVATE_FOLDER)
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        raise refused(path, "folder")


def is_folder(path: Path) -> bool:
    """Whether it is a folder, and no link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Whether it is a regular file with no other name, and no link to one."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1


def refused(path: Path, wanted: str = "file") -> OSError:
    """What is said of a link, or of anything else that should be a file or folder."""
    return OSError(
        errno.ELOOP,
        f"{path} is a link, or no {wanted} of its own: it is neither followed nor written to. "
        "If you did not put it there, the store is not to be trusted; otherwise put what it "
        "stands for in its place",
    )
