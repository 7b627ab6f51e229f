"""Seeing what leaves a step: connections, processes, work for other processes.

Python tells an audit hook of each connection and each process before it is made, whatever library
makes it. Native code (gRPC, libpq, curl, what is written in Rust) opens its connections without
telling anybody: that is not seen.
"""

from __future__ import annotations

import functools
import os
import socket
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType, ModuleType
from typing import Any

import wrapt

from duranb.engine import ways
from duranb.engine.context import StepContext, current, in_effect
from duranb.record.ways import How
from duranb.text import secretive
from duranb.text.known import KNOWN

Seen = tuple[How, str] | None

_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "cmd", "cmd.exe"})

_ASKING_THE_MACHINE = ("platform", "uuid", "ctypes.util", "duranb.state.aside")
"""Modules whose processes only ask what machine this is, and our own."""

_DEPTH = 12
"""Frames that are looked at for who starts a process."""


@functools.cache
def install() -> None:
    """See what leaves steps, from now on: an audit hook cannot be taken out again."""
    sys.addaudithook(_audit)
    _remember_names()
    for module, cls, method in _POOLS:
        wrapt.register_post_import_hook(functools.partial(_watch_pool, cls, method), module)
    wrapt.register_post_import_hook(_watch_processes, "multiprocessing.process")


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    # Called for everything that Python tells: most of it goes no further than this.
    look = _EVENTS.get(event)
    if look is None or sys.is_finalizing():
        return
    if _kept_in.get() and (seen := look(arguments)):
        raise PermissionError(f"it would reach {seen[1]}, and a restored step does nothing outside")
    if event == "subprocess.Popen" and current() is not None:
        _learn(arguments)
    step = _counting()
    if step is None:
        return
    seen = look(arguments)
    if seen is not None:
        step.journal.attempt.here().spoke = True
        step.unrecorded.note(*seen)


@contextmanager
def kept_in() -> Iterator[None]:
    """This code begins no connection and no process: it meets a PermissionError where it would. A
    connection that is open already, and threads that it starts, are not held back."""
    token = _kept_in.set(True)
    try:
        yield
    finally:
        _kept_in.reset(token)


_kept_in: ContextVar[bool] = ContextVar("kept in", default=False)


def note(how: How, to: str) -> None:
    """Something is about to leave the step that runs, if one does."""
    step = _counting()
    if step is not None:
        step.unrecorded.note(how, to)


def _counting() -> StepContext | None:
    if ways.around() is not None:
        return None
    step = current()
    return None if step is None or in_effect() else step


# -- connections -------------------------------------------------------------------------------


def _connection(arguments: tuple[Any, ...]) -> Seen:
    return How.CONNECTION, _place(arguments[1])


def _datagram(arguments: tuple[Any, ...]) -> Seen:
    return How.DATAGRAM, _place(arguments[1])


def _place(address: object) -> str:
    """``example.com:443`` where the name is known, or the path of a socket."""
    if isinstance(address, tuple) and len(address) >= 2:
        host = str(address[0])
        host = _names.get(host, host)
        return f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"
    return os.fsdecode(address) if isinstance(address, (str, bytes)) else str(address)


_HERE = ("127.0.0.1", "::1")

_names: OrderedDict[str, str] = OrderedDict()
"""The name under which an address was last looked up."""


def _remember_names() -> None:
    look_up = socket.getaddrinfo

    @functools.wraps(look_up)
    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        found = look_up(host, *arguments, **options)
        if isinstance(host, str):
            for *_, address in found:
                if address[0] != host and address[0] not in _HERE:
                    _names[str(address[0])] = host
            while len(_names) > 1000:
                _names.popitem(last=False)
        return found

    socket.getaddrinfo = getaddrinfo


# -- processes ---------------------------------------------------------------------------------


def _learn(arguments: tuple[Any, ...]) -> None:
    """Know the credentials that a process is given: in its environment, and as arguments."""
    words, environment = arguments[1], arguments[3]
    if isinstance(words, (str, bytes, os.PathLike)):
        words = [words]
    said = f"an argument of {program(words)}" if words else ""
    for secret in secretive.in_text(" ".join(map(os.fsdecode, words or ()))):
        KNOWN.learn(secret, said)
    for name, value in (environment or {}).items():
        told = os.fsdecode(name)
        for secret in secretive.in_variable(told, os.fsdecode(value)):
            KNOWN.learn(secret, f"${told} of a process")


def _popen(arguments: tuple[Any, ...]) -> Seen:
    executable, words = arguments[0], arguments[1]
    return _process(words if words else [executable])


def _command(arguments: tuple[Any, ...]) -> Seen:
    return How.PROCESS, _first_word(os.fsdecode(arguments[0]))


def _spawned(arguments: tuple[Any, ...]) -> Seen:
    frame = _caller()
    if frame is not None and frame.f_globals.get("__name__") == "subprocess":
        return None  # seen already
    return _process([arguments[0]])


def _process(words: Any) -> Seen:
    if _asks_the_machine():
        return None
    return How.PROCESS, program(words)


def _forked(arguments: tuple[Any, ...]) -> Seen:
    return How.FORK, ""


def _terminal(arguments: tuple[Any, ...]) -> Seen:
    """A process in a terminal of its own, such as ``!command`` in a notebook."""
    frame = _caller()
    for _ in range(_DEPTH):
        if frame is None:
            break
        words = frame.f_locals.get("argv")
        if frame.f_code.co_name == "spawn" and isinstance(words, list):
            return How.PROCESS, program(words)
        frame = frame.f_back
    return How.FORK, ""


def program(words: Any) -> str:
    """The name of a program that is started, without its arguments, which may hold credentials."""
    if isinstance(words, (str, bytes, os.PathLike)):
        return _first_word(os.fsdecode(words))
    argv: Sequence[str] = [os.fsdecode(word) for word in words]
    name = os.path.basename(argv[0])
    if name in _SHELLS and len(argv) > 2 and argv[-2].endswith("c"):
        return _first_word(argv[-1])
    return name


def _first_word(command: str) -> str:
    words = [word for word in command.split() if "=" not in word]
    return os.path.basename(words[0].strip("\"'")) if words else "a shell"


def _caller() -> FrameType | None:
    """The code that has made Python tell the audit hook."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return frame


def _asks_the_machine() -> bool:
    frame = _caller()
    for _ in range(_DEPTH):
        if frame is None:
            return False
        name = str(frame.f_globals.get("__name__", ""))
        if name != "subprocess":
            return name.startswith(_ASKING_THE_MACHINE)
        frame = frame.f_back
    return False


_EVENTS: dict[str, Callable[[tuple[Any, ...]], Seen]] = {
    "socket.connect": _connection,
    "socket.sendto": _datagram,
    "socket.sendmsg": lambda arguments: _datagram(arguments) if arguments[1] else None,
    "subprocess.Popen": _popen,
    "os.system": _command,
    "os.posix_spawn": _spawned,
    "os.fork": _forked,
    "os.forkpty": _terminal,
    "os.startfile": _command,
}


# -- work for other processes ------------------------------------------------------------------

_POOLS = (
    ("concurrent.futures.process", "ProcessPoolExecutor", "submit"),
    ("multiprocessing.pool", "Pool", "apply_async"),
    ("multiprocessing.pool", "Pool", "_map_async"),
    ("multiprocessing.pool", "Pool", "imap"),
    ("multiprocessing.pool", "Pool", "imap_unordered"),
    ("joblib.externals.loky.process_executor", "ProcessPoolExecutor", "submit"),
)
"""Where work is given to processes that may be there already: the module, its class, the method."""


def _watch_pool(cls: str, method: str, module: ModuleType) -> None:
    kind = getattr(module, cls)
    give = getattr(kind, method)

    @functools.wraps(give)
    def noticing(self: Any, *arguments: Any, **options: Any) -> Any:
        name = type(self).__name__
        if not name.startswith("Thread"):  # a pool of threads is one of processes by its class
            note(How.TASK, name)
        with ways.part_of(ways.Recorded()):  # the processes that it starts for that
            return give(self, *arguments, **options)

    setattr(kind, method, noticing)


def _watch_processes(module: ModuleType) -> None:
    kind: Any = module.BaseProcess
    start = kind.start

    @functools.wraps(start)
    def noticing(self: Any) -> None:
        note(How.PROCESS, "multiprocessing")
        with ways.part_of(ways.Recorded()):
            start(self)

    kind.start = noticing
