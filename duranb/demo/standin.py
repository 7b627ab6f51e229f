"""A stand-in for a model's API, for machines without one: it really reads licence texts.

``python -m duranb.demo.standin --port 0 --journal FILE`` serves chat completions, responses,
embeddings and batches of them on 127.0.0.1, in the shapes of the OpenAI API. Behind them are fixed
rules, not a language model, and every answer says so. Usage is counted from the length of the texts
under the model's name that was asked for, so what prices it shows is what that model would have
cost.

Each request is journaled before it is answered (``GET /__journal``), and some go wrong on a fixed
schedule (:mod:`duranb.demo.mishaps`), as they do with real providers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import select
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from duranb.demo import embedding, prompts, wire
from duranb.demo.batches import BATCHES, FILES, SECONDS, Batches
from duranb.demo.journal import Journal, Request
from duranb.demo.mishaps import RETRY_AFTER, SLOW, Mishap, mishap
from duranb.demo.replies import I_AM, reply_to

NAME = "duranb-stand-in"
"""The ``Server`` header, by which a client can tell."""

LARGEST_BODY = 32 * 1024 * 1024

CHAT, RESPONSES, EMBEDDINGS = "/v1/chat/completions", "/v1/responses", "/v1/embeddings"


class Server(ThreadingHTTPServer):
    """The stand-in. ``pace`` multiplies its delays; ``calm`` leaves the mishaps out."""

    daemon_threads = True

    def __init__(self, port: int, journal: Journal, *, pace: float = 1.0, calm: bool = False):
        super().__init__(("127.0.0.1", port), Handler)
        self.journal = journal
        self.pace = pace
        self.calm = calm
        self.batches = Batches(self.answer, SECONDS * pace)
        self.last_request = time.monotonic()

    @property
    def url(self) -> str:
        """Where it is, as clients want it."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def answer(self, path: str, body: Any) -> tuple[int, Any]:
        """The status and the body of a whole answer, without mishaps: to a request in a batch."""
        request = self.journal.begin(path, body, lambda number: Mishap.NONE)
        status, read, written = 200, 0, 0
        try:
            if path == EMBEDDINGS:
                answer = embedding.body(body)
                read = int(answer["usage"]["total_tokens"])
            elif path in (CHAT, RESPONSES):
                of, whole = _SHAPES[path]
                prompt = of(body)
                reply = reply_to(prompt)
                answer = whole(prompt, reply, request.number, request.at // 1_000_000)
                read, written = wire.tokens(prompt.text), wire.tokens(reply.written)
            else:
                status, answer = 404, wire.error(f"there is no {path} here", "not_found")
        except prompts.BadRequest as refusal:
            status, answer = 400, wire.error(str(refusal), "invalid_request_error")
        ended = {"status": status, "sent": True, "read": read, "written": written}
        self.journal.end(request.number, **ended)
        return status, answer

    def fate(self, number: int) -> Mishap:
        """What becomes of a request."""
        return Mishap.NONE if self.calm else mishap(number)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class ClientGone(ConnectionError):
    """The client closed the connection before it had its answer."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server
    _number = 0
    """Of the request that is being answered; 0 for those that are not counted."""

    def version_string(self) -> str:
        return NAME

    def log_message(self, *args: Any) -> None:
        """The journal is the log."""

    def do_GET(self) -> None:
        """``/__journal``, or who this is."""
        self._number = 0
        if self.path == "/__journal":
            requests = self.server.journal.requests()
            self._send_json(200, {"total": len(requests), "requests": [*map(asdict, requests)]})
        elif self.path.startswith((FILES, BATCHES)):
            self.server.last_request = time.monotonic()
            status, told = self.server.batches.found(self.path.partition("?")[0])
            self._send_json(status, told)
        else:
            self._send_json(200, {"name": NAME, "about": f"This is {I_AM}."})

    def do_POST(self) -> None:
        """A request to the model."""
        self.server.last_request = time.monotonic()
        self._number = 0
        path = self.path.partition("?")[0]
        try:
            if path == FILES:
                content_type = self.headers.get("Content-Type", "")
                self._send_json(200, self.server.batches.upload(content_type, self._content()))
                return
            body = self._body()
            if path == BATCHES:
                self._send_json(200, self.server.batches.submit(body))
                return
        except prompts.BadRequest as refusal:
            self._send_json(400, wire.error(str(refusal), "invalid_request_error"))
            return
        request = self.server.journal.begin(path, body, self.server.fate)
        status, sent, read, written = 0, False, 0, 0
        try:
            status, read, written = self._serve(request, body)
            sent = True
        except prompts.BadRequest as refusal:
            status = 400
            self._send_json(400, wire.error(str(refusal), "invalid_request_error"))
        except ConnectionError:
            self.close_connection = True
        finally:
            self.server.journal.end(
                request.number, status=status, sent=sent, read=read, written=written
            )

    def _serve(self, request: Request, body: dict[str, Any]) -> tuple[int, int, int]:
        """Answer; the status, and the tokens read and written."""
        self._number = request.number
        match request.fate:
            case Mishap.RATE_LIMITED:
                waits = {
                    "Retry-After": str(max(1, round(RETRY_AFTER))),
                    "retry-after-ms": str(round(RETRY_AFTER * 1000)),
                }
                self._send_json(429, wire.error("too fast: wait a little", "rate_limit"), waits)
                return 429, 0, 0
            case Mishap.FAILED:
                self._think(0.05)
                self._send_json(500, wire.error("something broke on purpose", "server_error"))
                return 500, 0, 0
            case Mishap.SLOW:
                self._think(SLOW)
        if request.path == EMBEDDINGS:
            answer = embedding.body(body)
            self._think(0.05)
            self._send_json(200, answer)
            return 200, int(answer["usage"]["total_tokens"]), 0
        if request.path not in (CHAT, RESPONSES):
            self._send_json(404, wire.error(f"there is no {request.path} here", "not_found"))
            return 404, 0, 0
        return 200, *self._answer(request, body)

    def _answer(self, request: Request, body: dict[str, Any]) -> tuple[int, int]:
        chat = request.path == CHAT
        prompt = prompts.of_chat(body) if chat else prompts.of_responses(body)
        reply = reply_to(prompt)
        created = request.at // 1_000_000
        self._think(_thinking(request.digest))
        if prompt.stream:
            shape = wire.chat_events if chat else wire.response_events
            self._send_events(shape(prompt, reply, request.number, created), named=not chat)
        else:
            whole = wire.chat if chat else wire.response
            self._send_json(200, whole(prompt, reply, request.number, created))
        return wire.tokens(prompt.text), wire.tokens(reply.written)

    # -- the wire --------------------------------------------------------------------------

    def _content(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            self.close_connection = True
            raise prompts.BadRequest(f"a body of at most {LARGEST_BODY} bytes, with its length")
        return self.rfile.read(int(length))

    def _body(self) -> dict[str, Any]:
        try:
            body = json.loads(self._content())
        except ValueError as error:
            raise prompts.BadRequest(f"the body is no JSON: {error}") from error
        if not isinstance(body, dict):
            raise prompts.BadRequest("the body has to be a JSON object")
        return body

    def _send_json(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        given = isinstance(body, bytes)
        data = body if given else json.dumps(body, ensure_ascii=False).encode()
        self._start(
            status, "application/json", {**(headers or {}), "Content-Length": f"{len(data)}"}
        )
        self.wfile.write(data)

    def _send_events(self, events: Iterator[str], *, named: bool) -> None:
        """Server-sent events, each in a chunk of its own."""
        self._start(200, "text/event-stream", {"Transfer-Encoding": "chunked"})
        for data in events:
            self._think(0.012)
            name = f"event: {json.loads(data)['type']}\n" if named else ""
            line = f"{name}data: {data}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        # Clients close at the last event; that the chunks end here is news to nobody then.
        with contextlib.suppress(ConnectionError):
            self.wfile.write(b"0\r\n\r\n")

    def _start(self, status: int, content: str, headers: dict[str, str]) -> None:
        self._check_client()
        self.send_response(status)
        self.send_header("Content-Type", content)
        if self._number:
            self.send_header("x-request-id", f"req-standin-{self._number}")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _think(self, seconds: float) -> None:
        """Take the time a model takes. Raises :class:`ClientGone` when nobody waits any more."""
        time.sleep(seconds * self.server.pace)
        self._check_client()

    def _check_client(self) -> None:
        readable, _, _ = select.select([self.connection], [], [], 0)
        if readable and not self.connection.recv(1, socket.MSG_PEEK):
            raise ClientGone


_SHAPES = {
    CHAT: (prompts.of_chat, wire.chat),
    RESPONSES: (prompts.of_responses, wire.response),
}
"""How a request of each kind is read, and its whole answer written."""


def _thinking(digest: str) -> float:
    """Seconds until the first word, 0.12 to 0.4, the same for the same request."""
    return 0.12 + 0.28 * int(digest[:4], 16) / 0xFFFF


def _end_when_idle(server: Server, seconds: float) -> None:
    while time.monotonic() - server.last_request < seconds:
        time.sleep(min(seconds / 4, 5.0))
    server.shutdown()


def main(arguments: list[str] | None = None) -> None:
    """The command line; says ``listening on URL`` once it does."""
    parser = argparse.ArgumentParser(prog="python -m duranb.demo.standin", description=I_AM)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--journal", type=Path, required=True, metavar="FILE")
    parser.add_argument("--pace", type=float, default=1.0, help="multiplies its delays")
    parser.add_argument("--calm", action="store_true", help="nothing goes wrong")
    parser.add_argument(
        "--idle", type=float, metavar="S", help="end after so long without a request"
    )
    given = parser.parse_args(arguments)
    journal = Journal(given.journal)
    with Server(given.port, journal, pace=given.pace, calm=given.calm) as server:
        print(f"listening on {server.url}", flush=True)
        if given.idle:
            threading.Thread(target=_end_when_idle, args=(server, given.idle), daemon=True).start()
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            print("bye")
    journal.close()


if __name__ == "__main__":
    main()
