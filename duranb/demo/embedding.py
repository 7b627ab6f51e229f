"""``/v1/embeddings``: vectors by feature hashing, the same for the same text everywhere."""

from __future__ import annotations

import base64
import hashlib
import itertools
import math
import re
import struct
from typing import Any

from duranb.demo.prompts import BadRequest
from duranb.demo.wire import tokens

DIMENSIONS = 256
"""Of a vector, unless the request asks for another number."""

MOST_DIMENSIONS = 4096


def embed(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """A unit vector in which texts that share words and word pairs lie close to each other."""
    vector = [0.0] * dimensions
    words = re.findall(r"\w+", text.lower())
    for feature in (*words, *(f"{a} {b}" for a, b in itertools.pairwise(words))):
        number = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest(), "little")
        vector[(number >> 1) % dimensions] += 1.0 if number & 1 else -1.0
    length = math.sqrt(sum(x * x for x in vector))
    return [x / length for x in vector] if length else vector


def body(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request. Raises :class:`BadRequest`."""
    given = request.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
        raise BadRequest("'input' has to be a text or a list of texts")
    dimensions = request.get("dimensions", DIMENSIONS)
    if not isinstance(dimensions, int) or not 1 <= dimensions <= MOST_DIMENSIONS:
        raise BadRequest(f"'dimensions' has to be a whole number from 1 to {MOST_DIMENSIONS}")
    packed = request.get("encoding_format") == "base64"
    read = sum(tokens(t) for t in texts)
    data = [
        {"object": "embedding", "index": i, "embedding": _pack(v) if packed else v}
        for i, v in enumerate(embed(t, dimensions) for t in texts)
    ]
    usage = {"prompt_tokens": read, "total_tokens": read}
    return {"object": "list", "data": data, "model": request.get("model"), "usage": usage}


def _pack(vector: list[float]) -> str:
    """Little-endian 32-bit floats in base64, which is what the openai client asks for."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
