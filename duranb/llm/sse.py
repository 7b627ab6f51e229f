"""Server-sent events: cutting them out of a byte stream, and telling which of them is the last.

An SDK stops reading at a terminal marker without waiting for the body's end, so the marker, not
the end, is what completes an answer.
"""

from __future__ import annotations

import re
from enum import Enum

import msgspec

_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_OPEN_MARKER = re.compile(
    rb"^data: ?\[DONE\]"
    rb"|^event: ?(?:response\.(?:completed|incomplete|failed)|message_stop)\b"
    rb'|"type" ?: ?"(?:response\.(?:completed|incomplete|failed)|message_stop)"',
    re.MULTILINE,
)
_LONGEST_MARKER = 64
"""More bytes than an open marker has."""

_HINT = re.compile(rb"\[DONE\]|response\.(?:completed|incomplete|failed)|message_stop|error")
_FINISHED = re.compile(rb'"(?:finish_reason|stop_reason|finishReason)"\s*:\s*"[^"]')
_LAST = frozenset({"response.completed", "response.incomplete", "message_stop"})
_FAILED = frozenset({"response.failed", "error"})


class Verdict(Enum):
    """What an event means for the stream it is in."""

    MORE = "more"
    LAST = "last"
    FAILED = "failed"


_NULL = msgspec.Raw(b"null")


class _Peek(msgspec.Struct):
    type: str | None = None
    error: msgspec.Raw = _NULL


_peek = msgspec.json.Decoder(_Peek)


class Splitter:
    """Cuts a byte stream into events, whatever the pieces it comes in."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._looked = 0  # so far for the last event's marker: the rest may be megabytes long
        self._ending = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that ``piece`` completes."""
        seen = max(0, len(self._rest) - 3)
        self._rest += piece
        events, start = [], 0
        for gap in _BLANK_LINE.finditer(self._rest, seen):
            events.append(bytes(self._rest[start : gap.start()]))
            start = gap.end()
        if start:
            del self._rest[:start]
            self._looked, self._ending = 0, False
        return events

    @property
    def rest(self) -> bytes:
        """The bytes after the last complete event."""
        return bytes(self._rest)

    @property
    def ending(self) -> bool:
        """Whether the event that is on its way looks like the last one."""
        if not self._ending:
            at = max(0, self._looked - _LONGEST_MARKER)
            self._ending = _OPEN_MARKER.search(self._rest, at) is not None
            self._looked = len(self._rest)
        return self._ending


def fields(event: bytes) -> tuple[str, bytes]:
    """An event's name and its data."""
    name, data = "", []
    for line in event.splitlines():
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif line.startswith(b"event:"):
            name = line[6:].strip().decode("utf-8", "replace")
    return name, b"\n".join(data)


def verdict(event: bytes) -> Verdict:
    """Whether an event ends its stream, and how."""
    if _HINT.search(event) is None:
        return Verdict.MORE
    name, data = fields(event)
    if data.strip() == b"[DONE]":
        return Verdict.LAST
    kind, error = name, False
    if data[:1] == b"{":
        try:
            peeked = _peek.decode(data)
        except (msgspec.DecodeError, RecursionError):
            peeked = _Peek()  # not an object of the shape that carries a marker
        kind = peeked.type or name
        error = bytes(peeked.error) != b"null"
    if kind in _LAST:
        return Verdict.LAST
    if kind in _FAILED or (error and not kind):
        return Verdict.FAILED
    return Verdict.MORE


def finishes(event: bytes) -> bool:
    """Whether an event gives the reason why its answer ended."""
    return _FINISHED.search(event) is not None


def payloads(body: bytes) -> list[bytes]:
    """The data of each event in a whole body, markers left out."""
    found = []
    plain = b"\r" not in body
    for event in body.split(b"\n\n") if plain else _BLANK_LINE.split(body):
        if plain and event.startswith(b"data: ") and b"\n" not in event:
            data = event[6:]
        else:
            data = fields(event)[1]
        if data and data.strip() != b"[DONE]":
            found.append(data)
    return found
