"""Undoing content encodings piece by piece, while a body is passed on as it came.

What a library decompresses for its caller is recorded so, and can be read and replayed in an
environment that lacks the codec. Brotli and Zstandard come from the packages that made the HTTP
client advertise them.

A few bytes can be told to become gigabytes, so no codec gives more than was asked for: what is
longer than :data:`LONGEST_ANSWER` without its encoding is no answer, and is not undone to its end.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from typing import Any

from duranb.errors import AnswerTooLong

LONGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer, without its content encoding, that are taken down. What is longer is a
download, not an answer: it passes on unrecorded, and the history says so."""

Decode = Callable[[bytes], bytes]

_Undo = Callable[[bytes, int], bytes]
"""Undoes the next piece, and gives not much more than so many bytes of what comes of it."""

_SLICE = 128
"""Bytes that are given to a codec at once that cannot be told where to stop: one of Zstandard makes
4 MB of them at most."""


def too_long() -> AnswerTooLong:
    """What is raised for a body that is longer than :data:`LONGEST_ANSWER`."""
    return AnswerTooLong(
        f"the answer is longer than {LONGEST_ANSWER >> 20} MiB: it was passed on to the step and "
        "is not recorded, so it is asked for again whenever the step runs. A download belongs into "
        "a @duranb.tool, whose result is recorded"
    )


def decoder(encoding: str, advertised: str) -> Decode | None:
    """What decodes the next piece of a body, or None for an encoding that is not known here, or
    not to the client (``advertised`` is its ``Accept-Encoding``): it passes the body on as it is.

    What it returns raises :class:`AnswerTooLong`, and what the codec raises for a body that is not
    so encoded.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return bytes
    undo = _undo(encoding, advertised)
    return None if undo is None else _Bounded(undo).decode


def _undo(encoding: str, advertised: str) -> _Undo | None:
    match encoding:
        case "gzip" | "x-gzip":
            return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress
        case "deflate":
            return _deflate()
        case "br" if "br" in advertised:
            return _brotli()
        case "zstd" if "zstd" in advertised:
            return _zstandard()
    return None


def known(encoding: str, advertised: str) -> bool:
    """Whether a client that advertises these undoes an encoding, or several one after the other."""
    always = ("", "identity", "gzip", "x-gzip", "deflate")
    each = [name.strip().lower() for name in encoding.split(",")]
    return all(name in always or name in advertised for name in each)


def whole(encoding: str, body: bytes) -> bytes:
    """A whole body without its content encoding; as it came, where that is not what it says, and
    where it is too long without."""
    undo = decoder(encoding, encoding) if encoding else None
    if undo is None:
        return body
    try:
        return undo(body)
    except Exception:  # each codec raises its own; its caller has met it as well
        return body


def packed(encoding: str, body: bytes) -> bytes | None:
    """A whole body in a content encoding again; None in one that Python itself does not make."""
    kind = encoding.strip().lower()
    if kind == "deflate":
        return zlib.compress(body)
    if kind in ("gzip", "x-gzip"):
        return zlib.compress(body, wbits=zlib.MAX_WBITS | 16)
    return None


class _Bounded:
    """A codec that stops where a body is too long."""

    def __init__(self, undo: _Undo) -> None:
        self._undo = undo
        self._left = LONGEST_ANSWER

    def decode(self, piece: bytes) -> bytes:
        """What comes of the next piece."""
        data = self._undo(piece, self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise too_long()
        return data


def _deflate() -> _Undo:
    """Some servers send the zlib format, as they should, and some the bare one: the first two
    bytes tell."""
    inner: Any = None
    start = b""

    def undo(piece: bytes, most: int) -> bytes:
        nonlocal inner, start
        if inner is None:
            start += piece
            if len(start) < 2:
                return b""
            wrapped = start[0] & 0x0F == 8 and int.from_bytes(start[:2], "big") % 31 == 0
            inner = zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
            piece = start
        data: bytes = inner.decompress(piece, most)
        return data

    return undo


def _brotli() -> _Undo | None:
    """None for versions that cannot stop: a hundred bytes may be told to become gigabytes."""
    for name, method in (("brotli", "process"), ("brotlicffi", "decompress")):
        module = _module(name)
        if module is None:
            continue
        process = getattr(module.Decompressor(), method, None)
        try:
            if process is not None:
                process(b"", output_buffer_limit=1)
                return lambda piece, most: bytes(process(piece, output_buffer_limit=most))
        except TypeError:
            continue  # an earlier version, which takes no limit
    return None


def _zstandard() -> _Undo | None:
    module = _module("compression.zstd") or _module("backports.zstd")
    if module is not None:
        inner = module.ZstdDecompressor()

        def undo(piece: bytes, most: int) -> bytes:
            nonlocal inner
            if inner.eof:  # one frame may follow another
                if not piece:
                    return b""
                inner = module.ZstdDecompressor()
            data: bytes = inner.decompress(piece, most)
            rest = inner.unused_data if inner.eof else b""
            return data + undo(rest, most - len(data)) if rest and len(data) < most else data

        return undo
    module = _module("zstandard")
    if module is not None:
        older = module.ZstdDecompressor().decompressobj()
        return lambda piece, most: _sliced(older.decompress, piece, most)
    return None


def _sliced(decode: Decode, piece: bytes, most: int) -> bytes:
    """For a codec that cannot be told where to stop."""
    found, size = [], 0
    for at in range(0, len(piece), _SLICE):
        found.append(decode(piece[at : at + _SLICE]))
        size += len(found[-1])
        if size >= most:
            break
    return b"".join(found)


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None  # not installed: then the client has not advertised it either
