"""Responses of :mod:`http.client` whose bytes come from us: what urllib, urllib3 and requests read.

They are made the way the standard library makes them, by reading an answer off a socket; only the
socket is ours. So chunks, lengths, a body that is cut short and a connection that is closed are
seen by those libraries, and by their callers, as they are on a real one.
"""

from __future__ import annotations

import http.client
import io
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from duranb.engine.flows import run
from duranb.llm.flight import SMALL
from duranb.llm.sending import Headers, Recorded, lower, on_the_wire
from duranb.llm.tape import Tape

MOST = 64 * 1024
"""Bytes that are read at once."""


class _Body(io.RawIOBase):
    """The bytes of an answer, as they come; ``closing`` is called once, when it is closed."""

    def __init__(self, pieces: Iterator[bytes], closing: Callable[[], None]) -> None:
        self._pieces = pieces
        self._closing = closing
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """What has come, or else what comes next; 0 at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def close(self) -> None:
        """Its reader goes away, whether it has read all of it or not."""
        if not self.closed:
            super().close()
            self._closing()


class _Socket:
    """What :class:`http.client.HTTPResponse` wants of a socket."""

    def __init__(self, body: _Body) -> None:
        self._body = body

    def makefile(self, mode: str) -> io.BufferedReader:
        """The bytes that come."""
        return io.BufferedReader(self._body, MOST)


def response(
    status: int,
    reason: str,
    version: str,
    headers: Headers,
    pieces: Iterator[bytes],
    *,
    method: str,
    closing: Callable[[], None],
) -> http.client.HTTPResponse:
    """A response whose body comes in ``pieces``; ``closing`` is called when it is closed."""
    chunked = "chunked" in lower(headers).get("transfer-encoding", "").lower()
    head = f"{'HTTP/1.0' if version == 'HTTP/1.0' else 'HTTP/1.1'} {status} {reason}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers)

    def sent() -> Iterator[bytes]:
        yield on_the_wire(head + "\r\n")
        for piece in pieces:
            yield b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
        if chunked:
            yield b"0\r\n\r\n"

    found = http.client.HTTPResponse(_Socket(_Body(sent(), closing)), method=method)  # type: ignore[arg-type]
    found.begin()
    return found


def replayed(
    recorded: Recorded, method: str, abandoned: Callable[[], None]
) -> http.client.HTTPResponse:
    """A recorded answer; ``abandoned`` is called when it is closed before its end."""
    left = list(reversed(recorded.pieces))

    def pieces() -> Iterator[bytes]:
        while left:
            yield left.pop()

    def closing() -> None:
        if left:
            abandoned()

    status, reason, version = recorded.status, recorded.reason, recorded.version
    reason = reason or http.client.responses.get(status, "")
    headers = recorded.headers
    return response(status, reason, version, headers, pieces(), method=method, closing=closing)


def teed(
    live: http.client.HTTPResponse, tape: Tape, method: str, *, at_once: bool
) -> http.client.HTTPResponse:
    """A response that passes on what ``live`` gives, and has it taken down; with ``at_once``, and
    where nothing will come, that has happened when this returns."""

    def closing() -> None:
        try:
            tape.close()
        finally:
            live.close()

    pieces = _taken_down(live, tape)
    status, version = live.status, "HTTP/1.0" if live.version == 10 else "HTTP/1.1"
    return response(
        status,
        live.reason,
        version,
        live.headers.items(),
        _read(pieces) if at_once or live.length == 0 else pieces,
        method=method,
        closing=closing,
    )


def _taken_down(live: http.client.HTTPResponse, tape: Tape) -> Iterator[bytes]:
    left = live.length
    while True:
        try:
            piece = _some(live, left)
        except Exception as error:
            yield from tape.cut(error)
            raise
        if not piece:
            break
        left = None if left is None else left - len(piece)
        yield from run(tape.feed(piece))
    if left:
        yield from tape.cut(ConnectionError(f"the answer is {left} bytes short"))
    else:
        yield from run(tape.end())


def _some(live: http.client.HTTPResponse, left: int | None) -> bytes:
    """What has come of a body of which ``left`` bytes are to come, or what comes next. Some
    versions of ``read1`` do not keep count, and then wait for bytes of the next answer."""
    if live.isclosed():
        return b""
    if left is not None:
        live.length = left
        if not left:
            return live.read()  # lets go of the connection
    return live.read1(MOST if left is None else min(MOST, left))


def _read(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """All of them, now, or as many as are small; the others when they are asked for. So is raised
    what goes wrong."""
    found, size = [], 0
    try:
        for piece in pieces:
            found.append(piece)
            size += len(piece)
            if size > SMALL:
                break
    except (OSError, http.client.HTTPException) as error:
        return _then(found, error)
    return itertools.chain(found, pieces)


def _then(pieces: Iterable[bytes], error: Exception) -> Iterator[bytes]:
    yield from pieces
    raise error
