"""A server that answers with what a server may not send, or nobody expects: on threads of the test.

What it answers to a request is told by the request's path: ``/NAME/v1/chat/completions`` gives
:data:`ANSWERS` of that name, head and all.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import socketserver
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator

import brotli
import zstandard

NEST = 200_000
"""How deeply the worst JSON is nested."""

BOMB = 8 << 20
"""Bytes that a bomb becomes."""

_MEGABYTE = bytes(1 << 20)


def _answer(body: bytes, kind: str = "application/json", **headers: str) -> bytes:
    told = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{told}\r\n"
    return head.encode("latin-1") + body


def _said(content: object = "hello", **more: object) -> bytes:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    message = {"role": "assistant", "content": content}
    whole = {"model": "gpt-4o-mini", "choices": [{"message": message}], "usage": usage, **more}
    return json.dumps(whole).encode()


def _nested(depth: int, inner: object = "deep") -> object:
    for _ in range(depth):
        inner = [{"content": inner}]
    return inner


@functools.cache
def _bomb(kind: str) -> bytes:
    if kind == "gzip":
        packing = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
        packed = [packing.compress(_MEGABYTE) for _ in range(BOMB >> 20)] + [packing.flush()]
    elif kind == "br":
        packer = brotli.Compressor(quality=5)
        packed = [packer.process(_MEGABYTE) for _ in range(BOMB >> 20)] + [packer.finish()]
    else:
        packed = [zstandard.ZstdCompressor().compress(bytes(BOMB))]
    return _answer(b"".join(packed), Content_Encoding=kind)


def _chunked(kind: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    yield f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    for piece in pieces:
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


_STREAM = "text/event-stream"
_DEEP = b"[" * NEST + b"]" * NEST

ANSWERS: dict[str, Callable[[], Iterable[bytes]]] = {
    "nested": lambda: [_answer(b'{"choices": ' + _DEEP + b"}")],
    "nested with a token": lambda: [_answer(b'{"tokens": ' + _DEEP + b"}")],
    "nested usage": lambda: [_answer(b'{"choices": [], "usage": ' + _DEEP + b"}")],
    "nested less": lambda: [_answer(_said(_nested(300)))],
    "nested error": lambda: [
        b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n" % (len(_DEEP) + 13),
        b'{"error": ' + _DEEP + b"}  ",
    ],
    "error with 200": lambda: [_answer(json.dumps({"error": _nested(400)}).encode())],
    "huge number": lambda: [_answer(_said().replace(b": 3", b": " + b"9" * 1_000_000))],
    "large number": lambda: [_answer(_said().replace(b": 3", b": " + b"9" * 4_000))],
    "number past 64 bits": lambda: [_answer(_said(usage={"prompt_tokens": 2**70}))],
    "no number": lambda: [_answer(_said(usage={"prompt_tokens": True, "completion_tokens": -1}))],
    "infinite number": lambda: [_answer(_said().replace(b": 3", b": 1e999"))],
    "lone surrogate": lambda: [_answer(_said("\ud800"))],
    "no UTF-8": lambda: [_answer(_said().replace(b"hello", b"\xff\xfe\xed\xa0\x80"))],
    "NUL": lambda: [_answer(_said("a\0b"))],
    "long model": lambda: [_answer(_said(model="m" * 1_000_000))],
    "lines of JSON": lambda: [_answer(b'{"a": 1}\n{"b": 2}\n', "application/x-ndjson")],
    "not what it says": lambda: [_answer(b"<html>no</html>")],
    "long line": lambda: _chunked(_STREAM, _long_line()),
    "nested event": lambda: _chunked(
        _STREAM, [b'data: {"error": ' + _DEEP + b"}\n\n", b"data: [DONE]\n\n"]
    ),
    "byte by byte": lambda: _chunked(_STREAM, (b"x" for _ in range(5_000))),
    "endless stream": lambda: _chunked(_STREAM, itertools.repeat(b"data: {}\n\n" * 1000)),
    "endless line": lambda: _chunked(_STREAM, itertools.repeat(b"a" * 16_000)),
    "endless body": lambda: _chunked("application/json", itertools.repeat(b" " * 16_000)),
    "gzip bomb": lambda: [_bomb("gzip")],
    "br bomb": lambda: [_bomb("br")],
    "zstd bomb": lambda: [_bomb("zstd")],
    "no gzip": lambda: [_answer(b"not packed", Content_Encoding="gzip")],
    "cut gzip": lambda: [_answer(zlib.compress(b"a" * 99, wbits=31)[:-9], Content_Encoding="gzip")],
    "long header": lambda: [_answer(_said(), X_Long="a" * (1 << 20))],
    "many headers": lambda: [_answer(_said(), **{f"X_{n}": "a" for n in range(5000)})],
    "long pause": lambda: [_answer(_said(), x_ratelimit_reset_requests="9" * 60_000,
                                   x_ratelimit_remaining_requests="0")],
    "odd pauses": lambda: [_answer(_said(), Retry_After="Mon, 01 Jan 99999999999 00:00:00 GMT",
                                   x_ratelimit_remaining_tokens="0",
                                   x_ratelimit_reset_tokens="nan")],
    "odd reason": lambda: [_answer(_said()).replace(b"200 OK", b"200 \xff\xfe\xed\xa0\x80")],
    "odd header": lambda: [_answer(_said(), X_Odd="\xff\xfe\xed\xa0\x80")],
    "short": lambda: [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc"],
    "superscript length": lambda: [b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\nabc"],
    "negative length": lambda: [b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc"],
    "long length": lambda: [b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nabc"],
    "two lengths": lambda: [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde"
    ],
    "no head": lambda: [b"\x00\x01\x02\r\n\r\n"],
}  # fmt: skip


def _long_line() -> Iterator[bytes]:
    return itertools.chain([b"data: "], itertools.repeat(b"a" * 16_000, 200), [b"\n\n"])


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """Answer one request, and close."""
        with contextlib.suppress(OSError):  # who has read enough goes away
            name = self.rfile.readline().split()[1].decode().split("/")[1].replace("%20", " ")
            size = 0
            while (line := self.rfile.readline()).strip():
                header, _, value = line.partition(b":")
                size = int(value) if header.lower() == b"content-length" else size
            self.rfile.read(size)
            for piece in ANSWERS[name]():
                self.wfile.write(piece)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


@contextlib.contextmanager
def hostile() -> Iterator[str]:
    """Its address, while it serves."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
