"""A recorded run as traces for an OpenTelemetry collector: OTLP, in its JSON form."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import blake3
import msgspec

import duranb
from duranb.errors import UsageError
from duranb.record import spans
from duranb.record.history import History
from duranb.record.kinds import Kind
from duranb.record.model import Call, CallStatus, Execution
from duranb.record.spans import Span

SECONDS = 30
"""How long a collector may take."""


def traces(history: History, service: str) -> bytes:
    """All that was carried out, a trace for each run: its steps' attempts, and in them the calls.

    What was restored or answered from the journal was not carried out, and is not there. The ids
    are made of what they name, so that exporting twice gives the same spans. ``service`` names the
    notebook.
    """
    found = [span for this in history.executions.values() for span in _of(history, this)]
    scope = {"name": "duranb", "version": duranb.__version__}
    resource = {"attributes": _attributes({"service.name": service})}
    told = {"resource": resource, "scopeSpans": [{"scope": scope, "spans": found}]}
    return msgspec.json.encode({"resourceSpans": [told]})


def send(body: bytes, endpoint: str) -> None:
    """Give traces to a collector; ``endpoint`` is its address, with or without ``/v1/traces``.

    Raises :class:`UsageError` where it does not take them.
    """
    if not endpoint.startswith(("http://", "https://")):
        raise UsageError(f"a collector's address begins with http:// or https://, not {endpoint!r}")
    url = endpoint.rstrip("/").removesuffix("/v1/traces") + "/v1/traces"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=SECONDS).close()
    except (urllib.error.URLError, OSError) as error:
        raise UsageError(f"{url} did not take the traces: {error}") from error


def _of(history: History, this: Execution) -> Iterator[dict[str, Any]]:
    if this.of:
        return
    trace = _id(16, history.notebook, this.run)

    def attempt(execution: int, number: int) -> str:
        return _id(8, trace, "attempt", execution, number)

    parent = ""
    outer = history.executions.get(this.parent)
    if outer is not None:
        within = [a.number for a in outer.attempts if a.started <= this.started]
        parent = attempt(outer.id, within[-1] if within else 1)
    for each in this.attempts:
        yield _span(spans.of_attempt(this, each), trace, attempt(this.id, each.number), parent)
    calls = [c for c in history.calls_of(this.id) if c.status is not CallStatus.INTENDED]
    items = {c.item: c for c in calls if c.kind is Kind.MAP}
    for call in calls:
        around: Call | None = items.get(call.item) if call.kind is not Kind.MAP else None
        inside = _id(8, trace, "call", around.id) if around else attempt(this.id, call.attempt)
        yield _span(spans.of_call(call), trace, _id(8, trace, "call", call.id), inside)


def _id(size: int, *parts: object) -> str:
    return blake3.blake3("\0".join(map(str, parts)).encode()).hexdigest(size)


def _span(span: Span, trace: str, number: str, parent: str) -> dict[str, Any]:
    about = span.attributes | ({"error.type": span.error[0]} if span.error else {})
    found = {
        "traceId": trace,
        "spanId": number,
        "name": span.name,
        "kind": 3 if span.client else 1,
        "startTimeUnixNano": str(span.started * 1000),
        "endTimeUnixNano": str(span.ended * 1000),
        "attributes": _attributes(about),
        "status": {"code": 2, "message": span.error[1]} if span.error else {},
    }
    return found | ({"parentSpanId": parent} if parent else {})


def _attributes(about: dict[str, spans.Attribute]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in about.items()]


def _value(value: spans.Attribute) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}  # JSON's numbers are no 64-bit integers
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}
