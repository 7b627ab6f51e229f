"""A map of a node that several workers carry out: what each is told, and how what they recorded
comes into the node's own journal. Nothing here knows of Temporal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from duranb.engine.runtime import Runtime
from duranb.engine.spread import Share, SharedOut, Which
from duranb.record import events as e
from duranb.record.imports import Imported, Numbers
from duranb.runner.renumbering import Renumbering
from duranb.store.buckets import Bucket
from duranb.store.objects import read, share_of


@dataclass
class SpreadMap:
    """The ``nth`` map called ``label`` of a node, with ``count`` items. When it was shared out the
    node's journal had ``upto`` events, with these numbers of ``executions``, ``calls`` and
    ``snapshots``. Of a share, ``first`` and ``last`` say which items are in it; ``done`` are the
    names of the shares that were carried out."""

    label: str
    nth: int
    count: int = 0
    upto: int = 0
    executions: int = 0
    calls: int = 0
    snapshots: int = 0
    first: int = 0
    last: int = 0
    done: list[str] = field(default_factory=list)

    @property
    def which(self) -> Which:
        """Which map of the node it is."""
        return self.label, self.nth

    @property
    def share(self) -> Share:
        """The items that one worker carries out."""
        return Share(self.label, self.nth, self.first, self.last)

    @property
    def name(self) -> str:
        """What the log of a share is called."""
        return f"{self.label} {self.nth} {self.first}-{self.last}"


class ForWorkers(Exception):
    """A node goes on when workers have carried out a map of it."""

    def __init__(self, shared: SpreadMap) -> None:
        super().__init__(f"the map of {shared.label} is for several workers")
        self.shared = shared


def for_workers(runtime: Runtime, out: SharedOut) -> ForWorkers:
    """What to tell of a map that was come to; what led there is recorded."""
    history = runtime.history
    label, nth = out.which
    return ForWorkers(
        SpreadMap(
            label,
            nth,
            count=out.count,
            upto=history.seq,
            executions=max(history.executions, default=0),
            calls=max(history.calls, default=0),
            snapshots=max(history.snapshots, default=0),
        )
    )


def merge(runtime: Runtime, bucket: Bucket, run: str, node: str, maps: Sequence[SpreadMap]) -> None:
    """Take what workers have recorded of maps into the node's journal, unless it is there. Raises
    :class:`duranb.errors.StoreError`."""
    for each in maps:
        for name in each.done:
            _merge_one(runtime, bucket, run, node, each, name)


def _merge_one(
    runtime: Runtime, bucket: Bucket, run: str, node: str, shared: SpreadMap, name: str
) -> None:
    history = runtime.history
    if history.imports.numbers(run, name).events:
        return
    events, short = read(bucket, share_of(run, node, name))
    for data in short.values():
        runtime.store.put([data])
    known = Numbers()
    known.executions = {i: i for i in range(1, shared.executions + 1)}
    known.calls = {i: i for i in range(1, shared.calls + 1)}
    known.snapshots = {i: i for i in range(shared.snapshots + 1)}
    numbers = Renumbering(history, known, history.branch, {}, {})
    made = [numbers.of(x.body) for x in events if not isinstance(x.body, e.SessionOpened)]
    told = Imported(
        source="another worker",
        run=run,
        place=name,
        events=len(events),
        executions=numbers.new.executions,
        calls=numbers.new.calls,
        snapshots=numbers.new.snapshots,
    )
    runtime.record(*(body for body in made if body is not None), told)
