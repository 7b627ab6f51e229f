"""Temporal on this machine, workers as processes, and what kills them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from temporalio.client import Client
from temporalio.service import RPCError

from tests.servers.ports import free_port

ROOT = Path(__file__).parents[2]

HEARTBEAT = 1.0
"""Seconds after which a silent worker is dead, in tests."""


def dev_server() -> str:
    """The command of Temporal's development server, as the package from PyPI has it."""
    beside = Path(sys.executable).with_name("temporal")
    return str(beside) if beside.exists() else shutil.which("temporal") or ""


PATIENCE = 120
"""Seconds that a busy machine may take for what takes a moment on an idle one."""


class Cluster:
    """A server whose state is in a file, and some workers of one export; a context manager."""

    def __init__(self, folder: Path, export: Path, **environment: str) -> None:
        self.folder = folder
        self.export = export
        self.bucket = str(folder / "bucket")
        self.port = free_port()
        self.workers: list[subprocess.Popen[bytes]] = []
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TEMPORAL_ADDRESS": f"127.0.0.1:{self.port}",
            "DURANB_BUCKET": self.bucket,
            **environment,
        }
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start_server()
        return self

    def __exit__(self, *exc: object) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.kill_server()

    def start_server(self) -> None:
        """Start the server, or start it again with the state it had."""
        command = [dev_server(), "server", "start-dev", "--headless", "--ip", "127.0.0.1"]
        command += ["--port", str(self.port), "--db-filename", str(self.folder / "temporal.db")]
        with open(self.folder / "server.log", "ab") as log:
            self._server = subprocess.Popen(
                [*command, "--log-level", "error"], stdout=log, stderr=log
            )

    def kill_server(self) -> None:
        """kill -9 of the server."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    def start_worker(self, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        """One more worker."""
        words = ["-m", "duranb.temporal", "worker", str(self.export), *options]
        worker = self.start_command(*words, **environment)
        self.workers.append(worker)
        return worker

    def start_command(self, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        """Python with these words, that finds the server."""
        with open(self.folder / "workers.log", "ab") as log:
            return subprocess.Popen(
                [sys.executable, *words],
                stdout=log,
                stderr=log,
                env={**self.environment, **environment},
                cwd=self.folder,
            )

    def kill_worker(self, worker: subprocess.Popen[bytes]) -> None:
        """kill -9, and another one takes its place."""
        worker.kill()
        worker.wait()
        self.workers.remove(worker)
        self.start_worker()

    async def client(self) -> Client:
        """A connection, once the server answers."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return await Client.connect(f"127.0.0.1:{self.port}")
            except (RuntimeError, RPCError):
                if time.monotonic() > end:
                    raise
                if self._server is not None and self._server.poll() is not None:
                    self.start_server()  # one of its own ports was taken
                await asyncio.sleep(0.1)

    @contextlib.contextmanager
    def stopped(self, worker: subprocess.Popen[bytes]) -> Iterator[None]:
        """The worker is stopped in this block, and goes on after it."""
        worker.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            worker.send_signal(signal.SIGCONT)

    def log(self) -> str:
        """What the workers have printed."""
        return (self.folder / "workers.log").read_text()

    def some(self, moments: random.Random) -> Any:
        """One of the workers."""
        return moments.choice(self.workers)
