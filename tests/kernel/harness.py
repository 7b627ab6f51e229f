"""A real kernel to run cells in, kill and start again."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.servers import forks

forks.install()


def until(condition: Callable[[], bool]) -> None:
    """Wait for something to come true."""
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


@dataclass
class Result:
    """What a cell put out, in the order it did."""

    status: str = "ok"
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    error: tuple[str, str, str] | None = None
    payload: list[dict[str, Any]] = field(default_factory=list)
    """What the reply asks the front end to do: the pager's text, the next cell's."""

    @property
    def stdout(self) -> str:
        """All that was printed."""
        return "".join(
            c["text"] for t, c in self.messages if t == "stream" and c["name"] == "stdout"
        )

    @property
    def notices(self) -> str:
        """The quiet lines duranb showed."""
        found = [c["data"].get("text/plain", "") for t, c in self.messages if t == "display_data"]
        return "\n".join(found)

    @property
    def value(self) -> str | None:
        """The text of the cell's result, if it had one."""
        found = [c["data"]["text/plain"] for t, c in self.messages if t == "execute_result"]
        return found[-1] if found else None

    @property
    def text(self) -> str:
        """Everything a person would read in the output area."""
        parts = [self.stdout, self.notices, self.value or ""]
        return "\n".join([*parts, *(self.error or ())])


class KernelDied(Exception):
    """The kernel died while a cell was running."""


class Kernel:
    """One notebook's kernel; ``start`` again after ``kill`` is the same notebook's next life."""

    def __init__(self, notebook: Path, **env: str) -> None:
        self.notebook = notebook
        self._env = {**os.environ, "DURANB_NOTEBOOK": str(notebook), **env}
        self._manager: KernelManager | None = None
        self._sockets: tempfile.TemporaryDirectory[str] | None = None
        self.client: BlockingKernelClient | None = None

    def start(self, *, extension: bool = True, manager: KernelManager | None = None) -> Kernel:
        """Start a kernel in the notebook's folder; ``manager`` can bring another environment's."""
        self._manager = manager or KernelManager(kernel_name="python3", **self._wires())
        arguments = ["--ext=duranb"] if extension else []
        self._manager.start_kernel(
            extra_arguments=arguments, env=self._env, cwd=str(self.notebook.parent)
        )
        self.client = self._manager.client()
        self.client.start_channels()
        self._wait()
        return self

    def _wait(self) -> None:
        """Until the kernel answers and what it publishes arrives. The client's own way of waiting
        is over when nothing has been published for a while."""
        assert self.client is not None
        end = time.monotonic() + 300
        while time.monotonic() < end:
            asked = self.client.kernel_info()
            with contextlib.suppress(Empty):
                self._reply(asked, time.monotonic() + 1)
                while True:
                    message = self.client.get_iopub_msg(timeout=0.2)
                    if message["parent_header"].get("msg_id") == asked:
                        return
            if not self.alive:
                raise KernelDied
        raise TimeoutError("the kernel did not answer")

    def _wires(self) -> dict[str, str]:
        """Sockets with names, where there are such: a port that was free when it was chosen may be
        somebody else's when it is used."""
        if os.name == "nt":
            return {}
        self._sockets = tempfile.TemporaryDirectory(prefix="kernel-")
        return {"transport": "ipc", "ip": f"{self._sockets.name}/wire"}

    @property
    def pid(self) -> int:
        """The kernel's process id."""
        assert self._manager is not None and self._manager.provisioner is not None
        return int(self._manager.provisioner.pid)  # type: ignore[attr-defined]

    def submit(self, code: str, cell_id: str = "") -> str:
        """Send a cell without waiting; the message's id."""
        assert self.client is not None
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        message = self.client.session.msg("execute_request", content)
        if cell_id:
            message["metadata"] = {"cellId": cell_id}
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def run(self, code: str, cell_id: str = "", timeout: float = 300) -> Result:
        """Run a cell to its end. Raises :class:`KernelDied` when the kernel dies in it."""
        return self.collect(self.submit(code, cell_id), timeout)

    def collect(self, message_id: str, timeout: float = 300) -> Result:
        """Wait for a submitted cell's outputs."""
        assert self.client is not None
        result = Result()
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                message = self.client.get_iopub_msg(timeout=0.2)
            except Empty:
                if not self.alive:
                    raise KernelDied from None
                continue
            if message["parent_header"].get("msg_id") != message_id:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                result.payload = self._reply(message_id, end).get("payload", [])
                return result
            if kind == "error":
                trace = "\n".join(content["traceback"])
                result.error = (content["ename"], content["evalue"], trace)
                result.status = "error"
            elif kind not in ("status", "execute_input"):
                result.messages.append((kind, content))
        raise TimeoutError(f"the cell did not end in {timeout} s")

    def _reply(self, message_id: str, end: float) -> dict[str, Any]:
        """The content of the reply to a submitted cell."""
        assert self.client is not None
        while True:
            reply = self.client.get_shell_msg(timeout=max(0.1, end - time.monotonic()))
            if reply["parent_header"].get("msg_id") == message_id:
                return dict(reply["content"])

    def value(self, expression: str) -> str:
        """The repr of an expression, evaluated in the kernel."""
        shown = self.run(f"print(repr({expression}))")
        assert shown.error is None, shown.error
        return shown.stdout.strip()

    @property
    def alive(self) -> bool:
        """Whether the kernel process lives."""
        assert self._manager is not None
        return bool(self._manager.is_alive())

    def interrupt(self) -> None:
        """What the Stop button does."""
        assert self._manager is not None
        self._manager.interrupt_kernel()

    def kill_process(self) -> None:
        """``kill -9``, from any thread; the process may be gone already."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def kill(self) -> None:
        """``kill -9``, and clean up what belongs to the process."""
        self.kill_process()
        self._forget()

    def stop(self) -> None:
        """Shut down as the menu does."""
        if self._manager is not None and self.alive:
            self._manager.shutdown_kernel(now=False)
        self._forget()

    def restart(self) -> Kernel:
        """Shut down and start again."""
        self.stop()
        return self.start()

    def _forget(self) -> None:
        if self.client is not None:
            self.client.stop_channels()
            self.client = None
        if self._manager is not None:
            if self.alive:
                self._manager.shutdown_kernel(now=True)
            self._manager.cleanup_resources()
            self._manager = None
        if self._sockets is not None:
            self._sockets.cleanup()
            self._sockets = None
