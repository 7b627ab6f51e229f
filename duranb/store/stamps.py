"""Whether a database still is the file that this user's own process left at its end.

What is derived from the log is not sealed, and somebody else could put another database beside the
user's own log: one with other rows, or with a view in the place of a table. Which file was left is
kept in the user's own folder, by what nobody can give to another: its number on the disk and the
time of its last change, which is not the one that archives set.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from struct import Struct

from duranb.store import guarded, heads
from duranb.store.paths import DATABASE, WAL

_STAMP = Struct("<QQQq")
"""The file system, the file's number in it, its bytes, the time of its last change in ns."""

_SUFFIX = ".database"


def is_left(folder: Path) -> bool:
    """Whether the database in a store's folder is the one that was left there. One that a killed
    process left is not."""
    if os.path.lexists(folder / WAL):
        return False
    try:
        return guarded.read(_place(folder)) == _stamp(folder)
    except OSError:
        return False


def leave(folder: Path) -> None:
    """The database is closed, and nothing of it is in its own log."""
    with contextlib.suppress(OSError):  # then it is made anew
        place = _place(folder)
        guarded.folder(place.parent, parents=True)
        descriptor = guarded.descriptor(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            os.write(descriptor, _stamp(folder))
        finally:
            os.close(descriptor)


def _stamp(folder: Path) -> bytes:
    found = os.lstat(folder / DATABASE)
    return _STAMP.pack(found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns)


def _place(folder: Path) -> Path:
    place = heads.place(folder)
    return place.with_name(place.name + _SUFFIX)
