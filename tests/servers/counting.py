"""A model server that counts: what reached it, how often, and whether the answer went out.

``python -m tests.servers.counting --port 0`` prints its port and serves until it is killed. It
speaks OpenAI's chat completions, Responses, embeddings and models, Anthropic's messages and
Gemini's generateContent, and has ``/effect`` and ``/undo`` to change its world by.

- ``GET /__journal``: every request to a model, in order of arrival.
- ``GET /__effects``: how often each idempotency key was carried out and undone.
- ``GET|POST /__config``: what it does; see :class:`Config`. Posting merges.
- ``POST /__reset``: forget all of it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import socket
import threading
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.servers import answers


@dataclass
class Config:
    """What goes how, and what goes wrong.

    ``delay`` and ``chunk_delay`` are seconds before an answer and before each event of a stream. A
    new ``delay`` also holds for requests that wait for their answers: a test can hold one back
    until something else has happened.
    ``schedule`` maps the ordinal of a request (from 1) to what goes wrong with it, ``each`` is what
    every distinct request meets in turn before it is answered:

    - ``429``, ``500``, ``503``: that status. ``drop``: no answer at all. ``slow``: three seconds.
    - ``cut``: the connection breaks in the middle of the answer.
    - ``end``: a stream ends early, but properly. ``error``: a stream reports an error.

    ``retry_after`` is what a 429 asks for, in seconds. ``unique`` puts the ordinal into every
    answer, ``says`` is put before it. ``gzip`` compresses answers. ``split`` sends a stream in
    pieces of so many bytes.
    """

    delay: float = 0.0
    chunk_delay: float = 0.0
    schedule: dict[str, str] = field(default_factory=dict)
    each: list[str] = field(default_factory=list)
    retry_after: float = 0.01
    unique: bool = False
    says: str = ""
    gzip: bool = False
    split: int = 0


@dataclass
class Request:
    """A request to a model. ``nth`` counts identical ones from 1; ``sent`` is whether the answer
    went out to its last byte, ``status`` with what."""

    ordinal: int
    path: str
    key: str
    nth: int
    body: Any
    status: int = 0
    sent: bool = False
    failure: str = ""


class World:
    """All that the server remembers."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        with self.lock:
            self.config = Config()
            self.requests: list[Request] = []
            self.seen: Counter[str] = Counter()
            self.effects: Counter[str] = Counter()
            self.undone: Counter[str] = Counter()
            self.changed.notify_all()

    def configure(self, settings: dict[str, Any]) -> Config:
        """Change some settings; all of them."""
        with self.changed:
            self.config = dataclasses.replace(self.config, **settings)
            self.changed.notify_all()
            return self.config

    def pause(self) -> None:
        """Wait for as long as an answer is delayed."""
        begun = time.monotonic()
        with self.changed:
            while (left := begun + self.config.delay - time.monotonic()) > 0:
                self.changed.wait(left)

    def arrived(self, path: str, body: Any) -> Request:
        """Note a request to a model."""
        key = answers.digest(path, body)
        with self.lock:
            self.seen[key] += 1
            request = Request(len(self.requests) + 1, path, key, self.seen[key], body)
            self.requests.append(request)
            config = self.config
            planned = config.schedule.get(str(request.ordinal), "")
            if not planned and request.nth <= len(config.each):
                planned = config.each[request.nth - 1]
            request.failure = planned
        return request


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    server: Server

    def do_GET(self) -> None:
        """Look at something."""
        world = self.server.world
        path = urlsplit(self.path).path
        if path == "/__journal":
            self._json([dataclasses.asdict(request) for request in world.requests])
        elif path == "/__config":
            self._json(dataclasses.asdict(world.config))
        elif path == "/__effects":
            self._json({"effects": world.effects, "undone": world.undone})
        elif path == "/redirect":
            self._json({}, 302, {"Location": "/v1/models?moved=1"})
        elif path.endswith("/models"):
            self._answer(self.server.world.arrived(path, None), answers.models())
        else:
            self._json({"error": {"message": f"no such path: {path}"}}, 404)

    def do_POST(self) -> None:
        """Ask a model, or change something."""
        body = self._body()
        path = urlsplit(self.path).path
        world = self.server.world
        if path == "/__config":
            self._json(dataclasses.asdict(world.configure(body)))
        elif path == "/__reset":
            world.reset()
            self._json({})
        elif path in ("/effect", "/undo"):
            self._effect(world.effects if path == "/effect" else world.undone)
        elif path == "/oauth/token":
            self._json({"access_token": "granted-secret", "token_type": "bearer"})
        elif path == "/login":
            self._json({"access_token": "h-secret"})
        else:
            self._ask(path, body)

    def _effect(self, counts: Counter[str]) -> None:
        key = self.headers.get("Idempotency-Key", "")
        with self.server.world.lock:
            counts[key] += 1
        self.server.world.pause()
        self._json({"key": key, "count": counts[key]})

    def _ask(self, path: str, body: Any) -> None:
        request = self.server.world.arrived(path, body)
        says = self.server.world.config.says
        text = f"{says}Re {request.key[:6]}: what you said is noted and understood."
        if self.server.world.config.unique:
            text += f" #{request.ordinal}"
        streamed = isinstance(body, dict) and body.get("stream")
        model, _, verb = path.rpartition("/")[2].partition(":")
        if verb:
            streamed = verb.startswith("stream")
            whole: Any = answers.generated(model, body, text)
            events = answers.generated_events(model, body, text)
        elif path.endswith("/chat/completions"):
            whole, events = answers.chat(body, text), answers.chat_events(body, text)
        elif path.endswith("/responses"):
            whole, events = answers.response(body, text), answers.response_events(body, text)
        elif path.endswith("/messages"):
            whole, events = answers.message(body, text), answers.message_events(body, text)
        elif path.endswith("/embeddings"):
            whole, events = answers.embeddings(body, text), []
        else:
            whole, events = {"echo": text}, []
        if streamed:
            self._stream(request, events)
        else:
            self._answer(request, whole)

    # -- answering -------------------------------------------------------------------------

    def _answer(self, request: Request, whole: Any) -> None:
        if self._goes_wrong(request):
            return
        data = json.dumps(whole).encode()
        if request.failure == "cut":
            self._head(request, "application/json", len(data))
            self._write(data[: len(data) // 2])
            self._break_off()
            return
        self._send(request, data)

    def _stream(self, request: Request, events: list[str]) -> None:
        if self._goes_wrong(request):
            return
        config = self.server.world.config
        squeeze = zlib.compressobj(wbits=zlib.MAX_WBITS | 16) if config.gzip else None
        broken = request.failure in ("cut", "end", "error")
        self._head(request, "text/event-stream", None)
        for event in events[: len(events) // 2] if broken else events:
            time.sleep(config.chunk_delay)
            data = event.encode()
            if squeeze is not None:
                data = squeeze.compress(data) + squeeze.flush(zlib.Z_SYNC_FLUSH)
            size = config.split or len(data)
            for at in range(0, len(data), size):
                self._chunk(data[at : at + size])
        if request.failure == "cut":
            self._break_off()
            return
        if request.failure == "error":
            self._chunk(b'data: {"error": {"message": "the model fell over"}}\n\n')
        if squeeze is not None:
            self._chunk(squeeze.flush())
        self._chunk(b"")
        request.sent = not broken

    def _goes_wrong(self, request: Request) -> bool:
        """Whether ``request`` was answered, or not, with what went wrong."""
        config = self.server.world.config
        if request.failure == "slow":
            time.sleep(3.0)
        else:
            self.server.world.pause()
        if request.failure == "drop":
            self._break_off()
            return True
        if not request.failure.isdigit():
            return False
        headers = {}
        if request.failure == "429":
            headers = {
                "Retry-After": str(config.retry_after),
                "retry-after-ms": str(config.retry_after * 1000),
            }
        error = {"error": {"message": f"scheduled {request.failure}", "type": "scheduled"}}
        self._json(error, int(request.failure), headers)
        request.status, request.sent = int(request.failure), True
        return True

    def _send(self, request: Request, data: bytes) -> None:
        if self.server.world.config.gzip:
            data = zlib.compress(data, wbits=zlib.MAX_WBITS | 16)
        self._head(request, "application/json", len(data))
        self._write(data)
        request.sent = True

    def _head(self, request: Request, kind: str, size: int | None) -> None:
        request.status = 200
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("x-request-id", f"req_{request.ordinal}")
        self.send_header("Set-Cookie", "session=cookie-secret; Path=/")
        if self.server.world.config.gzip:
            self.send_header("Content-Encoding", "gzip")
        if size is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(size))
        self.end_headers()

    def _chunk(self, data: bytes) -> None:
        self._write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _json(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self._write(data)

    def _write(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()

    def _break_off(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _body(self) -> Any:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Type", "").startswith("application/json"):
            return json.loads(data or b"null")
        return data.decode("utf-8", "replace")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Say nothing: what happened is in the journal."""


class Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1 only."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int) -> None:
        self.world = World()
        super().__init__(("127.0.0.1", port), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed breaks its connections; that is what we are here for."""


def main() -> None:
    """Serve until killed; the first line of output is the port."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    server = Server(parser.parse_args().port)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
