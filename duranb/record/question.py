"""What a person is asked, as data: any surface can show it, and check an answer, without the code
that asks."""

from __future__ import annotations

from typing import Any

import msgspec

APPROVE, DENY, EDIT = "approve", "deny", "edit"
"""The answers to a question that is about a payload; an edit is ``{"edit": PAYLOAD}``."""


class Question(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question. ``schema`` is the JSON schema of its answers, None where any will do.

    With ``approves`` it is about ``payload``, which is shown whole; ``schema`` is then that of the
    payload. ``default`` is what the answer is where nobody gives one, if ``has_default``.
    """

    text: str
    schema: dict[str, Any] | None = None
    approves: bool = False
    payload: Any = None
    default: Any = None
    has_default: bool = False

    @property
    def answers(self) -> dict[str, Any] | None:
        """The JSON schema of an answer; None where any will do."""
        if not self.approves:
            return self.schema
        payload = dict(self.schema or {})
        definitions = payload.pop("$defs", {})
        edited = {
            "type": "object",
            "properties": {EDIT: payload},
            "required": [EDIT],
            "additionalProperties": False,
        }
        found: dict[str, Any] = {"anyOf": [{"enum": [APPROVE, DENY]}, edited]}
        return {**found, "$defs": definitions} if definitions else found


def encode(question: Question) -> bytes:
    """The bytes that are kept of a question."""
    return msgspec.json.encode(question)


def decode(data: bytes | memoryview) -> Question:
    """What :func:`encode` made. Raises ``msgspec.ValidationError`` for anything else."""
    return msgspec.json.decode(data, type=Question)
