"""What a rerun of a step made, beside what is recorded of it.

Libraries draw ids and ask for the time as they please: that those are others in a rerun says
nothing of the step. What the notebook's own code draws counts, wherever it is put.
"""

from __future__ import annotations

import ast
import sys

from duranb.code import dataflow
from duranb.code.looking import module_of
from duranb.engine.runtime import Runtime
from duranb.record.model import Execution, Status
from duranb.state import asking
from duranb.state.capture import reduction
from duranb.values.alike import alike
from duranb.values.drawn import Drawn, Window

COMPARED = "application/vnd.duranb.compared+json"
"""The kind of data as which a kernel that replays offline shows what it found."""

SLACK = 10_000_000
"""Microseconds before the beginning of an execution that count as its own: nobody waits for the
event that says that it began."""


def set_aside(
    runtime: Runtime, recorded: Execution, tree: ast.Module, rerun: Execution | None = None
) -> list[str]:
    """The outputs of a ``rerun`` of an execution (None: of the latest one) that differ from the
    recorded ones only in ids and times that libraries drew.

    ``tree`` is the step's code, as IPython runs it. Where that may draw some itself, only what lies
    in the objects of libraries is taken for theirs.
    """
    history, namespace, execution = runtime.history, runtime.namespace, recorded.id
    names = dataflow.analyse(tree)
    foreign = names.opaque or any(n.startswith("module:") for n in recorded.uses)
    asks = bool(foreign or asking.asks(tree, names.loads, namespace.live))
    reruns = [x for x in history.executions.values() if x.replays == execution]
    rerun = rerun or next(reversed(reruns), None)
    if rerun is None or rerun.status is not Status.COMPLETED:
        return []
    made = history.executions.get(recorded.of, recorded)
    drawn = Drawn(_window(made), _window(rerun))

    def is_free(kind: type) -> bool | None:
        if namespace.uses.sort(kind):
            return False
        top = module_of(kind).partition(".")[0]
        return None if top in sys.stdlib_module_names else True

    found = []
    for name, now in rerun.outputs.items():
        was = recorded.outputs.get(name)
        if was is None or was.version == now.version or not (was.artifact and now.artifact):
            continue
        old, new = (namespace.load_value(binding, name) for binding in (was, now))
        if alike(old, new, drawn, namespace.live, is_free, not asks, reduction):
            found.append(name)
    return found


def _window(execution: Execution) -> Window:
    return Window(execution.started - SLACK, execution.ended)
