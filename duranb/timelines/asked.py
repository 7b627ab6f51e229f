"""A question as the page shows it: in the notebook where it is asked, and in the timeline."""

from __future__ import annotations

from typing import Any

import msgspec

from duranb.record.artifacts import Artifacts
from duranb.record.history import History
from duranb.record.model import Call
from duranb.record.question import Question
from duranb.session.answering import question_of
from duranb.text.answers import resolved


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question with what it takes. ``call`` is its number. ``schema`` is the JSON schema of the
    answer, or with ``approves`` of the payload, which is shown whole; None where anything will do.
    ``until`` is when nobody waits for the answer any more, 0 for never."""

    call: int
    step: str
    text: str
    schema: dict[str, Any] | None = None
    approves: bool = False
    payload: Any = None
    default: Any = None
    has_default: bool = False
    until: int = 0


def asked(call: Call, artifacts: Artifacts) -> Asked:
    """The question that a call asks."""
    return shown(call.id, call.step, question_of(call, artifacts), call.until)


def shown(call: int, step: str, question: Question, until: int) -> Asked:
    """A question of a step, for the page. References in its schema are followed."""
    return Asked(
        call=call,
        step=step,
        text=question.text,
        schema=None if question.schema is None else _whole(question.schema, question.schema, 0),
        approves=question.approves,
        payload=question.payload,
        default=question.default,
        has_default=question.has_default,
        until=until,
    )


def open_questions(history: History, execution: int, artifacts: Artifacts) -> list[Asked]:
    """The questions that an execution waits for."""
    return [asked(c, artifacts) for c in history.waits_for(execution) if c.kind.traits.person]


DEEPEST = 12
"""Levels of a schema that refers to itself which are followed; below them anything will do."""


def _whole(root: dict[str, Any], schema: Any, depth: int) -> Any:
    if depth > DEEPEST:
        return {}
    if isinstance(schema, list):
        return [_whole(root, each, depth + 1) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = resolved(root, schema)
    return {k: _whole(root, v, depth + 1) for k, v in found.items() if k != "$defs"}
