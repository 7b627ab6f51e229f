"""The tree of snapshots: what lies on the way to which, and the namespace at each.

A look-up costs what it finds: membership in a lineage takes the logarithm of its length, a
namespace as many steps as it has names. Neither walks back to the first snapshot each time.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator

import msgspec

from duranb.record.events import Binding
from duranb.record.model import Snapshot


class _Place(msgspec.Struct, frozen=True, gc=False):
    """Where a snapshot lies in the tree.

    ``jump`` is an ancestor further up: following jumps, and parents where a jump would go too far,
    any ancestor is reached in a logarithmic number of steps (a skew-binary jump pointer).
    ``random`` is the digest of the random generators' state there.
    """

    parent: int
    depth: int
    jump: int
    random: str


_ROOT = _Place(parent=0, depth=0, jump=0, random="")

LEAST = 32
"""Changed names after which the whole namespace is remembered, at least."""


class Tree:
    """All snapshots by id, oldest first, and questions about their lineages."""

    def __init__(self) -> None:
        self.snapshots: dict[int, Snapshot] = {}
        self._places: dict[int, _Place] = {0: _ROOT}
        self._namespaces: dict[int, dict[str, Binding]] = {}
        self._moves: dict[str, list[int]] = {}  # by name: where it was bound or deleted, in order

    def add(self, snapshot: Snapshot) -> None:
        """Take in a new snapshot. Raises ValueError when its id is taken."""
        if snapshot.id in self._places:
            raise ValueError(f"there are two snapshots {snapshot.id}")
        # Parents are older. (In a damaged store, or one from elsewhere, they might not be.)
        known = snapshot.parent < snapshot.id and snapshot.parent in self._places
        parent = snapshot.parent if known else 0
        above = self._places[parent]
        first = self._places[above.jump]
        second = self._places[first.jump]
        even = above.depth - first.depth == first.depth - second.depth
        self._places[snapshot.id] = _Place(
            parent=parent,
            depth=above.depth + 1,
            jump=first.jump if even else parent,
            random=snapshot.random or above.random,
        )
        self.snapshots[snapshot.id] = snapshot
        for name in (*snapshot.changed, *snapshot.deleted):
            insort(self._moves.setdefault(name, []), snapshot.id)

    def amend(self, snapshot: Snapshot) -> None:
        """Put a snapshot in the place of what was known of it, at the same place."""
        self.snapshots[snapshot.id] = snapshot
        self._namespaces.clear()

    def in_lineage(self, ancestor: int, snapshot: int) -> bool:
        """Whether ``ancestor`` is ``snapshot`` or lies on the way to it."""
        if ancestor not in self.snapshots or snapshot not in self.snapshots:
            return False
        places = self._places
        depth = places[ancestor].depth
        while places[snapshot].depth > depth:
            place = places[snapshot]
            snapshot = place.jump if places[place.jump].depth >= depth else place.parent
        return snapshot == ancestor

    def walk(self, snapshot: int) -> Iterator[Snapshot]:
        """The snapshots from ``snapshot`` back to the first, newest first."""
        while snapshot in self.snapshots:
            yield self.snapshots[snapshot]
            snapshot = self._places[snapshot].parent

    def namespace(self, snapshot: int) -> dict[str, Binding]:
        """Every name's binding at a snapshot, as a dictionary of the caller's own."""
        remembered = self._namespaces
        way: list[Snapshot] = []
        names: dict[str, Binding] = {}
        for step in self.walk(snapshot):
            if (known := remembered.get(step.id)) is not None:
                names = dict(known)
                break
            way.append(step)
        changes = 0
        for step in reversed(way):
            for name in step.deleted:
                names.pop(name, None)
            names.update(step.changed)
            changes += 1 + len(step.changed) + len(step.deleted)
            # All that is remembered is no larger than all that ever changed.
            if changes >= max(len(names), LEAST):
                remembered[step.id] = dict(names)
                changes = 0
        return names

    def bound_at(self, name: str, snapshot: int) -> Snapshot | None:
        """The snapshot that gave ``name`` the binding it has at ``snapshot``; None for no such
        name."""
        moves = self._moves.get(name, [])
        for i in range(bisect_right(moves, snapshot) - 1, -1, -1):
            if self.in_lineage(moves[i], snapshot):
                found = self.snapshots[moves[i]]
                return found if name in found.changed else None
        return None

    def random_at(self, snapshot: int) -> str:
        """The digest of the random generators' state at a snapshot, or an empty string."""
        place = self._places.get(snapshot)
        return place.random if place is not None else ""
