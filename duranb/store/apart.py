"""A database that anybody may have made, read by a process that may use little and reach nothing.

A view in it can be without an end, a macro can be called like a function of DuckDB's, a cell can be
larger than memory. So it is not opened here: a process with limits takes plain rows out of it, and
what comes from there is checked again.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from struct import Struct
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, NamedTuple, TypeVar

import msgspec

from duranb.store import chain, guarded
from duranb.store.paths import DATABASE, JOURNAL, WAL
from duranb.store.segments import HASH_BYTES

if TYPE_CHECKING:
    import duckdb

MEMORY = 3 << 30
"""Bytes of address space that the process may have. DuckDB itself takes more than 1 GB of it."""

SECONDS = 30.0
"""It may take of processor time, and one more for each ``RATE`` bytes of the database."""

RATE = 2 << 20

_BUSY = 4
"""How many times as long it may last: other programs want the processor too."""

LARGEST = 64 << 20
"""Bytes of an event, at most."""

_TOGETHER = 500
"""Events that are taken out at once."""

_FOLDED = 50
"""How many times as large as their files all rows may be; and so many MiB more."""

_HEAD = Struct("<cQ")
"""Before each message: what it is, and its length. It is ``_VERSION``, ``_LINES`` or ``_END``."""
_VERSION, _LINES, _END = b"v", b"l", b"e"

_JOURNAL_FRAME = Struct("<II")
"""Before each batch of an old journal: its length in bytes, and its CRC-32."""

_CONFIG: dict[str, Any] = {
    "threads": 1,
    "memory_limit": "1GB",
    "max_temp_directory_size": "0KB",
    "enable_external_access": False,
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "lock_configuration": True,
}

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from duranb.store import apart; apart.main(sys.argv[2], sys.argv[3])"
)
"""With ``-P``: what is imported first must not come from the folder that it is started in, where a
stranger's ``json.py`` may lie beside their store."""

T = TypeVar("T")

_Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class Line(NamedTuple):
    """An event as earlier versions kept it, in the database and in their journal."""

    seq: _Number
    ts: _Number
    type: str
    execution: int | None
    step: str | None
    data: str
    payload: bytes | None
    hash: Annotated[bytes, msgspec.Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]


class Unreadable(Exception):
    """A database that cannot be read, or not within limits; says why."""


class Apart:
    """What a process with limits says of the old store whose files lie in ``folder``.

    ``version`` is that of its tables, ``damage`` a sentence about what had to be left out. A
    context manager, which ends the process.
    """

    def __init__(self, folder: Path, *, only_version: bool = False) -> None:
        """With ``only_version`` no events are asked for, and nothing in the folder is changed.

        Raises :class:`Unreadable`.
        """
        self._size = sum(map(_size, (folder / name for name in (DATABASE, WAL, JOURNAL))))
        self._seconds = SECONDS + self._size / RATE
        limits = json.dumps([only_version, int(self._seconds), self._size])
        path = json.dumps([*map(str, sys.path)])
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, path, str(folder), limits],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._timer = threading.Timer(_BUSY * self._seconds, self._end)
        self._timer.daemon = True
        self._timer.start()
        try:
            self.version, self.damage = self._read(_VERSION, tuple[int, str]) or (0, "")
        except BaseException:
            self.close()
            raise

    def lines(self) -> Iterator[Line]:
        """The events, in order. Raises :class:`Unreadable`."""
        last, total = 0, 0
        while lines := self._read(_LINES, list[Line]):
            for line in lines:
                total += len(line.data) + len(line.payload or b"")
                if line.seq <= last:
                    raise Unreadable("its events are not in order")
                if total > _FOLDED * (self._size + (1 << 20)):
                    raise Unreadable("it says that it holds more than files of its size can")
                last = line.seq
                yield line

    def _read(self, wanted: bytes, kind: type[T]) -> T | None:
        """The next message, of a kind; None at the end."""
        out = self._process.stdout
        head = out.read(_HEAD.size) if out else b""
        what, length = _HEAD.unpack(head) if len(head) == _HEAD.size else (b"", 0)
        body = out.read(length) if out and length <= 2 * LARGEST else b""
        if what not in (wanted, _END) or len(body) != length:
            raise Unreadable(
                f"a process that may take {MEMORY >> 30} GiB of memory and {self._seconds:.0f} "
                "seconds could not read it"
            )
        try:
            if what == wanted:
                return msgspec.msgpack.decode(body, type=kind)
            problem = msgspec.msgpack.decode(body, type=str)
        except msgspec.MsgspecError as error:
            raise Unreadable(f"it holds what no event is ({error})") from error
        if problem:
            raise Unreadable(problem)
        return None

    def _end(self) -> None:
        self._process.kill()

    def close(self) -> None:
        """End the process."""
        self._timer.cancel()
        self._end()
        self._process.communicate()

    def __enter__(self) -> Apart:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _size(file: Path) -> int:
    """Bytes of a file that are not holes, which may be of any size."""
    try:
        found = file.lstat()
    except OSError:
        return 0
    return min(found.st_size, getattr(found, "st_blocks", found.st_size) * 512)


# -- in the process ----------------------------------------------------------------------------


def main(folder: str, limits: str) -> None:
    """Take the rows out, onto standard output."""
    only_version, seconds, size = json.loads(limits)
    _be_modest(seconds, size)
    with open(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        problem = ""
        try:
            _take_out(Path(folder), out, only_version=only_version)
        except MemoryError:
            problem = f"it takes more than {MEMORY >> 30} GiB of memory to read"
        except Exception as error:  # whatever it is: the other side says it
            problem = (str(error) or type(error).__name__).splitlines()[0][:500]
        _put(out, _END, problem)


def _be_modest(seconds: int, size: int) -> None:
    try:
        import resource
    except ImportError:
        return  # Windows has no such limits; there is the timer
    limits = {
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: 4 * size + (64 << 20),
        resource.RLIMIT_CORE: 0,
    }
    for each, most in limits.items():
        with contextlib.suppress(ValueError, OSError):  # there may be a lower one
            resource.setrlimit(each, (most, most))


def _take_out(folder: Path, out: BinaryIO, *, only_version: bool) -> None:
    connection, damage = _connected(folder, read_only=only_version)
    with contextlib.closing(connection):
        found = connection.execute("SELECT version FROM migrations ORDER BY version").fetchall()
        _put(out, _VERSION, (found[-1][0] if found else 0, damage))
        if only_version:
            return
        lines = _lines(connection, folder / JOURNAL)
        while batch := list(islice(lines, _TOGETHER)):
            _put_lines(out, batch)


def _connected(folder: Path, *, read_only: bool) -> tuple[duckdb.DuckDBPyConnection, str]:
    """The database, open; and what had to be left out of it."""
    import duckdb

    file = str(folder / DATABASE)
    try:
        return duckdb.connect(file, read_only=read_only, config=_CONFIG), ""
    except duckdb.Error as error:
        if read_only or "WAL" not in str(error) or not (folder / WAL).exists():
            raise
        (folder / WAL).unlink()
        damage = f"the write-ahead log is damaged ({str(error).splitlines()[0]})"
        return duckdb.connect(file, config=_CONFIG), damage


def _put_lines(out: BinaryIO, lines: Sequence[Line]) -> None:
    if len(lines) > 1 and sum(len(x.data) + len(x.payload or b"") for x in lines) > LARGEST:
        half = len(lines) // 2
        _put_lines(out, lines[:half])
        _put_lines(out, lines[half:])
    else:
        _put(out, _LINES, lines)


def _put(out: BinaryIO, what: bytes, message: object) -> None:
    body = msgspec.msgpack.encode(message)
    if len(body) > 2 * LARGEST:
        raise ValueError(f"an event in it is larger than {LARGEST >> 20} MiB")
    out.write(_HEAD.pack(what, len(body)) + body)
    out.flush()


def _lines(connection: duckdb.DuckDBPyConnection, journal: Path) -> Iterator[Line]:
    last, digest = 0, chain.GENESIS
    columns = "seq, ts, kind, execution, step, data, payload, hash"
    while True:
        found = connection.execute(
            f"SELECT {columns} FROM events WHERE seq > ? AND seq <= ? ORDER BY seq",
            [last, last + _TOGETHER],
        ).fetchall()
        if not found:
            more = "SELECT seq FROM events WHERE seq > ? ORDER BY seq LIMIT 1"
            following = connection.execute(more, [last]).fetchall()
            if not following:
                break
            last = following[0][0] - 1
            continue
        for row in found:
            line = Line(*row)
            last, digest = line.seq, line.hash
            yield line
    # A journal may be that of another store: its events must follow, without a gap.
    for line in _journaled(journal):
        _, linked = chain.event(digest, line.seq, line.ts, line.data, line.hash)
        if line.seq == last + 1 and linked:
            last, digest = line.seq, line.hash
            yield line


def _journaled(file: Path) -> Iterator[Line]:
    """The events of an old journal's whole batches. What follows a torn or damaged one was never
    acknowledged, or is missed by the tail."""
    with guarded.reading(file) if file.exists() else io.BytesIO() as source:
        while len(head := source.read(_JOURNAL_FRAME.size)) == _JOURNAL_FRAME.size:
            length, checksum = _JOURNAL_FRAME.unpack(head)
            body = source.read(length)
            if len(body) != length or zlib.crc32(body) != checksum:
                return
            try:
                yield from msgspec.msgpack.decode(body, type=list[Line])
            except msgspec.MsgspecError:
                return
