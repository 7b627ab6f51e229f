"""``log``: the history as sentences, newest last."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from duranb.record import events as e, ways
from duranb.record.events import Event
from duranb.record.fold import DIED
from duranb.record.history import History
from duranb.views.render import View
from duranb.views.words import clock


def view(history: History, events: Sequence[Event], most: int = 30) -> View:
    """The last ``most`` events that say something (stored artifacts are left out), and where in
    between a kernel died with a step running."""
    told = [
        (str(x.seq), x.ts, sentence(history, x.body))
        for x in [x for x in events if not isinstance(x.body, e.ArtifactStored)][-most:]
    ]
    died = [x for x in history.executions.values() if x.error and x.error.type == DIED]
    for this in died:
        # It recorded nothing more: its end is the time of the latest event before.
        after = next((i for i in range(len(told), 0, -1) if told[i - 1][1] <= this.ended), 0)
        if after:
            told.insert(after, ("", this.ended, f"the kernel died in {_step(history, this.id)}"))
    table = Table.grid(padding=(0, 2))
    for number, time, what in told[-most:]:
        table.add_row(number, clock(time), Text(what))
    return View(table)


def sentence(history: History, body: e.EventBody) -> str:
    """One event, as a sentence."""
    match body:
        case e.RunStarted():
            return f"run {body.run} began"
        case e.SessionOpened():
            given = ", ".join(f"{n}={v!r}" for n, v in (body.parameters or {}).items())
            return f"process {body.pid} opened the store{given and f', to run with {given}'}"
        case e.SnapshotCaptured():
            moved = [*body.changed, *(f"-{n}" for n in body.deleted)]
            return f"snapshot {body.snapshot}: {', '.join(moved) or 'random state'}"
        case e.BranchCreated():
            return f"branch {body.branch} was forked from {body.parent}"
        case e.HeadMoved():
            return f"{body.reason} to snapshot {body.snapshot} of branch {body.branch}"
        case e.ExecutionStarted():
            return f"{body.step}@{body.execution} began ({body.reason or body.kind})"
        case e.ExecutionRestored():
            return f"{body.step}@{body.execution} was restored from execution {body.of}"
        case e.ExecutionCompleted():
            names = ", ".join(body.outputs) or "no outputs"
            return f"{_step(history, body.execution)} completed ({body.origin}): {names}"
        case e.ValuesDiffer():
            whose = _step(history, body.execution) if body.execution else "a plain cell"
            told = "; ".join(body.differences.values())
            return _short(f"{whose}: {', '.join(body.differences)} does not come back: {told}")
        case e.WentUnrecorded():
            return _short(f"{_step(history, body.execution)}: {ways.account(body.ways)}")
        case e.ExecutionEnded():
            why = f": {body.error.type}: {body.error.message}" if body.error else ""
            return f"{_step(history, body.execution)} ended {body.status}{_short(why)}"
        case e.ExecutionCompensated():
            how = "was compensated" if body.ok else "could not be compensated"
            return f"{_step(history, body.execution)} {how} by execution {body.by}"
        case e.AttemptStarted():
            return f"{_step(history, body.execution)}: attempt {body.attempt}"
        case e.AttemptFailed():
            then = f", again in {body.wait:.1f} s" if body.wait >= 0 else ""
            what = _short(f"{body.error.type}: {body.error.message}")
            step = _step(history, body.execution)
            return f"{step}: attempt {body.attempt} failed ({body.cause}: {what}){then}"
        case e.CallIntended():
            return f"{body.step}: {body.name}({_short(body.preview)}) is about to happen"
        case e.CallCompleted():
            return f"{body.step}: {body.name} returned {_short(body.preview)}".rstrip()
        case e.CallFailed():
            what = _short(f"{body.error.type}: {body.error.message}")
            return f"{body.step}: {body.name} failed ({body.status or what})"
        case e.CallRejected():
            return f"call {body.call} was rejected: {_short(body.reason)}"
        case e.CallResolved():
            return f"call {body.call} was resolved: {body.verdict}"
        case e.CallCompensated():
            return f"call {body.call} was undone by execution {body.by}"
        case e.SagaBegun():
            steps = [_step(history, number) for number in body.executions]
            return _short(f"to be undone ({body.reason}): {', '.join(steps)}")
        case e.CompensationRegistered():
            return f"{body.step} has a compensation"
        case e.Answered(refused=why) if why:
            return f"question {body.call}: the answer {_short(why)}"
        case e.Answered():
            about = ", ".join(filter(None, (body.by, body.why)))
            what = f"signal {body.signal} of its name" if body.signal else _short(str(body.value))
            return f"question {body.call} was answered: {what}{about and f' ({_short(about)})'}"
        case e.Signalled():
            return (
                f"signal {body.name} came: {_short(str(body.value))}{body.by and f' ({body.by})'}"
            )
        case e.EntryAdded():
            whose = f"{_step(history, body.execution)}: " if body.execution else ""
            return f"{whose}{body.trail} has a new entry"
        case e.Redacted():
            what = f"{len(body.events)} events and {len(body.artifacts)} artifacts written over"
            if body.removed:
                what = f"{len(body.removed)} artifacts removed"
            return _short(f"{body.reason} ({what})")
        case e.Imported():
            what = f"{body.run} {body.place}".rstrip()
            return _short(f"{body.events} events of {what} are here, from {body.source}")
        case e.ArtifactStored():
            return f"artifact {body.digest[:12]} was stored ({body.size} bytes)"


def _step(history: History, execution: int) -> str:
    this = history.executions.get(execution)
    return f"{this.step}@{execution}" if this else f"execution {execution}"


def _short(text: str) -> str:
    first = text.splitlines()[0] if text else ""
    return first if len(first) <= 90 else first[:89] + "…"
