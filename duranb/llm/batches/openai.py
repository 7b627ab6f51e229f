"""OpenAI's batch API, which others speak too: a file of requests, a batch, a file of answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from duranb.llm.batches.providers import (
    FULL,
    JSON,
    Line,
    Place,
    State,
    Wire,
    message_of,
    on_one_line,
    once,
    told_in,
)
from duranb.llm.identity import Asked

_PATH = re.compile(r"(.+?)(/(?:chat/completions|completions|responses|embeddings|moderations))$")

_ENDED = ("completed", "failed", "expired", "cancelled")

_LATE = ("batch_expired", "batch_cancelled", "batch_canceled")
"""Codes of requests that were not made."""

SKEW = 86_400.0
"""Seconds by which a provider's clock and ours may differ: how far back its batches are looked
through for one."""


class _Answered(msgspec.Struct):
    status_code: int
    body: msgspec.Raw = msgspec.Raw(b"null")
    request_id: str | None = None


class _Result(msgspec.Struct):
    custom_id: str
    response: _Answered | None = None
    error: Any = None


_result = msgspec.json.Decoder(_Result)


class OpenAI:
    """Requests for one model and one endpoint in a batch; found again by its metadata."""

    most = 50_000
    largest = FULL

    def place(self, asked: Asked) -> tuple[str, str] | None:
        """See :class:`Provider`."""
        split = urlsplit(asked.url)
        found = _PATH.match(split.path)
        if found is None or split.query:
            return None
        return f"{split.scheme}://{split.netloc}{found[1]}", found[2]

    def prepare(self, wire: Wire, place: Place, tag: str, requests: Mapping[str, bytes]) -> bytes:
        """See :class:`Provider`."""
        endpoint = self._endpoint(place)
        head = b'{"custom_id":"%b","method":"POST","url":"%b","body":%b}'
        lines = (
            head % (name.encode(), endpoint.encode(), on_one_line(self._body(place, body)))
            for name, body in requests.items()
        )
        file = (f"{tag}.jsonl", b"\n".join(lines), "application/jsonl")
        uploaded = wire.ask("POST", "/files", data={"purpose": "batch"}, files={"file": file})
        self._await(wire, uploaded)
        asked = {
            "input_file_id": uploaded["id"],
            "endpoint": endpoint,
            "completion_window": "24h",
            "metadata": {"duranb": tag},
        }
        return msgspec.json.encode(asked)

    def _endpoint(self, place: Place) -> str:
        """What is asked, as the batch names it."""
        return f"/v1{place.path}"

    def _body(self, place: Place, body: bytes) -> bytes:
        """A request's body, as the batch wants it."""
        return body

    def _await(self, wire: Wire, uploaded: dict[str, Any]) -> None:
        """Wait until an uploaded file can be used."""

    def submit(self, wire: Wire, prepared: bytes) -> str:
        """See :class:`Provider`."""
        return str(wire.ask("POST", "/batches", content=prepared, headers=JSON)["id"])

    def find(self, wire: Wire, tag: str, count: int, since: float) -> str:
        """See :class:`Provider`."""
        after, seen = "", set[str]()
        while True:
            page = wire.ask("GET", f"/batches?limit=100{after and f'&after={after}'}")
            for batch in page["data"]:
                if (batch.get("metadata") or {}).get("duranb") == tag:
                    return str(batch["id"])
            old = any(batch.get("created_at", 0) < since - SKEW for batch in page["data"])
            if old or not page["data"] or not page.get("has_more"):
                return ""
            after = once(seen, page["data"][-1]["id"])

    def state(self, wire: Wire, batch: str) -> State:
        """See :class:`Provider`."""
        found = wire.ask("GET", f"/batches/{batch}")
        counts = found.get("request_counts") or {}
        status = found["status"]
        errors = (found.get("errors") or {}).get("data") or []
        failure = "; ".join(map(message_of, errors[:3])) or "the batch failed"
        return State(
            status in _ENDED,
            counts.get("completed", 0) + counts.get("failed", 0),
            counts.get("total", 0),
            failure if status == "failed" else "",
        )

    def results(self, wire: Wire, batch: str) -> Iterator[bytes]:
        """See :class:`Provider`."""
        found = wire.ask("GET", f"/batches/{batch}")
        for file in (found.get("output_file_id"), found.get("error_file_id")):
            if file:
                yield from wire.lines(f"/files/{file}/content")

    def line(self, raw: bytes) -> Line:
        """See :class:`Provider`."""
        found = _result.decode(raw)
        answer = found.response
        if answer is None or found.error:
            late = isinstance(found.error, dict) and found.error.get("code") in _LATE
            told = message_of(found.error) or "the batch has no answer to it"
            return Line(found.custom_id, 408 if late else 400, failure=told)
        body = bytes(answer.body)
        if answer.status_code >= 400:
            told = told_in(body) or f"status {answer.status_code}"
            return Line(found.custom_id, answer.status_code, failure=told)
        named = (("x-request-id", answer.request_id),) if answer.request_id else ()
        return Line(found.custom_id, answer.status_code, body, named)
