"""Where requests and answers carry credentials, which never reach the store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from duranb.text.credentials import (
    HIDDEN,
    is_secret_field,
    public_fields,
    public_query,
    public_url,
)

_DROPPED_HEADERS = frozenset(
    {
        "authorization",
        "authentication-info",
        "proxy-authenticate",
        "proxy-authorization",
        "set-cookie",
        "set-cookie2",
        "www-authenticate",
        "api-key",
        "x-api-key",
        "x-auth-token",
        "x-goog-api-key",
    }
)
_FORM = "application/x-www-form-urlencoded"
_PART = re.compile(rb'(name="([^"]*)"\r\n(?:[^\r\n]+\r\n)*\r\n)([^\r]*)')
"""A field of a multipart body that is not a file: its head, its name, its value."""

_GRANTED = frozenset({"accesstoken", "idtoken", "refreshtoken"})

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def public_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Response headers without cookies and credentials; a redirect's target is a URL as well."""
    kept = []
    for name, value in headers:
        lower = name.lower()
        if lower not in _DROPPED_HEADERS:
            kept.append((name, public_url(value) if lower == "location" else value))
    return kept


def public_body(content_type: str, content: bytes, body: Any) -> bytes:
    """A request's body without credentials among its fields; ``body`` is its decoded JSON.

    The very same bytes when there are none.
    """
    if content_type.startswith(_FORM):
        return public_query(content.decode("utf-8", "replace")).encode()
    if content_type.startswith("multipart/"):
        return _PART.sub(_public_part, content)
    public = public_fields(body)
    return content if public is body else msgspec.json.encode(public)


def _public_part(found: re.Match[bytes]) -> bytes:
    head, name, _ = found.groups()
    return head + HIDDEN.encode() if is_secret_field(name.decode("utf-8", "replace")) else found[0]


def hands_out_credentials(path: str, content_type: str, body: bytes) -> bool:
    """Whether a request asks for a credential (an OAuth grant): its answer must not be stored,
    and would have expired anyway."""
    if path.rstrip("/").endswith(("/oauth/token", "/oauth2/token", "/oauth2/v2.0/token")):
        return True
    return content_type.startswith(_FORM) and b"grant_type=" in body


def grants(answer: bytes) -> bool:
    """Whether an answer is a login's: it hands out a token."""
    if answer[:1] != b"{" or b"oken" not in answer:
        return False
    try:
        found = _object.decode(answer)
    except msgspec.DecodeError:
        return False  # not an object after all
    for name, value in found.items():
        plain, text = name.lower().replace("_", ""), bytes(value)
        if (plain in _GRANTED and text[:1] == b'"') or (plain == "token" and text[:4] == b'"eyJ'):
            return True
    return False


def opens_session(headers: Mapping[str, str], body: Any) -> bool:
    """Whether a request belongs to a Model Context Protocol session.

    The server keeps state for a session, which answers from a journal would contradict.
    """
    if "mcp-session-id" in headers or "mcp-protocol-version" in headers:
        return True
    asked = body if isinstance(body, dict) else {}
    return "jsonrpc" in asked and "text/event-stream" in headers.get("accept", "")
