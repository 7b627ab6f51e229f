"""File-system calls that fail: the n-th of those that this process makes in some folders."""

from __future__ import annotations

import builtins
import errno
import fcntl
import functools
import io
import mmap
import os
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from duranb.store import files, log

CALLS = (
    *("open", "stat", "lstat", "fstat", "scandir", "listdir", "lseek"),
    *("mkdir", "rmdir", "unlink", "remove", "rename", "replace", "link", "symlink", "chmod"),
    *("pread", "read", "write", "pwrite", "truncate", "ftruncate", "fsync", "fdatasync", "utime"),
)
"""Functions of ``os`` whose first argument is a path or a descriptor."""

WRITING = frozenset({"open", "mkdir", "rename", "replace", "link", "write", "pwrite"})
"""What needs room on the disk; a sync may, too."""


class Failing:
    """Counts the calls in the folders ``roots``, and has number ``at`` fail; 0 for none of them.

    With ``on`` all later calls that need room fail as well. ``told`` says which call it was.
    """

    def __init__(self, roots: Sequence[Path], at: int, code: int, *, on: bool = False) -> None:
        self.count = 0
        self.told = ""
        self._roots = tuple(str(root) for root in roots)
        self._at, self._code, self._on = at, code, on
        self._mutex = threading.Lock()
        self._readlink, self._fsdecode = os.readlink, os.fsdecode

    def install(self) -> None:
        """Put itself between this process and its files."""
        for name in CALLS:
            setattr(os, name, self._wrapped(name, getattr(os, name)))
        log._sync = os.fdatasync
        fcntl.flock = self._wrapped("flock", fcntl.flock)
        io.open = builtins.open = self._opening(io.open)  # type: ignore[assignment]
        files.mmap = _Mapping(self)  # type: ignore[assignment]

    def call(self, name: str, place: Any) -> None:
        """Raises OSError where this call is the one that fails."""
        path = self._path(place)
        if not path.startswith(self._roots):
            return
        with self._mutex:
            self.count += 1
            fails = self.count == self._at
            if self._on and self.told:
                fails = name in WRITING or name.endswith("sync")
        if fails:
            if not self.told:
                where = "".join(traceback.format_stack(limit=6)[:-2])
                self.told = f"{name} {path}\n{where}"
            raise OSError(self._code, os.strerror(self._code), path)

    def _path(self, place: Any) -> str:
        if hasattr(place, "fileno"):
            place = place.fileno()
        if not isinstance(place, int):
            return str(self._fsdecode(place))
        try:
            return self._readlink(f"/proc/self/fd/{place}")
        except OSError:
            return ""

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(real)
        def call(place: Any = ".", *args: Any, **words: Any) -> Any:
            self.call(name, place)
            return real(place, *args, **words)

        return call

    def _opening(self, real: Callable[..., Any]) -> Callable[..., Any]:
        failing = self

        class Raw(io.FileIO):
            """A file whose reads and writes are counted."""

            def readinto(self, buffer: Any) -> Any:
                failing.call("read", self)
                return super().readinto(buffer)

            def readall(self) -> bytes:
                failing.call("read", self)
                return super().readall()

            def read(self, size: int | None = -1) -> Any:
                failing.call("read", self)
                return super().read(-1 if size is None else size)

            def write(self, data: Any) -> Any:
                failing.call("write", self)
                return super().write(data)

            def truncate(self, size: int | None = None) -> int:
                failing.call("ftruncate", self)
                return super().truncate(size)

        def opened(
            file: Any, mode: str = "r", buffering: int = -1, *args: Any, **words: Any
        ) -> Any:
            if not failing._path(file).startswith(failing._roots):
                return real(file, mode, buffering, *args, **words)
            if not isinstance(file, int):
                failing.call("open", file)
            names = ("encoding", "errors", "newline", "closefd", "opener")
            given = {**dict(zip(names, args, strict=False)), **words}
            how = {k: given.pop(k) for k in ("closefd", "opener") if k in given}
            raw = Raw(file, mode.replace("b", "").replace("t", ""), **how)
            if buffering == 0:
                return raw
            kind = (
                io.BufferedRandom
                if "+" in mode
                else io.BufferedReader
                if "r" in mode
                else io.BufferedWriter
            )
            buffered = kind(raw, buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE)
            return buffered if "b" in mode else io.TextIOWrapper(buffered, **given)

        return opened


class _Mapping:
    """The module ``mmap``, whose maps are counted."""

    ACCESS_COPY, ACCESS_READ = mmap.ACCESS_COPY, mmap.ACCESS_READ

    def __init__(self, failing: Failing) -> None:
        self._failing = failing

    def mmap(self, descriptor: int, *args: Any, **words: Any) -> mmap.mmap:
        self._failing.call("mmap", descriptor)
        return mmap.mmap(descriptor, *args, **words)


CODES = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC}
