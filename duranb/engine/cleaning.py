"""The clean start of a step that failed for good: its last attempt left its variables to look at.

What it had changed is brought back to what it was, in whatever life the step runs again. What the
user has bound or changed since is theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from duranb.engine.runtime import Runtime
from duranb.record.events import Binding
from duranb.record.model import ABSENT
from duranb.state import Namespace, Restored, randomness
from duranb.state.groups import by_artifact


def start_clean(runtime: Runtime, step: str) -> None:
    """Undo what a failed execution of ``step`` left behind, where nothing else changed it since."""
    start = runtime.failed.pop(step, None)
    if start is None:
        _start_clean_as_recorded(runtime, step)
        return
    runtime.catch_up()
    namespace, bindings = runtime.namespace, runtime.namespace.bindings()
    unmoved = {n for n, at in namespace.generators.at.items() if start.stood.get(n) == at}
    untouched = {
        name
        for name, version in start.left.items()
        if (bindings[name].version if name in bindings else ABSENT) == version
    }
    namespace.bind_again(start.mark, untouched)
    runtime.catch_up()
    before = {n: seen.binding for n, seen in start.mark.tracked.items()}
    _undo(namespace, step, untouched, before)
    if start.around is not None:
        runtime.surroundings.back(*start.around)
    if unmoved:
        randomness.set_state(start.mark.random, unmoved)


def _start_clean_as_recorded(runtime: Runtime, step: str) -> None:
    """The same where the failure was in an earlier life, or the head has moved since: what it left
    came back from the history, and so does what was there before."""
    history, namespace = runtime.history, runtime.namespace
    last = history.last_carried_out(step)
    if last is None or not last.left:
        return
    runtime.catch_up()
    runtime.flush()
    if not history.in_lineage(last.left, runtime.at):
        return
    left, now = history.snapshots[last.left], namespace.bindings()
    before = history.namespace(left.parent)
    untouched = {
        name
        for name, was in left.changed.items()
        if name in now
        and now[name].version == was.version
        # What only shares with something that it changed was stored anew, and is what it was.
        and (name not in before or before[name].version != was.version)
    }
    untouched |= {n for n in left.deleted if n not in now}
    drawn = left.random and history.random_at(runtime.at) == left.random
    random = history.random_at(left.parent) if drawn else ""
    _undo(namespace, step, untouched, before, random)


def _undo(
    namespace: Namespace,
    step: str,
    names: Collection[str],
    before: Mapping[str, Binding],
    random: str = "",
) -> None:
    """Bring back what a step that failed had changed: these names, as they were ``before``. All
    others stay, and what they share with these is shared again."""
    target = {n: before[n] for n in names if n in before}
    groups = by_artifact(before)
    in_place, beside = set(), dict[str, Binding]()
    for name, binding in target.items():
        others = {n: b for n, b in groups[binding.artifact].items() if n != name}
        beside |= {n: b for n, b in others.items() if n not in target}
        if not others or namespace.sharing(name) & others.keys():
            in_place.add(name)  # it was bound to no other object
    done = Restored(step, in_place, reads=beside.keys(), beside=beside)
    namespace.restore(target, delete=set(names) - before.keys(), random=random, step=done)
