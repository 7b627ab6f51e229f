"""What of a history has changed, noted as it happens."""

from __future__ import annotations

from array import array
from itertools import islice


class Changes:
    """Which objects of a history have changed since somebody last looked, by id or name. Calls, of
    which there may be very many, are there as often as they changed."""

    def __init__(self) -> None:
        self.executions: set[int] = set()
        self.calls = array("Q")
        self.snapshots: set[int] = set()
        self.branches: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self.executions or self.calls or self.snapshots or self.branches)

    def add(self, others: Changes) -> None:
        """Note these too."""
        self.executions |= others.executions
        self.calls.extend(others.calls)
        self.snapshots |= others.snapshots
        self.branches |= others.branches

    def take(self, most: int) -> Changes:
        """Up to ``most`` of what was noted of each; it is no longer noted here."""
        taken = Changes()
        taken.executions.update(islice(self.executions, most))
        taken.calls.extend(dict.fromkeys(self.calls[:most]))
        taken.snapshots.update(islice(self.snapshots, most))
        taken.branches.update(islice(self.branches, most))
        self.executions -= taken.executions
        del self.calls[:most]
        self.snapshots -= taken.snapshots
        self.branches -= taken.branches
        return taken
