"""Where requests and answers carry credentials, which never reach the store."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from duranb.text import secretive
from duranb.text.called import is_secret_field
from duranb.text.credentials import (
    HIDDEN,
    learn_cookies,
    learn_fields,
    learn_header,
    learn_query,
    learn_url,
    public_fields,
    public_query,
    public_url,
)
from duranb.text.known import KNOWN

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
_SAYS_WHO = re.compile(r"auth|token|secret|key|passw|credential|signature|session-id|jwt")
"""In the name of a header that tells who asks."""

_SAYS_WHAT = re.compile(r"idempotency|sec-websocket|surrogate|cache|stainless|content-|accept")
"""In the name of one that does not, although it is called alike."""

_MAY_HOLD = tuple(
    f'{name}"'.encode()
    for name in [
        "key",
        "token",
        "secret",
        "passwd",
        "password",
        "credential",
        "jwt",
        "authorization",
    ]
)
"""In JSON that may have a credential among its fields."""

_URL_MAY_HOLD = re.compile(r"[@?;]|/bot\d|/services/T|/webhooks/\d")

_FORM = "application/x-www-form-urlencoded"
_PART = re.compile(rb'(name="([^"]*)"\r\n(?:[^\r\n]+\r\n)*\r\n)([^\r]*)')
"""A field of a multipart body that is not a file: its head, its name, its value."""

_GRANTED = frozenset({"accesstoken", "idtoken", "refreshtoken"})

_SEARCHED = 1 << 18
"""Bytes up to which a body that is no JSON is looked through."""

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def learn(url: str, host: str, headers: Mapping[str, str], content: bytes, body: Any) -> bool:
    """Know every credential that a request carries; whether its content may hold one, so that it
    has to be looked through again before it is stored. ``body`` is its decoded JSON, or None.
    ``headers`` must look names up in lower case."""
    if _URL_MAY_HOLD.search(url):
        learn_url(url, f"a request to {host}")
    for name, value in headers.items():
        if _says_who(name):
            learn_header(name.lower(), value, f"of a request to {host}")
    content_type = headers.get("content-type", "")
    is_form = content_type.startswith((_FORM, "multipart/"))
    if content_type.startswith(_FORM):
        learn_query(content.decode("utf-8", "replace"), f"a form sent to {host}")
    elif is_form:
        for _, field, value in _PART.findall(content):
            if is_secret_field(field.decode("utf-8", "replace")):
                KNOWN.learn(value, f"a form sent to {host}")
            elif len(value) <= _SEARCHED:
                _learn_text(value, host)
    elif body is None and len(content) <= _SEARCHED:
        _learn_text(content, host)
    if isinstance(body, dict) and isinstance(asked := body.get("query"), str):
        _learn_text(asked.encode("utf-8", "surrogatepass"), host)  # GraphQL
    may_hold = body is not None and _may_hold(content)
    if may_hold:
        learn_fields(body, f"a request to {host},")
    return is_form or may_hold


def _learn_text(content: bytes, host: str) -> None:
    """Know what XML, lines of JSON and other texts give under names that say so."""
    for value in secretive.in_text(content.decode("utf-8", "replace")):
        KNOWN.learn(value, f"a request to {host}")


def _may_hold(content: bytes) -> bool:
    """Whether JSON may have a credential among its fields: finding the ends of their names in it
    takes a tenth of the time of going through them. An escape may hide a name."""
    plain = content.lower().translate(None, b"-_")
    return b"\\u" in plain or any(name in plain for name in _MAY_HOLD)


def learn_sent(url: str, headers: Mapping[str, str]) -> None:
    """Know what a request carried in its URL and headers, as it was sent: its client may have put
    a credential there after it was looked at."""
    learn(url, urlsplit(url).hostname or "", headers, b"", None)


@functools.lru_cache(maxsize=4096)
def _says_who(name: str) -> bool:
    lower = name.lower()
    says = _SAYS_WHO.search(lower) is not None and _SAYS_WHAT.search(lower) is None
    return says or lower == "cookie"


def public_headers(headers: Iterable[tuple[str, str]], url: str) -> list[tuple[str, str]]:
    """The headers of an answer of ``url`` without cookies, which are known from now on, and
    credentials; a redirect's target is a URL as well."""
    kept = []
    for name, value in headers:
        lower = name.lower()
        if lower not in _DROPPED_HEADERS:
            kept.append((name, public_url(value) if lower == "location" else value))
        elif lower.startswith("set-cookie"):
            learn_cookies(value.partition(";")[0], f"of {urlsplit(url).hostname or ''}")
    return kept


def public_body(content_type: str, content: bytes, body: Any) -> bytes:
    """A request's content without credentials among its fields; ``body`` is its decoded JSON.

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
    except (msgspec.DecodeError, RecursionError):
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
