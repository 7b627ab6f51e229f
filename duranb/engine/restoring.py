"""What a step gives back where nothing runs: its outputs, its result and what it printed."""

from __future__ import annotations

from typing import Any

import msgspec

from duranb.code import loading
from duranb.code.interrupts import held_off
from duranb.engine.decide import Decision
from duranb.engine.runtime import Runtime
from duranb.engine.sharers import gone
from duranb.engine.spec import Spec
from duranb.engine.steprun import NOTHING
from duranb.record import events as e
from duranb.record.model import Execution
from duranb.state import Restored


def messages_of(runtime: Runtime, source: Execution) -> list[dict[str, Any]]:
    """The output messages of an execution."""
    if not source.messages:
        return []
    found: list[dict[str, Any]] = msgspec.json.decode(runtime.store.get(source.messages))
    return found


@held_off
def restore(
    runtime: Runtime, spec: Spec, decision: Decision
) -> tuple[object, dict[str, bool], dict[str, str], list[str]]:
    """Give the namespace the outputs of ``decision.restore``; nothing runs. Returns the result of
    that execution, or NOTHING; the names that are not as the step had left them, with whether it is
    only that they share otherwise with others; those that could not be loaded, with why; and the
    names of what it had changed beside them, or loaded."""
    source = decision.restore
    assert source is not None
    namespace = runtime.namespace
    recorded = runtime.history.snapshots.get(source.snapshot)
    random = recorded.random if recorded is not None and source.snapshot != source.before else ""
    changed = recorded.changed if recorded is not None else {}
    step = Restored(
        spec.name,
        in_place=frozenset(source.shared),
        reads=source.inputs.keys() | source.uses.keys(),
        beside={n: b for n, b in changed.items() if n not in source.outputs},
        drawn=source.drawn,
    )
    not_loaded = loading.again(spec.below)
    unset = runtime.surroundings.restore(source.around, spec.name)
    not_here = gone(runtime, source)
    outputs = {n: b for n, b in source.outputs.items() if n not in not_here}
    names = namespace.restore(outputs, delete=source.deleted, random=random, step=step)
    unread = {name: failure for name in outputs if (failure := namespace.unread(name))}
    lost = {name: namespace.is_there(name) for name in names if name not in unread}
    if unset:  # modules that were imported just now may have set it themselves, as they had then
        unset = runtime.surroundings.restore({n: source.around[n] for n in unset}, spec.name)
    delta = namespace.sync()
    result: object = NOTHING
    if source.result_name:
        result = namespace.live.get(source.result_name, NOTHING)
    elif source.result is not None:
        result = namespace.load_value(source.result)
    snapshot, bodies = runtime.snapshot(delta, more=bool(source.around))
    runtime.record(
        *bodies,
        e.ExecutionRestored(
            execution=runtime.next_id("execution"),
            of=source.id,
            step=spec.name,
            run=runtime.history.run,
            branch=runtime.history.branch,
            before=decision.before,
            snapshot=snapshot,
            cell=spec.cell,
        ),
        wait=False,
    )
    runtime.at = snapshot
    return result, lost, unread, [*not_loaded, *unset]
