"""Starting the counting server as a process, and asking it what it saw."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any, Self

from duranb.engine import ways

ROOT = Path(__file__).parent.parent.parent


class ModelServer:
    """A server in a process of its own; a context manager. ``url`` has no path."""

    def __init__(self, *words: str) -> None:
        command = [sys.executable, "-m", *words]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server did not start: {self._process.wait()}")
        self.url = f"http://127.0.0.1:{int(line)}"

    def configure(self, **settings: Any) -> None:
        """Change what it does; see the server."""
        self._post("/__config", settings)

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _get(self, path: str) -> Any:
        return json.loads(self._ask(self.url + path))

    def _post(self, path: str, body: Any) -> None:
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        self._ask(request)

    def _ask(self, request: str | urllib.request.Request) -> bytes:
        """What the tests ask is no request of the step in which they ask it."""
        with ways.part_of(ways.Recorded()), urllib.request.urlopen(request, timeout=300) as reply:
            found: bytes = reply.read()
        return found


class CountingServer(ModelServer):
    """The one of :mod:`tests.servers.counting`."""

    def __init__(self, port: int = 0) -> None:
        super().__init__("tests.servers.counting", "--port", str(port))

    @property
    def journal(self) -> list[dict[str, Any]]:
        """Every request to a model that arrived; see :class:`tests.servers.counting.Request`."""
        found: list[dict[str, Any]] = self._get("/__journal")
        return found

    @property
    def count(self) -> int:
        """How many requests to a model arrived."""
        return len(self.journal)

    @property
    def effects(self) -> dict[str, dict[str, int]]:
        """``effects`` and ``undone``: how often, by idempotency key."""
        found: dict[str, dict[str, int]] = self._get("/__effects")
        return found

    def reset(self) -> None:
        """Forget every request, effect and setting."""
        self._post("/__reset", {})


class LimitedServer(ModelServer):
    """The one of :mod:`tests.servers.limited`."""

    def __init__(self) -> None:
        super().__init__("tests.servers.limited", "0")

    @property
    def stats(self) -> dict[str, Any]:
        """What reached it; see :meth:`tests.servers.limited.World.stats`."""
        found: dict[str, Any] = self._get("/__stats")
        return found


class BatchServer(ModelServer):
    """The one of :mod:`tests.servers.batching`."""

    def __init__(self) -> None:
        super().__init__("tests.servers.batching", "0")

    @property
    def stats(self) -> dict[str, Any]:
        """What reached it; see :meth:`tests.servers.batching.World.stats`."""
        found: dict[str, Any] = self._get("/__stats")
        return found

    def reset(self) -> None:
        """Forget everything."""
        self._post("/__reset", {})
