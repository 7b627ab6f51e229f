"""Lives of a notebook: real ipykernels, each in a forked process of its own, in milliseconds.

``python -m tests.peers.oracle.life`` is a server that has imported everything and made a kernel
without threads. Each request (a line of JSON) is one life: a fork that runs cells in that kernel,
with duranb or without, until it is done or killed with ``kill -9``.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Cells = list[tuple[str, str]]
"""Names and sources."""

ROOT = Path(__file__).parents[3]

MOST = 120
"""Seconds of the processor's time that a life may take. A busy machine gives it little of that."""

SLOW = 1800.0
"""Seconds after which a life, or a cell of it, is taken to hang."""


@dataclass
class Wanted:
    """One life. ``mode`` is durable, plain or trace; ``killed`` are seconds after which it is
    killed, ``killed_after`` the number of cells. The cells ``earlier`` run first in its kernel, and
    then only the names ``only`` are of interest (None: all)."""

    mode: str
    cells: Cells
    folder: str = ""
    killed: float = 0.0
    killed_after: int = -1
    earlier: Cells = field(default_factory=list)
    only: list[str] | None = None


@dataclass
class Lived:
    """What is left of a life: outputs by cell, the portrait at the end, the steps that ran."""

    outputs: dict[str, list[Any]] = field(default_factory=dict)
    portrait: dict[str, list[str]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    trace: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    done: int = 0
    ended: bool = False
    broken: str = ""


class Server:
    """The server, and how to ask it. ``seed`` is that of the hashes of strings."""

    def __init__(self, seed: int = 1) -> None:
        environment = {**os.environ, "PYTHONHASHSEED": str(seed), "OMP_NUM_THREADS": "1"}
        environment |= {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-Xfrozen_modules=off", "-m", "tests.peers.oracle.life"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd=ROOT,
            text=True,
        )

    def live(self, wanted: Wanted) -> Lived:
        """Live one life to its end."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(wanted)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the server of lives has died")
        return Lived(**json.loads(line))

    def close(self) -> None:
        """End the server."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=SLOW)
        self._process.stdout.close()


# -- in the server's process ---------------------------------------------------------------


def _make_kernel() -> Any:
    from ipykernel.inprocess.ipkernel import InProcessKernel
    from ipykernel.iostream import IOPubThread
    from traitlets import default
    from traitlets.config import Config

    class Kernel(InProcessKernel):  # type: ignore[misc]
        """Begins its thread in the fork."""

        @default("iopub_thread")
        def _default_iopub_thread(self) -> Any:
            return IOPubThread(self._underlying_iopub_socket, session=self.session)

    config = Config()
    config.HistoryManager.enabled = False
    config.Session.check_pid = False
    return Kernel(config=config)


class _Front:
    """Runs cells in the kernel, and keeps what they put out."""

    def __init__(self, kernel: Any) -> None:
        from ipykernel.inprocess.blocking import BlockingInProcessKernelClient

        kernel.iopub_thread.start()
        self._client: Any = BlockingInProcessKernelClient(kernel=kernel, session=kernel.session)
        self._client.start_channels()
        # The kernel flushes what it finds here before it says that a cell is over.
        sys.stdout, sys.stderr = kernel.stdout, kernel.stderr

    def run(self, code: str) -> list[tuple[str, Any]]:
        """Run one cell; its messages."""
        number = self._client.execute(code)
        found, idle = [], False
        end = time.monotonic() + SLOW
        while not idle and time.monotonic() < end:
            message = self._client.get_iopub_msg(timeout=SLOW)
            if message["parent_header"].get("msg_id") != number:
                continue
            kind, content = message["msg_type"], message["content"]
            idle = kind == "status" and content["execution_state"] == "idle"
            if kind not in ("status", "execute_input"):
                found.append((kind, content))
        return found


def _outputs(messages: list[tuple[str, Any]]) -> tuple[list[Any], list[str], bool]:
    """What a reader sees, duranb's own lines, and whether the cell failed."""
    from tests.peers.oracle.portrait import steady

    found: list[Any] = []
    notices = []
    failed = False
    for kind, content in messages:
        if kind == "stream":
            if found and found[-1][:2] == ["stream", content["name"]]:
                found[-1][2] += content["text"]
            else:
                found.append(["stream", content["name"], content["text"]])
        elif kind == "error":
            failed = True
            too_deep = content["ename"] == "RecursionError"  # where that is met first is chance
            found.append(["error", content["ename"], "" if too_deep else content["evalue"]])
        elif "duranb-line" in str(content.get("data", {}).get("text/html", "")):
            notices.append(content["data"]["text/plain"])
        else:
            found.append([kind, content.get("data")])
    return json.loads(steady(json.dumps(found))), notices, failed


def _live(kernel: Any, wanted: Wanted, tell: Callable[[int], None]) -> Lived:
    lived = Lived()
    if wanted.folder:  # what cells write is not for the folder of the tests
        os.chdir(wanted.folder)
    if wanted.mode == "trace":
        from tests.peers.oracle.trace import trace

        found = trace([source for _, source in wanted.cells])
        lived.trace = {name: t for (name, _), t in zip(wanted.cells, found, strict=False)}
        lived.ended = True
        return lived
    folder = Path(wanted.folder)
    os.environ["DURANB_NOTEBOOK"] = str(folder / "notebook.ipynb")
    front = _Front(kernel)
    begin(front.run, wanted, lived)
    since = _events() if wanted.mode == "durable" else -1

    def die() -> bool:
        os.kill(os.getpid(), signal.SIGKILL)
        return True

    if play(front.run, wanted, lived, tell, die):
        for name, fact in facts(kernel.shell.user_ns, since, wanted.only).items():
            setattr(lived, name, fact)
    return lived


Run = Callable[[str], list[tuple[str, Any]]]
"""Runs code in a kernel; its messages."""


def begin(run: Run, wanted: Wanted, lived: Lived) -> None:
    """Load what is needed, and run the cells of earlier."""
    if wanted.mode == "durable":
        loaded, notices, _ = _outputs(run("%load_ext duranb"))
        lived.notices += [*notices, *map(str, loaded)]
    else:
        run("None")
    for name, source in wanted.earlier:
        if _outputs(run(f"%%durable {name}\n{source}"))[2]:
            break


def play(
    run: Run, wanted: Wanted, lived: Lived, tell: Callable[[int], None], die: Callable[[], bool]
) -> bool:
    """Run the cells to the first that fails, or until it is time to die; whether it lives."""
    for name, source in wanted.cells:
        if lived.done == wanted.killed_after and die():
            return False
        first = f"%%durable {name}" if wanted.mode == "durable" else "# plain"
        lived.outputs[name], notices, failed = _outputs(run(f"{first}\n{source}"))
        lived.notices += [f"{name}: {n}" for n in notices]
        lived.done += 1
        tell(lived.done)
        if failed:
            break
    lived.ended = True
    return True


def facts(namespace: dict[str, Any], since: int, only: list[str] | None) -> dict[str, Any]:
    """In the kernel, at the end: the namespace, and what the events after the first ``since`` say
    of the steps (nothing where it is negative)."""
    from tests.peers.oracle.portrait import portrait

    found: dict[str, Any] = {"ran": [], "restored": [], "reasons": {}}
    if since >= 0:
        _ask_store(found, since)
    return {**found, "portrait": portrait(namespace, only)}


def _events() -> int:
    from duranb.jupyter.extension import loaded

    return len(loaded().need_session().events())


def _ask_store(found: dict[str, Any], since: int) -> None:
    from duranb.jupyter.extension import loaded
    from duranb.record import events as e

    session = loaded().need_session()
    session.runtime.namespace.need(None)
    session.runtime.flush()
    for event in session.events()[since:]:
        body = event.body
        if isinstance(body, e.ExecutionStarted):
            found["ran"].append(body.step)
            found["reasons"][body.step] = body.reason
        elif isinstance(body, e.ExecutionRestored):
            found["restored"].append(body.step)


def _child(kernel: Any, wanted: Wanted, out: int) -> None:
    def tell(done: int) -> None:
        os.write(out, f"{done}\n".encode())

    try:
        lived = _live(kernel, wanted, tell)
    except BaseException as error:
        import traceback

        lived = Lived(broken="".join(traceback.format_exception(error)))
    data = ("=" + json.dumps(asdict(lived)) + "\n").encode()
    while data:
        data = data[os.write(out, data) :]


def _one(kernel: Any, wanted: Wanted) -> Lived:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_CPU, (MOST, MOST))
        try:
            _child(kernel, wanted, writer)
        finally:
            os._exit(0)
    os.close(writer)
    limit = wanted.killed or SLOW
    end = time.monotonic() + limit
    told = b""
    while True:
        left = end - time.monotonic()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            os.kill(pid, signal.SIGKILL)
            end = time.monotonic() + 60
            continue
        data = os.read(reader, 1 << 16)
        if not data:
            break
        told += data
    os.close(reader)
    os.waitpid(pid, 0)
    lines = told.decode().splitlines()
    if lines and lines[-1].startswith("=") and lines[-1].endswith("}"):
        return Lived(**json.loads(lines[-1][1:]))
    lived = Lived(done=len(lines))
    if not wanted.killed and wanted.killed_after < 0:
        lived.broken = (
            f"the life ended by itself, or took more than {MOST} s of CPU time or {SLOW} s"
        )
    return lived


def main() -> None:
    """Serve lives until the standard input ends."""
    warnings.simplefilter("ignore")
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    import duckdb  # noqa: F401
    import ipykernel.debugger  # noqa: F401

    import duranb.jupyter.extension  # noqa: F401
    import tests.peers.oracle.trace  # noqa: F401

    kernel = _make_kernel()
    for line in sys.stdin:
        asked = json.loads(line)
        for cells in ("cells", "earlier"):
            asked[cells] = [(name, source) for name, source in asked[cells]]
        lived = _one(kernel, Wanted(**asked))
        out.write(json.dumps(asdict(lived)) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
