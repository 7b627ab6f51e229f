"""What goes on in a headless run while a step waits: cells further down that need nothing of it.

That is read from the notebook's plan, by which its export runs too. Whoever asks a question may
mean everything below to wait for it; so what changes the outside world, or the process, is never
brought forward past one. Where the plan cannot tell, nothing is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import nbformat
from nbclient.exceptions import CellExecutionError

from duranb.errors import UsageError
from duranb.record.history import History

if TYPE_CHECKING:  # imported late: most runs wait for nothing
    from duranb.export.graph import Graph
    from duranb.export.statements import Statement
    from duranb.plan import Node


WAITS = "Waiting"
"""How the error is called of a cell that waits."""

PLAIN = (
    "UsageError",
    "BudgetExceeded",
    "InDoubt",
    "StoreEncrypted",
    "StoreLocked",
    "StoreUnwritable",
    "StoreTooNew",
    "Unrecorded",
    "Untrusted",
)
"""Errors of duranb's own whose message says all there is to say. They end a run."""


class Waits:
    """The cells of a run that wait, and what goes on beside them. Cells are told by their place in
    the document, from 0. ``history`` gives what is recorded of the notebook."""

    def __init__(self, document: nbformat.NotebookNode, history: Callable[[], History]) -> None:
        self._document = document
        self._history = history
        self._ahead: Ahead | None = None
        self._first: CellExecutionError | None = None
        self._told: dict[str, None] = {}

    def may_go(self, index: int) -> bool:
        """Whether a cell needs nothing of those that wait."""
        return self._ahead is None or self._ahead.may_go(index)

    def take(self, index: int, error: CellExecutionError) -> bool:
        """A cell has ended with an error: whether the run goes on all the same. One that failed
        while others wait is run again with them, so that this is no failure of the run yet."""
        if error.ename == WAITS:
            self._first = self._first or error
            self._told[error.evalue] = None
        elif self._ahead is None or error.ename in PLAIN:
            return False
        else:
            told = f"cell {index + 1} failed meanwhile, and is run again when the notebook goes on"
            self._told[f"{told} ({error.ename}: {error.evalue})"] = None
        if self._ahead is None:
            self._ahead = Ahead(self._document, self._history())
        self._ahead.hold(index)
        return True

    def end(self) -> None:
        """The last cell is through. Raises the error of the first that waits, which says what all
        of them wait for."""
        if self._first is not None:
            self._first.evalue = "\n".join(self._told)
            raise self._first


class Ahead:
    """Says which cells of a document go on, once some of them are held back. Where the notebook has
    no plan, none does."""

    def __init__(self, document: nbformat.NotebookNode, history: History) -> None:
        code = [i for i, c in enumerate(document.cells) if c.cell_type == "code"]
        self._nodes: dict[int, Node] = {}
        self._code: dict[int, list[Statement]] = {}
        self._declared: dict[int, list[Statement]] = {}
        self._before: dict[str, frozenset[str]] = {}
        self._held: set[str] = set()
        self._lacking: set[str] = set()
        self._is_clear = True
        try:
            graph = _graph(document, history)
        except UsageError:  # it cannot be exported either; there it is said why
            self._is_clear = False
            return
        for unit in graph.flow:
            self._nodes[code[unit.cell - 1]] = unit.node
            self._code[code[unit.cell - 1]] = list(unit.body)
        for block in graph.module:
            self._declared[code[block.cell - 1]] = list(block.body)
        self._before = _all_before(graph)

    def hold(self, index: int) -> None:
        """A cell waits, or did not come to its end: what needs it does not go on."""
        if (node := self._nodes.get(index)) is not None:
            self._held.add(node.name)
        self._lacking.update(n for s in self._declared.get(index, ()) for n in s.names.writes)

    def may_go(self, index: int) -> bool:
        """Whether a cell, which comes after those that are held back, needs nothing of them; one
        that does is held back too."""
        node, declared = self._nodes.get(index), self._declared.get(index, [])
        own = {n for s in declared for n in s.names.writes}
        loads = {n for s in (*declared, *self._code.get(index, ())) for n in s.names.loads}
        is_free = not self._lacking & (loads - own) and (
            node is None or not (node.effects or node.alone or self._held & self._before[node.name])
        )
        if not (is_free and self._is_clear):
            self.hold(index)
            return False
        self._lacking -= own
        return True


def _graph(document: nbformat.NotebookNode, history: History) -> Graph:
    """Raises :class:`UsageError` where a notebook has no plan."""
    from duranb.export.build import build
    from duranb.export.notebook import cells_of

    tags = [frozenset(c.get("metadata", {}).get("tags", ())) for c in document.cells]
    _, cells = cells_of([(c.cell_type, c.source) for c in document.cells], tags)
    return build("", cells, history)


def _all_before(graph: Graph) -> dict[str, frozenset[str]]:
    """For each node all those that have to be done before it begins."""
    found: dict[str, frozenset[str]] = {}
    for node in graph.plan.nodes:  # in an order that the edges allow
        direct = graph.plan.before[node.name]
        found[node.name] = direct.union(*(found[name] for name in direct))
    return found
