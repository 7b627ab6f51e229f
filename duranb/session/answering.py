"""``answer``: give a question its answer."""

from __future__ import annotations

from duranb.errors import UsageError
from duranb.record import events as e
from duranb.record.kinds import Kind
from duranb.record.model import CallStatus
from duranb.session.session import Session
from duranb.verbs.table import Answer


def answer(session: Session, given: Answer) -> str:
    """Answer a question. Raises :class:`UsageError` where it is none, or was answered."""
    question = session.history.calls.get(given.number)
    if question is None or question.kind is not Kind.ASK:
        raise UsageError(f"there is no question {given.number}")
    if question.status is CallStatus.COMPLETED:
        raise UsageError(f"question {given.number} was answered already: {question.preview}")
    session.runtime.record(e.Answered(call=given.number, value=given.value))
    return f"answered question {given.number}: run step {question.step!r} again and it goes on"
