"""Which inputs of a step share state with each other.

Equal values can be one object or two: ``b = a`` and ``b = a.copy()`` give ``b`` one version, and a
step that changes ``a`` and reads ``b`` tells them apart. So what a step was given is the versions
of its inputs and, for those that shared, the version of all of them as one value.
"""

from __future__ import annotations

from collections.abc import Collection

from duranb.engine.runtime import Runtime
from duranb.record.model import Execution
from duranb.state.unstorable import is_unstorable


def together(names: Collection[str]) -> str:
    """What several names are called as one value."""
    return ", ".join(sorted(names))


def versions(runtime: Runtime, names: Collection[str]) -> dict[str, str]:
    """Those of some names that share state, by group, each with its version as one value."""
    groups = runtime.namespace.grouped(names)
    return {together(n): _version(runtime, n) for group in groups for n in _parts(runtime, group)}


def differing(runtime: Runtime, recorded: Execution) -> str:
    """Inputs of an execution that share something else, or with others, than they did then, with
    commas between them. Empty where there are none, or where nothing was recorded of that.

    Inputs that lie in the very artifact in which they lay then need no look.
    """
    if recorded.together is None:
        return ""
    left = {frozenset(group.split(", ")): version for group, version in recorded.together.items()}
    for group in runtime.namespace.grouped(recorded.inputs.keys() | recorded.uses.keys()):
        if _lies_where_it_lay(runtime, recorded, group):
            left = {names: version for names, version in left.items() if not names <= group}
            continue
        for part in _parts(runtime, group):
            was = left.pop(part, None)
            if was is None or was != _version(runtime, part):
                return together(part)
    return together(next(iter(left))) if left else ""


def _parts(runtime: Runtime, group: frozenset[str]) -> list[frozenset[str]]:
    runtime.namespace.need(group)
    return runtime.namespace.parted(group)


def _version(runtime: Runtime, names: Collection[str]) -> str:
    """The version of some names as one value; empty where content does not tell that of each."""
    namespace = runtime.namespace
    if any(is_unstorable(namespace.version(n)) for n in names):
        return ""
    return namespace.version_of({n: namespace.live[n] for n in sorted(names)})


def _lies_where_it_lay(runtime: Runtime, recorded: Execution, names: Collection[str]) -> bool:
    if recorded.before not in runtime.history.snapshots:
        return False  # pruned
    artifacts = set[str]()
    for name in names:
        now = runtime.namespace.artifact(name)
        was = runtime.history.binding(name, recorded.before)
        if was is None or was.artifact != now:
            return False
        artifacts.add(now)
    return len(artifacts) == 1 and "" not in artifacts
