"""The fold: how each event changes what the history knows. Every status is decided here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from duranb.record import events as e
from duranb.record.calls import call_of, of_call
from duranb.record.history import History
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
from duranb.record.numbers import packed
from duranb.record.redacted import take_out

replace = msgspec.structs.replace

DIED = "KernelDied"
"""The type of the error of an execution whose process ended."""


class Fold:
    """Takes events into a :class:`History`, which it owns: whoever opened the store gives them to
    :meth:`apply`, in order."""

    def __init__(self, events: Iterable[e.Event] = ()) -> None:
        self.history = History()
        for event in events:
            self.apply(event)

    def apply(self, event: e.Event) -> None:
        """Take one event in; they come in order of ``seq``.

        One about something that is not there is left out, and noted in ``unread``: what a damaged
        history has lost must not keep the rest from being read.
        """
        history = self.history
        history.seq = event.seq
        self._event = event
        try:
            _APPLY[type(event.body)](self, event.ts, event.body)
        except (KeyError, IndexError, ValueError):
            history.unread.append(event.seq)
        history.time = event.ts

    def _update(self, execution: int, **changes: object) -> None:
        this = self.history.executions.get(execution)
        if this is not None:
            self.history.put_execution(replace(this, **changes))

    def _update_call(self, call: int, **changes: object) -> None:
        self.history.put_call(replace(self.history.calls[call], **changes))

    def kernel_died(self) -> None:
        """End what is running: its process is gone, and the latest event is its last sign of life.

        The next process to open the store makes it so; a reader who knows that none has it open
        need not wait for that.
        """
        history, ts = self.history, self.history.time
        died = e.ErrorInfo(type=DIED, message="the kernel died while this step was running")
        for number in sorted(history.running):
            this = history.executions[number]
            attempts = this.attempts
            if attempts and not attempts[-1].ended:
                last = replace(attempts[-1], ended=ts, cause=Cause.TRANSPORT, error=died)
                attempts = (*attempts[:-1], last)
            status = Status.IN_DOUBT if self._doubt(number) else Status.FAILED
            self._update(number, status=status, ended=ts, error=died, attempts=attempts)
            undone = history.executions.get(this.compensates)
            if undone is not None and undone.status is not Status.COMPENSATED:
                self._undone(undone.id, Status.COMPENSATION_FAILED, number)
        history.running.clear()

    # -- runs, branches, snapshots ---------------------------------------------------------

    def _run_started(self, ts: int, b: e.RunStarted) -> None:
        history = self.history
        history.run, history.branch, history.head = b.run, b.branch, 0
        history.left = 0
        history.signals, history.taken = {}, set()
        history.notebook = b.notebook or history.notebook
        history.put_branch(Branch(name=b.branch, run=b.run, parent="", forked_at=0, head=0))
        history.trails.begin_run()

    def _session_opened(self, ts: int, b: e.SessionOpened) -> None:
        history = self.history
        history.pid = b.pid
        history.left = history.left or history.head
        history.sessions.append(ts)
        if b.parameters is not None:
            history.parameters = b.parameters
        history.credentials.update(b.credentials)
        self.kernel_died()

    def _snapshot_captured(self, ts: int, b: e.SnapshotCaptured) -> None:
        self.history.put_snapshot(
            Snapshot(
                id=b.snapshot,
                parent=b.parent,
                branch=b.branch,
                taken=ts,
                changed=b.changed,
                deleted=tuple(b.deleted),
                random=b.random,
            )
        )
        self._stand(b.branch, b.snapshot)

    def _stand(self, branch: str, snapshot: int) -> None:
        history = self.history
        history.branch, history.head = branch, snapshot
        if branch in history.branches:
            history.put_branch(replace(history.branches[branch], head=snapshot))

    def _branch_created(self, ts: int, b: e.BranchCreated) -> None:
        self.history.put_branch(
            Branch(
                name=b.branch,
                run=self.history.run,
                parent=b.parent,
                forked_at=b.snapshot,
                head=b.snapshot,
            )
        )

    def _head_moved(self, ts: int, b: e.HeadMoved) -> None:
        self.history.left = 0
        self._stand(b.branch, b.snapshot)

    # -- executions and their attempts -----------------------------------------------------

    def _execution_started(self, ts: int, b: e.ExecutionStarted) -> None:
        self.history.left = 0
        self.history.put_execution(
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
                given=b.given,
                together=b.together,
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
        self.history.running.add(b.execution)

    def _attempt_started(self, ts: int, b: e.AttemptStarted) -> None:
        attempts = self.history.executions[b.execution].attempts
        self._update(b.execution, attempts=(*attempts, Attempt(number=b.attempt, started=ts)))

    def _attempt_failed(self, ts: int, b: e.AttemptFailed) -> None:
        attempts = self.history.executions[b.execution].attempts
        failed = replace(attempts[-1], ended=ts, cause=Cause(b.cause), error=b.error, wait=b.wait)
        self._update(b.execution, attempts=(*attempts[:-1], failed))

    def _end_attempt(self, execution: int, ts: int) -> tuple[Attempt, ...]:
        attempts = self.history.executions[execution].attempts
        if attempts and not attempts[-1].ended:
            return (*attempts[:-1], replace(attempts[-1], ended=ts))
        return attempts

    # -- calls -----------------------------------------------------------------------------

    def _call_intended(self, ts: int, b: e.CallIntended) -> None:
        self.history.put_call(
            Call(
                **of_call(b),
                status=CallStatus.INTENDED,
                started=ts,
                idempotency_key=b.idempotency_key,
                idempotent=b.idempotent,
                compensate=b.compensate,
                arguments=b.arguments,
                preview=b.preview,
                until=b.until,
                question=b.question,
            )
        )

    def _call_ended(self, ts: int, b: e.CallCompleted | e.CallFailed) -> None:
        before = self.history.calls.get(b.call)
        call = call_of(ts, b, before)
        is_all = before is None or call == call_of(ts, b)
        self.history.put_call(call, self._event if is_all else None)

    def _call_rejected(self, ts: int, b: e.CallRejected) -> None:
        self._update_call(b.call, status=CallStatus.REJECTED, reason=b.reason)

    def _call_resolved(self, ts: int, b: e.CallResolved) -> None:
        status = {
            "happened": CallStatus.COMPLETED,
            "not-happened": CallStatus.FAILED,
            "compensated": CallStatus.COMPENSATED,
        }[b.verdict]
        self._update_call(b.call, status=status, result=b.result, ended=ts, reason=b.verdict)

    def _call_compensated(self, ts: int, b: e.CallCompensated) -> None:
        self._update_call(b.call, status=CallStatus.COMPENSATED)
        history, call = self.history, self.history.calls[b.call]
        for this in history.executions_of(call.step):
            if call.execution == this.id or call.id in this.served:
                history.partly_undone.add(this.id)

    def _redacted(self, ts: int, b: e.Redacted) -> None:
        take_out(self.history, b)

    def _answered(self, ts: int, b: e.Answered) -> None:
        history = self.history
        call = history.calls.get(b.call)
        if b.refused:  # nobody who looks meanwhile may take it for the answer
            history.answers.pop(b.call, None)
        else:
            history.answers[b.call] = b if b.at else replace(b, at=ts)
        if call is None:
            return
        self._update_call(b.call, reason=b.refused)
        if b.signal:
            history.taken.add((call.preview, b.signal))
        for this in history.executions_of(call.step):
            if this.status in (Status.WAITING, Status.RUNNING):
                self._update(this.id)  # it may wait for that no more

    def _signalled(self, ts: int, b: e.Signalled) -> None:
        found = self.history.signals.setdefault(b.name, {})
        found.setdefault(b.id, b if b.at else replace(b, at=ts))

    def _entry_added(self, ts: int, b: e.EntryAdded) -> None:
        self.history.trails.add(b)

    # -- how executions end ----------------------------------------------------------------

    def _execution_completed(self, ts: int, b: e.ExecutionCompleted) -> None:
        self.history.running.discard(b.execution)
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
            served=packed(b.served),
            unstored=b.unstored,
            shared=b.shared,
            sharers=b.sharers,
            drawn=b.drawn,
            around=b.around,
        )
        self.history.settle(b.execution, b.snapshot)

    def _values_differ(self, ts: int, b: e.ValuesDiffer) -> None:
        self.history.differs[b.artifact] = b.differences
        if b.execution:
            before = self.history.executions[b.execution].differs
            self._update(b.execution, differs={**before, **b.differences})

    def _went_unrecorded(self, ts: int, b: e.WentUnrecorded) -> None:
        ways = tuple(b.ways)
        for number in (b.execution, *self.history.restored_from(b.execution)):
            self._update(number, unrecorded=ways)

    def _execution_ended(self, ts: int, b: e.ExecutionEnded) -> None:
        self.history.running.discard(b.execution)
        status = Status(b.status)
        self._update(
            b.execution,
            status=status,
            ended=ts,
            attempts=self._end_attempt(b.execution, ts),
            error=b.error,
            served=packed(b.served),
            messages=b.messages,
            left=b.left,
        )
        self._doubt(b.execution)

    def _doubt(self, execution: int) -> bool:
        """Put the effects that were begun and never settled in doubt; whether there were any."""
        open_effects = [
            c
            for c in self.history.intended_calls_of(execution)
            if c.status is CallStatus.INTENDED and c.kind.traits.effect and not c.idempotent
        ]
        for call in open_effects:
            self._update_call(call.id, status=CallStatus.IN_DOUBT)
        return bool(open_effects)

    def _execution_restored(self, ts: int, b: e.ExecutionRestored) -> None:
        self.history.left = 0
        source = self.history.executions[b.of]
        self.history.put_execution(
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
                parent=b.parent or source.parent,
                reason="",
                cell=b.cell,
            )
        )
        self.history.settle(b.execution, b.snapshot)

    def _execution_compensated(self, ts: int, b: e.ExecutionCompensated) -> None:
        status = Status.COMPENSATED if b.ok else Status.COMPENSATION_FAILED
        self._undone(b.execution, status, b.by)
        if b.ok and b.execution in self.history.to_undo:
            self.history.to_undo.remove(b.execution)

    def _saga_begun(self, ts: int, b: e.SagaBegun) -> None:
        rest = [x for x in self.history.to_undo if x not in b.executions]
        self.history.to_undo = [*b.executions, *rest]

    def _undone(self, execution: int, status: Status, by: int) -> None:
        """Of an execution, and of those that were restored from it."""
        history = self.history
        for number in (execution, *history.restored_from(execution)):
            self._update(number, status=status, compensated_by=by)
            around = history.executions[number].parent
            while around in history.executions and status is Status.COMPENSATED:
                history.partly_undone.add(around)
                around = history.executions[around].parent

    def _compensation_registered(self, ts: int, b: e.CompensationRegistered) -> None:
        if self.history.compensations.get(b.step, b.source) != b.source:
            self.history.mended_undos[b.step] = ts
        self.history.compensations[b.step] = b.source

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
    e.CallCompleted: Fold._call_ended,
    e.CallFailed: Fold._call_ended,
    e.CallRejected: Fold._call_rejected,
    e.CallResolved: Fold._call_resolved,
    e.CallCompensated: Fold._call_compensated,
    e.ExecutionCompleted: Fold._execution_completed,
    e.ValuesDiffer: Fold._values_differ,
    e.WentUnrecorded: Fold._went_unrecorded,
    e.ExecutionEnded: Fold._execution_ended,
    e.ExecutionRestored: Fold._execution_restored,
    e.ExecutionCompensated: Fold._execution_compensated,
    e.SagaBegun: Fold._saga_begun,
    e.CompensationRegistered: Fold._compensation_registered,
    e.Answered: Fold._answered,
    e.Signalled: Fold._signalled,
    e.EntryAdded: Fold._entry_added,
    e.Redacted: Fold._redacted,
    e.Imported: lambda fold, ts, b: fold.history.imports.add(b),
}
