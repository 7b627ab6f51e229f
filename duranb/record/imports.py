"""What was carried out elsewhere and taken into this history: by workers, by an exported graph."""

from __future__ import annotations

import msgspec

from duranb.record.parts import Body


class Fit(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The cell that a function of ``steps.py`` was made of, where it still is the same code.

    ``shape`` is what of the cell is part of a step's identity beside its inputs
    (:func:`duranb.engine.imported.shape_of`). The function was called with the values of ``reads``
    by the names ``parameters``, and gave those of ``writes``.
    """

    shape: str
    reads: list[str] = []
    parameters: list[str] = []
    writes: list[str] = []


class Imported(Body, frozen=True, tag="history.imported"):
    """The first ``events`` of a journal are in this history by now. The events before this one in
    the same append are those of them that had not been.

    The journal is the one at ``place`` (a node's; empty where a run has only one) of ``run``, and
    lay in ``source``. ``executions``, ``calls`` and ``snapshots`` say how what came with this
    append is numbered here, by its number there. ``scopes`` are what sets the calls of a function
    step apart (:class:`duranb.engine.journal.Journal`), by execution; ``modules`` the names of the
    module whose classes are the notebook's; ``fits`` the cells that are as they were exported, by
    step.
    """

    source: str
    run: str
    place: str
    events: int
    executions: dict[int, int] = {}
    calls: dict[int, int] = {}
    snapshots: dict[int, int] = {}
    scopes: dict[int, str] = {}
    modules: list[str] = []
    fits: dict[str, Fit] = {}


class Numbers:
    """How much of a journal is here, and how what came of it is numbered here."""

    def __init__(self) -> None:
        self.events = 0
        self.executions: dict[int, int] = {}
        self.calls: dict[int, int] = {}
        self.snapshots: dict[int, int] = {0: 0}


class Imports:
    """All that was imported. Filled by the fold."""

    def __init__(self) -> None:
        self._of_execution: dict[int, Imported] = {}
        self._of_journal: dict[tuple[str, str], Numbers] = {}
        self._fits: dict[tuple[str, str], dict[str, Fit]] = {}

    def add(self, body: Imported) -> None:
        """Take in what one append has brought."""
        here = self._of_journal.setdefault((body.run, body.place), Numbers())
        here.events = body.events
        here.executions.update(body.executions)
        here.calls.update(body.calls)
        here.snapshots.update(body.snapshots)
        self._fits[body.run, body.place] = body.fits
        for number in body.executions.values():
            self._of_execution[number] = body

    def numbers(self, run: str, place: str) -> Numbers:
        """What is here of a journal."""
        return self._of_journal.get((run, place), Numbers())

    def of(self, execution: int) -> Imported | None:
        """What an execution came with; None for one of this notebook's own."""
        return self._of_execution.get(execution)

    def fit(self, execution: int, step: str) -> Fit | None:
        """The cell that an imported execution of ``step`` carried out, as the latest look at the
        notebook's file found it; None where there was none, or with other code."""
        found = self._of_execution.get(execution)
        return self._fits[found.run, found.place].get(step) if found is not None else None

    def __bool__(self) -> bool:
        return bool(self._of_execution)
