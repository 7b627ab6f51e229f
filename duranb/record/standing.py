"""What stands in the outside world: effects that were done and not undone, and who relied on them.

All of it follows from the history; nothing runs. Executions that were restored from another one are
that one here.
"""

from __future__ import annotations

from collections.abc import Iterable

from duranb.record.history import History
from duranb.record.model import Call, CallStatus, Execution, Status

UNDO = "compensate "
"""How the step begins that undoes another one: ``compensate pay`` undoes ``pay``."""

_OPEN = (CallStatus.INTENDED, CallStatus.IN_DOUBT)

_PLAIN_TYPES = frozenset({"NoneType", "bool", "int", "float"})
"""Types of values that are the same by chance: they do not show what a function was given."""


def effects_of(history: History, this: Execution) -> list[Call]:
    """The effects that an execution stands for and that were not undone, latest first: of the calls
    it made, and of those it was served."""
    calls = history.intended(this)
    done = [c for c in calls if c.kind.traits.effect and c.status is CallStatus.COMPLETED]
    return sorted(done, key=lambda c: c.ended, reverse=True)


def in_doubt(history: History, step: str, inputs: dict[str, str] | None = None) -> list[Call]:
    """The effects of a step that were begun and never settled, latest first: those of the current
    run, and of executions with these ``inputs`` alone where some are given."""
    return [
        call
        for this in reversed(history.executions_of(step))
        if this.run == history.run and not this.of and inputs in (None, this.inputs)
        for call in reversed(history.intended_calls_of(this.id))
        if call.kind.traits.effect and call.status in _OPEN and not call.idempotent
    ]


def doubts(history: History, this: Execution) -> list[Call]:
    """The effects in doubt that stand in the way of undoing an execution: of its step, and of what
    was begun to undo it."""
    inputs = this.inputs if this.kind == "function" else None
    own = in_doubt(history, this.step, inputs)
    undoing = {x.id for x in history.executions_of(UNDO + this.step) if x.compensates == this.id}
    begun = [c for c in in_doubt(history, UNDO + this.step) if c.execution in undoing]
    return [c for c in begun + own if c.execution not in history.running]


def inside(history: History, this: Execution) -> list[Execution]:
    """The function steps that ran inside an execution, and those inside of them, latest first."""
    found: dict[int, Execution] = {}
    within = {this.id}
    for number, each in list(history.executions.items()):
        if number > this.id and each.parent in within:
            within.add(number)
            found[each.of or number] = history.executions[each.of or number]
    return latest_first(found.values())


def standing(history: History) -> list[Execution]:
    """The executions of the current run whose effects stand, latest completion first.

    What several executions relied on counts for the last of them. Of those without effects the last
    completed one of each step (with these arguments, of a function) is here: it may have an undo.
    A cell takes the place of what was imported for it.
    """
    imports = history.imports
    holders: dict[int, int] = {}
    last: dict[tuple[str, str], int] = {}
    for this in list(history.executions.values()):
        if this.run != history.run or this.of or this.kind == "compensation":
            continue
        if this.status in (Status.RUNNING, Status.COMPENSATED):
            continue
        if this.status in (Status.COMPLETED, Status.COMPENSATION_FAILED):
            arguments = repr(sorted(this.inputs.items())) if this.kind == "function" else ""
            if imports.of(this.id) is not None and not this.parent:
                arguments = ""  # the cell that takes its place has an undo of its own
            last[this.step, arguments] = this.id
        for call in history.intended(this):
            if call.kind.traits.effect and call.status in (CallStatus.COMPLETED, *_OPEN):
                holders[call.id] = this.id
    return latest_first(history.executions[i] for i in {*holders.values(), *last.values()})


def built_on(history: History, this: Execution) -> list[Execution]:
    """The later executions of the run that were given what this one made, or what was made of
    that, latest first. What plain cells made of it in between is not known."""
    made: set[tuple[str, str]] = set()
    passed: set[str] = set()
    apart = {this.id, *(x.id for x in inside(history, this))}
    found = []

    def makes(execution: Execution) -> None:
        made.update((n, b.version) for n, b in execution.outputs.items())
        values = [*execution.outputs.values(), *filter(None, [execution.result])]
        passed.update(b.version for b in values if b.type not in _PLAIN_TYPES)

    makes(this)
    for other in list(history.executions.values()):
        if other.id <= this.id or other.id in apart or other.of or other.run != this.run:
            continue
        if other.kind == "compensation" or other.step == this.step:
            continue
        if other.status in (Status.RUNNING, Status.COMPENSATED):
            continue
        given = other.inputs.items()
        if made.intersection(given) or (
            other.kind == "function" and passed.intersection(other.inputs.values())
        ):
            found.append(other)
            makes(other)
    return latest_first(found)


def latest_first(executions: Iterable[Execution]) -> list[Execution]:
    """In reverse order of completion."""
    return sorted(executions, key=lambda x: (x.ended, x.id), reverse=True)
