"""What never reaches the store: credentials, wherever a request or a response carries them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

HIDDEN = "***"

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
_SECRET_PARAMETERS = frozenset(
    {
        "access_token",
        "api-key",
        "api_key",
        "apikey",
        "auth",
        "client_secret",
        "code",
        "key",
        "password",
        "refresh_token",
        "secret",
        "sig",
        "signature",
        "subscription-key",
        "token",
        "x-amz-credential",
        "x-amz-security-token",
        "x-amz-signature",
        "x-goog-credential",
        "x-goog-signature",
    }
)
_SECRET_FIELDS = frozenset(
    {
        "access_token",
        "api-key",
        "api_key",
        "apikey",
        "authorization",
        "client_secret",
        "password",
        "refresh_token",
        "secret",
    }
)


def is_secret_parameter(name: str) -> bool:
    """Whether a query parameter of this name may hold a credential."""
    return name.lower() in _SECRET_PARAMETERS


def public_url(url: str) -> str:
    """A URL without its user, with the values of parameters that may hold a credential hidden."""
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    query = parts.query
    if query:
        pairs = parse_qsl(query, keep_blank_values=True)
        if any(is_secret_parameter(name) for name, _ in pairs):
            query = "&".join(
                f"{quote(name)}={HIDDEN if is_secret_parameter(name) else quote(value)}"
                for name, value in pairs
            )
    return urlunsplit((parts.scheme, netloc, parts.path, query, ""))


def public_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Response headers without cookies and credentials; a redirect's target is a URL as well."""
    kept = []
    for name, value in headers:
        lower = name.lower()
        if lower not in _DROPPED_HEADERS:
            kept.append((name, public_url(value) if lower == "location" else value))
    return kept


def without_secrets(body: Any) -> Any:
    """A decoded JSON request body with credentials among its top-level fields hidden.

    The very same object when there are none.
    """
    if not isinstance(body, dict) or not any(str(k).lower() in _SECRET_FIELDS for k in body):
        return body
    return {k: HIDDEN if str(k).lower() in _SECRET_FIELDS else v for k, v in body.items()}


def hands_out_credentials(path: str, content_type: str, body: bytes) -> bool:
    """Whether a request asks for a credential (an OAuth grant): its answer must not be stored,
    and would have expired anyway."""
    if path.rstrip("/").endswith(("/oauth/token", "/oauth2/token", "/oauth2/v2.0/token")):
        return True
    return content_type.startswith("application/x-www-form-urlencoded") and b"grant_type=" in body


def opens_session(headers: Mapping[str, str], body: Any) -> bool:
    """Whether a request belongs to a Model Context Protocol session.

    The server keeps state for a session, which answers from a journal would contradict.
    """
    if "mcp-session-id" in headers or "mcp-protocol-version" in headers:
        return True
    asked = body if isinstance(body, dict) else {}
    return "jsonrpc" in asked and "text/event-stream" in headers.get("accept", "")
