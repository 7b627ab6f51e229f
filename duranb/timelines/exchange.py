"""What was sent in a recorded call and what came back, for the inspector."""

from __future__ import annotations

from typing import Any

import msgspec

from duranb.errors import DuranbError
from duranb.llm.reading import describe
from duranb.record.artifacts import Artifacts
from duranb.record.model import Call

MOST_TEXT = 60_000
"""Characters of one message that are sent to the page."""


class Said(msgspec.Struct, frozen=True):
    """One message of a conversation."""

    role: str
    text: str


class Exchange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Both sides of a call, and the request's plain settings; ``note`` says why there are none."""

    call: int
    url: str = ""
    request: list[Said] = []
    answer: list[Said] = []
    settings: dict[str, Any] = {}
    note: str = ""


def exchange(call: Call, artifacts: Artifacts) -> Exchange:
    """What was recorded of a call. Nothing is unpickled."""
    if not call.response:
        return Exchange(call=call.id, note="this call has no recorded exchange")
    try:
        found = describe(artifacts.get(call.response))
    except DuranbError as error:
        return Exchange(call=call.id, note=error.message)
    return Exchange(
        call=call.id,
        url=f"{found['method']} {found['url']}",
        request=_said(found["request"]),
        answer=_said(found["response"]),
        settings=found["settings"],
    )


def _said(messages: list[dict[str, Any]]) -> list[Said]:
    return [Said(str(m.get("role", "")), _cut(str(m.get("text", "")))) for m in messages]


def _cut(text: str) -> str:
    if len(text) <= MOST_TEXT:
        return text
    return f"{text[:MOST_TEXT]}\n… {len(text) - MOST_TEXT:,} more characters"
