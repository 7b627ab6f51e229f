"""What changed since the front end last looked.

A refresh asks the history which executions changed, or had a call that did, and builds only their
rows: its cost is a walk over the executions, not a rebuild, and not one over the calls.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from duranb.record.history import History
from duranb.record.model import Branch, Execution, Ledger, Status
from duranb.record.staleness import stale
from duranb.timelines.rows import Row, row


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The sums over all rows, and how many times the notebook came back after its process ended.

    A step that waits for an answer or a time is ``waiting``, whether or not it holds its process.
    ``saved_*`` are about calls answered from the journal instead of being made again.
    """

    executions: int
    running: int
    waiting: int
    restarts: int
    ledger: Ledger


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that changed after ``since``, up to event ``seq``, and what is about all of them.

    ``now`` is this machine's time in microseconds: the front end may run on another one.
    ``sessions`` are the times at which a process took the store.
    """

    since: int
    seq: int
    now: int
    notebook: str
    run: str
    branch: str
    rows: list[Row]
    branches: list[Branch]
    sessions: list[int]
    totals: Totals


class Model:
    """The rows of one history. Give it the lock that guards the history, if others fold it."""

    def __init__(self, history: History, lock: AbstractContextManager[Any]) -> None:
        self._history = history
        self._lock = lock
        self._rows: dict[int, Row] = {}
        self._changed_at: dict[int, int] = {}
        self._compensations: dict[str, str] = {}
        self._line: set[int] = set()
        self._last = 0
        self._stale: dict[int, tuple[str, ...]] = {}
        self._seq = -1

    def since(self, seq: int) -> Update:
        """The rows that changed after event ``seq``; all of them for -1."""
        with self._lock:
            self._refresh()
            history = self._history
            changed = [r for i, r in self._rows.items() if self._changed_at[i] > seq]
            return Update(
                since=seq,
                seq=self._seq,
                now=time.time_ns() // 1000,
                notebook=history.notebook,
                run=history.run,
                branch=history.branch,
                rows=changed,
                branches=list(history.branches.values()),
                sessions=history.sessions,
                totals=self._totals(),
            )

    def _refresh(self) -> None:
        history = self._history
        if history.seq == self._seq:
            return
        dirty = self._changed_objects() | self._moved_marks()
        for number in sorted(dirty):
            this = history.executions.get(number)
            if this is None:
                continue
            new = row(
                history,
                this,
                line=number in self._line,
                head=number == self._last,
                stale=self._stale.get(number, ()),
            )
            if new != self._rows.get(number):
                self._rows[number] = new
                self._changed_at[number] = history.seq
        self._seq = history.seq

    def _changed_objects(self) -> set[int]:
        """Executions that changed, or one of whose calls did, since the last refresh."""
        history = self._history
        dirty = history.changed_from(self._seq)
        dirty |= {x.id for x in history.executions.values() if x.of in dirty}
        if history.compensations != self._compensations:
            dirty |= {x.id for x in history.executions.values() if x.step in history.compensations}
        self._compensations = dict(history.compensations)
        return dirty

    def _moved_marks(self) -> set[int]:
        """Executions that came onto the way to the head or left it, or whose staleness changed."""
        history = self._history
        on_line = history.line()
        last = on_line[-1].id if on_line else 0
        by_step = {x.step: x.id for x in on_line}
        now_stale = {
            by_step[step]: tuple(names) for step, names in stale(history).items() if step in by_step
        }
        line = self._find_line(on_line)
        moved = line ^ self._line | {last, self._last}
        moved |= {
            i
            for i in now_stale.keys() | self._stale.keys()
            if now_stale.get(i) != self._stale.get(i)
        }
        self._line, self._last, self._stale = line, last, now_stale
        return moved

    def _find_line(self, on_line: list[Execution]) -> set[int]:
        """Executions that lie on the way to the head, or whose results do.

        A new kernel begins with an empty namespace, and restoring a step makes a snapshot of its
        own: what was executed in an earlier life is not left behind by that.
        """
        lineage = {s.id for s in self._history.walk()}
        sources = {x.of or x.id for x in on_line}
        return {
            x.id
            for x in self._history.executions.values()
            if x.snapshot in lineage or (x.of or x.id) in sources
        }

    def _totals(self) -> Totals:
        rows = self._rows.values()
        ledgers = [r.ledger for r in rows]
        return Totals(
            executions=len(ledgers),
            running=sum(r.status == Status.RUNNING for r in rows),
            waiting=sum(bool(r.waits) for r in rows),
            restarts=max(0, len(self._history.sessions) - 1),
            ledger=total(ledgers),
        )


def total(ledgers: list[Ledger]) -> Ledger:
    """The sum of ledgers, field by field."""
    fields = Ledger.__struct_fields__
    return Ledger(**{f: sum(getattr(each, f) for each in ledgers) for f in fields})
