"""The fold: how each event changes what is known.

A :class:`duranb.record.history.History` is a fold that can be asked. The one here only takes events
in; whoever opened the store owns it and calls :meth:`Fold.apply` for each event, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from duranb.record import events as e
from duranb.record.kinds import Kind
from duranb.record.model import (
    Attempt,
    Branch,
    Call,
    CallStatus,
    Cause,
    Execution,
    Origin,
    Snapshot,
    Status,
)

replace = msgspec.structs.replace

DIED = "KernelDied"
"""The type of the error of an execution whose process ended."""


class Fold:
    """What the events have said so far. Dictionaries are keyed by id (or name), in order of
    appearance."""

    def __init__(self, events: Iterable[e.Event] = ()) -> None:
        self.seq = 0
        self.run = ""
        self.branch = ""
        self.head = 0
        self.pid = 0
        self.sessions: list[int] = []
        self.parameters: dict[str, Any] = {}
        self.credentials: set[str] = set()
        self.unread: list[int] = []
        self.notebook = ""
        self.executions: dict[int, Execution] = {}
        self.calls: dict[int, Call] = {}
        self.snapshots: dict[int, Snapshot] = {}
        self.branches: dict[str, Branch] = {}
        self.compensations: dict[str, str] = {}
        self.answers: dict[int, e.Answered] = {}
        self.differs: dict[str, dict[str, str]] = {}
        self._of_step: dict[str, list[int]] = {}
        self._of_execution: dict[int, list[int]] = {}
        self._journal: dict[tuple[str, str, str], dict[int, list[int]]] = {}
        self._settled: dict[tuple[str, str, str], list[int]] = {}
        self._ended_at: dict[int, list[int]] = {}
        self._running: set[int] = set()
        self._last_id = {"execution": 0, "call": 0, "snapshot": 0}
        for event in events:
            self.apply(event)

    def executions_of(self, step: str) -> list[Execution]:
        """All executions of a step, oldest first."""
        return [self.executions[i] for i in self._of_step.get(step, ())]

    def calls_of(self, execution: int) -> list[Call]:
        """The calls made (not served from the journal) by an execution, oldest first."""
        return [self.calls[i] for i in self._of_execution.get(execution, ())]

    def next_id(self, what: str) -> int:
        """A fresh id for an ``execution``, ``call`` or ``snapshot``."""
        self._last_id[what] += 1
        return self._last_id[what]

    def apply(self, event: e.Event) -> None:
        """Take one event in; they come in order of ``seq``.

        One about something that is not there is left out, and noted in :attr:`unread`: what a
        damaged history has lost must not keep the rest from being read.
        """
        self.seq = event.seq
        try:
            _APPLY[type(event.body)](self, event.ts, event.body)
        except (KeyError, IndexError, ValueError):
            self.unread.append(event.seq)

    def _seen(self, what: str, number: int) -> None:
        self._last_id[what] = max(self._last_id[what], number)

    def _update(self, execution: int, **changes: object) -> None:
        if execution in self.executions:
            self.executions[execution] = replace(self.executions[execution], **changes)

    def _run_started(self, ts: int, b: e.RunStarted) -> None:
        self.run, self.branch, self.head = b.run, b.branch, 0
        self.notebook = b.notebook or self.notebook
        self.branches[b.branch] = Branch(name=b.branch, run=b.run, parent="", forked_at=0, head=0)

    def _session_opened(self, ts: int, b: e.SessionOpened) -> None:
        self.pid = b.pid
        self.sessions.append(ts)
        if b.parameters is not None:
            self.parameters = b.parameters
        self.credentials.update(b.credentials)
        self.kernel_died(ts)

    def kernel_died(self, ts: int) -> None:
        """End what is running: its process is gone since ``ts``. The next process to open the store
        makes it so; a reader who knows that none has it open need not wait for that."""
        died = e.ErrorInfo(type=DIED, message="the kernel died while this step was running")
        for number in sorted(self._running):
            attempts = self.executions[number].attempts
            if attempts and not attempts[-1].ended:
                last = replace(attempts[-1], ended=ts, cause=Cause.TRANSPORT, error=died)
                attempts = (*attempts[:-1], last)
            status = Status.IN_DOUBT if self._doubt(number) else Status.FAILED
            self._update(number, status=status, ended=ts, error=died, attempts=attempts)
            undone = self.executions.get(self.executions[number].compensates)
            if undone is not None and undone.status is Status.COMPLETED:
                self._undone(undone.id, Status.COMPENSATION_FAILED, number)
        self._running.clear()

    def _snapshot_captured(self, ts: int, b: e.SnapshotCaptured) -> None:
        self._seen("snapshot", b.snapshot)
        self.snapshots[b.snapshot] = Snapshot(
            id=b.snapshot,
            parent=b.parent,
            branch=b.branch,
            taken=ts,
            changed=b.changed,
            deleted=tuple(b.deleted),
            random=b.random,
        )
        self._stand(b.branch, b.snapshot)

    def _stand(self, branch: str, snapshot: int) -> None:
        self.branch, self.head = branch, snapshot
        if branch in self.branches:
            self.branches[branch] = replace(self.branches[branch], head=snapshot)

    def _branch_created(self, ts: int, b: e.BranchCreated) -> None:
        self.branches[b.branch] = Branch(
            name=b.branch, run=self.run, parent=b.parent, forked_at=b.snapshot, head=b.snapshot
        )

    def _head_moved(self, ts: int, b: e.HeadMoved) -> None:
        self._stand(b.branch, b.snapshot)

    def _add(self, this: Execution) -> None:
        self._seen("execution", this.id)
        self.executions[this.id] = this
        self._of_step.setdefault(this.step, []).append(this.id)

    def _execution_started(self, ts: int, b: e.ExecutionStarted) -> None:
        self._running.add(b.execution)
        self._add(
            Execution(
                id=b.execution,
                step=b.step,
                run=b.run,
                branch=b.branch,
                kind=b.kind,
                status=Status.RUNNING,
                origin=Origin.EXECUTED,
                started=ts,
                source=b.source,
                fingerprint=b.fingerprint,
                identity=b.identity,
                inputs=b.inputs,
                uses=b.uses,
                options=b.options,
                before=b.before,
                parent=b.parent,
                compensates=b.compensates,
                replays=b.replays,
                reason=b.reason,
                cell=b.cell,
                arguments=b.arguments,
                attempts=(Attempt(number=1, started=ts),),
            )
        )

    def _attempt_started(self, ts: int, b: e.AttemptStarted) -> None:
        attempts = self.executions[b.execution].attempts
        self._update(b.execution, attempts=(*attempts, Attempt(number=b.attempt, started=ts)))

    def _attempt_failed(self, ts: int, b: e.AttemptFailed) -> None:
        attempts = self.executions[b.execution].attempts
        failed = replace(attempts[-1], ended=ts, cause=Cause(b.cause), error=b.error, wait=b.wait)
        self._update(b.execution, attempts=(*attempts[:-1], failed))

    def _end_attempt(self, execution: int, ts: int) -> tuple[Attempt, ...]:
        attempts = self.executions[execution].attempts
        if attempts and not attempts[-1].ended:
            return (*attempts[:-1], replace(attempts[-1], ended=ts))
        return attempts

    def _keep_call(self, call: Call) -> None:
        self._seen("call", call.id)
        this = self.executions[call.execution]
        if call.id not in self.calls:
            self._of_execution.setdefault(call.execution, []).append(call.id)
            where = (this.run, call.step, call.key)
            self._journal.setdefault(where, {}).setdefault(call.occurrence, []).append(call.id)
        self.calls[call.id] = call

    def _call_intended(self, ts: int, b: e.CallIntended) -> None:
        self._keep_call(
            Call(
                **_of_call(b),
                status=CallStatus.INTENDED,
                started=ts,
                idempotency_key=b.idempotency_key,
                idempotent=b.idempotent,
                compensate=b.compensate,
                arguments=b.arguments,
                preview=b.preview,
            )
        )

    def _call_completed(self, ts: int, b: e.CallCompleted) -> None:
        before = self.calls.get(b.call)
        self._keep_call(
            Call(
                **_of_call(b),
                status=CallStatus.COMPLETED,
                started=b.started or (before.started if before else 0),
                ended=ts,
                response=b.response,
                result=b.result,
                usage=b.usage,
                http_status=b.status,
                streamed=b.streamed,
                preview=b.preview or (before.preview if before else ""),
                idempotency_key=before.idempotency_key if before else "",
                idempotent=before.idempotent if before else False,
                compensate=before.compensate if before else "",
                arguments=before.arguments if before else "",
            )
        )

    def _call_failed(self, ts: int, b: e.CallFailed) -> None:
        before = self.calls.get(b.call)
        self._keep_call(
            Call(
                **_of_call(b),
                status=CallStatus.FAILED,
                started=b.started or (before.started if before else 0),
                ended=ts,
                http_status=b.status,
                error=b.error,
                preview=before.preview if before else "",
            )
        )

    def _call_rejected(self, ts: int, b: e.CallRejected) -> None:
        self.calls[b.call] = replace(
            self.calls[b.call], status=CallStatus.REJECTED, reason=b.reason
        )

    def _call_resolved(self, ts: int, b: e.CallResolved) -> None:
        call = self.calls[b.call]
        status = {
            "happened": CallStatus.COMPLETED,
            "not-happened": CallStatus.FAILED,
            "compensated": CallStatus.COMPENSATED,
        }[b.verdict]
        self.calls[b.call] = replace(
            call, status=status, result=b.result, ended=ts, reason=b.verdict
        )

    def _call_compensated(self, ts: int, b: e.CallCompensated) -> None:
        self.calls[b.call] = replace(self.calls[b.call], status=CallStatus.COMPENSATED)

    def _execution_completed(self, ts: int, b: e.ExecutionCompleted) -> None:
        self._running.discard(b.execution)
        this = self.executions[b.execution]
        self._settled.setdefault((this.run, this.step, this.identity), []).append(this.id)
        self._update(
            b.execution,
            status=Status.COMPLETED,
            origin=Origin(b.origin),
            ended=ts,
            attempts=self._end_attempt(b.execution, ts),
            snapshot=b.snapshot,
            outputs=b.outputs,
            deleted=tuple(b.deleted),
            result=b.result,
            result_name=b.result_name,
            messages=b.messages,
            served=tuple(b.served),
            unstored=b.unstored,
            shared=b.shared,
            sharers=b.sharers,
            drawn=b.drawn,
        )
        self._after(b.snapshot, b.execution)

    def _values_differ(self, ts: int, b: e.ValuesDiffer) -> None:
        self.differs[b.artifact] = b.differences
        if b.execution:
            before = self.executions[b.execution].differs
            self._update(b.execution, differs={**before, **b.differences})

    def _after(self, snapshot: int, execution: int) -> None:
        if snapshot in self.snapshots:
            self.snapshots[snapshot] = replace(self.snapshots[snapshot], execution=execution)
            self._ended_at.setdefault(snapshot, []).append(execution)

    def _execution_ended(self, ts: int, b: e.ExecutionEnded) -> None:
        self._running.discard(b.execution)
        status = Status(b.status)
        self._update(
            b.execution,
            status=status,
            ended=ts,
            attempts=self._end_attempt(b.execution, ts),
            error=b.error,
            served=tuple(b.served),
            messages=b.messages,
            left=b.left,
        )
        self._doubt(b.execution)

    def _doubt(self, execution: int) -> bool:
        """Put the effects that were begun and never settled in doubt; whether there were any."""
        open_effects = [
            c
            for c in self.calls_of(execution)
            if c.status is CallStatus.INTENDED and c.kind.traits.effect and not c.idempotent
        ]
        for call in open_effects:
            self.calls[call.id] = replace(call, status=CallStatus.IN_DOUBT)
        return bool(open_effects)

    def _execution_restored(self, ts: int, b: e.ExecutionRestored) -> None:
        source = self.executions[b.of]
        self._add(
            replace(
                source,
                id=b.execution,
                run=b.run,
                branch=b.branch,
                status=Status.COMPLETED,
                origin=Origin.RESTORED,
                started=ts,
                ended=ts,
                attempts=(),
                served=(),
                before=b.before,
                snapshot=b.snapshot,
                of=b.of,
                reason="",
                cell=b.cell,
            )
        )
        self._after(b.snapshot, b.execution)

    def _execution_compensated(self, ts: int, b: e.ExecutionCompensated) -> None:
        status = Status.COMPENSATED if b.ok else Status.COMPENSATION_FAILED
        self._undone(b.execution, status, b.by)

    def _undone(self, execution: int, status: Status, by: int) -> None:
        """Of an execution, and of those that were restored from it."""
        for this in self.executions_of(self.executions[execution].step):
            if execution in (this.id, this.of):
                self._update(this.id, status=status, compensated_by=by)

    def _compensation_registered(self, ts: int, b: e.CompensationRegistered) -> None:
        self.compensations[b.step] = b.source

    def _answered(self, ts: int, b: e.Answered) -> None:
        self.answers[b.call] = b

    def _nothing(self, ts: int, b: e.ArtifactStored) -> None:
        """Artifacts are the store's own business."""


_APPLY: dict[type, Callable[[Fold, int, Any], None]] = {
    e.RunStarted: Fold._run_started,
    e.SessionOpened: Fold._session_opened,
    e.ArtifactStored: Fold._nothing,
    e.BranchCreated: Fold._branch_created,
    e.HeadMoved: Fold._head_moved,
    e.SnapshotCaptured: Fold._snapshot_captured,
    e.ExecutionStarted: Fold._execution_started,
    e.AttemptStarted: Fold._attempt_started,
    e.AttemptFailed: Fold._attempt_failed,
    e.CallIntended: Fold._call_intended,
    e.CallCompleted: Fold._call_completed,
    e.CallFailed: Fold._call_failed,
    e.CallRejected: Fold._call_rejected,
    e.CallResolved: Fold._call_resolved,
    e.CallCompensated: Fold._call_compensated,
    e.ExecutionCompleted: Fold._execution_completed,
    e.ValuesDiffer: Fold._values_differ,
    e.ExecutionEnded: Fold._execution_ended,
    e.ExecutionRestored: Fold._execution_restored,
    e.ExecutionCompensated: Fold._execution_compensated,
    e.CompensationRegistered: Fold._compensation_registered,
    e.Answered: Fold._answered,
}


def _of_call(b: e.OfCall) -> dict[str, Any]:
    return {
        "id": b.call,
        "execution": b.execution,
        "attempt": b.attempt,
        "step": b.step,
        "key": b.key,
        "occurrence": b.occurrence,
        "kind": Kind(b.kind),
        "name": b.name,
    }
