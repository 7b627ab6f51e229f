"""What a run of a plan knows: which nodes are done, and where each variable's value lies.

A *variable* is a name as one node gave it, ``"node:name"`` (``":name"`` for a parameter of the run
or a variable of ``steps.py``). Its value is known by reference, and has a version for each node
that made or changed it: a node takes the latest of those that the nodes before it in the notebook
have made. References never change, so nobody has to wait for who reads an earlier version.

Variables that share state are stored together. Whoever takes one takes them all, and waits for
those before it in the notebook that are known to change one of them in place; a change that nobody
knew of before it happened is handed on. It is refused where that comes too late: where somebody had
taken the value already, or where two nodes at once had made something of it, so that what shared
its state lies in two places.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from duranb.plan import Node, Plan

Ref = dict[str, Any]
"""Where a value lies: the fields of :class:`duranb.record.events.Binding`, or ``{"json": value}``
for a parameter as the starter gave it."""


class Conflict(Exception):
    """Two nodes whose order the plan left open turned out to depend on each other."""


class Board:
    """The state of one run, in memory. It decides by its input alone, so it can be asked anew and
    says the same: a workflow's replay does that."""

    def __init__(self, plan: Plan, carried: dict[str, Any]) -> None:
        """``carried`` is what :meth:`carry` gave, or the values of parameters, as ``{":name":
        [[-1, ref]]}`` under ``versions``."""
        self.plan = plan
        self.place = {node.name: i for i, node in enumerate(plan.nodes)}
        self.done: list[str] = list(carried.get("done", ()))
        self._is_done = set(self.done)
        self._versions: dict[str, list[tuple[int, Ref]]] = {
            v: [(int(at), ref) for at, ref in found] for v, found in carried["versions"].items()
        }
        self._random: list[tuple[int, str]] = [(int(a), d) for a, d in carried.get("random", ())]
        self._taken: dict[str, dict[str, Ref]] = dict(carried.get("taken", {}))
        self._kin: dict[str, set[str]] = {}
        for group in carried.get("kin", ()):
            self._share(group)
        self._readers = _readers(plan)
        self._changers = [node for node in plan.nodes if node.changes]

    def carry(self) -> dict[str, Any]:
        """All that it knows, for the next execution of a workflow that goes on as new."""
        return {
            "done": self.done,
            "versions": self._versions,
            "random": self._random,
            "taken": self._taken,
            "kin": [sorted(x) for x in {id(x): x for x in self._kin.values()}.values()],
        }

    def latest(self) -> list[tuple[str, list[tuple[int, Ref]]]]:
        """The variables with their versions, in the order of the nodes that gave their names last:
        of those with the same name the last is the notebook's."""
        at = {name: max(x for x, _ in found) for name, found in self._versions.items()}
        order = sorted(
            self._versions, key=lambda v: (self.place.get(v.rpartition(":")[0], -1), at[v])
        )
        return [(v, sorted(self._versions[v], key=lambda x: x[0])) for v in order]

    # -- who may begin ---------------------------------------------------------------------

    def ready(self) -> list[Node]:
        """The nodes that nothing keeps from being begun, in the notebook's order; those that were
        begun already too."""
        left = [node for node in self.plan.nodes if node.name not in self._is_done]
        return [node for node in left if self._can_begin(node)]

    def _can_begin(self, node: Node) -> bool:
        if not self.plan.before[node.name] <= self._is_done:
            return False
        here = self.place[node.name]
        pending = [
            other
            for other in self._changers
            if self.place[other.name] < here and other.name not in self._is_done
        ]
        if not pending:
            return True
        mine = self._reachable(node).keys()
        changed = {_variable(self.plan, o, name) for o in pending for name in o.changes}
        return not (mine & changed)

    def begin(self, node: Node) -> dict[str, Ref]:
        """The variables that a node takes, with those that share state with them. It is recorded
        that it has taken them."""
        found = self._reachable(node)
        self._taken[node.name] = found
        return found

    def random(self, node: Node) -> str:
        """Where the random generators stand before a node: what the latest one before it in the
        notebook left, as a digest; empty before the first."""
        here = self.place[node.name]
        return max(((at, d) for at, d in self._random if at < here), default=(0, ""))[1]

    def _reachable(self, node: Node) -> dict[str, Ref]:
        here = self.place[node.name]
        asked = [_variable(self.plan, node, name) for name in (*node.reads, *node.uses)]
        found = {v: ref for v in asked if (ref := self._latest(v, here)) is not None}
        artifacts = {ref.get("artifact", "") for ref in found.values()} - {""}
        for variable in self._versions:
            ref = self._latest(variable, here)
            if ref is not None and ref.get("artifact", "") in artifacts:
                found[variable] = ref
        return found

    def _latest(self, variable: str, here: int) -> Ref | None:
        """The value of a variable as the node at ``here`` finds it."""
        before = [(at, ref) for at, ref in self._versions.get(variable, ()) if at < here]
        return max(before, key=lambda version: version[0])[1] if before else None

    # -- what it has done ------------------------------------------------------------------

    def finish(self, node: Node, values: dict[str, Ref], random: str) -> None:
        """Take in what a node made or changed.

        Raises :class:`Conflict` where a node after it in the notebook has taken the value as it was
        before, or cannot be given it.
        """
        here = self.place[node.name]
        took = self._taken.get(node.name, {})
        changed = [v for v in values if v in took and self._is_change(took[v], values[v])]
        for variable in changed:
            self._refuse_late(node, variable, took)
        by_artifact: dict[str, list[str]] = {}
        for variable, ref in values.items():
            if ref.get("artifact"):
                by_artifact.setdefault(ref["artifact"], []).append(variable)
            else:
                self._refuse_unstorable(node, variable, ref)
            found = self._versions.setdefault(variable, [])
            self._versions[variable] = [x for x in found if x[0] != here] + [(here, ref)]
        for group in by_artifact.values():
            self._share(group)
        if random:
            self._random.append((here, random))
        self.done.append(node.name)
        self._is_done.add(node.name)

    @staticmethod
    def _is_change(before: Ref, after: Ref) -> bool:
        """Whether the content is another one; what is only stored with others now is not."""
        return "json" in before or before.get("version") != after.get("version")

    def _refuse_late(self, node: Node, variable: str, took: dict[str, Ref]) -> None:
        """Raise :class:`Conflict` where a change does not reach who should see it."""
        here = self.place[node.name]
        name = variable.rpartition(":")[2]
        for other, theirs in self._taken.items():
            if self.place[other] > here and variable in theirs:
                raise Conflict(
                    f"step {node.name!r} changed {name!r} in place, and step {other!r}, which "
                    "comes after it in the notebook, had taken the value as it was before: the "
                    "plan did not know of the change. Run the notebook once with duranb, so that "
                    "it is recorded, and export it again"
                )
        for kin in sorted(self._kin.get(variable, ())):
            together = kin in took and took[kin].get("artifact") == took[variable].get("artifact")
            readers = [r for r in self._readers.get(kin, ()) if self.place[r] >= here]
            if readers and not together:
                raise Conflict(
                    f"step {node.name!r} changed {name!r} in place, which shares state with "
                    f"{kin.partition(':')[2]!r} as step {kin.partition(':')[0]!r} gave it, and "
                    f"step {readers[0]!r} would not see that: give it a copy, or have the steps "
                    "between them one after the other"
                )

    def _share(self, group: Iterable[str]) -> None:
        """Variables share state from now on."""
        found: set[str] = set()
        for variable in group:
            found |= self._kin.get(variable, {variable})
        if len(found) > 1:
            self._kin.update(dict.fromkeys(found, found))

    def _refuse_unstorable(self, node: Node, variable: str, ref: Ref) -> None:
        readers = [
            r for r in self._readers.get(variable, ()) if self.place[r] > self.place[node.name]
        ]
        if readers:
            name = variable.rpartition(":")[2]
            raise Conflict(
                f"step {node.name!r} gives {name!r} ({ref.get('type', 'a value')}) to step "
                f"{readers[0]!r}, and it cannot be stored: {ref.get('why', '')}. Make it in the "
                "step that uses it, or in a plain cell above the first step"
            )


def _variable(plan: Plan, node: Node, name: str) -> str:
    return f"{plan.sources[node.name][name]}:{name}"


def _readers(plan: Plan) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for node in plan.nodes:
        for name in (*node.reads, *node.uses):
            found.setdefault(_variable(plan, node, name), []).append(node.name)
    return found
