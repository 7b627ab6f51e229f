"""Where the trails of a run begin: what agents had written down before.

A trail is an append-only list of entries that an object goes along: each entry names the one before
it, and the object holds the one it has come to (:mod:`duranb.engine.trails`).
"""

from __future__ import annotations

from duranb.record.events import EntryAdded


class Trails:
    """The entries from which an object that is made anew goes on. Filled by the fold."""

    def __init__(self) -> None:
        self._latest: dict[str, str] = {}
        self._before: dict[str, str] = {}
        self._outside: dict[tuple[str, str], dict[str, None]] = {}

    def begin_run(self) -> None:
        """A new run begins: what was added so far belongs to earlier ones."""
        self._before = dict(self._latest)
        self._outside.clear()

    def add(self, body: EntryAdded) -> None:
        """Take one entry in."""
        self._latest[body.trail] = body.entry
        for root in () if body.execution else ("", self.of_earlier_runs(body.trail)):
            outside = self._outside.setdefault((body.trail, root), {})
            if body.parent == root or body.parent in outside:
                outside.pop(body.entry, None)  # the latest is the last
                outside[body.entry] = None

    def begin(self, trail: str, *, across_runs: bool = False) -> str:
        """Where an object that is made in a step begins: at no entry, or after those of the earlier
        runs."""
        return self.of_earlier_runs(trail) if across_runs else ""

    def outside(self, trail: str, *, across_runs: bool = False) -> str:
        """Where one begins that is made outside of steps: at the latest entry of this run with none
        of a step's before it, since nothing else would bring that back."""
        root = self.begin(trail, across_runs=across_runs)
        return next(reversed(self._outside.get((trail, root), {})), root)

    def of_earlier_runs(self, trail: str) -> str:
        """The latest entry that an earlier run added. Empty for none."""
        return self._before.get(trail, "")
