"""What went wrong with a request, as it is kept so that a replay offline meets it again: what a
server said when it refused, and the error where there was no answer."""

from __future__ import annotations

import builtins
from types import ModuleType

import msgspec

from duranb.llm.exchange import Header
from duranb.llm.shapes.common import loaded
from duranb.record.events import ErrorInfo
from duranb.text.credentials import public_text

_OF_THE_BODY = ("content-encoding", "content-length", "transfer-encoding")


class HTTPStatusError(Exception):
    """The server answered with a status that is no answer."""


def as_kept(header: Header, body: bytes) -> tuple[Header, bytes]:
    """A refusal without credentials: it may well name the key that it was shown. ``body`` has no
    content encoding."""
    text = body.decode("utf-8", "surrogateescape")
    said = public_text(text).encode("utf-8", "surrogateescape")
    headers = header.headers
    if header.method != "HEAD":
        headers = [(name, value) for name, value in headers if name.lower() not in _OF_THE_BODY]
        headers.append(("content-length", str(len(said))))
    chunks = [len(said)] if said else []
    return msgspec.structs.replace(header, headers=headers, chunks=chunks), said


def in_words(status: str, body: bytes) -> HTTPStatusError:
    """A refusal as the history has it."""
    return HTTPStatusError(f"{status}: {_error_text(body)}")


def met_again(told: ErrorInfo, *libraries: ModuleType) -> Exception:
    """A recorded error as the library that raised it would raise it again. One whose class wants
    more than words is one of its plain errors of transport."""
    for module in (*libraries, builtins):
        kind = getattr(module, told.type, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            try:
                return kind(told.message)
            except TypeError:
                break
    for module in libraries:
        for name in ("ConnectError", "ClientConnectionError", "HTTPError", "URLError"):
            kind = getattr(module, name, None)
            if isinstance(kind, type) and issubclass(kind, Exception):
                return kind(told.message)
    return ConnectionError(told.message)


def _error_text(content: bytes) -> str:
    body = loaded(content)
    found = body.get("error", body) if isinstance(body, dict) else body
    told = found.get("message", found) if isinstance(found, dict) else found
    try:
        return content[:200].decode("utf-8", "replace") if told is None else str(told)[:500]
    except RecursionError:
        return content[:200].decode("utf-8", "replace")
