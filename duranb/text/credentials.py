"""What never reaches the store: credentials, wherever a URL, a field or a message carries them.

They are told by their names, so a name nobody would give to anything else is enough; hiding too
much costs only the sight of it.
"""

from __future__ import annotations

import functools
import re
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

HIDDEN = "***"

_ENDINGS = (
    "accesskey",
    "accesstoken",
    "apikey",
    "apitoken",
    "authkey",
    "authorization",
    "authorizationtoken",
    "authtoken",
    "bearertoken",
    "credential",
    "idtoken",
    "jwt",
    "passwd",
    "password",
    "privatekey",
    "refreshtoken",
    "secret",
    "secretkey",
    "securitytoken",
    "sessiontoken",
    "subscriptionkey",
)
_PARAMETERS = frozenset({"appid", "auth", "code", "key", "sig", "token"})
_VARIABLE = re.compile(r"^(?!JPY_|JUPYTER|DURANB_).*(KEY|KEY_ID|TOKEN|SECRET|PASSWORD|PASSWD)$")
"""Variables of the environment; Jupyter's own are another one for each kernel."""

_SECRET_PATH = re.compile(r"(/bot\d+:|/services/T\w+/B\w+/|/webhooks/\d+/)[\w-]+")
"""Where Telegram, Slack and Discord put theirs."""

_URL = re.compile(r"\b[a-zA-Z][\w+.-]*://[^\s'\"<>]+")


@functools.lru_cache(maxsize=4096)
def is_secret_field(name: str) -> bool:
    """Whether a field of this name holds a credential, if it holds a text."""
    plain = name.lower().replace("-", "").replace("_", "")
    return plain == "token" or plain.endswith(_ENDINGS)


def is_secret_variable(name: str) -> bool:
    """Whether a variable of the environment of this name holds a credential."""
    return _VARIABLE.search(name.upper()) is not None


def is_secret_parameter(name: str) -> bool:
    """Whether a query parameter of this name may hold a credential."""
    lower = name.lower()
    return lower in _PARAMETERS or is_secret_field(lower) or lower.endswith("signature")


def public_path(path: str) -> str:
    """A URL's path without the credentials that some APIs put there."""
    return _SECRET_PATH.sub(rf"\g<1>{HIDDEN}", path)


def public_query(query: str) -> str:
    """A query, or a form's body, with the values of parameters that may hold a credential hidden;
    the same text when there are none."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if not any(is_secret_parameter(name) for name, _ in pairs):
        return query
    return "&".join(
        f"{quote(name)}={HIDDEN if is_secret_parameter(name) else quote(value)}"
        for name, value in pairs
    )


def public_url(url: str) -> str:
    """A URL without its user, its fragment, and the values that may be credentials."""
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit(
        (parts.scheme, netloc, public_path(parts.path), public_query(parts.query), "")
    )


def public_text(text: str) -> str:
    """A message in which each URL is without its user and its credentials: many an exception
    tells the whole URL."""
    return _URL.sub(_public, text) if "://" in text else text


def _public(found: re.Match[str]) -> str:
    url, _, fragment = found.group().partition("#")
    try:
        public = public_url(url)
    except ValueError:
        return HIDDEN  # not a URL after all, and nobody knows what
    return f"{public}#{fragment}" if fragment else public


def public_fields(body: Any) -> Any:
    """Decoded JSON with the texts of fields that hold a credential hidden, however deep.

    The very same object when there are none.
    """
    if isinstance(body, dict):
        hidden = {name: _field(str(name), value) for name, value in body.items()}
        return hidden if any(hidden[name] is not body[name] for name in hidden) else body
    if isinstance(body, list) and body and isinstance(body[0], (dict, list)):
        items = [public_fields(item) for item in body]
        return items if any(a is not b for a, b in zip(items, body, strict=True)) else body
    return body


def _field(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return HIDDEN if is_secret_field(name) else value
    return public_fields(value)
