"""aimock, somebody else's stand-in for the model APIs (``@copilotkit/aimock`` from npm): its own
journal is the witness of what was sent.

It is installed beside this file when a test first wants it, at the version and with the checksum of
``package-lock.json``.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any, Self
from unittest import mock

import hatch_build
from tests.servers.ports import free_port

FOLDER = Path(__file__).parent
OLDEST_NODE = 20

PATIENCE = {"npm_config_fetch_retries": "1", "npm_config_fetch_timeout": "30000"}
"""npm's settings, so that it gives up within the time that a test has."""

FIXTURES = {
    "fixtures": [
        {
            "match": {"userMessage": "question"},
            "response": {"content": "forty-two, as far as anybody can tell"},
        }
    ]
}
"""What it is asked, and what it answers."""


class Unavailable(Exception):
    """There is no Node for it, or npm does not give it; says why."""


class Aimock:
    """A server in a process of its own; a context manager. ``url`` has no path.

    It begins an answer after ``delay`` milliseconds, and a stream comes in pieces, ``pause``
    milliseconds apart. Raises :class:`Unavailable`.
    """

    def __init__(self, folder: Path, *, delay: int, pause: int) -> None:
        cli = FOLDER / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
        fixtures = folder / "fixtures.json"
        fixtures.write_text(json.dumps(FIXTURES))
        port = free_port()
        command = [_node(), str(cli), "--host", "127.0.0.1", "--port", str(port)]
        command += ["--fixtures", str(fixtures), "--strict", "--log-level", "warn"]
        command += ["--journal-max", "0", "--latency", str(pause), "--chunk-size", "6"]
        command += ["--chaos-latency", str(delay)]
        self.url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(command, cwd=folder)

    def __enter__(self) -> Self:
        """Wait until it answers."""
        end = time.monotonic() + 300
        while True:
            try:
                self.journal()
                return self
            except OSError:
                if self._process.poll() is not None or time.monotonic() > end:
                    self.__exit__()
                    raise
                time.sleep(0.05)

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.wait()

    def journal(self) -> list[dict[str, Any]]:
        """Every request that reached it, in order."""
        with urllib.request.urlopen(f"{self.url}/__aimock/journal", timeout=300) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    def asked(self) -> Counter[str]:
        """How often each question reached it. (A request whose client died while it was sent is
        in the journal too, without a body: no question has arrived.)"""
        return Counter(
            message["content"] if isinstance(message["content"], str) else "?"
            for entry in self.journal()
            if entry["body"] is not None
            for message in entry["body"]["messages"]
        )


def _node() -> str:
    """Node, with aimock installed."""
    try:
        with mock.patch.dict(os.environ, PATIENCE):
            node = hatch_build.install(FOLDER, development=False)
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"npm does not give aimock: {error}") from error
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(said.lstrip("v").partition(".")[0]) < OLDEST_NODE:
        raise Unavailable(f"aimock needs Node {OLDEST_NODE} or later, and this is {said.strip()}")
    return node
