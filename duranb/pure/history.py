"""The fold: from events to what duranb knows.

A :class:`History` is owned by whoever opened the store (the session, or a read-only view), who
calls :meth:`History.apply` for each event in order. Everybody else reads. It keeps no payloads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from duranb.pure import events as e
from duranb.pure.errors import NoSuchStep
from duranb.pure.model import (
    Attempt,
    Branch,
    Call,
    CallStatus,
    Cause,
    Execution,
    Ledger,
    Origin,
    Snapshot,
    Status,
)

replace = msgspec.structs.replace

SETTLED = (Status.COMPLETED, Status.COMPENSATED, Status.COMPENSATION_FAILED)
"""Statuses of an execution whose body ran to its end."""

DIED = "KernelDied"
"""The type of the error of an execution whose process ended."""


class History:
    """All that the events say. Dictionaries are keyed by id (or name) in order of appearance."""

    def __init__(self, events: Iterable[e.Event] = ()) -> None:
        self.seq = 0
        self.run = ""
        self.branch = ""
        self.head = 0
        self.pid = 0
        self.sessions: list[int] = []
        self.parameters: dict[str, Any] = {}
        self.unread: list[int] = []
        self.notebook = ""
        self.executions: dict[int, Execution] = {}
        self.calls: dict[int, Call] = {}
        self.snapshots: dict[int, Snapshot] = {}
        self.branches: dict[str, Branch] = {}
        self.compensations: dict[str, str] = {}
        self.answers: dict[int, e.Answered] = {}
        self._of_step: dict[str, list[int]] = {}
        self._of_execution: dict[int, list[int]] = {}
        self._journal: dict[tuple[str, str, str], dict[int, list[int]]] = {}
        self._settled: dict[tuple[str, str, str], list[int]] = {}
        self._ended_at: dict[int, list[int]] = {}
        self._running: set[int] = set()
        self._last_id = {"execution": 0, "call": 0, "snapshot": 0}
        for event in events:
            self.apply(event)

    # -- reading ---------------------------------------------------------------------------

    @property
    def steps(self) -> list[str]:
        """The names of all steps, in order of first appearance (compensations left out)."""
        return [
            n for n, ids in self._of_step.items() if self.executions[ids[0]].sort != "compensation"
        ]

    def executions_of(self, step: str) -> list[Execution]:
        """All executions of a step, oldest first."""
        return [self.executions[i] for i in self._of_step.get(step, ())]

    def last_carried_out(self, step: str) -> Execution | None:
        """The latest execution of a step in this run in which its body ran."""
        for number in reversed(self._of_step.get(step, ())):
            this = self.executions[number]
            if not this.of and this.run == self.run:
                return this
        return None

    def calls_of(self, execution: int) -> list[Call]:
        """The calls made (not served from the journal) by an execution, oldest first."""
        return [self.calls[i] for i in self._of_execution.get(execution, ())]

    def find(self, reference: str) -> Execution:
        """The execution that ``STEP``, ``STEP@ID`` or ``ID`` names.

        A bare step name means its latest completed execution in the lineage of the head, else the
        latest one at all. Raises :class:`NoSuchStep` with what there is instead.
        """
        name, _, number = reference.rpartition("@") if "@" in reference else (reference, "", "")
        if not name and not number:
            raise NoSuchStep("name a step")
        if reference.isdigit() and reference not in self._of_step:
            name, number = "", reference
        if number:
            found = self.executions.get(int(number)) if number.isdigit() else None
            if found is None or (name and found.step != name):
                raise NoSuchStep(
                    f"there is no execution {number!r}{f' of step {name!r}' if name else ''}"
                )
            return found
        candidates = self.executions_of(name)
        if not candidates:
            known = ", ".join(self.steps) or "none yet"
            raise NoSuchStep(f"there is no step {name!r}; the steps are: {known}")
        lineage = self.lineage()
        in_line = [x for x in candidates if x.snapshot in lineage and x.status in SETTLED]
        return (in_line or candidates)[-1]

    def lineage(self, snapshot: int | None = None) -> set[int]:
        """The snapshots from ``snapshot`` (the head when None) back to the first."""
        return {s.id for s in self.walk(snapshot)}

    def walk(self, snapshot: int | None = None) -> Iterator[Snapshot]:
        """The snapshots from ``snapshot`` (the head when None) back to the first, newest first."""
        current = self.snapshots.get(self.head if snapshot is None else snapshot)
        while current is not None:
            yield current
            # Parents are older. (In a store from elsewhere they might not be.)
            current = self.snapshots.get(current.parent) if current.parent < current.id else None

    def namespace(self, snapshot: int | None = None) -> dict[str, e.Binding]:
        """Every name's binding at a snapshot (the head when None)."""
        found: dict[str, e.Binding] = {}
        gone: set[str] = set()
        for step in self.walk(snapshot):
            for name, binding in step.changed.items():
                if name not in gone:
                    found.setdefault(name, binding)
            gone.update(n for n in step.deleted if n not in found)
        return found

    def random_at(self, snapshot: int | None = None) -> str:
        """The digest of the random generators' state at a snapshot, or an empty string."""
        return next((s.random for s in self.walk(snapshot) if s.random), "")

    def line(self, snapshot: int | None = None) -> list[Execution]:
        """The completed executions on the way to a snapshot, oldest first."""
        found: list[Execution] = []
        for state in self.walk(snapshot):
            # Several stand at one state when they changed no variable; some on a later branch.
            there = (self.executions[i] for i in reversed(self._ended_at.get(state.id, ())))
            found += [x for x in there if x.branch in (self.branch, state.branch)]
        return found[::-1]

    def recorded(self, step: str, key: str, occurrence: int) -> Call | None:
        """The call that answers the ``occurrence``-th identical request of ``step``, if any.

        Calls of the current branch come first, then the latest of any branch of the run. Rejected
        calls and undone effects are not among them; an effect that was intended and never settled
        is (its status says so).
        """
        ids = self._journal.get((self.run, step, key), {}).get(occurrence, ())
        usable = [c for c in (self.calls[i] for i in ids) if self._serves(c)]
        here = [c for c in usable if self.executions[c.execution].branch == self.branch]
        found = here or usable
        return found[-1] if found else None

    def _serves(self, call: Call) -> bool:
        undone = self.executions[call.execution].status is Status.COMPENSATED
        if undone and call.sort in ("http", "ask"):
            return False
        return call.status in (CallStatus.COMPLETED, CallStatus.INTENDED, CallStatus.IN_DOUBT)

    def completed(
        self, step: str, identity: str, fits: Callable[[Execution], bool] = lambda this: True
    ) -> Execution | None:
        """The execution that an identical step can be restored from, if there is one that ``fits``.

        One on the way to the head comes first, then the latest of the run. What was compensated
        since is none: it has to be done again.
        """
        ids = self._settled.get((self.run, step, identity), ())
        usable = [self.executions[i] for i in ids]
        usable = [x for x in usable if x.status is Status.COMPLETED and fits(x)]
        if len(usable) > 1:
            line = {x.of or x.id for x in self.line()}
            usable = [x for x in usable if x.id in line] or usable
        return usable[-1] if usable else None

    def generation(self, step: str, key: str, occurrence: int) -> int:
        """How often this very call was carried out and undone since."""
        ids = self._journal.get((self.run, step, key), {}).get(occurrence, ())
        return sum(self.calls[i].status is CallStatus.COMPENSATED for i in ids)

    def occurrences(self, step: str, key: str) -> int:
        """How many identical requests of a step were recorded."""
        return len(self._journal.get((self.run, step, key), {}))

    def ledger(self, execution: int) -> Ledger:
        """What an execution's calls cost, and what those it did not have to make would have."""
        this = self.executions[execution]
        made = [
            c
            for c in self.calls_of(execution)
            if c.status in (CallStatus.COMPLETED, CallStatus.REJECTED)
        ]
        saved = [self.calls[i] for i in this.served if i in self.calls]
        if this.origin is Origin.RESTORED and this.of in self.executions:
            source = self.executions[this.of]
            saved = [c for c in self.calls_of(this.of) if c.status is CallStatus.COMPLETED]
            saved += [self.calls[i] for i in source.served if i in self.calls]
        paid = [c for c in made if c.sort == "llm"]
        free = [c for c in saved if c.sort == "llm"]
        return Ledger(
            calls=len(paid),
            tokens=sum(_tokens(c) for c in paid),
            cost=sum(_cost(c) for c in paid),
            unpriced=sum(c.unpriced for c in paid),
            saved_calls=len(free),
            saved_tokens=sum(_tokens(c) for c in free),
            saved_cost=sum(_cost(c) for c in free),
            saved_seconds=sum(c.ended - c.started for c in free if c.started) / 1e6,
        )

    @property
    def last_execution(self) -> int:
        """The id of the latest execution, 0 for none."""
        return next(reversed(self.executions), 0)

    def next_id(self, what: str) -> int:
        """A fresh id for an ``execution``, ``call`` or ``snapshot``."""
        self._last_id[what] += 1
        return self._last_id[what]

    # -- folding ---------------------------------------------------------------------------

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
                sort=b.sort,
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
                idempotency_key=b.idempotency_key or (before.idempotency_key if before else ""),
                idempotent=before.idempotent if before else False,
                compensate=b.compensate or (before.compensate if before else ""),
                arguments=b.arguments or (before.arguments if before else ""),
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
        )
        self._after(b.snapshot, b.execution)

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
            if c.status is CallStatus.INTENDED and c.effect and not c.idempotent
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


_APPLY: dict[type, Callable[[History, int, Any], None]] = {
    e.RunStarted: History._run_started,
    e.SessionOpened: History._session_opened,
    e.ArtifactStored: History._nothing,
    e.BranchCreated: History._branch_created,
    e.HeadMoved: History._head_moved,
    e.SnapshotCaptured: History._snapshot_captured,
    e.ExecutionStarted: History._execution_started,
    e.AttemptStarted: History._attempt_started,
    e.AttemptFailed: History._attempt_failed,
    e.CallIntended: History._call_intended,
    e.CallCompleted: History._call_completed,
    e.CallFailed: History._call_failed,
    e.CallRejected: History._call_rejected,
    e.CallResolved: History._call_resolved,
    e.CallCompensated: History._call_compensated,
    e.ExecutionCompleted: History._execution_completed,
    e.ExecutionEnded: History._execution_ended,
    e.ExecutionRestored: History._execution_restored,
    e.ExecutionCompensated: History._execution_compensated,
    e.CompensationRegistered: History._compensation_registered,
    e.Answered: History._answered,
}


def _of_call(b: e.OfCall) -> dict[str, Any]:
    return {
        "id": b.call,
        "execution": b.execution,
        "attempt": b.attempt,
        "step": b.step,
        "key": b.key,
        "occurrence": b.occurrence,
        "sort": b.sort,
        "name": b.name,
    }


def _tokens(call: Call) -> int:
    return call.usage.input_tokens + call.usage.output_tokens if call.usage else 0


def _cost(call: Call) -> float:
    return call.usage.cost if call.usage else 0.0
