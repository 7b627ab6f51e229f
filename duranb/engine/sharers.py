"""Whether a step that changed or moved something can be restored beside the names that share it.

Each of them would see a change in place, or hold the object that has another name now. So they are
to share it as they did, and to be what they were. Two kinds of names need not: one that is no more
sees nothing; and one that is another value by now, if all it has in common with what the step
changed is held by others too, which the step left as they are. The restored value is linked to what
these hold.
"""

from __future__ import annotations

from collections.abc import Collection

from duranb.engine.runtime import Runtime
from duranb.engine.sharing import together
from duranb.record.model import Execution
from duranb.state import Namespace


def unlike(runtime: Runtime, recorded: Execution) -> str:
    """Why an execution cannot be restored here, as far as these names go. Empty where it can."""
    namespace, live = runtime.namespace, runtime.namespace.live
    not_here = gone(runtime, recorded)
    for name, others in recorded.shared.items():
        if name not in not_here and namespace.sharing(name) != live.keys() & others:
            return f"other names share what it changes in place: {name}"
    changed = {
        name
        for name, version in recorded.sharers.items()
        if name in live and namespace.version(name) != version
    }
    for name in sorted(changed):
        if not _is_beside(namespace, recorded, name, changed):
            return f"{name} changed, which shares what it changes in place"
    for group, version in recorded.sharers.items():
        names = set(group.split(", "))
        here = (names & live.keys()) - changed
        if len(here) < 2:
            continue
        if here == names:
            # As one value: it also tells who shares what with whom.
            differs = _version(namespace, here) != version and _can_be_told(namespace, here)
        else:
            differs = _are_other(runtime, recorded, here)
        if differs:
            shown = together(here)
            return f"{shown} share something else than they did, and it changes that in place"
    if name := _parted(runtime, recorded):
        return f"{name} changed, which shares what it binds to another name"
    return ""


def gone(runtime: Runtime, recorded: Execution) -> set[str]:
    """The names that an execution had changed in place and that do not exist here: another cell
    had bound them to what it changed, and is further down, or is no more."""
    names = recorded.shared.keys() - {recorded.result_name}
    return {n for n in names if n not in runtime.namespace.live}


def _is_beside(
    namespace: Namespace, recorded: Execution, name: str, changed: Collection[str]
) -> bool:
    """Whether all that a name shares with what the step changed is held by names that are what they
    were, and that the step left so."""
    if name in recorded.outputs:
        return False
    left = {*recorded.outputs, *recorded.deleted, *changed}
    for other, names in recorded.shared.items():
        if other in namespace.live and name in names:
            namespace.need({other, *names} & namespace.live.keys())
            if not namespace.is_shared_by(name, other, set(names) - left):
                return False
    return True


def _parted(runtime: Runtime, recorded: Execution) -> str:
    """A name whose value shared with an output, and would not share with a restored one: it has
    changed, and the object in common is only known by a name that the step takes from it, as
    ``a, b = b, a`` does. Empty where there is none."""
    namespace, outputs = runtime.namespace, recorded.outputs
    read = recorded.inputs.keys() | recorded.uses.keys()
    taken = (outputs.keys() | recorded.deleted) & read - recorded.shared.keys()
    sharing = {n for name in taken for n in namespace.sharing(name)} - outputs.keys()
    snapshot = runtime.history.snapshots.get(recorded.snapshot) if sharing else None
    if snapshot is None:
        return ""
    artifacts = {b.artifact for b in outputs.values()}
    stored = snapshot.changed
    beside = {n for n in sharing & stored.keys() if stored[n].artifact in artifacts}
    same = {n for n in beside if namespace.version(n) == stored[n].version}
    for name in sorted(beside - same):
        namespace.need({name, *taken, *same} & namespace.live.keys())
        held = (namespace.is_shared_by(name, other, same) for other in taken)
        if not all(held):
            return name
    return ""


def _are_other(runtime: Runtime, recorded: Execution, names: Collection[str]) -> bool:
    """Whether some names, without others that they shared with, are known to share something else
    than they did: what was stored of them tells."""
    history = runtime.history
    if recorded.before not in history.snapshots:
        return False  # pruned
    bindings = {n: history.binding(n, recorded.before) for n in names}
    artifacts = {b.artifact if b is not None else "" for b in bindings.values()}
    if len(artifacts) > 1 or "" in artifacts:
        return False
    return not runtime.namespace.is_as_it_lay(artifacts.pop(), sorted(names))


def _version(namespace: Namespace, names: Collection[str]) -> str:
    return namespace.version_of({n: namespace.live[n] for n in sorted(names)})


def _can_be_told(namespace: Namespace, names: Collection[str]) -> bool:
    """Whether the content of each value says again what it said when the value was stored. That of
    a figure, for one, is another after it was loaded: then it says nothing of several together."""
    return all(namespace.version_of(namespace.live[n]) == namespace.version(n) for n in names)
