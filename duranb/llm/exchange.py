"""A recorded HTTP exchange as data: a small JSON header, the request's body, the response's body.

The layout is ``DXCH``, the header's length as four bytes (big-endian), the header, then both
bodies one after the other. Nothing in it is ever unpickled. The response's body is what its caller
was given, with the sizes in which it came, so that a stream replays as it streamed. Most libraries
give it decompressed; where it is not, its headers say so.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from duranb.errors import StoreDamaged, StoreTooNew
from duranb.llm import decoding
from duranb.record.artifacts import Buffer

MAGIC = b"DXCH"
VERSION = 1

LONGEST_REQUEST = 2 * 1024 * 1024
"""Bytes of a request's body that are kept to be looked at; of a longer one only its size is. What
identifies a request is its key, so this costs nothing but the sight of it."""


class Hop(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A redirect that was followed on the way to the answer."""

    method: str
    url: str
    status: int
    headers: list[tuple[str, str]] = []


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything about an exchange but its bodies.

    ``url`` is the one that was asked, ``final_url`` the one that answered after redirects (else
    empty). ``elapsed`` is in microseconds. ``chunks`` are the sizes in which the body came.
    ``request_size`` is the true size of the request's body, of which ``request_kept`` bytes follow.
    """

    version: int = VERSION
    method: str
    url: str
    final_url: str = ""
    final_method: str = ""
    content_type: str = ""
    request_size: int = 0
    request_kept: int = 0
    status: int = 200
    reason: str = ""
    http_version: str = "HTTP/1.1"
    headers: list[tuple[str, str]] = []
    chunks: list[int] = []
    streamed: bool = False
    elapsed: int = 0
    hops: list[Hop] = []

    def response_header(self, name: str) -> str:
        """The value of a response header (``name`` in lower case), or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name), "")


class Exchange(msgspec.Struct, frozen=True):
    """A decoded exchange; the bodies are views into the bytes it was decoded from."""

    header: Header
    request: memoryview
    body: memoryview

    def chunks(self) -> list[bytes]:
        """The response's body in the pieces in which it came."""
        pieces, at = [], 0
        for size in self.header.chunks:
            pieces.append(bytes(self.body[at : at + size]))
            at += size
        return pieces

    @property
    def plain(self) -> bytes:
        """The response's body, decompressed."""
        return decoding.whole(self.header.response_header("content-encoding"), bytes(self.body))


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Header] = msgspec.json.Decoder(Header)


def encode(header: Header, request: bytes, chunks: Sequence[bytes]) -> list[Buffer]:
    """The parts to store; ``request`` has ``header.request_kept`` bytes."""
    head = _encoder.encode(header)
    return [MAGIC + len(head).to_bytes(4, "big") + head, request, *chunks]


def decode(data: Buffer) -> Exchange:
    """What :func:`encode` made, in one piece.

    Raises :class:`duranb.errors.StoreDamaged` when it is anything else, and
    :class:`duranb.errors.StoreTooNew` when a later version wrote it.
    """
    view = memoryview(data).cast("B")
    if bytes(view[:4]) != MAGIC:
        raise StoreDamaged("a recorded call is not an HTTP exchange: its artifact was mistaken")
    start = 8 + int.from_bytes(view[4:8], "big")
    try:
        header = _decoder.decode(view[8:start])
    except (msgspec.DecodeError, RecursionError) as error:
        raise StoreDamaged(f"a recorded call cannot be read: {error}") from error
    if header.version > VERSION:
        raise StoreTooNew(
            "a recorded call was written by a later version of duranb: update this one"
        )
    body = start + header.request_kept
    return Exchange(header, view[start:body], view[body:])
