"""Gemini's batch API: the requests of a batch go with its submission, the answers with its state.

What is not a line of a file is limited in size, so that many requests take several batches. Vertex
AI has another API, which reads from Google's own storage: it is not this one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from duranb.llm.batches.providers import JSON, Line, Place, State, Wire, message_of, once
from duranb.llm.identity import Asked
from duranb.llm.shapes.common import record

_PATH = re.compile(r"(.*/v1(?:beta|alpha)?)(/models/[^/:]+):generateContent$")

_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED")

_STATUS = {1: 408, 3: 400, 4: 408, 5: 404, 7: 403, 8: 429, 9: 400, 13: 500, 14: 503, 16: 401}
"""HTTP statuses of the codes that Google's APIs give errors."""

_LISTED = "pageSize=100&fields=operations(name,metadata(displayName)),nextPageToken"
"""Of a list of batches: without their answers."""


class _Result(msgspec.Struct):
    metadata: dict[str, Any]
    response: msgspec.Raw = msgspec.Raw(b"null")
    error: Any = None


_result = msgspec.json.Decoder(_Result)


class Gemini:
    """Requests for one model in a batch; found again by its name for people."""

    most = 100_000
    largest = 16 * 1024 * 1024

    def place(self, asked: Asked) -> tuple[str, str] | None:
        """See :class:`Provider`."""
        split = urlsplit(asked.url)
        found = _PATH.match(split.path)
        if found is None or split.query or "/projects/" in split.path:
            return None
        return f"{split.scheme}://{split.netloc}{found[1]}", found[2]

    def prepare(self, wire: Wire, place: Place, tag: str, requests: Mapping[str, bytes]) -> bytes:
        """See :class:`Provider`."""
        asked = (
            b'{"request":%b,"metadata":{"key":"%b"}}' % (body, name.encode())
            for name, body in requests.items()
        )
        head = b'{"batch":{"displayName":"%b","inputConfig":{"requests":{"requests":[%b]}}}}'
        return head % (tag.encode(), b",".join(asked))

    def submit(self, wire: Wire, prepared: bytes) -> str:
        """See :class:`Provider`."""
        path = f"{wire.place.path}:batchGenerateContent"
        return str(wire.ask("POST", path, content=prepared, headers=JSON)["name"])

    def find(self, wire: Wire, tag: str, count: int, since: float) -> str:
        """See :class:`Provider`."""
        after, seen = "", set[str]()
        while True:
            page = wire.ask("GET", f"/batches?{_LISTED}{after and f'&pageToken={quote(after)}'}")
            for batch in page.get("operations") or ():
                if record(batch.get("metadata")).get("displayName") == tag:
                    return str(batch["name"])
            after = page.get("nextPageToken") or ""
            if not after:
                return ""
            once(seen, after)

    def state(self, wire: Wire, batch: str) -> State:
        """See :class:`Provider`."""
        found = wire.ask("GET", f"/{batch}")
        about = record(found.get("metadata"))
        counts = {name: int(n) for name, n in record(about.get("batchStats")).items()}
        state = str(about.get("state", "")).rpartition("_")[2]
        ended = bool(found.get("done")) or state in _ENDED
        failure = message_of(found.get("error"))
        if ended and not failure and state in _ENDED[1:]:
            failure = f"the batch was {state.lower()}" if state != "FAILED" else "the batch failed"
        return State(
            ended,
            counts.get("successfulRequestCount", 0) + counts.get("failedRequestCount", 0),
            counts.get("requestCount", 0),
            failure,
        )

    def results(self, wire: Wire, batch: str) -> Iterator[bytes]:
        """See :class:`Provider`."""
        found = wire.ask("GET", f"/{batch}")
        output = record(found.get("response")) or record(
            record(found.get("metadata")).get("output")
        )
        for each in record(output.get("inlinedResponses")).get("inlinedResponses") or ():
            yield msgspec.json.encode(each)

    def line(self, raw: bytes) -> Line:
        """See :class:`Provider`."""
        found = _result.decode(raw)
        name = str(found.metadata.get("key"))
        if found.error is None:
            return Line(name, 200, bytes(found.response))
        code = record(found.error).get("code")
        status = code if isinstance(code, int) and code >= 400 else _STATUS.get(code or 0, 400)
        return Line(name, status, failure=message_of(found.error) or "it failed in the batch")
