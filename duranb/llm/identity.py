"""What makes two requests the same: method, host, path, query and canonical body.

Headers do not count: they carry credentials, retry counters and client versions. Those that say
which part or form of a thing is asked for do, where it is not a model that is asked. The scheme
does not count. The port does: two models served on one machine are two models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import blake3
import msgspec

from duranb.llm import private
from duranb.llm.endpoints import Endpoint, call_name, recognise
from duranb.record.kinds import Kind
from duranb.text.called import is_secret_parameter
from duranb.text.credentials import public_path, public_url

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder()
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)

_ASKING = ("accept", "accept-language", "range", "if-none-match", "if-modified-since")

UNTOUCHED = (
    *("/v1/traces", "/v1/metrics", "/v1/logs"),  # OpenTelemetry
    "/traces/ingest",  # openai-agents
    *("/runs/batch", "/runs/multipart"),  # LangSmith
    "/envelope",  # Sentry
    "/i/v0/e",  # PostHog
)
"""Ends of paths that telemetry is sent to. It is sent from threads of its own, may belong to
anything, and must neither be journaled nor make a strict replay fail."""


@dataclass(frozen=True)
class Asked:
    """A request as the journal knows it.

    ``key`` identifies it within its step; ``body`` is its decoded JSON body, or None; ``endpoint``
    is None when it is not a model that is asked. Its content ``may_hold`` credentials.
    """

    key: str
    name: str
    endpoint: Endpoint | None
    method: str
    url: str
    content_type: str
    content: bytes
    body: Any
    may_hold: bool

    @property
    def kind(self) -> Kind:
        """Whether it is a model that is asked."""
        return Kind.HTTP if self.endpoint is None else Kind.LLM


def identify(
    method: str, url: str, target: bytes, host: str, headers: Mapping[str, str], content: bytes
) -> Asked | None:
    """The identity of a request, or None when it is none of the journal's business.

    ``target`` is path and query as they are sent, ``host`` the host with its port if that is not
    the scheme's own; ``headers`` must look names up in lower case.
    """
    raw_path, _, raw_query = target.partition(b"?")
    path, query = raw_path.decode("ascii", "replace"), raw_query.decode("ascii", "replace")
    content_type = headers.get("content-type", "")
    body = _decoded(content)
    place = urlsplit(url).hostname or ""
    try:
        may_hold = private.learn(url, place, headers, content, body)
    except RecursionError:  # it is nested too deeply to be searched: it is not kept either
        may_hold = True
    if (
        path.rstrip("/").endswith(UNTOUCHED)
        or private.hands_out_credentials(path, content_type, content)
        or private.opens_session(headers, body)
    ):
        return None
    endpoint = recognise(method, path, body)
    canonical = content if body is None else _canonical(body, content)
    if content_type.startswith("multipart/"):
        canonical = _without_boundary(content_type, content)
    hasher = blake3.blake3()
    for part in (method, host, path, _canonical_query(query, endpoint)):
        hasher.update(part.encode())
        hasher.update(b"\0")
    hasher.update(canonical)
    if endpoint is None:
        for name in _ASKING:
            asked_for = headers.get(name, "*/*")
            if asked_for != "*/*":
                hasher.update(f"\0{name}: {asked_for}".encode())
    return Asked(
        key=hasher.hexdigest(16),
        name=call_name(endpoint, method, host, public_path(path), body),
        endpoint=endpoint,
        method=method,
        url=public_url(url),
        content_type=content_type,
        content=content,
        body=body,
        may_hold=may_hold,
    )


def _decoded(content: bytes) -> Any:
    if content[:1] not in (b"{", b"["):
        return None
    try:
        return _decoder.decode(content)
    except (msgspec.DecodeError, RecursionError):
        return None  # not JSON after all: its bytes identify it


def _canonical(body: Any, content: bytes) -> bytes:
    try:
        return _encoder.encode(body)
    except RecursionError:
        return content


def _canonical_query(query: str, endpoint: Endpoint | None) -> str:
    """Sorted by name. A model's key in the URL is left out, so that a new key finds the old
    answers; elsewhere ``key=`` may well say what is asked for, so it counts."""
    if not query:
        return ""
    pairs = parse_qsl(query, keep_blank_values=True)
    if endpoint is not None:
        pairs = [(name, value) for name, value in pairs if not is_secret_parameter(name)]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs, key=lambda pair: pair[0]))


def _without_boundary(content_type: str, content: bytes) -> bytes:
    found = _BOUNDARY.search(content_type)
    if found is None:
        return content
    return content.replace(b"--" + found.group(1).encode(), b"--boundary")
