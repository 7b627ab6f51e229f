"""One row of the timeline for each execution, as plain data for the front end.

Field names are those of :mod:`duranb.record.model`, and the front end's: ``widgets/src/wire.ts`` is
generated from the structs here. Times are microseconds since the epoch, UTC; 0 means "not yet".
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from duranb.record.fold import DIED
from duranb.record.history import History
from duranb.record.kinds import Kind
from duranb.record.model import Attempt, Call, CallStatus, Execution, Ledger, Origin, Status

MOST_SPANS = 200
"""Calls drawn in one row's bar; more could not be told apart, and would slow the page down."""

LINE = 300
"""Characters of an error or a preview that a row shows."""


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An attempt's span, and why it failed. ``wait`` is in seconds, -1 when nothing followed."""

    number: int
    started: int
    ended: int = 0
    cause: str = ""
    wait: float = -1.0
    error: str = ""


class OpenCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is not settled: what a step waits for, or an effect in doubt.

    It began at ``since``. ``until`` is when a wait ends by itself; 0 where it needs an answer.
    """

    call: int
    kind: Kind
    name: str
    text: str
    since: int
    until: int = 0


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An execution, as the list shows it.

    ``spans`` are its calls as (started, ended, kind, status). ``ledger`` is about its own calls.
    ``waits`` are the calls that it waits for, ``doubts`` the effects that nobody knows about.
    ``died`` says that its process ended meanwhile: then ``ended`` is its last sign of life.
    ``line`` says that it, or what was restored from it, lies on the way to the head, ``head`` that
    it is the last one there; ``stale`` are the inputs that changed since. ``snapshot`` is 0 where
    it left no state.
    """

    id: int
    step: str
    kind: str
    status: Status
    origin: Origin
    run: str
    branch: str
    started: int
    ended: int = 0
    died: bool = False
    parent: int = 0
    of: int = 0
    replays: int = 0
    compensates: int = 0
    compensated_by: int = 0
    attempts: tuple[AttemptRow, ...] = ()
    spans: tuple[tuple[int, int, Kind, CallStatus], ...] = ()
    made: int = 0
    served: int = 0
    effects: int = 0
    ledger: Ledger = Ledger()
    reason: str = ""
    error: str = ""
    waits: tuple[OpenCall, ...] = ()
    doubts: tuple[OpenCall, ...] = ()
    compensable: bool = False
    snapshot: int = 0
    line: bool = False
    head: bool = False
    stale: tuple[str, ...] = ()


def row(
    history: History, this: Execution, *, line: bool, head: bool, stale: tuple[str, ...]
) -> Row:
    """The row of one execution."""
    ids = history.ids_of_calls(this.id)
    source = history.executions.get(this.of, this)
    done = [c for c in history.intended_calls_of(source.id) if _done(c)]
    died = this.error is not None and this.error.type == DIED
    # A function step's compensation is known to the kernel alone, which says when there is none.
    undoable = (
        this.step in history.compensations
        or bool(this.arguments)
        or any(_done(c) and c.compensate for c in history.intended(source))
    )
    return Row(
        id=this.id,
        step=this.step,
        kind=this.kind,
        status=history.status_of(this),
        origin=this.origin,
        run=this.run,
        branch=this.branch,
        started=this.started,
        ended=this.ended,
        died=died,
        parent=this.parent,
        of=this.of,
        replays=this.replays,
        compensates=this.compensates,
        compensated_by=this.compensated_by,
        attempts=tuple(map(attempt_row, this.attempts)),
        spans=tuple(_span(history.calls[i]) for i in _some(ids)),
        made=len(ids),
        served=len(this.served),
        effects=len(done),
        ledger=history.ledger(this.id),
        reason=this.reason,
        error=one_line(f"{this.error.type}: {this.error.message}") if this.error else "",
        waits=tuple(map(_open, history.waits_for(this.id))),
        doubts=tuple(
            _open(c) for c in history.intended_calls_of(this.id) if c.status is CallStatus.IN_DOUBT
        ),
        compensable=undoable and this.kind != "compensation" and this.status in _UNDOABLE,
        snapshot=this.snapshot,
        line=line,
        head=head,
        stale=stale,
    )


def _done(call: Call) -> bool:
    return call.kind.traits.effect and call.status is CallStatus.COMPLETED


_UNDOABLE = (Status.COMPLETED, Status.COMPENSATION_FAILED, Status.FAILED, Status.IN_DOUBT)


def attempt_row(attempt: Attempt) -> AttemptRow:
    """An attempt without its traceback."""
    error = attempt.error
    return AttemptRow(
        number=attempt.number,
        started=attempt.started,
        ended=attempt.ended,
        cause=attempt.cause.value if attempt.cause else "",
        wait=attempt.wait,
        error=one_line(f"{error.type}: {error.message}") if error else "",
    )


def one_line(text: str, most: int = LINE) -> str:
    """Text on one line, cut at ``most`` characters."""
    joined = " ".join(text[: most * 4].split())
    return joined if len(joined) <= most else joined[: most - 1] + "…"


def _some(calls: Sequence[int]) -> Sequence[int]:
    """All calls, or evenly chosen ones where there are too many to draw."""
    if len(calls) <= MOST_SPANS:
        return calls
    return [calls[i * len(calls) // MOST_SPANS] for i in range(MOST_SPANS)]


def _span(call: Call) -> tuple[int, int, Kind, CallStatus]:
    return call.started or call.ended, call.ended, call.kind, call.status


def _open(call: Call) -> OpenCall:
    return OpenCall(
        call=call.id,
        kind=call.kind,
        name=call.name,
        text=one_line(call.preview),
        since=call.started,
        until=call.until,
    )
