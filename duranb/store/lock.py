"""One process at a time: a lock on a file of our own beside the database.

DuckDB's own lock is a POSIX record lock, which the owner loses as soon as it closes any other
handle to the database file; this one it keeps until it ends, however it ends.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import IO

from duranb.pure.errors import StoreLocked

PATIENCE = 3.0
"""Seconds to wait for a holder that is just shutting down, as in a kernel's restart."""


class StoreLock:
    """Held from construction until :meth:`release`. Raises :class:`StoreLocked`."""

    def __init__(self, file: Path) -> None:
        self._file: IO[str] = file.open("a+", encoding="utf-8")
        end = time.monotonic() + PATIENCE
        while not _try_lock(self._file):
            if time.monotonic() > end:
                pid = _holder(file)
                self._file.close()
                raise StoreLocked(
                    f"the store {file.parent} is in use by process {pid or '(unknown)'}, another "
                    "kernel of this notebook. Shut that one down, or go on there",
                    pid,
                )
            time.sleep(0.05)
        self._file.seek(0)
        self._file.truncate()
        json.dump({"pid": os.getpid(), "host": socket.gethostname()}, self._file)
        self._file.flush()

    def release(self) -> None:
        """Let go."""
        self._file.seek(0)
        self._file.truncate()
        self._file.close()


def holder(folder: Path) -> int | None:
    """The pid of the process that holds a store, or None when nobody does."""
    file = folder / "lock"
    if not file.exists():
        return None
    with file.open("a+", encoding="utf-8") as probe:
        if _try_lock(probe):
            return None
    return _holder(file)


def _holder(file: Path) -> int:
    try:
        return int(json.loads(file.read_text(encoding="utf-8"))["pid"])
    except (OSError, ValueError, KeyError):
        return 0  # between taking the lock and writing its name


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[str]) -> bool:
        # Far beyond the text, so that others can still read who holds it.
        file.seek(1 << 20)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(file: IO[str]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
