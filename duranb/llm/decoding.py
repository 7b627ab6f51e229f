"""Undoing content encodings piece by piece, while a body is passed on as it came.

What a library decompresses for its caller is recorded so, and can be read and replayed in an
environment that lacks the codec. Brotli and Zstandard come from the packages that made the HTTP
client advertise them.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from typing import Any

Decode = Callable[[bytes], bytes]


def decoder(encoding: str, advertised: str) -> Decode | None:
    """What decodes the next piece of a body, or None for an encoding that is not known here, or
    not to the client (``advertised`` is its ``Accept-Encoding``): it passes the body on as it is.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return bytes
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
    """A whole body without its content encoding; as it came, where that is not what it says."""
    undo = decoder(encoding, encoding) if encoding else None
    if undo is None:
        return body
    try:
        return undo(body)
    except Exception:  # each codec raises its own; its caller has met it as well
        return body


def _deflate() -> Decode:
    """Some servers send the zlib format, as they should, and some the bare one: the first two
    bytes tell."""
    inner: Any = None
    start = b""

    def decode(piece: bytes) -> bytes:
        nonlocal inner, start
        if inner is None:
            start += piece
            if len(start) < 2:
                return b""
            wrapped = start[0] & 0x0F == 8 and int.from_bytes(start[:2], "big") % 31 == 0
            inner = zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
            piece = start
        data: bytes = inner.decompress(piece)
        return data

    return decode


def _brotli() -> Decode | None:
    for name in ("brotli", "brotlicffi"):
        module = _module(name)
        if module is not None:
            inner = module.Decompressor()
            decode: Decode = getattr(inner, "process", None) or inner.decompress
            return decode
    return None


def _zstandard() -> Decode | None:
    module = _module("compression.zstd") or _module("backports.zstd")
    if module is not None:
        decode: Decode = module.ZstdDecompressor().decompress
        return decode
    module = _module("zstandard")
    if module is not None:
        older: Decode = module.ZstdDecompressor().decompressobj().decompress
        return older
    return None


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None  # not installed: then the client has not advertised it either
