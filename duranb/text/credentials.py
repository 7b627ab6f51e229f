"""What never reaches the store: credentials, wherever a URL, a field or a message carries them.

They are told by their names, so a name nobody would give to anything else is enough; hiding too
much costs only the sight of it.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

from duranb.text.called import is_secret_field, is_secret_parameter
from duranb.text.known import KNOWN
from duranb.text.secretive import SECRET_PATH

HIDDEN = "***"

NO_KEY = "not-needed"
"""What stands for a credential in a replay, where nobody will ever see it."""

_URL = re.compile(r"\b[a-zA-Z][\w+.-]*://[^\s'\"<>]+")


def public_path(path: str) -> str:
    """A URL's path without the credentials that some APIs put there."""
    return SECRET_PATH.sub(rf"\g<1>{HIDDEN}", path)


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


@functools.lru_cache(maxsize=512)
def public_url(url: str) -> str:
    """A URL without its user, its fragment, and the values that may be credentials."""
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit(
        (parts.scheme, netloc, public_path(parts.path), public_query(parts.query), "")
    )


def public_text(text: str) -> str:
    """A message without the secrets that are known, and in which each URL is without its user and
    its credentials: many an exception tells the whole URL."""
    text = KNOWN.masked_text(text)
    return _URL.sub(_public, text) if "://" in text else text


def _public(found: re.Match[str]) -> str:
    url, _, fragment = found.group().partition("#")
    try:
        public = public_url(url)
    except ValueError:
        return HIDDEN  # not a URL after all, and nobody knows what
    return f"{public}#{fragment}" if fragment else public


def learn_fields(body: Any, said: str) -> None:
    """Know what the fields of decoded JSON, or arguments, hold that are called as credentials are,
    however deep; ``said`` tells people whose they are."""
    stack = [body]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            for name, value in part.items():
                if isinstance(value, str):
                    if is_secret_field(str(name)):
                        KNOWN.learn(value, f"{said} {name}")
                else:
                    stack.append(value)
        elif isinstance(part, (list, tuple)) and part and not isinstance(part[0], str):
            stack += part


@functools.lru_cache(maxsize=1024)  # a client sends the same with each request
def learn_header(name: str, value: str, whose: str) -> None:
    """Know the credential in a header; ``name`` in lower case, ``whose`` tells people the rest."""
    if name == "cookie":
        learn_cookies(value, whose)
        return
    scheme, _, rest = value.strip().partition(" ")
    if "authorization" not in name:
        scheme, rest = "", value
    said = f"the header {name} {whose}"
    KNOWN.learn(rest.strip() or scheme, said)
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(rest, validate=True)
        except binascii.Error:
            return  # not what it says it is; as a whole it is known
        KNOWN.learn(pair.partition(b":")[2], said)


@functools.lru_cache(maxsize=1024)
def learn_cookies(text: str, whose: str) -> None:
    """Know the values of a header's cookies."""
    for pair in text.split(";"):
        name, _, value = pair.strip().partition("=")
        KNOWN.learn(value.strip('"'), f"the cookie {name} {whose}")


def learn_url(url: str, said: str) -> None:
    """Know the password, the parameters and the parts of the path of a URL that are credentials."""
    parts = urlsplit(url)
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    for value in {password, unquote(password)}:
        KNOWN.learn(value, f"{said}, in its URL")
    if password:
        pair = f"{unquote(user)}:{unquote(password)}".encode()
        KNOWN.learn(base64.b64encode(pair), f"{said}, in its URL")
    for found in SECRET_PATH.finditer(parts.path):
        KNOWN.learn(found.group()[len(found.group(1)) :], f"{said}, in its path")
    learn_query(parts.query, said)


def learn_query(query: str, said: str) -> None:
    """Know what a query, or a form's body, has in parameters that may hold a credential."""
    for name, value in parse_qsl(query):
        if is_secret_parameter(name):
            KNOWN.learn(value, f"{said}, {name}=", sure=is_secret_field(name))


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
