"""One process at a time: a lock on a file of our own beside the database.

DuckDB's own lock is a POSIX record lock, which the owner loses as soon as it closes any other
handle to the database file; this one it keeps until it ends, however it ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import IO, Any

from duranb.errors import StoreLocked
from duranb.store import guarded

PATIENCE = 3.0
"""Seconds to wait for a holder that is just shutting down, as in a kernel's restart."""


class StoreLock:
    """Held from construction until :meth:`release`. Raises :class:`StoreLocked`."""

    def __init__(self, file: Path) -> None:
        opened = guarded.descriptor(file, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self._file = os.fdopen(opened, "a+", encoding="utf-8")
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
        _held.add(self._file)
        self._write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))

    def release(self) -> None:
        """Let go."""
        _held.discard(self._file)
        self._write("")
        self._file.close()

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a full disk; who holds it is good to know, no more
            os.ftruncate(self._file.fileno(), 0)
            os.write(self._file.fileno(), text.encode())


_held: set[IO[str]] = set()


def _forget_in_child() -> None:
    """A forked child would hold the lock as long as it lives, after its parent was killed too."""
    for file in _held:
        file.close()  # which unlocks nothing as long as the parent has it open
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


def holder(folder: Path) -> int | None:
    """The pid of the process that holds a store, or None when nobody does."""
    file = folder / "lock"
    try:
        with guarded.reading(file) as probe:  # the folder may be read-only
            if _try_lock(probe):
                return None
    except OSError:
        return None  # there is none, or somebody else's: nobody holds it
    return _holder(file)


def _holder(file: Path) -> int:
    try:
        return int(json.loads(guarded.read(file))["pid"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0  # between taking the lock and writing its name


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[Any]) -> bool:
        # Far beyond the text, so that others can still read who holds it.
        file.seek(1 << 20)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(file: IO[Any]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
