"""``resolve``: the user says what became of an effect in doubt."""

from __future__ import annotations

from duranb.engine import saga
from duranb.errors import UsageError
from duranb.record.events import CallResolved
from duranb.record.model import Call, CallStatus
from duranb.session.change import Change
from duranb.session.session import Session
from duranb.verbs.table import Resolve


def resolve(session: Session, given: Resolve) -> Change:
    """Settle the step's effect in doubt: it happened (and returned an expression's value), it did
    not, or it is to be undone."""
    happened = given.happened is not False
    result = given.happened if isinstance(given.happened, str) else ""
    not_happened, compensate = given.not_happened, given.compensate
    if sum((happened, not_happened, compensate)) != 1:
        raise UsageError("resolve takes one of --happened [RESULT], --not-happened, --compensate")
    step = session.history.find(given.step).step
    call = in_doubt(session, step)
    if compensate and not call.compensate:
        raise UsageError(f"{call.name} has no compensate= function: undo it, then --not-happened")
    deed = f"{call.name}({call.preview})"
    what = (
        f"it happened{f', and returned {result}' if result else ''}: its next run goes on after it"
        if happened
        else "it did not happen: the next run of the step does it"
        if not_happened
        else "undoes it; the next run of the step does it again"
    )

    async def apply() -> str:
        runtime = session.runtime
        if happened:
            try:
                value = eval(result, runtime.namespace.live) if result else None
            except Exception as error:
                raise UsageError(
                    f"--happened {result}: {type(error).__name__}: {error}. Nothing was changed: "
                    "the result is an expression, so put quotes in it around text"
                ) from error
            binding = runtime.namespace.capture_value(value) if result else None
            runtime.record(CallResolved(call=call.id, verdict="happened", result=binding))
        elif not_happened:
            runtime.record(CallResolved(call=call.id, verdict="not-happened"))
        else:
            saga.undo_one(runtime, call)
            runtime.record(CallResolved(call=call.id, verdict="compensated"))
        return f"resolved: {deed}. Run step {step!r} again and it goes on"

    return Change("resolve", f"resolve {deed} of step {step}", (what,), apply)


def in_doubt(session: Session, step: str) -> Call:
    """The latest effect of a step that was begun and never settled. Raises UsageError if none."""
    history = session.history
    for execution in reversed(history.executions_of(step)):
        for call in reversed(history.calls_of(execution.id)):
            unsettled = call.status in (CallStatus.INTENDED, CallStatus.IN_DOUBT)
            if call.kind.traits.effect and unsettled and not call.idempotent:
                return call
    raise UsageError(f"no effect of step {step!r} is in doubt")
