"""Processes forked from one that has imported everything, where a test would start a new Python.

``Popen`` and ``run`` are those of ``subprocess``. What they start is a process like any other, with
the arguments, environment, folder and files that were asked for, to be signalled, killed and waited
for; but a kernel with duranb, the process in which it checks what it stored, and the ``duranb``
command begin as a fork of a parent that has imported what they import, and has neither threads nor
state. Anything else is started as always: other commands, and whatever sets a variable that Python
reads when it starts.

Two parents of kernels take turns. So a notebook's next kernel hashes strings by another seed and
has its objects at other addresses, as after a real restart.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import itertools
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_KERNEL = ("ipykernel.kernelapp", "ipykernel.debugger", "IPython.extensions.storemagic")
_KERNEL += ("IPython.core.completerlib",)

PREPARED = {
    "plain": _KERNEL,
    "durable": (*_KERNEL, "duranb.jupyter.extension"),
    "aside": ("duranb.state.aside",),
    "pytest": ("pytest", "nbformat"),
    "command": ("duranb.cli.main", "duranb.runner.headless", "nbclient", "nbformat", "rich"),
}
"""What the parents import: those of kernels without and with duranb, of the process that checks
values, of pytest and of the command. A kernel has then imported what it would have by itself, and
nothing else; the command more than it needs, so what it does without is tested the other way."""

_LATER = ("duckdb", "ipywidgets.widgets", "openai", "openai.resources.chat")
_LATER += ("openai.resources.responses",)

READIED = {"plain": ("duranb.jupyter.extension", *_LATER), "durable": _LATER}
"""What is imported in advance, too, but is not there before a kernel imports it by itself."""

ANEW = ("ipywidgets",)
"""What looks at the kernel as it is imported: that is done anew, with its modules at hand."""

TURNS = {"durable": 2}
"""How many parents take turns, where it is more than one."""

PLACE = "DURANB_TEST_FORKS"
"""The variable that tells the processes of a test where the parents are."""


class Popen(subprocess.Popen[Any]):
    """A process, forked where that is the same."""

    _parent: socket.socket | None = None

    def _execute_child(self, args: Any, *rest: Any) -> None:
        # executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags, shell,
        # p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, …
        executable, preexec, _, passed, cwd, env, _, _, shell = rest[:9]
        kind = _kind(args) if not (executable or preexec or passed or shell) else ""
        if not kind or _python(os.environ if env is None else env) != _PYTHON:
            super()._execute_child(args, *rest)  # type: ignore[misc]
            return
        given, mine, out, theirs_out, err, theirs_err = rest[9:15]
        place = start()
        wanted = {
            "args": [*map(str, args)],
            "cwd": str(cwd or Path.cwd()),
            "env": {**(os.environ if env is None else env), PLACE: place},
        }
        files = [n if fd < 0 else fd for n, fd in enumerate((given, theirs_out, theirs_err))]
        turn = next(_turns) % TURNS.get(kind, 1)
        self._parent, self.pid = _ask(f"{place}/{kind}-{turn}", wanted, files)
        self._child_created = True
        self._close_pipe_fds(given, mine, out, theirs_out, err, theirs_err)  # type: ignore[attr-defined]

    def _internal_poll(self, *args: Any, **words: Any) -> int | None:
        if self._parent is None:
            return super()._internal_poll(*args, **words)  # type: ignore[misc, no-any-return]
        if self.returncode is None:
            self._ended(wait=False)
        return self.returncode

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if self._parent is None:
            return super()._try_wait(wait_flags)  # type: ignore[misc, no-any-return]
        ended = self._ended(wait=not wait_flags & os.WNOHANG)
        return (0, 0) if ended is None else (self.pid, ended)

    def _ended(self, *, wait: bool) -> int | None:
        """What the parent was told when it waited for the process."""
        assert self._parent is not None
        self._parent.setblocking(wait)
        with contextlib.suppress(BlockingIOError):
            said = self._parent.recv(64)
            self._parent.close()
            status = int(said or signal.SIGKILL)  # a parent that is gone took it along
            self.returncode = os.waitstatus_to_exitcode(status)
            return status
        return None


run = types.FunctionType(subprocess.run.__code__, {**vars(subprocess), "Popen": Popen}, "run")
"""``subprocess.run`` over that ``Popen``."""
run.__kwdefaults__ = subprocess.run.__kwdefaults__


def install() -> None:
    """Have what the libraries of this process start forked, too."""
    _once_imported("jupyter_client.launcher", "Popen", Popen)
    for name in ("duranb.engine.selfcheck", "duranb.jupyter.magics"):
        forking = types.SimpleNamespace(**{**vars(subprocess), "Popen": Popen, "run": run})
        _once_imported(name, "subprocess", forking)
    _when_imported("multiprocessing.spawn", _also_in_pools)


def _once_imported(module: str, name: str, value: Any) -> None:
    _when_imported(module, lambda found: setattr(found, name, value))


def _when_imported(module: str, do: Callable[[Any], None]) -> None:
    if module in sys.modules:
        do(sys.modules[module])
    else:
        import wrapt

        wrapt.when_imported(module)(do)


def _also_in_pools(spawn: Any) -> None:
    """Have the processes that ``python -m duranb`` spawns install this, too: they would import no
    main module, and are given this one."""
    told = spawn.get_preparation_data

    def preparation(name: str) -> dict[str, Any]:
        found: dict[str, Any] = told(name)
        if found.get("init_main_from_name", "").endswith(".__main__"):
            del found["init_main_from_name"]
            found["init_main_from_path"] = __file__
        return found

    spawn.get_preparation_data = preparation


def _kind(args: Any) -> str:
    """Whose child a command is; nothing where it is another command."""
    if not hasattr(socket, "send_fds") or isinstance(args, (str, bytes)):
        return ""
    python, option, what, *more = [*_words(args), "", ""]
    if python != sys.executable:
        return ""
    if option == "-c":
        return "aside" if "duranb.state import aside" in what else ""
    kernel = "durable" if "--ext=duranb" in more else "plain"
    modules = {"ipykernel_launcher": kernel, "duranb": "command", "pytest": "pytest"}
    return modules.get(what, "") if option == "-m" else ""


def _words(args: Iterable[Any]) -> list[str]:
    """A command without ``-P``, which only says what Python has on its path."""
    return [word for i, word in enumerate(map(str, args)) if (i, word) != (1, _SAFELY)]


_SAFELY = "-P"


def _python(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that Python reads when it starts; where modules are is put right later."""
    return {k: v for k, v in env.items() if k.startswith("PYTHON") and k != "PYTHONPATH"}


def _path(env: Mapping[str, str]) -> list[str]:
    return [place for place in env.get("PYTHONPATH", "").split(os.pathsep) if place]


_PYTHON = _python(os.environ)
"""As the parents know them."""

_turns = itertools.count(os.getpid())


def start() -> str:
    """Have parents, for this process and those that it starts; the folder of their sockets."""
    return os.environ.get(PLACE) or _start()


@functools.cache
def _start() -> str:
    """Start the parents. Each imports what it needs when it is first asked."""
    place = tempfile.TemporaryDirectory(prefix="forks-")
    os.environ[PLACE] = place.name
    for kind, turn in [(each, turn) for each in PREPARED for turn in range(TURNS.get(each, 1))]:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{place.name}/{kind}-{turn}")
        listener.listen(64)
        command = [sys.executable, __file__, kind, str(listener.fileno())]
        parent = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
        listener.close()
        _started.append(parent)
    atexit.register(place.cleanup)
    atexit.register(end)
    return place.name


_started: list[subprocess.Popen[bytes]] = []


def end() -> None:
    """End the parents; they would end with this process, too, whatever way it ends."""
    while _started:
        _started.pop().communicate()  # it ends when its input does


def _ask(place: str, wanted: dict[str, Any], files: list[int]) -> tuple[socket.socket, int]:
    """The connection to a parent that has forked the process, and the process's number."""
    asked = socket.socket(socket.AF_UNIX)
    asked.connect(place)
    data = json.dumps(wanted).encode()
    socket.send_fds(asked, [len(data).to_bytes(8, "big")], files)
    asked.sendall(data)
    return asked, int.from_bytes(_exactly(asked, 8), "big")


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise ConnectionError("the other side is gone")
        data += more
    return data


# -- in a parent -------------------------------------------------------------------------------


@dataclass
class Birth:
    """What a new process needs to know."""

    args: list[str]
    cwd: str
    env: dict[str, str]


def _serve(listener: socket.socket) -> Birth:
    """Fork a process for each that asks; returns in the forked ones only."""
    ready, children_end = socket.socketpair()
    children_end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    before = signal.set_wakeup_fd(children_end.fileno())
    living: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        for source in (listener, ready, sys.stdin):
            selector.register(source, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:  # whoever started this is gone
                    for pid in living:
                        os.kill(pid, signal.SIGKILL)
                    os._exit(0)
                if key.fileobj is ready:
                    ready.recv(1024)
                    _reap(living, selector)
                elif key.fileobj is listener:
                    connection = listener.accept()[0]
                    born = _fork(connection)
                    if isinstance(born, Birth):
                        for each in (listener, ready, children_end, *living.values()):
                            each.close()
                        signal.set_wakeup_fd(before)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        return born
                    if born is None:
                        connection.close()
                        continue
                    living[born] = connection
                    selector.register(connection, selectors.EVENT_READ, born)
                elif key.data in living:  # whoever asked for it is gone
                    selector.unregister(key.fileobj)
                    living.pop(key.data).close()
                    os.kill(key.data, signal.SIGKILL)


def _reap(living: dict[int, socket.socket], selector: selectors.BaseSelector) -> None:
    """Tell who asked for them how children ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        connection = living.pop(pid, None)
        if connection is not None:
            selector.unregister(connection)
            with contextlib.suppress(BrokenPipeError):
                connection.sendall(str(status).encode())
            connection.close()


def _fork(connection: socket.socket) -> int | Birth | None:
    """In the parent the child's number; in the child what it was born for, its files in place.
    Nothing where whoever asked has been killed meanwhile."""
    try:
        size, files, _, _ = socket.recv_fds(connection, 8, 3)
    except ConnectionError:
        return None
    try:
        wanted = _wanted(connection, int.from_bytes(size, "big"))
        pid = os.fork() if wanted else None
        if pid == 0:
            os.setsid()  # before anybody asks for its group, to signal it
            # Whoever runs the tests in the background may have it ignored.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                connection.sendall(os.getpid().to_bytes(8, "big"))
            except ConnectionError:
                os._exit(1)
            connection.close()
            for number, file in enumerate(files):
                os.dup2(file, number)
    finally:
        for file in files:
            os.close(file)
    return pid or wanted


def _wanted(connection: socket.socket, size: int) -> Birth | None:
    """What is asked for; nothing where whoever asks is gone before it is said."""
    try:
        return Birth(**json.loads(_exactly(connection, size))) if size else None
    except ConnectionError:
        return None


def main() -> None:
    """Import what is prepared, and serve; a forked process runs its module instead."""
    import importlib
    import runpy

    from readied import Readied

    del sys.modules["readied"]
    sys.path.pop(0)  # the folder of this file
    kind, number = sys.argv[1], int(sys.argv[2])
    # What ipykernel and debugpy read when they are imported.
    os.environ |= {"JPY_PARENT_PID": str(os.getpid()), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    listener = socket.socket(fileno=number)
    ready, _, _ = select.select([listener, sys.stdin], [], [])
    if sys.stdin in ready:  # nobody ever asked: there may be nothing to import, too
        return
    before = _path(os.environ)
    for name in PREPARED[kind]:
        importlib.import_module(name)
    if readied := READIED.get(kind):
        Readied(readied, anew=ANEW)
    gc.freeze()  # or each process looks through all of it once more, at the latest when it ends
    born = _serve(listener)
    os.chdir(born.cwd)
    os.environ.clear()
    os.environ.update(born.env)
    sys.orig_argv = born.args
    if kind != "plain":
        install()  # what it starts is forked too
    option, what, *more = _words(born.args)[1:]
    sys.argv = [option, *more]
    if option == "-c":
        exec(what, {"__name__": "__main__"})
    else:
        others = [place for place in sys.path if place not in before]
        here = [] if born.args[1] == _SAFELY else [born.cwd]
        sys.path[:] = [*here, *_path(born.env), *others]
        runpy.run_module(what, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
elif __name__ == "__mp_main__":  # in a process of a pool
    install()
