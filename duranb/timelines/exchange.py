"""What was sent to a model and what came back, read from the recorded bytes."""

from __future__ import annotations

import msgspec

from duranb.pure.errors import DuranbError
from duranb.pure.model import Call
from duranb.timelines.protocol import Reader


class Said(msgspec.Struct, frozen=True):
    """One message of a conversation."""

    role: str
    text: str


class Exchange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request's messages and the answer's; ``note`` says why they cannot be shown."""

    call: int
    request: list[Said] = []
    answer: list[Said] = []
    note: str = ""


def exchange(call: Call, artifacts: Reader) -> Exchange:
    """Both sides of a call."""
    try:
        text = bytes(artifacts.get(call.response)).decode(errors="replace")
    except DuranbError as error:
        return Exchange(call=call.id, note=error.message)
    return Exchange(call=call.id, answer=[Said("response", text[:60_000])])
