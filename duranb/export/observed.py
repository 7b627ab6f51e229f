"""What a notebook's recorded runs tell about its steps that reading the code cannot."""

from __future__ import annotations

from dataclasses import dataclass

from duranb.code.fingerprint import of_tree
from duranb.export.notebook import Cell
from duranb.record.history import SETTLED, History
from duranb.record.model import ABSENT


@dataclass(frozen=True)
class Observed:
    """The latest execution of a step with the code it has now: names that had no value when it
    began, names it changed, in place too, and whether its last expression had a value to show; the
    names of its effects, whether it changed something of the process (``acts``), and what of its
    outputs could not be stored, and why."""

    absent: frozenset[str]
    changed: frozenset[str]
    shows: bool
    effects: frozenset[str]
    acts: bool
    unstored: dict[str, str]


def observed(history: History | None, step: str, cell: Cell) -> Observed | None:
    """What is recorded of a step as it stands in the notebook; None if it has not run so."""
    if history is None:
        return None
    fingerprint = of_tree(cell.as_run)
    for execution in reversed(history.executions_of(step)):
        if execution.status in SETTLED and execution.fingerprint == fingerprint:
            absent = frozenset(n for n, v in execution.inputs.items() if v == ABSENT)
            shows = execution.result is not None or bool(execution.result_name)
            calls = history.intended_calls_of(execution.id)
            return Observed(
                absent=absent,
                changed=frozenset(execution.outputs),
                shows=shows,
                effects=frozenset(c.name for c in calls if c.kind.traits.effect),
                acts=bool(execution.around),
                unstored={
                    n: b.why for n, b in execution.outputs.items() if not b.artifact and b.why
                },
            )
    return None
