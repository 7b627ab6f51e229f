"""``answer`` and ``signal``: what a person says, and what happened outside."""

from __future__ import annotations

import secrets

from duranb.engine import inbox
from duranb.engine.claim import now_us
from duranb.errors import UsageError
from duranb.record import events as e, question
from duranb.record.artifacts import Artifacts
from duranb.record.history import History
from duranb.record.kinds import Kind
from duranb.record.model import Call, CallStatus
from duranb.session.session import Session
from duranb.text import answers
from duranb.verbs.table import Answer, Signal


def answer(session: Session, given: Answer) -> str:
    """Answer a question. Raises :class:`UsageError` where it is none, its answer was used, or this
    one does not fit."""
    history = session.history
    call = open_question(history, given.number)
    before = history.answers.get(call.id)
    session.runtime.record(fitting(session, call, given))
    again = f"run step {call.step!r} again and it goes on"
    if call.id in session.runtime.asked:
        again = f"step {call.step!r} goes on"
    done = (
        f"corrected the answer to question {call.id}, which was {before.value!r}"
        if before
        else (f"answered question {call.id}")
    )
    return f"{done}: {again}"


def fitting(session: Session, call: Call, given: Answer) -> e.Answered:
    """The answer as it is recorded. Raises :class:`UsageError` for one that does not fit."""
    form = session.runtime.asked.get(call.id)
    if form is None:
        return made(call, given, session.artifacts)
    try:
        value = form.check(given.value)
    except UsageError as error:
        raise _misfit(call, error) from None
    return _answered(call, given, value)


def made(call: Call, given: Answer, artifacts: Artifacts) -> e.Answered:
    """The same where the code that asks is not at hand: only by what is recorded of it."""
    asked = question_of(call, artifacts)
    try:
        value = answers.fitting(asked.answers, given.value)
    except UsageError as error:
        raise _misfit(call, error) from None
    return _answered(call, given, value)


def _answered(call: Call, given: Answer, value: object) -> e.Answered:
    by = given.by or inbox.who()
    inbox.check_public(f"the answer to question {call.id}", value, given.why)
    return e.Answered(call=call.id, value=value, by=by, why=given.why, at=now_us())


def _misfit(call: Call, error: UsageError) -> UsageError:
    return UsageError(f"question {call.id}: {error.message}")


def question_of(call: Call, artifacts: Artifacts) -> question.Question:
    """What a call asks. One of an earlier version asks for text alone."""
    if not call.question:
        return question.Question(text=call.preview)
    return question.decode(artifacts.get(call.question))


def open_question(history: History, number: int) -> Call:
    """The question with this number, whose answer was not used yet. Raises :class:`UsageError`."""
    call = history.calls.get(number)
    if call is None or call.kind is not Kind.ASK:
        waiting = [
            c.id
            for c in history.calls.values()
            if c.kind is Kind.ASK and c.status is CallStatus.INTENDED
        ]
        known = ", ".join(map(str, waiting)) or "none"
        raise UsageError(f"there is no question {number}; open questions: {known}")
    if call.status is not CallStatus.INTENDED:
        used = history.answers.get(number)
        by = f" by {used.by}" if used is not None and used.by else ""
        raise UsageError(
            f"question {number} was answered already{by}, and step {call.step!r} went on with it: "
            f"{call.preview}"
        )
    return call


def signal(session: Session, given: Signal) -> str:
    """Tell the notebook what happened outside."""
    by = given.by or inbox.who()
    inbox.check_public(f"the signal {given.name!r}", given.value)
    session.runtime.record(
        e.Signalled(name=given.name, value=given.value, by=by, at=now_us(), id=secrets.token_hex(8))
    )
    return f"signal {given.name!r} was received"
