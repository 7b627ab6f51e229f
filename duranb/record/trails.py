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
        self._outside: dict[str, dict[str, None]] = {}

    def begin_run(self) -> None:
        """A new run begins: what was added so far belongs to earlier ones."""
        self._before = dict(self._latest)
        self._outside.clear()

    def add(self, body: EntryAdded) -> None:
        """Take one entry in."""
        self._latest[body.trail] = body.entry
        outside = self._outside.setdefault(body.trail, {})
        if not body.execution and (not body.parent or body.parent in outside):
            outside.pop(body.entry, None)
            outside[body.entry] = None

    def outside(self, trail: str) -> str:
        """The latest entry of this run that was added outside of steps, after none but such: no
        rewind takes it back. Empty for none."""
        return next(reversed(self._outside.get(trail, {})), "")

    def of_earlier_runs(self, trail: str) -> str:
        """The latest entry that an earlier run added. Empty for none."""
        return self._before.get(trail, "")
