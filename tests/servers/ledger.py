"""The outside world of a saga: a ledger in a process of its own that counts what reaches it.

It can kill whoever writes to it, before or after it has written: the two moments at which the
writer cannot know whether it did.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any


@dataclass
class Entry:
    """One line of the ledger: ``op`` is do or undo; ``arrived`` is how often it was asked for under
    this key, ``written`` how often it was done."""

    op: str
    name: str
    key: str
    arrived: int = 0
    written: int = 0


class Ledger:
    """``dedupes``: a key that is known is not written again. ``kill`` has the number of the
    arrival, from 1, at which the writer is killed, and when: before or after writing."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.dedupes = False
        self.kill: tuple[int, str] = (0, "")
        self.arrivals = 0
        self.entries: dict[str, Entry] = {}

    def write(self, op: str, name: str, key: str, pid: int) -> str:
        """Write a line; the receipt."""
        with self.lock:
            self.arrivals += 1
            moment = self.kill[1] if self.kill[0] == self.arrivals else ""
            entry = self.entries.setdefault(f"{op} {key}", Entry(op, name, key))
            entry.arrived += 1
            if moment == "before":
                os.kill(pid, signal.SIGKILL)
                return ""
            if not (self.dedupes and entry.written):
                entry.written += 1
            if moment == "after":
                os.kill(pid, signal.SIGKILL)
        return name


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        ledger = self.server.ledger
        if self.path == "/__plan":
            with ledger.lock:
                ledger.dedupes, ledger.kill = body["dedupes"], (body["at"], body["moment"])
                ledger.arrivals = 0
            self._answer({})
        elif self.path == "/__reset":
            with ledger.lock:
                ledger.entries.clear()
            self._answer({})
        else:
            key = self.headers["Idempotency-Key"]
            self._answer({"receipt": ledger.write(self.path[1:], body["name"], key, body["pid"])})

    def do_GET(self) -> None:
        with self.server.ledger.lock:
            self._answer([vars(entry) for entry in self.server.ledger.entries.values()])

    def _answer(self, content: Any) -> None:
        data = json.dumps(content).encode()
        with contextlib.suppress(ConnectionError):  # it was killed
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    ledger: Ledger


def _serve(told: Connection) -> None:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.ledger = Ledger()
    told.send(f"http://127.0.0.1:{server.server_address[1]}")
    server.serve_forever()


class Client:
    """What a test does with a ledger that serves."""

    def __init__(self, url: str) -> None:
        self.url = url

    def plan(self, *, dedupes: bool, at: int = 0, moment: str = "") -> None:
        """How it behaves from now on."""
        self._ask("/__plan", {"dedupes": dedupes, "at": at, "moment": moment})

    def reset(self) -> None:
        """Forget all lines."""
        self._ask("/__reset", {})

    def entries(self) -> list[Entry]:
        """All lines, in the order in which they were first asked for."""
        return [Entry(**entry) for entry in self._ask("/__entries")]

    def _ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(self.url + path, data=data, timeout=300) as reply:
            return json.load(reply)


@contextlib.contextmanager
def serving() -> Iterator[Client]:
    """A ledger in a process of its own."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(there,), daemon=True
    )
    process.start()
    try:
        yield Client(here.recv())
    finally:
        process.kill()
        process.join()
