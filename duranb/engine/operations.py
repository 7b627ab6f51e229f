"""Calls that are one function call (effects, questions, timers, values), carried out by the
journal: replay what is recorded, else record the intent, make the call, and record its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from duranb.code.looking import is_a
from duranb.engine.claim import Claim
from duranb.engine.flows import NOT_YET, Flow, Polled, Waitable
from duranb.engine.journal import Journal
from duranb.engine.retry import cause_of
from duranb.errors import InDoubt
from duranb.record.kinds import Kind
from duranb.record.model import Cause
from duranb.record.standing import UNDO


@dataclass(frozen=True)
class Operation:
    """What :func:`perform` carries out. ``key`` identifies it within its step.

    ``idempotent``: doing it twice with the same idempotency key does it once. ``arguments`` and
    ``compensate`` (the function that undoes it) are stored with the intent, as are ``until``, when
    a wait ends, in microseconds since the epoch, and ``question``. ``preview`` is for people, and
    ``outcome`` gives the preview of a result. ``explain``: see :meth:`Journal.claim`. ``beside``
    says what it changed beside its result, and ``missing`` is told that where only the result is
    replayed.
    """

    kind: Kind
    name: str
    key: str
    idempotent: bool = False
    arguments: object = None
    compensate: object = None
    preview: str = ""
    until: int = 0
    question: bytes = b""
    outcome: Callable[[Any], str] = lambda value: ""
    explain: Callable[[], str] = lambda: ""
    beside: Callable[[], Sequence[str]] = tuple
    missing: Callable[[Sequence[str]], None] = lambda beside: None


def perform(
    journal: Journal, operation: Operation, make: Callable[[Claim, str], Waitable]
) -> Flow[Any]:
    """Carry ``operation`` out, unless its outcome is recorded; its result.

    ``make`` is given the claim and the idempotency key. Raises what it raises, and
    :class:`duranb.errors.InDoubt` where an earlier process died in the middle of an effect that is
    not idempotent, or this one cannot know whether it happened.
    """
    kind = operation.kind
    repeatable = operation.idempotent or not kind.traits.effect
    while True:
        claim = journal.claim(kind, operation.key, operation.name, operation.explain)
        assert claim is not None
        if claim.settled:
            if claim.recorded is not None and claim.recorded.beside:
                operation.missing(claim.recorded.beside)
            return claim.value()
        earlier = claim.recorded
        if earlier is None or repeatable or earlier.idempotent or not claim.is_carried_out:
            break
        # The same step with the same arguments runs in another thread: it is done once for both.
        claim.release()
        yield Polled(partial(_outcome_of, claim))
    if earlier is not None and not (repeatable or earlier.idempotent):
        claim.attempt.settle(claim)
        raise journal.stop(doubt(journal.step, earlier.name, earlier.preview, earlier.compensate))
    idempotency_key = earlier.idempotency_key if earlier is not None else ""
    idempotency_key = idempotency_key or journal.idempotency_key(claim.place_key, claim.place)
    try:
        if kind.traits.intent and (earlier is None or not kind.traits.waits):
            yield from claim.intend(**_intent(journal, operation, idempotency_key))
        try:
            value = yield make(claim, idempotency_key)
        except BaseException as error:
            if kind.traits.effect:
                yield from _failed(journal, operation, claim, error)
            elif not kind.traits.intent:
                claim.release()
            raise
        beside = operation.beside()
        yield from claim.complete(value=value, preview=operation.outcome(value), beside=beside)
    finally:
        claim.attempt.settle(claim)
    return value


def _outcome_of(claim: Claim, may_block: bool) -> Any:
    """Whether whoever carries an effect out has come to its end. Raises
    :class:`asyncio.CancelledError` where nobody waits for that any more."""
    if claim.attempt.over:
        raise asyncio.CancelledError("nobody waits for this effect any more")
    return NOT_YET if claim.is_carried_out else None


def _intent(journal: Journal, operation: Operation, idempotency_key: str) -> dict[str, Any]:
    def stored(value: object) -> str:
        return "" if value is None else journal.values.capture_value(value).artifact

    return {
        "idempotency_key": idempotency_key,
        "idempotent": operation.idempotent,
        "compensate": stored(operation.compensate),
        "arguments": stored(operation.arguments),
        "preview": operation.preview,
        "until": operation.until,
        "question": journal.keep(operation.question) if operation.question else "",
    }


def _failed(
    journal: Journal, operation: Operation, claim: Claim, error: BaseException
) -> Flow[None]:
    """Record the failure of an effect that is known to be one.

    A connection that broke, a timeout or an interrupt says nothing about whether it happened: then
    the intent stands alone, as after a crash, unless repeating it is harmless.
    """
    interrupted = not is_a(error, Exception)
    unknown = interrupted or cause_of(error, answered=False) is Cause.TRANSPORT
    if interrupted or (unknown and not operation.idempotent):
        if not interrupted:
            begun = doubt(journal.step, operation.name, operation.preview, operation.compensate)
            raise journal.stop(begun) from error
        return
    yield claim.fail(error, raised=journal.values.capture_value(error))


def doubt(step: str, name: str, preview: str, compensate: object, *, undoes: str = "") -> InDoubt:
    """The error for an effect that was begun and whose outcome nobody knows; ``compensate`` is
    what undoes it, if anything does. ``undoes`` is the step that was being undone, if one was."""
    if step.startswith(UNDO) or undoes:
        undone, is_undo = undoes or step.removeprefix(UNDO), step.startswith(UNDO)
        yes = "it was undone" if is_undo else "it happened: undo it too"
        no = "it was not: undo it now" if is_undo else "it did not: undo the rest"
        return InDoubt(
            f"step {undone!r} cannot be undone before a doubt is settled: {name}({preview}) was "
            "begun and its outcome was never recorded, so it may or may not have happened. Look, "
            "then say so:\n"
            f"  %duranb compensate {undone} --happened [RESULT]   {yes}\n"
            f"  %duranb compensate {undone} --not-happened        {no}"
        )
    undo = f"\n  %duranb resolve {step} --compensate          undo it" if compensate else ""
    return InDoubt(
        f"step {step!r} is in doubt: {name}({preview}) was begun and its outcome was "
        "never recorded, so it may or may not have happened. Look, then say so:\n"
        f"  %duranb resolve {step} --happened [RESULT]   it happened (with this result)\n"
        f"  %duranb resolve {step} --not-happened        it did not: the next run does it{undo}"
    )
