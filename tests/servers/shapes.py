"""A server whose answers have every shape that HTTP allows, byte by byte."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import zlib
from collections import Counter

import brotli
import zstandard

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
TEXT = "the quick brown fox, naïve and déjà vu. " * 40


def whole(body: bytes, *headers: str, status: str = "200 OK", kind: str = "text/plain") -> bytes:
    """An answer with its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body


def in_chunks(*pieces: bytes, headers: tuple[str, ...] = (), end: bytes = b"0\r\n\r\n") -> bytes:
    """An answer in chunks."""
    lines = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *headers, "", ""]
    head = "\r\n".join(lines).encode("latin-1")
    return head + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + end


def zipped(body: bytes) -> bytes:
    """The body, in gzip's format."""
    made = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    return made.compress(body) + made.flush()


_BODY = TEXT.encode()
_EVENTS = b"data: one\r\n\r\ndata: two\r\n\r\ndata: [DONE]\r\n\r\n"
_FOUND = "Location: /binary?found=1"

ANSWERS: dict[str, bytes] = {
    "no content": b"HTTP/1.1 204 No Content\r\nX-Why: nothing\r\n\r\n",
    "empty": whole(b""),
    "binary": whole(bytes(range(256)) * 300, kind="application/octet-stream"),
    "large headers": whole(b"x", *(f"X-Large-{i}: {'v' * 6000}" for i in range(5))),
    "several values": whole(b"x", "X-Two: a", "X-Two: b, c", 'Link: </next>; rel="next"'),
    "header in latin-1": whole(b"x", "X-Name: caf\xe9"),
    "chunks": in_chunks(b"first ", b"second ", b"third"),
    "trailers": in_chunks(b"a", headers=("Trailer: X-Sum",), end=b"0\r\nX-Sum: 1\r\n\r\n"),
    "until it closes": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + _BODY,
    "gzip": whole(zipped(_BODY), "Content-Encoding: gzip"),
    "deflate": whole(zlib.compress(_BODY), "Content-Encoding: deflate"),
    "brotli": whole(brotli.compress(_BODY), "Content-Encoding: br"),
    "zstandard": whole(zstandard.compress(_BODY), "Content-Encoding: zstd"),
    "gzip in chunks": in_chunks(
        zipped(_BODY)[:20], zipped(_BODY)[20:], headers=("Content-Encoding: gzip",)
    ),
    "no json": whole(b'{"a": ', kind="application/json"),
    "lone surrogate": whole(b'{"a": "\\ud800"}', kind="application/json"),
    "lines": in_chunks(
        b'{"n": 1}\n', b'{"n": 2}\n', headers=("Content-Type: application/x-ndjson",)
    ),
    "events": in_chunks(_EVENTS[:7], _EVENTS[7:], headers=("Content-Type: text/event-stream",)),
    "continue": CONTINUE + whole(b"after all"),
    "redirect": whole(b"gone", _FOUND, status="302 Found"),
    "not found": whole(b'{"error": "none"}', status="404 Not Found", kind="application/json"),
}


class _Handler(socketserver.StreamRequestHandler):
    server: Shapes

    def handle(self) -> None:
        """Answer one request after the other."""
        with contextlib.suppress(ConnectionError):
            while line := self.rfile.readline():
                self._answer(*line.decode("latin-1").split()[:2])

    def _answer(self, method: str, target: str) -> None:
        headers: dict[str, str] = {}
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        self.rfile.read(int(headers.get("content-length", 0)))
        name = target.partition("?")[0].strip("/").replace("%20", " ")
        self.server.asked[name] += 1
        answer = ANSWERS[name]
        if method == "HEAD":
            answer = answer.removeprefix(CONTINUE).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        self.wfile.write(answer)
        if b"Connection: close" in answer:
            self.connection.shutdown(socket.SHUT_RDWR)


class Shapes(socketserver.ThreadingTCPServer):
    """Answers on 127.0.0.1 from threads of this process; a context manager. ``asked`` counts the
    requests for each of :data:`ANSWERS`."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self.server_close()
