"""The history: what the events say, to be asked.

A :class:`History` holds no payloads, and of most calls only where they are on record. The fold
(:mod:`duranb.record.fold`) fills it as events come in; everybody else reads.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from duranb.errors import NoSuchStep
from duranb.record import events as e
from duranb.record.calls import Calls, check
from duranb.record.changes import Changes as Changes
from duranb.record.costs import PAID, REJECTED, Costs, Sums, sums_of
from duranb.record.imports import Imports
from duranb.record.lineage import Tree
from duranb.record.model import (
    Branch,
    Call,
    CallStatus,
    Execution,
    Ledger,
    Origin,
    Snapshot,
    Status,
)
from duranb.record.numbers import Numbers
from duranb.record.recorded import RecordedCalls, hash_of
from duranb.record.trails import Trails
from duranb.text import given

replace = msgspec.structs.replace

SETTLED = (Status.COMPLETED, Status.COMPENSATED, Status.COMPENSATION_FAILED)
"""Statuses of an execution whose body ran to its end."""


class History:
    """All that the events say, and the questions that may be asked of it.

    Dictionaries are keyed by id (or name), in order of appearance. ``seq`` and ``time`` are those
    of the latest event. ``unread`` are the numbers of the events that made no sense. Hold ``lock``
    to iterate while another thread folds events in; single look-ups need none.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.seq = 0
        self.time = 0
        self.run = ""
        self.branch = ""
        self.head = 0
        self.left = 0
        """The head when a session began, until a step runs or the head is moved; else 0. What plain
        cells alone have made since, in this kernel or in several, does not take its place."""
        self.pid = 0
        self.sessions: list[int] = []
        self.parameters: dict[str, Any] = {}
        self.credentials: set[str] = set()
        self.unread: list[int] = []
        self.notebook = ""
        self.executions: dict[int, Execution] = {}
        self.calls = Calls()
        self.branches: dict[str, Branch] = {}
        self.compensations: dict[str, str] = {}
        self.mended_undos: dict[str, int] = {}
        """When the ``%%compensate`` cell of a step took the place of another one."""
        self.to_undo: list[int] = []
        """The executions that a saga has still to undo, the next one first."""
        self.partly_undone: set[int] = set()
        """Executions of which an effect was undone: they cannot be restored."""
        self.answers: dict[int, e.Answered] = {}
        """The latest answer to each question."""
        self.signals: dict[str, dict[str, e.Signalled]] = {}
        """The outside events of the current run by name and id, in the order in which they came."""
        self.taken: set[tuple[str, int]] = set()
        """Those that a wait was answered by: name and number, from 1."""
        self.differs: dict[str, dict[str, str]] = {}
        self.running: set[int] = set()
        self.trails = Trails()
        self.imports = Imports()
        self._tree = Tree()
        self._recorded = RecordedCalls()
        self._asked = Numbers()
        self._of_step: dict[str, list[int]] = {}
        self._of_execution: defaultdict[int, array[int]] = defaultdict(lambda: array("Q"))
        self._intended: defaultdict[int, list[int]] = defaultdict(list)
        self._all_intended: set[int] = set()
        self._changed_at: dict[int, int] = {}
        self._restored_from: dict[int, list[int]] = {}
        self._settled: dict[tuple[str, str, str], list[int]] = {}
        self._ended_at: dict[int, list[int]] = {}
        self._paid = Costs(PAID, self.calls_of)
        self._rejected = Costs(REJECTED, self.calls_of)
        self._last_id = {"execution": 0, "call": 0, "snapshot": 0}
        self._watching: list[Changes] = []

    # -- filled by the fold ----------------------------------------------------------------

    def put_execution(self, this: Execution) -> None:
        """Add an execution, or put it in the place of what was known of it."""
        is_new = this.id not in self.executions
        self.executions[this.id] = this  # first: what is named below is looked up without the lock
        if is_new:
            self._seen("execution", this.id)
            self._of_step.setdefault(this.step, []).append(this.id)
            if this.of:
                self._restored_from.setdefault(this.of, []).append(this.id)
        self._changed_at[this.id] = self.seq
        for changes in self._watching:
            changes.executions.add(this.id)

    def put_call(self, call: Call, event: e.Event | None = None) -> None:
        """Add a call, or put it in the place of what was known of it. ``event`` is the one that
        tells all that is known of it, where one does. Raises ValueError for an id that is none."""
        check(call.id)
        before = self.calls.get(call.id)
        run = self.executions[call.execution].run if before is None else ""
        self.calls.put(call, event)  # first, as an execution
        if before is None:
            self._seen("call", call.id)
            self._recorded.add(run, call.step, call.place_key, call.occurrence, call.id)
            if call.kind.traits.anywhere:
                self._asked.add(hash_of(run, call.step, call.key), call.id)
        # Another execution's: begun by one that died, and carried out by this one.
        if before is None or before.execution != call.execution:
            self._of_execution[call.execution].append(call.id)
            if call.kind.traits.intent:
                self._intended[call.execution].append(call.id)
                self._all_intended.add(call.id)
        self._paid.changed(before, call)
        self._rejected.changed(before, call)
        self._changed_at[call.execution] = self.seq
        for changes in self._watching:
            changes.calls.append(call.id)

    def put_snapshot(self, snapshot: Snapshot) -> None:
        """Add a snapshot. Raises ValueError when its id is taken."""
        self._tree.add(snapshot)
        self._seen("snapshot", snapshot.id)
        for changes in self._watching:
            changes.snapshots.add(snapshot.id)

    def amend_snapshot(self, snapshot: Snapshot) -> None:
        """Put a snapshot, with the names that it had, in the place of what was known of it."""
        self._tree.amend(snapshot)
        for changes in self._watching:
            changes.snapshots.add(snapshot.id)

    def put_branch(self, branch: Branch) -> None:
        """Add a branch, or put it in the place of what was known of it."""
        self.branches[branch.name] = branch
        for changes in self._watching:
            changes.branches.add(branch.name)

    def settle(self, execution: int, snapshot: int) -> None:
        """Note that an execution completed, in the state ``snapshot``: one that was carried out can
        be restored from now on."""
        this = self.executions[execution]
        if not this.of:
            self._settled.setdefault((this.run, this.step, this.identity), []).append(execution)
        if snapshot in self.snapshots:
            self._tree.snapshots[snapshot] = replace(self.snapshots[snapshot], execution=execution)
            self._ended_at.setdefault(snapshot, []).append(execution)
            for changes in self._watching:
                changes.snapshots.add(snapshot)

    def next_id(self, what: str) -> int:
        """A fresh id for an ``execution``, ``call`` or ``snapshot``."""
        self._last_id[what] += 1
        return self._last_id[what]

    def _seen(self, what: str, number: int) -> None:
        self._last_id[what] = max(self._last_id[what], number)

    def watch(self) -> Changes:
        """What changes from now on, noted as it happens in what this returns."""
        changes = Changes()
        self._watching.append(changes)
        return changes

    def everything(self) -> Changes:
        """All objects, as if they had just changed."""
        found = Changes()
        found.executions |= self.executions.keys()
        found.calls.extend(self.calls)
        found.snapshots |= self.snapshots.keys()
        found.branches |= self.branches.keys()
        return found

    # -- steps and executions --------------------------------------------------------------

    @property
    def snapshots(self) -> dict[int, Snapshot]:
        """All snapshots by id, oldest first."""
        return self._tree.snapshots

    def paid_towards(self, this: Execution) -> Sums:
        """What a step has paid for an execution that is not complete: by itself, and by those
        before it that did not complete either, whose calls it is answered from. Function steps are
        told apart by their arguments."""
        found = Sums()
        for number in reversed(self._of_step.get(this.step, ())):
            other = self.executions[number]
            if number > this.id or other.run != this.run or other.of:
                continue
            if this.kind == "function" and other.inputs != this.inputs:
                continue
            if number != this.id and other.status in SETTLED:
                break
            found = found.plus(self._paid.of(number))
        return found

    def executions_of(self, step: str) -> list[Execution]:
        """All executions of a step, oldest first."""
        return [self.executions[i] for i in self._of_step.get(step, ())]

    def calls_of(self, execution: int) -> list[Call]:
        """The calls made (not served from the journal) by an execution, oldest first."""
        return [self.calls[i] for i in self.ids_of_calls(execution)]

    def ids_of_calls(self, execution: int) -> Sequence[int]:
        """The ids of the calls made by an execution, oldest first. There may be very many, and to
        look at some of them need not read them all."""
        return self._of_execution.get(execution, ())

    def intended_calls_of(self, execution: int) -> list[Call]:
        """Of the calls made by an execution those that are recorded before they are made: effects,
        and what is waited for. Oldest first."""
        return [self.calls[i] for i in self._intended.get(execution, ())]

    def intended(self, this: Execution) -> list[Call]:
        """Of the calls that an execution made or was served those that are recorded before they are
        made, in the order of their ids."""
        own = {c.id for c in self.intended_calls_of(this.id) if c.execution == this.id}
        own |= self._all_intended.intersection(this.served)
        return [self.calls[i] for i in sorted(own)]

    def changed_from(self, seq: int) -> set[int]:
        """The executions that changed with event ``seq`` or later, or one of whose calls did."""
        return {i for i, at in self._changed_at.items() if at >= seq}

    def restored_from(self, execution: int) -> list[int]:
        """The ids of the executions that were restored from this one, oldest first."""
        return self._restored_from.get(execution, [])

    @property
    def steps(self) -> list[str]:
        """The names of all steps, in order of first appearance (compensations left out)."""
        named = list(self._of_step.items())
        return [n for n, ids in named if self.executions[ids[0]].kind != "compensation"]

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

    def previous(self, this: Execution) -> Execution | None:
        """The latest execution of the same step before this one in which its body ran."""
        ids = self._of_step[this.step]
        for i in range(bisect_left(ids, this.id) - 1, -1, -1):
            if not self.executions[ids[i]].of:
                return self.executions[ids[i]]
        return None

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
            found = self.executions.get(given.number(number) or 0)
            if found is None or (name and found.step != name):
                raise NoSuchStep(
                    f"there is no execution {number!r}{f' of step {name!r}' if name else ''}"
                )
            return found
        candidates = self.executions_of(name)
        if not candidates:
            known = ", ".join(self.steps) or "none yet"
            raise NoSuchStep(f"there is no step {name!r}; the steps are: {known}")
        for this in reversed(candidates):
            if this.status in SETTLED and self.in_lineage(this.snapshot):
                return this
        return candidates[-1]

    # -- the tree of snapshots -------------------------------------------------------------

    def in_lineage(self, ancestor: int, snapshot: int | None = None) -> bool:
        """Whether ``ancestor`` is ``snapshot`` (the head when None), or on the way to it."""
        return self._tree.in_lineage(ancestor, self.head if snapshot is None else snapshot)

    def walk(self, snapshot: int | None = None) -> Iterator[Snapshot]:
        """The snapshots from ``snapshot`` (the head when None) back to the first, newest first."""
        return self._tree.walk(self.head if snapshot is None else snapshot)

    def namespace(self, snapshot: int | None = None) -> dict[str, e.Binding]:
        """Every name's binding at a snapshot (the head when None)."""
        return self._tree.namespace(self.head if snapshot is None else snapshot)

    def binding(self, name: str, snapshot: int | None = None) -> e.Binding | None:
        """A name's binding at a snapshot (the head when None), or None."""
        found = self.bound_at(name, snapshot)
        return found.changed[name] if found is not None else None

    def bound_at(self, name: str, snapshot: int | None = None) -> Snapshot | None:
        """The snapshot that gave ``name`` the binding it has at ``snapshot`` (the head when None);
        None for no such name."""
        return self._tree.bound_at(name, self.head if snapshot is None else snapshot)

    def random_at(self, snapshot: int | None = None) -> str:
        """The digest of the random generators' state at a snapshot, or an empty string."""
        return self._tree.random_at(self.head if snapshot is None else snapshot)

    def line(self, snapshot: int | None = None) -> list[Execution]:
        """The completed executions on the way to a snapshot, oldest first."""
        found: list[Execution] = []
        for state in self.walk(snapshot):
            # Several stand at one state when they changed no variable; some on a later branch.
            there = (self.executions[i] for i in reversed(self._ended_at.get(state.id, ())))
            found += [x for x in there if x.branch in (self.branch, state.branch)]
        return found[::-1]

    def is_on_line(self, this: Execution) -> bool:
        """Whether an execution is one of the :meth:`line` to the head."""
        state = self.snapshots.get(this.snapshot)
        if state is None or this.branch not in (self.branch, state.branch):
            return False
        return self.in_lineage(state.id)

    def _is_reached(self, this: Execution) -> bool:
        """Whether an execution, or one that was restored from it, is on the line to the head."""
        if self.is_on_line(this):
            return True
        copies = reversed(self.restored_from(this.id))
        return any(self.is_on_line(self.executions[i]) for i in copies)

    # -- the journal -----------------------------------------------------------------------

    def recorded(self, step: str, key: str, occurrence: int) -> Call | None:
        """The call that answers the ``occurrence``-th identical request of ``step``, if any.

        ``key`` is a :attr:`Call.place_key`. Calls of the current branch come first, then the latest
        of any branch of the run. Rejected calls and undone effects are not among them; an effect
        that was intended and never settled is (its status says so).
        """
        usable = [c for c in self.in_place(step, key, occurrence) if self._serves(c)]
        here = [c for c in usable if self.executions[c.execution].branch == self.branch]
        found = here or usable
        return found[-1] if found else None

    def asked(self, step: str, key: str) -> list[Call]:
        """The usable calls of a step with this key in the current run, in whichever item of a map,
        oldest first. Only calls whose kind may be answered from anywhere are among them."""
        ids = self._asked.get(hash_of(self.run, step, key))
        return [
            call
            for call in map(self.calls.__getitem__, ids)
            if (call.step, call.key) == (step, key)
            and self.executions[call.execution].run == self.run
            and self._serves(call)
        ]

    def in_place(self, step: str, key: str, occurrence: int) -> list[Call]:
        """The calls that stand in a place, oldest first."""
        ids = self._recorded.at(self.run, step, key, occurrence)
        return [
            call
            for call in map(self.calls.__getitem__, ids)
            if (call.step, call.place_key, call.occurrence) == (step, key, occurrence)
            and self.executions[call.execution].run == self.run
        ]

    def has_earlier(self, step: str, execution: int) -> bool:
        """Whether a step has been carried out before ``execution``."""
        return self._of_step.get(step, [execution])[0] < execution

    def _serves(self, call: Call) -> bool:
        """Whether a call answers the same request made again; an item of a map does while the
        calls it was made of do."""
        if not all(self._serves(self.calls[i]) for i in call.made_of):
            return False
        undone = self.executions[call.execution].status is Status.COMPENSATED
        if undone and call.kind.traits.again:
            return False
        return call.status in (CallStatus.COMPLETED, CallStatus.INTENDED, CallStatus.IN_DOUBT)

    def completed(
        self, step: str, identity: str, fits: Callable[[Execution], bool] = lambda this: True
    ) -> Execution | None:
        """The execution that an identical step can be restored from, if there is one that ``fits``.

        One on the way to the head comes first, then the latest of the run. What was compensated or
        forgotten since is none: it has to be done again.
        """
        ids = self._settled.get((self.run, step, identity), ())
        usable = [self.executions[i] for i in ids]
        usable = [x for x in usable if x.status is Status.COMPLETED and x.identity == identity]
        usable = [x for x in usable if x.id not in self.partly_undone and fits(x)]
        if len(usable) > 1:
            return next(filter(self._is_reached, reversed(usable)), usable[-1])
        return usable[-1] if usable else None

    def generation(self, step: str, key: str, occurrence: int) -> int:
        """How often this very call was carried out and undone since."""
        there = self.in_place(step, key, occurrence)
        return sum(call.status is CallStatus.COMPENSATED for call in there)

    def waits_for(self, execution: int) -> list[Call]:
        """The calls that an execution waits for, whether it has stopped for that or holds its
        process; oldest first. An earlier execution that waited for them too may have begun them."""
        this = self.executions[execution]
        if this.status not in (Status.WAITING, Status.RUNNING):
            return []
        return [
            call
            for other in self.executions_of(this.step)
            if other.run == this.run and other.status in (Status.WAITING, this.status)
            for call in self.intended_calls_of(other.id)
            if call.kind.traits.waits
            and call.status is CallStatus.INTENDED
            and call.id not in self.answers
        ]

    def status_of(self, this: Execution) -> Status:
        """Where an execution stands, for people: one that waits in its process waits."""
        holds = this.status is Status.RUNNING and self.waits_for(this.id)
        return Status.WAITING if holds else this.status

    def occurrences(self, step: str, key: str) -> int:
        """How many identical requests of a step were recorded."""
        number = 0
        while self.in_place(step, key, number):
            number += 1
        return number

    def ledger(self, execution: int) -> Ledger:
        """What an execution's calls cost, and what those it did not have to make would have."""
        this = self.executions[execution]
        with self.lock:  # a sum that is made up again misses nothing that is folded in meanwhile
            made = self._paid.of(execution)
            saved = self._served(this)
            if this.origin is Origin.RESTORED and this.of in self.executions:
                kept = self._paid.of(this.of).minus(self._rejected.of(this.of))
                saved = kept.plus(self._served(self.executions[this.of]))
        return Ledger(
            calls=made.calls,
            tokens=made.tokens,
            cost=made.cost,
            unpriced=made.unpriced,
            saved_calls=saved.calls,
            saved_tokens=saved.tokens,
            saved_cost=saved.cost,
            saved_seconds=saved.micros / 1e6,
        )

    def _served(self, this: Execution) -> Sums:
        """The sums over the calls that an execution did not have to make."""
        return sums_of((self.calls[i] for i in this.served if i in self.calls), tuple(CallStatus))

    @property
    def last_execution(self) -> int:
        """The id of the latest execution, 0 for none."""
        with self.lock:
            return next(reversed(self.executions), 0)
