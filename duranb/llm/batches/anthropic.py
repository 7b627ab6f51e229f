"""Anthropic's batch API: requests and answers without files, and nothing to name a batch by.

So a batch whose id nobody was told is known by the ids of its requests, which are to be seen when
it has ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from duranb.llm.batches.openai import SKEW
from duranb.llm.batches.providers import (
    FULL,
    JSON,
    Line,
    NotYet,
    Place,
    State,
    Wire,
    message_of,
    once,
)
from duranb.llm.identity import Asked
from duranb.llm.shapes.common import record

_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


class _Outcome(msgspec.Struct):
    type: str
    message: msgspec.Raw = msgspec.Raw(b"null")
    error: Any = None


class _Result(msgspec.Struct):
    custom_id: str
    result: _Outcome


_result = msgspec.json.Decoder(_Result)


class Anthropic:
    """Requests to ``/v1/messages``, for any models, in one batch."""

    most = 100_000
    largest = FULL

    def place(self, asked: Asked) -> tuple[str, str] | None:
        """See :class:`Provider`."""
        split = urlsplit(asked.url)
        if not split.path.endswith("/messages") or (split.query and split.query != "beta=true"):
            return None
        base = split.path.removesuffix("/messages")
        return f"{split.scheme}://{split.netloc}{base}", "/messages"

    def prepare(self, wire: Wire, place: Place, tag: str, requests: Mapping[str, bytes]) -> bytes:
        """See :class:`Provider`."""
        asked = (
            b'{"custom_id":"%b","params":%b}' % (name.encode(), body)
            for name, body in requests.items()
        )
        return b'{"requests":[%b]}' % b",".join(asked)

    def submit(self, wire: Wire, prepared: bytes) -> str:
        """See :class:`Provider`."""
        return str(wire.ask("POST", "/messages/batches", content=prepared, headers=JSON)["id"])

    def find(self, wire: Wire, tag: str, count: int, since: float) -> str:
        """See :class:`Provider`."""
        after, seen, unsure = "", set[str](), False
        while True:
            page = wire.ask("GET", f"/messages/batches?limit=100{after and f'&after_id={after}'}")
            for batch in page["data"]:
                if sum((batch.get("request_counts") or {}).values()) != count:
                    continue
                if batch["processing_status"] != "ended":
                    unsure = True
                elif self._is_ours(wire, batch, tag):
                    return str(batch["id"])
            old = any(_time(batch["created_at"]) < since - SKEW for batch in page["data"])
            if old or not page["data"] or not page.get("has_more"):
                break
            after = once(seen, page["data"][-1]["id"])
        if unsure:
            raise NotYet
        return ""

    def _is_ours(self, wire: Wire, batch: dict[str, Any], tag: str) -> bool:
        first = next(self._lines(wire, batch), None)
        return first is not None and self.line(first).id.startswith(f"{tag}-")

    def state(self, wire: Wire, batch: str) -> State:
        """See :class:`Provider`."""
        found = wire.ask("GET", f"/messages/batches/{batch}")
        counts = found.get("request_counts") or {}
        total = sum(counts.values())
        ended = found["processing_status"] == "ended"
        return State(ended, total - counts.get("processing", 0), total)

    def results(self, wire: Wire, batch: str) -> Iterator[bytes]:
        """See :class:`Provider`."""
        yield from self._lines(wire, wire.ask("GET", f"/messages/batches/{batch}"))

    def _lines(self, wire: Wire, batch: dict[str, Any]) -> Iterator[bytes]:
        if batch.get("results_url"):
            yield from wire.lines(f"/messages/batches/{batch['id']}/results")

    def line(self, raw: bytes) -> Line:
        """See :class:`Provider`."""
        found = _result.decode(raw)
        outcome = found.result
        if outcome.type == "succeeded":
            return Line(found.custom_id, 200, bytes(outcome.message))
        if outcome.type != "errored":
            why = f"the batch {outcome.type} before it was made"
            return Line(found.custom_id, 408, failure=why)
        error = record(outcome.error)
        inner = record(error.get("error")) or error
        status = _STATUS.get(str(inner.get("type")), 400)
        return Line(found.custom_id, status, failure=message_of(error) or "it failed in the batch")


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
