"""Which requests ask a model something, told by path and body.

The hook journals every HTTP request of a step; what this decides is whether it counts as ``llm``
(it has tokens and a price, and its answer can be rejected) or as plain ``http``, how it is called
in the timeline, and in which shape it is to be read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

LONGEST_MODEL = 200
"""Characters of a model's name that are kept."""


@dataclass(frozen=True)
class Endpoint:
    """What a path speaks. ``shape`` names a reader in :mod:`duranb.llm.shapes`, or is empty when
    nobody here can read it; ``verb`` begins the call's name."""

    shape: str
    verb: str


_BY_PATH: tuple[tuple[re.Pattern[str], Endpoint], ...] = tuple(
    (re.compile(pattern), Endpoint(shape, verb))
    for pattern, shape, verb in (
        (r"/chat/completions$", "chat", "chat"),
        (r"/(?:fim/|agents/)?completions$", "completion", "complete"),
        (r"/responses$", "responses", "respond"),
        (r"/embeddings$", "embeddings", "embed"),
        (r":(?:generateContent|streamGenerateContent)$", "gemini", "generate"),
        (r":(?:embedContent|batchEmbedContents)$", "gemini-embeddings", "embed"),
        (r":(?:rawPredict|streamRawPredict)$", "messages", "message"),
        (r"/model/[^/]+/invoke$", "messages", "message"),
        (r"/model/[^/]+/(?:invoke-with-response-stream|converse|converse-stream)$", "", "converse"),
        (r"/api/chat$", "", "chat"),
        (r"/api/generate$", "", "generate"),
        (r"/(?:api/)?embed$", "", "embed"),
        (r"/(?:v\d+/)?rerank$", "", "rerank"),
        (r"/moderations$", "", "moderate"),
        (r"/images/(?:generations|edits|variations)$", "", "image"),
        (r"/audio/speech$", "", "speak"),
        (r"/audio/(?:transcriptions|translations)$", "", "transcribe"),
        (r"/v\d+/ocr$", "", "ocr"),
    )
)
_POLLED = re.compile(r"/responses/([^/]+)$")
_POLL = Endpoint("responses", "poll")
_MESSAGES = Endpoint("messages", "message")
_SOME_MODEL = Endpoint("", "ask")
_ASKING = ("messages", "input", "prompt", "contents")
_MODEL_IN_PATH = re.compile(r"/(?:models|model|deployments)/([^/:]+)")


def recognise(method: str, path: str, body: Any) -> Endpoint | None:
    """The endpoint a request speaks to, or None when it is not a model's.

    ``body`` is the decoded JSON body, or None.
    """
    path = path.rstrip("/")
    asked = body if isinstance(body, dict) else {}
    if method == "GET":
        return _POLL if _POLLED.search(path) else None
    if method != "POST":
        return None
    if path.endswith("/messages") and "messages" in asked:
        return _MESSAGES
    for pattern, endpoint in _BY_PATH:
        if pattern.search(path):
            return endpoint
    if isinstance(asked.get("model"), str) and any(word in asked for word in _ASKING):
        return _SOME_MODEL
    return None


def model_asked(path: str, body: Any) -> str:
    """The model a request names, in its body or in its path; empty when it names none."""
    if isinstance(body, dict) and isinstance(body.get("model"), str):
        return str(body["model"])[:LONGEST_MODEL]
    found = _MODEL_IN_PATH.search(path)
    return found.group(1)[:LONGEST_MODEL] if found else ""


def call_name(endpoint: Endpoint | None, method: str, host: str, path: str, body: Any) -> str:
    """What a person reads in the timeline: ``chat gpt-4o-mini``, ``GET api.example.com/items``."""
    if endpoint is None:
        return f"{method} {host}{path}"
    polled = _POLLED.search(path) if endpoint is _POLL else None
    subject = polled.group(1) if polled else model_asked(path, body)
    return f"{endpoint.verb} {subject}".rstrip()
