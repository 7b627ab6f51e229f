"""What an execution does to the namespace: a cell's is captured and put back.

What a function step does is followed by :mod:`duranb.engine.reach`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from duranb.engine.decide import Decision, touched
from duranb.engine.runtime import FailedStart, Runtime
from duranb.engine.sharing import together
from duranb.engine.spec import Spec
from duranb.errors import StoreError
from duranb.record.events import Binding, EventBody
from duranb.record.model import ABSENT
from duranb.state import Code, Mark, seeding
from duranb.state.classes import in_order
from duranb.state.randomness import OWN, UNSEEDED


@dataclass(frozen=True)
class Captured:
    """What a body that returned has done: the state after it, the events to record for that, and
    what :class:`duranb.record.events.ExecutionCompleted` says of it."""

    snapshot: int
    bodies: list[EventBody] = field(default_factory=list)
    outputs: dict[str, Binding] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    shared: dict[str, list[str]] = field(default_factory=dict)
    sharers: dict[str, str] = field(default_factory=dict)
    drawn: dict[str, str] = field(default_factory=dict)
    around: dict[str, Binding] = field(default_factory=dict)
    result: Binding | None = None


class Keeping(Protocol):
    """How a :class:`duranb.engine.steprun.StepRun` treats the namespace."""

    process_wide: bool

    def clean(self) -> list[str]:
        """Before another attempt: put the state back; the names that could not be."""

    def check(self) -> BaseException | None:
        """After the body returned: why what it did could not be restored, or None."""

    def capture(self) -> Captured:
        """After success; with a ``result`` where that is stored with the rest."""

    def commit(self, snapshot: int) -> None:
        """The live namespace is at this snapshot."""

    def release(self) -> None:
        """What was done is on record: nothing of the state before is needed any more."""

    def abandon(self) -> int:
        """After failure for good: remember what was left, so that the next run starts clean; its
        snapshot, 0 where nothing was."""

    def named(self, value: object, outputs: dict[str, Binding]) -> str:
        """The output that is this very object, or an empty string."""


class CellState:
    """A cell works on the live namespace: all it changed is captured.

    Whether it bound a name to the very object that was there, no look at the namespace can tell.
    For an input that makes no difference: wherever the step is restored, it is what it was. Some
    names are bound on every way through the cell. The rest are ``unsure``: the cell is to put each
    into ``noted`` wherever it binds or deletes it.
    """

    process_wide = True

    def __init__(
        self, runtime: Runtime, spec: Spec, decision: Decision, noted: dict[str, bool]
    ) -> None:
        self._runtime = runtime
        self._spec = spec
        self._notes = noted
        touched = None if spec.loads is None else spec.loads | set(spec.writes) | spec.deletes
        runtime.namespace.loosen(touched)
        self._mark = runtime.namespace.mark()
        self._deltas = runtime.namespace.deltas()
        self._present = runtime.namespace.uses.modules.present()
        self._around = runtime.surroundings.mark(decision.held.touches)
        self._code = Code(spec.loads, decision.identity, step=spec.name, seeds=spec.seeds)
        self._stood = runtime.namespace.generators.told()
        self._stood_at = runtime.namespace.generators.at
        given, before = decision.inputs.keys() | decision.uses.keys(), self._mark.tracked.keys()
        self._sure = (spec.sure | decision.unseen) - given
        self.unsure = (set(spec.writes) & before) - self._sure - given | (spec.deletes - before)
        self._noted()  # what was bound late, by a generator of an earlier cell
        self._together = self._versions_together(decision)

    def _versions_together(self, decision: Decision) -> dict[str, str]:
        """Of the names that share state and that the cell could change, the version of all as one
        value. Each by itself does not tell who shares what with whom: ``a[:, 0]`` and ``a[:, 1]``
        may be equal."""
        namespace, tracked = self._runtime.namespace, self._mark.tracked.keys()
        loads = tracked if self._spec.loads is None else self._spec.loads
        names = (loads | decision.inputs.keys() | decision.uses.keys()) & tracked
        # A name that the cell binds anew lets go of what it shared, whatever that was.
        groups = {frozenset({n, *self._mark.sharing(n)} - self._sure) for n in names}
        known = {name: version for name, version in (decision.together or {}).items() if version}
        return {
            name: known.get(name)
            or namespace.version_of({n: namespace.live[n] for n in sorted(group)})
            for group in groups
            if len(group) > 1 and group <= namespace.live.keys()
            for name in [together(group)]
        }

    def _noted(self) -> set[str]:
        found = {n for n in self.unsure if n in self._notes}
        self._notes.clear()
        return found

    def clean(self) -> list[str]:
        self._noted()
        lost = self._runtime.namespace.rollback(self._mark, self._spec.loads)
        return lost + self._runtime.surroundings.back(self._around)

    def check(self) -> BaseException | None:
        return None

    def capture(self) -> Captured:
        namespace, mark = self._runtime.namespace, self._mark
        namespace.touched(self._spec.loads, self._code)
        last = namespace.sync()
        around = self._changed_around()
        snapshot, bodies = self._runtime.snapshot(last, more=bool(around))
        delta = self._deltas.whole()  # with what others have found while it ran
        now, live = namespace.bindings(), namespace.live
        told = self._noted()
        same = {n for n in delta.bound if n in now and mark.holds(n, live[n])}
        # What only shares with what the step made is stored with it, and is no output of it.
        beside = {n for n in same if mark.version(n) == now[n].version} - delta.rewired
        names = (delta.changed.keys() | delta.bound) - beside | self._sure | told
        wanted = self._spec.outputs
        outputs = {n: now[n] for n in sorted(names & now.keys()) if not wanted or n in wanted}
        outputs = in_order(outputs, live)
        shared = {n: sorted(mark.sharing(n)) for n in sorted(same - beside)}
        others = {n for names in shared.values() for n in names} - self._sure
        sharers = {n: mark.version(n) for n in others}
        groups = {together({n, *names} - self._sure) for n, names in shared.items()}
        sharers |= {g: v for g, v in self._together.items() if g in groups}
        return Captured(
            snapshot,
            bodies,
            outputs,
            sorted({*delta.deleted, *told} - now.keys()),
            shared,
            sharers,
            self._drawn(),
            around,
        )

    def _changed_around(self) -> dict[str, Binding]:
        """What the step changed beside the namespace. It may have imported what it touched."""
        runtime, spec = self._runtime, self._spec
        present = runtime.namespace.uses.modules.present()
        if not spec.mentions.imports and present == self._present:
            return runtime.surroundings.changes(self._around, self._around.seen)
        reads = set(spec.reads) | set(spec.inputs)
        reach = runtime.namespace.uses.of(reads | set(spec.writes), spec.imports)
        found = touched(runtime, spec, reach, reads, whole=bool(spec.blind or reach.opaque))
        return runtime.surroundings.changes(self._around, found.touches, found.sets)

    def _drawn(self) -> dict[str, str]:
        """The random generators that the step drew from, and where each stood before."""
        namespace = self._runtime.namespace
        moved = {n for n, at in namespace.generators.at.items() if self._stood_at.get(n) != at}
        if not moved:
            return {}
        own = seeding.seeded(self._spec.seeds, self._spec.loads, namespace.live)
        return {
            name: OWN if own is None or name in own else self._stood.get(name, UNSEEDED)
            for name in sorted(moved)
        }

    def commit(self, snapshot: int) -> None:
        self._runtime.at = snapshot
        self._runtime.surroundings.commanded.note(self._spec.commands)

    def release(self) -> None:
        self._mark = Mark({}, {})  # what the cell let go of is gone now: weak references tell

    def abandon(self) -> int:
        self._noted()
        namespace, at = self._runtime.namespace, self._runtime.at
        before = {name: seen.binding.version for name, seen in self._mark.tracked.items()}
        namespace.touched(self._spec.loads, self._code)
        try:
            snapshot = self._runtime.catch_up()
        except StoreError:  # what cannot be stored cannot be put back later either
            self.clean()
            return 0
        after = {name: binding.version for name, binding in namespace.bindings().items()}
        # What only shares with something that it changed was stored anew, and is what it was.
        left = {
            name: after.get(name, ABSENT)
            for name in before.keys() | after.keys()
            if before.get(name) != after.get(name)
        }
        stood = namespace.generators.at
        around = self._around, self._runtime.surroundings.mark(self._around.seen.keys())
        self._runtime.failed[self._spec.name] = FailedStart(self._mark, left, stood, around)
        return snapshot if snapshot != at else 0

    def named(self, value: object, outputs: dict[str, Binding]) -> str:
        live = self._runtime.namespace.live
        return next((n for n in outputs if live.get(n) is value), "")


class NoState:
    """A compensation: values pass through arguments and results only."""

    process_wide = False

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def clean(self) -> list[str]:
        return []

    def check(self) -> BaseException | None:
        return None

    def capture(self) -> Captured:
        return Captured(self._runtime.at)

    def commit(self, snapshot: int) -> None:
        """Nothing moved."""

    def release(self) -> None:
        """Nothing is held."""

    def abandon(self) -> int:
        return 0

    def named(self, value: object, outputs: dict[str, Binding]) -> str:
        return ""
