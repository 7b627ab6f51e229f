"""``resolve``: the user says what became of an effect in doubt."""

from __future__ import annotations

from duranb.engine import saga
from duranb.errors import UsageError
from duranb.record import standing
from duranb.record.events import CallResolved
from duranb.record.model import Call
from duranb.session.change import Change
from duranb.session.session import Session
from duranb.verbs.table import Compensate, Resolve


def resolve(session: Session, given: Resolve) -> Change:
    """Settle the step's effect in doubt: it happened (and returned an expression's value), it did
    not, or it is to be undone."""
    verdict = verdict_of(given)
    if bool(verdict) == given.compensate:
        raise UsageError("resolve takes one of --happened [RESULT], --not-happened, --compensate")
    step = session.history.find(given.step).step
    call = in_doubt(session, step)
    if given.compensate and not call.compensate:
        raise UsageError(f"{call.name} has no compensate= function: undo it, then --not-happened")
    deed = f"{call.name}({call.preview})"
    then = (
        "its next run goes on after it"
        if given.happened is not False
        else "the next run of the step does it"
    )
    what = f"{verdict}: {then}" if verdict else "undoes it; the next run of the step does it again"

    async def apply() -> str:
        if verdict:
            settle(session, call, given)
        else:
            saga.undo_one(session.runtime, call)
            session.runtime.record(CallResolved(call=call.id, verdict="compensated"))
        return f"resolved: {deed}. Run step {step!r} again and it goes on"

    return Change("resolve", f"resolve {deed} of step {step}", (what,), apply)


def verdict_of(given: Resolve | Compensate) -> str:
    """What was said of the effect in doubt, as a sentence; empty for nothing.

    Raises :class:`UsageError` for both.
    """
    happened = given.happened is not False
    if happened and given.not_happened:
        raise UsageError("--happened, or --not-happened: not both")
    if happened:
        returned = f", and returned {given.happened}" if isinstance(given.happened, str) else ""
        return f"it happened{returned}"
    return "it did not happen" if given.not_happened else ""


def settle(session: Session, call: Call, given: Resolve | Compensate) -> None:
    """Record what was said. Raises :class:`UsageError` where the result is no expression; then
    nothing is recorded."""
    runtime = session.runtime
    if given.happened is False:
        runtime.record(CallResolved(call=call.id, verdict="not-happened"))
        return
    result = given.happened if isinstance(given.happened, str) else ""
    try:
        value = eval(result, runtime.namespace.live) if result else None
    except Exception as error:
        raise UsageError(
            f"--happened {result}: {type(error).__name__}: {error}. Nothing was changed: "
            "the result is an expression, so put quotes in it around text"
        ) from error
    binding = runtime.namespace.capture_value(value) if result else None
    runtime.record(CallResolved(call=call.id, verdict="happened", result=binding))


def in_doubt(session: Session, step: str) -> Call:
    """The latest effect of a step that was begun and never settled. Raises UsageError if none."""
    for call in standing.in_doubt(session.history, step):
        return call
    raise UsageError(f"no effect of step {step!r} is in doubt")
