"""The stand-in for the providers' APIs, in a thread: it keeps every request, and can hold one.

It answers OpenAI's chat completions and Responses, Anthropic's messages, Gemini's generateContent
and Mistral's chat; what it says is decided in :mod:`tests.frameworks.model`.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from tests.frameworks import wire
from tests.frameworks.model import Json, digest, reply

HELD = 60.0
"""Seconds after which a held request is given up: whoever held it has long died."""


@dataclass(frozen=True)
class Seen:
    """A request that arrived; ``key`` is its identity, random ids aside."""

    path: str
    body: Json

    @property
    def key(self) -> str:
        """The same for requests that differ in random ids only."""
        return digest([self.path, self.body])


class StandIn(ThreadingHTTPServer):
    """The server; a context manager. ``url`` has no path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._lock = threading.Lock()
        self._seen: list[Seen] = []
        self._held = 0
        self._free = threading.Event()

    @property
    def seen(self) -> list[Seen]:
        """Every request to a model since the last :meth:`forget`, in order of arrival."""
        with self._lock:
            return list(self._seen)

    def forget(self) -> None:
        """Begin to count anew."""
        with self._lock:
            self._seen.clear()

    def hold(self, nth: int) -> None:
        """Leave the request that will be the ``nth`` one (from 1) without an answer."""
        self._free.clear()
        self._held = nth

    def release(self) -> None:
        """Hold nothing any more."""
        self._held = 0
        self._free.set()

    def wait_for(self, count: int, seconds: float) -> bool:
        """Whether ``count`` requests arrived within so many seconds."""
        end = time.monotonic() + seconds
        while len(self.seen) < count and time.monotonic() < end:
            time.sleep(0.02)
        return len(self.seen) >= count

    def arrived(self, path: str, body: Json) -> None:
        """Note a request, and keep it waiting if it is the held one."""
        with self._lock:
            self._seen.append(Seen(path, body))
            held = len(self._seen) == self._held
        if held:
            self._free.wait(HELD)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed breaks its connections; that is what we are here for."""

    def __enter__(self) -> StandIn:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.release()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: StandIn

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        path = urlsplit(self.path).path
        model, _, verb = path.rpartition("/")[2].partition(":")
        if verb == "generateContent":
            ask = wire.generate_ask(body)
        elif path.endswith("/chat/completions"):
            ask = wire.chat_ask(body)
        elif path.endswith("/responses"):
            ask = wire.responses_ask(body)
        elif path.endswith("/messages"):
            ask = wire.messages_ask(body)
        else:
            self._send(404, "application/json", json.dumps({"error": {"message": f"no {path}"}}))
            return
        self.server.arrived(path, body)
        said = reply(ask)
        if verb:
            answer = wire.generated(model, ask, said)
        elif path.endswith("/chat/completions"):
            if body.get("stream"):
                events = "".join(wire.chat_events(body, ask, said))
                self._send(200, "text/event-stream", events)
                return
            answer = wire.chat(body, ask, said)
        elif path.endswith("/responses"):
            answer = wire.response(body, ask, said)
        else:
            answer = wire.message(body, ask, said)
        self._send(200, "application/json", json.dumps(answer))

    def do_GET(self) -> None:
        self._send(404, "application/json", json.dumps({"error": {"message": "POST only"}}))

    def _send(self, status: int, kind: str, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Say nothing: what happened is in ``seen``."""
