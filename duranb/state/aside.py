"""A process of its own that loads stored values and says what of them is not as it was.

The kernel starts it when nothing is going on (:mod:`duranb.engine.selfcheck`), at the lowest
priority and with bounded time and memory, and gives it the bytes of values that it has just stored
itself. It calls no factory (:mod:`duranb.state.reconnect`), opens no connection, starts no process
and writes no file: what tries to is refused, and no verdict is given then. It ends with the kernel,
or when there was nothing to do for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import mmap
import os
import re
import struct
import sys
import threading
import types
import warnings
from collections.abc import Callable, Sequence
from typing import IO, Any

import blake3
import msgspec

from duranb.errors import NotRestorable
from duranb.record.artifacts import Buffer
from duranb.state import reconnect
from duranb.state.classes import bound
from duranb.state.pending import is_pending
from duranb.state.placeholder import Placeholder, part
from duranb.state.previews import preview
from duranb.text.known import KNOWN
from duranb.values import codec
from duranb.values.description import Description, describe, summary
from duranb.values.differing import differences
from duranb.values.target import Target

SECONDS = 20.0
"""How long one value may take."""

IDLE = 60.0
"""Seconds without a request after which the process ends."""

_MEMORY = 4 << 30


class Request(msgspec.Struct):
    """A stored artifact, and what its values were when it was stored.

    ``given`` are artifacts by their digests, ``files`` the paths of those that are files.
    ``previews`` are the lines that were shown of the values. ``beside`` are artifacts of other
    names, which code of the values needs.
    """

    digest: str
    was: Description
    given: dict[str, bytes]
    files: dict[str, str]
    previews: dict[str, str]
    beside: dict[str, str] = {}


class Reply(msgspec.Struct):
    """What differs, by name; ``unknown`` says why nothing can be said, or is empty. ``missing`` is
    a name of the notebook's that was missing for it."""

    differs: dict[str, list[str]] = {}
    unknown: str = ""
    missing: str = ""


_LENGTH = struct.Struct("<I")


def write(file: IO[bytes], message: Request | Reply) -> None:
    """Send a message. Raises OSError where nobody reads any more."""
    data = msgspec.msgpack.encode(message)
    file.write(_LENGTH.pack(len(data)) + data)
    file.flush()


def read(file: IO[bytes]) -> bytes:
    """The bytes of the next message; none where nobody writes any more."""
    head = file.read(_LENGTH.size)
    return file.read(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else b""


def opaque(value: object) -> bool:
    """Whether a value is described by its type alone: it is made anew, or is not there."""
    return type(value) is Placeholder or is_pending(value) or reconnect.has_factory(type(value))


# -- the process -------------------------------------------------------------------------------


def main() -> None:
    """Answer requests until there are none."""
    incoming, outgoing = _take_over_pipes()
    _be_modest()
    reconnect.make_nothing(_instead)
    KNOWN.look_around()
    warnings.simplefilter("ignore")
    guard = _Guard()
    decode = msgspec.msgpack.Decoder(Request).decode
    while True:
        waiting = threading.Timer(IDLE, os._exit, [0])
        waiting.daemon = True
        waiting.start()
        data = read(incoming)
        waiting.cancel()
        if not data:
            os._exit(0)  # what the values left behind (threads, atexit) is not waited for
        faulthandler.dump_traceback_later(SECONDS, exit=True, file=_NOWHERE)
        reply = asyncio.run(_answer(decode(data), guard))
        faulthandler.cancel_dump_traceback_later()
        write(outgoing, reply)


def _instead(kind: str) -> object:
    """What stands for a value that a factory would make. What is loaded may use its lock."""
    lock = _LOCKS.get(kind)
    return lock() if lock is not None else part(kind, "nothing is made again here")


_LOCKS: dict[str, Callable[[], object]] = {
    "_thread.lock": threading.Lock,
    "_thread.RLock": threading.RLock,
}

_NOWHERE: Any = None


def _take_over_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """The two pipes; what values print or read is not theirs."""
    global _NOWHERE
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    _NOWHERE = open(os.devnull, "r+")  # noqa: SIM115 for as long as the process lives
    for descriptor in range(3):
        os.dup2(_NOWHERE.fileno(), descriptor)
    return incoming, outgoing


def _be_modest() -> None:
    try:
        import resource
    except ImportError:
        return  # Windows has no such limits
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    most = max(_MEMORY, physical // 2)
    with contextlib.suppress(ValueError, OSError):  # there may be a lower one
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class _Refused(PermissionError):
    """Something that loading a value must not do here."""


class _Guard:
    """Refuses what would leave this process. ``refused`` are the audit events that were."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        sys.dont_write_bytecode = True
        sys.addaudithook(self._look)

    def _look(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "os.mkdir" and os.path.isdir(args[0]):
            return  # it is there, as whoever asks will be told
        if event in _NEVER or (event == "open" and _writes(args)):
            self.refused.append(event)
            raise _Refused(f"{event}: not while a stored value is checked")


_NEVER = frozenset(
    {
        *("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"),
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork"),
        *("os.forkpty", "os.kill", "os.killpg", "os.startfile", "webbrowser.open"),
        *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink"),
        *("os.chmod", "os.chown", "os.utime", "sqlite3.connect", "shutil.rmtree"),
    }
)


def _writes(args: tuple[Any, ...]) -> bool:
    path, mode, flags = args
    if path == os.devnull:
        return False
    if isinstance(mode, str):
        return any(sign in mode for sign in "wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


class _Given:
    """The artifacts of one request."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def put(self, parts: Sequence[Buffer]) -> str:
        raise NotImplementedError("nothing is stored here")

    def get(self, digest: str) -> memoryview:
        return self.copy(digest)

    def copy(self, digest: str) -> memoryview:
        given = self._request.given.get(digest)
        if given is not None:
            data = memoryview(bytearray(given))
        else:
            with open(self._request.files[digest], "rb") as file:
                data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        if blake3.blake3(data).hexdigest() != digest:
            raise _Damaged
        return data


class _Damaged(Exception):
    """The bytes are not those that were stored; opening the store says so."""


# -- one request -------------------------------------------------------------------------------

_UNKNOWN = (_Refused, _Damaged, NotRestorable, NameError, ImportError, OSError, MemoryError)
"""What is raised for this process being another one than the kernel: no cell has run in it."""


async def _answer(request: Request, guard: _Guard) -> Reply:
    """In a running loop, as in a kernel."""
    guard.refused.clear()
    try:
        differs = _compared(request)
    except (*_UNKNOWN, RecursionError) as error:
        missing = error.name if isinstance(error, NameError) else None
        return Reply(unknown=_said(error), missing=missing or "")
    except Exception as error:  # of any kind: it is the values' own code
        said = f"loading it raises {_said(error)}"
        differs = {name: [said] for name in request.was.roots}
    if guard.refused:
        return Reply(unknown=f"it did {guard.refused[0]}")
    return Reply(differs)


def _compared(request: Request) -> dict[str, list[str]]:
    values, again = _loaded(request), _loaded(request)
    now, objects = describe(values, opaque)
    other, _ = describe(again, opaque)

    found = differences(request.was, now, other, lambda i, name: asked(objects[i], name))
    for name in request.was.roots.keys() - found.keys():
        told = _unequal(values[name], again[name], now) or _shown_otherwise(
            request.previews.get(name, ""), values[name], again[name], now
        )
        if told:
            found[name] = [told]
    return found


def _absent(kind: str, where: str) -> object:
    """A secret that only the kernel has."""
    raise NotRestorable(f"a secret, {where}, is not here")


def asked(value: object, name: str) -> str | None:
    """What a value answers for an attribute that is not stored in it; None if it has none."""
    try:
        return summary(getattr(value, name))
    except AttributeError:
        return None


def _loaded(request: Request) -> dict[str, Any]:
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    live, given = vars(main), _Given(request)
    into = Target(live, absent=_absent)
    for name, digest in request.beside.items():
        live[name] = bound(codec.load(given, digest, into)[name])
    values: dict[str, Any] = codec.load(given, request.digest, into)
    return {name: bound(value) for name, value in values.items()}


def _unequal(one: Any, other: Any, now: Description) -> str:
    """What is wrong with how a value compares, or an empty string."""
    if opaque(one):
        return ""
    try:
        same, itself = one == other, one == one
    except _UNKNOWN:
        raise
    except ValueError:
        return ""  # arrays inside have no single answer
    except Exception as error:  # of any kind: it is the value's own code
        return f"comparing it raises {_said(error)}"
    if same is False and itself is True and not now.unequal:
        return "it does not equal a copy of itself any more"
    return ""


def _shown_otherwise(was: str, one: Any, other: Any, now: Description) -> str:
    if not was or opaque(one) or any(n.kind.startswith(_WITH_OPTIONS) for n in now.nodes):
        return ""
    first, second, before = (_ADDRESS.sub("", p) for p in (preview(one), preview(other), was))
    if first != second or first == before:
        return ""
    if now.unordered and ("..." in before or sorted(first) == sorted(before)):
        return ""
    return f"it was shown as {before[:60]}, and is shown as {first[:60]}"


_WITH_OPTIONS = ("numpy.", "pandas.", "polars.", "torch.")
"""What is shown as options say that the kernel may have set."""

_ADDRESS = re.compile(r"0x[0-9a-f]+|\bid=\d+")


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:160]
