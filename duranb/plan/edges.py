"""Which node follows which, from what each reads, writes and changes, in the notebook's order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from duranb.plan.model import Edge, Node, Why


def edges_of(nodes: Sequence[Node], shared: Iterable[str] = ()) -> tuple[Edge, ...]:
    """The edges between nodes; ``shared`` are names that functions read as variables of the module,
    of which there is one at a time."""
    builder = _Builder(frozenset(shared))
    for node in nodes:
        builder.add(node)
    return builder.edges()


class _Builder:
    def __init__(self, shared: frozenset[str]) -> None:
        self._shared = shared
        self._order: list[str] = []
        self._names: dict[tuple[str, str, Why], dict[str, None]] = {}
        self._given: dict[str, tuple[str, Why]] = {}
        self._readers: dict[str, list[str]] = {}
        self._users: dict[str, list[str]] = {}
        self._last: dict[str, str] = {}
        self._looking: list[str] = []
        self._barrier = ""
        self._since_barrier: list[str] = []

    def add(self, node: Node) -> None:
        self._order.append(node.name)
        taken = dict.fromkeys((*node.reads, *node.uses))
        for name in taken:
            if name in self._given:
                source, why = self._given[name]
                self._edge(source, node, why, name)
        for name in dict.fromkeys((*node.writes, *node.changes)):
            in_place = name in node.changes
            if in_place:
                # Whoever reads the object wants it as it was before.
                for reader in self._readers.get(name, []):
                    self._edge(reader, node, "in place", name)
            elif name in self._shared:
                # There is one such variable: whoever reads it is done before it is another.
                for user in self._users.get(name, []):
                    self._edge(user, node, "order", name)
                if name in self._given:
                    self._edge(self._given[name][0], node, "order", name)
            self._given[name] = (node.name, "in place" if in_place else "data")
            self._readers[name], self._users[name] = [], []
        for name in taken:
            self._readers.setdefault(name, []).append(node.name)
        for name in node.uses:
            self._users.setdefault(name, []).append(node.name)
        for source in node.after:
            self._edge(source, node, "order")
        if node.looks and "effects" in self._last:
            self._edge(self._last["effects"], node, "order")
        if node.effects:
            self._after_last("effects", node, "effect")
            for other in self._looking:  # it saw the world as it was before
                self._edge(other, node, "order")
            self._looking = []
        if node.looks:
            self._looking.append(node.name)
        if not node.is_step:
            self._after_last("cells", node, "order")
        if node.draws:
            self._after_last("draws", node, "order")
        if self._barrier:
            self._edge(self._barrier, node, "order")
        if node.alone:
            for other in self._since_barrier:
                self._edge(other, node, "order")
            self._barrier, self._since_barrier = node.name, []
        else:
            self._since_barrier.append(node.name)

    def _after_last(self, what: str, node: Node, why: Why) -> None:
        if what in self._last:
            self._edge(self._last[what], node, why)
        self._last[what] = node.name

    def _edge(self, source: str, target: Node, why: Why, name: str = "") -> None:
        if source != target.name:
            names = self._names.setdefault((source, target.name, why), {})
            if name:
                names[name] = None

    def edges(self) -> tuple[Edge, ...]:
        """Those found. One that carries no names is left out where another way leads along its
        ends: it would say nothing new."""
        into: dict[str, dict[str, None]] = {}
        for source, target, _ in self._names:
            into.setdefault(target, {})[source] = None
        bits: dict[str, int] = {}
        above: dict[str, int] = {}
        for number, name in enumerate(self._order):
            bits[name] = 1 << number
            above[name] = 0
            for source in into.get(name, ()):
                above[name] |= above[source] | bits[source]
        found: list[Edge] = []
        direct: set[tuple[str, str]] = {(s, t) for (s, t, _), names in self._names.items() if names}
        for (source, target, why), names in self._names.items():
            if not names:
                if (source, target) in direct:
                    continue
                if any(above[other] & bits[source] for other in into[target]):
                    continue
                direct.add((source, target))
            found.append(Edge(source=source, target=target, names=tuple(names), why=why))
        return tuple(found)
