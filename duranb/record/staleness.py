"""Which steps no longer stand on what they were computed from."""

from __future__ import annotations

from duranb.record.history import History
from duranb.record.model import Execution, Status


def latest(history: History, snapshot: int | None = None) -> dict[str, Execution]:
    """The latest completed execution of each cell step on the way to a snapshot, else to the head,
    in that order."""
    found: dict[str, Execution] = {}
    for this in history.line(snapshot):
        if this.kind == "cell":
            found.pop(this.step, None)
            found[this.step] = this
    return found


def stale(history: History) -> dict[str, list[str]]:
    """Steps whose inputs have changed since, each with the names that did, in execution order.

    A name that the step itself changes in place does not count, nor does one that is gone.
    """
    found = {}
    for step, this in latest(history).items():
        if this.status is not Status.COMPLETED:
            continue
        moved = [
            name
            for name, version in this.inputs.items()
            if name not in this.outputs
            and (now := history.binding(name)) is not None
            and now.version != version
        ]
        if moved:
            found[step] = moved
    return found
