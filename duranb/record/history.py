"""The history: what the events say, to be asked.

A :class:`History` is owned by whoever opened the store (the session, or a read-only view);
everybody else reads. It keeps no payloads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from duranb.errors import NoSuchStep
from duranb.record import events as e
from duranb.record.fold import Fold
from duranb.record.model import Call, CallStatus, Execution, Ledger, Origin, Snapshot, Status

SETTLED = (Status.COMPLETED, Status.COMPENSATED, Status.COMPENSATION_FAILED)
"""Statuses of an execution whose body ran to its end."""


class History(Fold):
    """All that the events say, and the questions that may be asked of it."""

    @property
    def steps(self) -> list[str]:
        """The names of all steps, in order of first appearance (compensations left out)."""
        return [
            n for n, ids in self._of_step.items() if self.executions[ids[0]].kind != "compensation"
        ]

    def last_carried_out(self, step: str) -> Execution | None:
        """The latest execution of a step in this run in which its body ran."""
        for number in reversed(self._of_step.get(step, ())):
            this = self.executions[number]
            if not this.of and this.run == self.run:
                return this
        return None

    def carried_out_since(self, step: str, execution: int) -> list[Execution]:
        """The executions of a step later than ``execution`` in which its body ran, oldest first."""
        found: list[Execution] = []
        for number in reversed(self._of_step.get(step, ())):
            if number <= execution:
                break
            found.append(self.executions[number])
        return [x for x in reversed(found) if not x.of]

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
        if undone and call.kind.traits.again:
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
        paid = [c for c in made if c.kind.traits.answer]
        free = [c for c in saved if c.kind.traits.answer]
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


def _tokens(call: Call) -> int:
    return call.usage.input_tokens + call.usage.output_tokens if call.usage else 0


def _cost(call: Call) -> float:
    return call.usage.cost if call.usage else 0.0
