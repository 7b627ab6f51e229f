"""How many tokens a request and an answer are taken to have, where nobody tells.

OpenAI's streams tell only those who ask with ``stream_options={"include_usage": True}``, and few
other servers tell at all. What is guessed is never shown as what was paid: it is what a budget and
a limit in tokens count, which would have no end otherwise.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from duranb.llm.shapes.common import Tokens

BYTES = 4
"""Bytes of a token, in JSON as in text."""

IMAGE = 1500
"""Tokens that something encoded in a request (an image, a file) is taken to be."""

_ENCODED = re.compile(rb"[A-Za-z0-9+/=_-]{2000,}")


def encoded(content: bytes) -> list[bytes]:
    """What is encoded in a request, such as images: its length tells nothing about its tokens."""
    return _ENCODED.findall(content)


def of_exchange(model: str, asked: Any, told: str) -> Tokens:
    """What an exchange is taken to have had, whose request was ``asked`` as decoded JSON, and whose
    answer ``told`` so much."""
    content = msgspec.json.encode(asked)
    images = encoded(content)
    size = len(content) - sum(map(len, images))
    output = -(-len(told.encode("utf-8", "surrogatepass")) // BYTES)
    return Tokens(model, size // BYTES + IMAGE * len(images), output)
