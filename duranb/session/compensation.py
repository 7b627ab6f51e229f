"""``compensate``: undo what a step did to the outside world."""

from __future__ import annotations

from typing import Any

from duranb.engine import saga
from duranb.session.change import Change, count, listed
from duranb.session.session import Session
from duranb.verbs.table import Compensate


def compensate(session: Session, given: Compensate) -> Change:
    """Undo one step, with the inputs and outputs recorded at the time."""
    runtime = session.runtime
    execution = session.history.find(given.step)
    if execution.of:
        execution = session.history.executions[execution.of]
    undoing = saga.need_undoing(runtime, execution)
    lines, warnings = [], []
    if undoing.source:
        lines.append(f"runs its %%compensate cell with what execution {execution.id} recorded")
    elif undoing.function:
        lines.append(f"calls its @duranb.compensation with what execution {execution.id} recorded")
    else:
        shown = [f"{c.name}({c.preview})" for c in undoing.effects]
        lines.append(f"undoes {count(len(shown), 'effect')}, latest first: {listed(shown, 4)}")
    if undoing.without:
        shown = [c.name for c in undoing.without]
        warnings.append(f"{count(len(shown), 'effect')} cannot be undone: {listed(shown)}")
    lines.append("its variables stay; the step runs again, with its effects, when its cell does")

    async def apply() -> str:
        # Only a %%compensate cell needs who can run cells; functions undo anywhere.
        def run_body(source: str, names: dict[str, Any]) -> Any:
            return session.need_surface().run_body(source, names)

        number = saga.compensate(runtime, execution, run_body)
        return f"compensated {execution.step} (execution {number})"

    title = f"compensate {execution.step}@{execution.id}"
    return Change("compensate", title, tuple(lines), apply, tuple(warnings))
