"""Events of one history as events of another: what they number is numbered anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from duranb.record import events as e
from duranb.record.events import Event, EventBody
from duranb.record.history import History
from duranb.record.imports import Numbers

_EXECUTIONS = ("execution", "compensates", "replays", "of", "by")
_CALLS = ("call",)
_SNAPSHOTS = ("snapshot", "before", "left")
_LEFT_OUT = (e.RunStarted, e.ArtifactStored, e.Imported, e.Redacted)
"""What is the store's own business, there and here."""


def parameters(events: Sequence[Event]) -> dict[str, Any]:
    """The parameters that the processes of a run were given."""
    found: dict[str, Any] = {}
    for event in events:
        if isinstance(event.body, e.SessionOpened) and event.body.parameters:
            found |= event.body.parameters
    return found


class Renumbering:
    """Makes the events of one journal those of ``history``, on ``branch``.

    ``known`` is how what came earlier is numbered here, ``new`` what came now, and ``started`` the
    executions among that. ``digests`` are artifacts that have another digest here, since a secret
    is masked in them.
    """

    def __init__(
        self,
        history: History,
        known: Numbers,
        branch: str,
        digests: Mapping[str, str],
        given: dict[str, Any],
    ) -> None:
        self.new = Numbers()
        self.new.snapshots = {}
        self.started: list[e.ExecutionStarted] = []
        self._history = history
        self._known = known
        self._branch = branch
        self._branches = {"main": branch}
        self._digests = {old: new for old, new in digests.items() if old != new}
        self._given = given

    def source_of(self, step: str) -> str:
        """The code of a step's latest execution."""
        for started in reversed(self.started):
            if started.step == step:
                return started.source
        found = self._history.executions_of(step)
        return found[-1].source if found else ""

    def of(self, body: EventBody) -> EventBody | None:
        """An event as it is here; None for one that is of no meaning here."""
        if isinstance(body, _LEFT_OUT):
            return None
        if self._digests:
            text = e.encode(body)[1]
            for old, new in self._digests.items():
                text = text.replace(old, new)
            body = e.decode(text)
        changes: dict[str, Any] = {}
        fields = {f.name for f in msgspec.structs.fields(body)}
        for names, number in (
            (_EXECUTIONS, self._execution),
            (_CALLS, self._call),
            (_SNAPSHOTS, self._snapshot),
        ):
            for name in fields.intersection(names):
                if isinstance(there := getattr(body, name), int):  # who answered is called "by" too
                    changes[name] = number(there)
        if isinstance(body, e.SnapshotCaptured):
            changes["parent"] = self._snapshot(body.parent)
        elif isinstance(body, e.ExecutionStarted | e.ExecutionRestored):
            changes["parent"] = self._execution(body.parent)
        if "run" in fields:
            changes["run"] = self._history.run
        if "branch" in fields:
            changes["branch"] = self._branch_of(body.branch)  # type: ignore[union-attr]
        if isinstance(body, e.BranchCreated):
            changes["parent"] = self._branch_of(body.parent)
        if "served" in fields:
            changes["served"] = [self._call(i) for i in body.served]  # type: ignore[union-attr]
        if isinstance(body, e.CallCompleted):
            changes["made_of"] = [self._call(i) for i in body.made_of]
        if isinstance(body, e.SagaBegun):
            changes["executions"] = [self._execution(i) for i in body.executions]
        if isinstance(body, e.SessionOpened):
            changes["parameters"] = self._given or None
        made: EventBody = msgspec.structs.replace(body, **changes)
        if isinstance(made, e.ExecutionStarted):
            self.started.append(made)
        return made

    def _branch_of(self, name: str) -> str:
        return self._branches.setdefault(name, f"{self._branch}-{name}")

    def _execution(self, number: int) -> int:
        return self._number(number, "execution", self._known.executions, self.new.executions)

    def _call(self, number: int) -> int:
        return self._number(number, "call", self._known.calls, self.new.calls)

    def _snapshot(self, number: int) -> int:
        return self._number(number, "snapshot", self._known.snapshots, self.new.snapshots)

    def _number(self, number: int, what: str, known: Mapping[int, int], new: dict[int, int]) -> int:
        if not number:
            return 0
        if number in known:
            return known[number]
        if number not in new:
            new[number] = self._history.next_id(what)
        return new[number]
