"""Which recorded failures a replay meets again."""

from __future__ import annotations

from collections.abc import Sequence

from duranb.record.history import SETTLED, History
from duranb.record.model import Call, CallStatus, Status


def to_meet(history: History, there: Sequence[Call], replays: int = 0) -> list[Call]:
    """Of the calls that stand in a place (see :meth:`History.in_place`) those that failed, where
    that is what came of it: in execution ``replays``, or the one that it was restored from; 0: in
    the latest one that failed there and went on. What an SDK tried again is several calls."""
    if replays in history.executions:
        replays = history.executions[replays].of or replays
    failed = [c for c in there if c.status is CallStatus.FAILED and _counts(history, c, replays)]
    if not failed:
        return []
    last = failed[-1]
    for call in there:
        answered = call.status is CallStatus.COMPLETED and call.id > last.id
        if answered and replays in (0, call.execution):
            return []
    return [c for c in failed if (c.execution, c.attempt) == (last.execution, last.attempt)]


def _counts(history: History, call: Call, replays: int) -> bool:
    if replays:
        return call.execution == replays
    status = history.executions[call.execution].status
    return status in SETTLED or status is Status.RUNNING
