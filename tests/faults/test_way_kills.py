"""kill -9 of a process that sends something, by each way out of a step, before and after the
answer: recorded once, or named; never twice in silence."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.faults.ways import WAYS

ROOT = Path(__file__).parents[2]
UNRECORDED = {"process": "process (", "websocket": "connection to 127.0.0.1"}


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        """Count it, and answer it, unless who asks is to die first."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked += 1
        if self.server.kills:
            os.kill(self.server.victim.get(timeout=300), signal.SIGKILL)
            return
        body = f"answer {self.server.asked}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815 (the base class looks for this name)

    def log_message(self, format: str, *words: Any) -> None:  # noqa: A002 (the base class's name)
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Counts what arrives. Where it ``kills``, the process that is told to ``victim`` dies when its
    request has arrived."""

    asked = 0
    kills = False

    def __init__(self) -> None:
        self.victim: queue.Queue[int] = queue.Queue()
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who was killed breaks its connection."""


@pytest.fixture
def server() -> Iterator[Server]:
    """It runs in a thread."""
    with Server() as made:
        threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True).start()
        yield made
        made.shutdown()


class Runner:
    """Runs the step in processes of their own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.ways"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder: Path, way: str, server: Server, dies: str = "") -> tuple[int, str]:
        """How a run ended, and what it said. ``dies``: before or after the answer."""
        assert self._process.stdin and self._process.stdout
        (folder / "dies").unlink(missing_ok=True)
        if dies == "after":
            (folder / "dies").touch()
        server.kills = dies == "before"
        url = f"http://127.0.0.1:{server.server_address[1]}/x"
        self._process.stdin.write(f"{folder} {way} {url}\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        assert child > 1
        if server.kills:
            server.victim.put(child)
        ended = int(self._process.stdout.readline())
        return ended, (folder / "said").read_text()

    def close(self) -> None:
        """No more of them."""
        self._process.communicate()


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """It has imported every library once."""
    os.environ["DURANB_HOME"] = str(tmp_path_factory.mktemp("home"))
    with contextlib.closing(Runner()) as made:
        yield made


ROUNDS = [pytest.param(n, marks=[pytest.mark.soak] if n else [], id=f"round{n}") for n in range(20)]


@pytest.mark.parametrize("number", ROUNDS)
@pytest.mark.parametrize("dies", ["before", "after"])
@pytest.mark.parametrize("way", WAYS)
def test_killed_before_and_after_the_answer(
    way: str, dies: str, number: int, runner: Runner, server: Server, tmp_path: Path
) -> None:
    """What was answered and recorded is not sent again. What was on its way when the process died,
    and what nobody records, is sent again, and the run that does so says it; a run that is restored
    sends nothing, and does not hide what its record lacks."""
    ended, _ = runner.run(tmp_path, way, server, dies)
    assert ended == -signal.SIGKILL
    assert server.asked == 1
    ended, said = runner.run(tmp_path, way, server)
    assert ended == 0, said
    if way in UNRECORDED:
        assert server.asked == 2
        assert f"1 {UNRECORDED[way]}" in said and "not recorded" in said
    elif dies == "after":
        assert server.asked == 1
        assert said == "answer 1\n"
    else:
        assert server.asked == 2
        assert "1 request sent again (POST 127.0.0.1" in said
    sent = server.asked
    ended, again = runner.run(tmp_path, way, server)
    assert (ended, server.asked) == (0, sent)
    assert again == (
        said if way in UNRECORDED else "answer 1\n" if dies == "after" else "answer 2\n"
    )
