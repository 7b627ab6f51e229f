"""How a request that was never recorded differs from the nearest one that was."""

from __future__ import annotations

from itertools import islice
from typing import Any

import msgspec

from duranb.engine.context import StepContext
from duranb.llm.exchange import decode
from duranb.llm.identity import Asked
from duranb.llm.shapes.common import loaded
from duranb.record.model import Call, CallStatus
from duranb.text import diff
from duranb.text.credentials import public_fields
from duranb.text.known import KNOWN

MOST = 200
"""Recorded requests that are compared; the latest ones."""

PLACES = 3
"""Places that are named; the diff shows them all."""


def difference(step: StepContext, asked: Asked) -> str:
    """A sentence on where ``asked`` differs from the nearest recorded request of its step (of any
    step, if its own has none), and a small diff; empty where nothing is recorded, and where one of
    them is nested too deeply to be compared."""
    try:
        return _difference(step, asked)
    except RecursionError:
        return ""


def _difference(step: StepContext, asked: Asked) -> str:
    calls = [
        call
        for call in step.journal.recorded_calls()
        if call.response and call.status is CallStatus.COMPLETED
    ]
    own = [call for call in calls if call.step == step.step]
    found = [(call, _recorded(step, call)) for call in (own or calls)[-MOST:]]
    readable = [(call, request) for call, request in found if request is not None]
    if not readable:
        return ""
    content = KNOWN.masked(asked.content)  # as those that are recorded
    body = asked.body if content is asked.content else _json(content)
    now = _request(asked.method, asked.url, public_fields(body), content)
    texts = [_text(request) for _, request in readable]
    call, recorded = readable[diff.closest(_text(now), texts)]
    changed = diff.places(recorded, now)
    named = ", ".join(islice(changed, PLACES)) + (" and elsewhere" if any(changed) else "")
    whose = "" if own else f" of step {call.step!r}"
    if not named:
        return f"The nearest recorded request, call {call.id}{whose}, is the same as this one."
    shown = diff.values(recorded, now, f"recorded: call {call.id}", "now")
    return f"It differs from the nearest recorded request{whose} in {named}:\n{shown}"


def _recorded(step: StepContext, call: Call) -> dict[str, Any] | None:
    """A recorded request; None where its body was too long to be kept."""
    exchange = decode(step.journal.read(call))
    header = exchange.header
    if header.request_size and not header.request_kept:
        return None
    content = bytes(exchange.request)
    return _request(header.method, header.url, _json(content), content)


def _request(method: str, url: str, body: Any, content: bytes) -> dict[str, Any]:
    """What identifies a request, as one JSON value; the fields of its body are at the top."""
    if body is None and content:
        body = content.decode("utf-8", "replace")
    fields = body if isinstance(body, dict) else {} if body is None else {"body": body}
    return {"request": f"{method} {url}", **fields}


def _text(request: dict[str, Any]) -> str:
    return msgspec.json.encode(request, order="deterministic").decode()


def _json(content: bytes) -> Any:
    return loaded(content) if content[:1] in (b"{", b"[") else None
