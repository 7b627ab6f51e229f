"""``duranb verify --replay``: the recorded steps run again offline, and compared.

Each step begins from what was recorded before it. What cannot be stored (a client, a chat), and
what lies outside of the namespace (a library's settings), is there because the notebook's plain
cells run too: before each step those above it, as the file is now, each once.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from duranb.engine.options import first_line
from duranb.errors import UsageError
from duranb.record.events import Binding
from duranb.record.history import History
from duranb.record.model import Execution, Status
from duranb.record.staleness import latest
from duranb.runner.headless import Hooks, read, step_of
from duranb.runner.offline import copied, run_offline
from duranb.runner.parameters import inject
from duranb.session.comparing import COMPARED
from duranb.session.places import find_store
from duranb.state.unstorable import is_unstorable
from duranb.store import StoreView

_VERB = re.compile(r"^(\s*)([%!]duranb\b)", re.MULTILINE)
"""A plain cell's command to duranb, which is about another store than the copy."""

_TOLERANT = {"tags": ["raises-exception"]}


@dataclass(frozen=True)
class Disagreement:
    """An output of a step that a rerun gave another value, or (``error``) a step that could not be
    rerun. A binding is None where there is no such name."""

    step: str
    execution: int
    name: str = ""
    recorded: Binding | None = None
    now: Binding | None = None
    error: str = ""

    def __str__(self) -> str:
        if self.error:
            return f"{self.step}@{self.execution} could not be rerun: {self.error}"
        then, today = (b.python if b else "" for b in (self.recorded, self.now))
        if then and today and then != today:
            return (
                f"{self.step}@{self.execution}: {self.name} holds code, which Python {then} had "
                f"compiled and {today} has compiled now: only Python {then} can compare them"
            )
        return (
            f"{self.step}@{self.execution}: {self.name} was {_told(self.recorded)} "
            f"and is now {_told(self.now)}"
        )


def _told(binding: Binding | None) -> str:
    return f"{binding.preview} (version {binding.version[:8]})" if binding else "not there"


@dataclass
class Verified:
    """What came of it: how many ``steps`` there are, and where they disagree with what was
    recorded. ``aside`` are the outputs, as STEP.NAME, that differ in nothing but ids and times
    that libraries draw themselves; ``failed`` is what plain cells raised, in sentences."""

    steps: int
    found: list[Disagreement] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Part:
    """A cell of what is run: the rerun of a step, or the notebook's plain cell number so-and-so."""

    cell: nbformat.NotebookNode
    step: Execution | None = None
    number: int = 0


def verify(notebook: Path, *, hooks: Hooks | None = None, timeout: float | None = None) -> Verified:
    """Rerun the completed steps on the way to the head, each from its recorded inputs.

    Raises :class:`UsageError` when there is no store, or no completed step in it.
    """
    folder, hooks = find_store(notebook), hooks or Hooks()
    if notebook == folder:
        notebook = folder.parent.parent / f"{folder.name}.ipynb"
    with copied(folder) as (store, before):
        steps = [x for x in latest(before).values() if x.status is Status.COMPLETED]
        # One that was restored began where its process was; what is recorded, as it was made.
        steps = [before.executions.get(x.of, x) for x in steps]
        if not steps:
            raise UsageError(f"{notebook} has no completed step to rerun: run it first")
        document, parts = _rerunning(notebook, steps, before)
        telling = Hooks(
            on_cell=lambda number, total, label: hooks.on_cell(
                number, total, step.step if (step := parts[number - 1].step) else ""
            ),
            on_kernel=hooks.on_kernel,
        )
        died = ""
        try:
            run_offline(notebook, document, store, before, telling, timeout=timeout)
        except DeadKernelError:
            died = "the kernel died; run the step by itself to see why"
        except CellTimeoutError:
            died = f"a step took longer than the {timeout:g} seconds of --timeout"
        with StoreView.open(store) as view:
            after = view.history()
    return _verdict(parts, before, after, died)


def _rerunning(
    notebook: Path, steps: list[Execution], history: History
) -> tuple[nbformat.NotebookNode, list[_Part]]:
    """A notebook that brings back what each step started from, and runs it; before that, the plain
    cells above it."""
    document: nbformat.NotebookNode = nbformat.v4.new_notebook()
    cells: list[nbformat.NotebookNode] = []
    if notebook.exists():
        as_it_is = read(notebook)
        document.metadata = as_it_is.metadata
        if history.parameters:
            given = inject(as_it_is, history.parameters)
            as_it_is.cells[given].metadata["duranb"] = "injected"
        cells = as_it_is.cells
    parts: list[_Part] = []
    done = 0
    for step in steps:
        at = _where(step, cells)
        parts += _plain(cells, done, at)
        done = max(done, at)
        parts.append(_Part(_rerun(step), step))
    document.cells = [part.cell for part in parts]
    return document, parts


def _where(step: Execution, cells: list[nbformat.NotebookNode]) -> int:
    """The index of a step's cell, or 0 when the notebook has it no more."""
    for at, cell in enumerate(cells):
        if cell.cell_type != "code" or first_line(cell.source) is None:
            continue
        name = step_of(cell.source)
        # A step without a name of its own is called after what it assigns.
        if name == step.step or ("(" in name and step.source == cell.source):
            return at
    return 0


def _plain(cells: list[nbformat.NotebookNode], first: int, last: int) -> Iterator[_Part]:
    for at in range(first, last):
        cell = cells[at]
        if cell.cell_type == "code" and first_line(cell.source) is None:
            plain = copy.deepcopy(cell)
            plain.source = _VERB.sub(r"\1pass  # \2", cell.source)
            tags = {*plain.metadata.get("tags", ()), *_TOLERANT["tags"]}
            plain.metadata["tags"] = sorted(tags)
            yield _Part(plain, number=at + 1)


def _rerun(step: Execution) -> nbformat.NotebookNode:
    reference = f"{step.step}@{step.id}"
    lines = (
        f"%duranb rewind {reference} --before --yes",
        f"%duranb replay {reference} --yes",
        f"__import__('duranb.jupyter.offline', fromlist=['compare']).compare({step.id})",
    )
    cell: nbformat.NotebookNode = nbformat.v4.new_code_cell("\n".join(lines), metadata=_TOLERANT)
    return cell


def _verdict(parts: list[_Part], before: History, after: History, died: str) -> Verified:
    reruns = {x.replays: x for x in after.executions.values() if x.id not in before.executions}
    verdict = Verified(sum(part.step is not None for part in parts))
    for part in parts:
        raised = _raised(part.cell)
        if part.step is None:
            if raised:
                verdict.failed.append(f"cell {part.number}, a plain cell, raised {raised}")
            continue
        step, rerun = part.step, reruns.get(part.step.id)
        if rerun is not None and rerun.status is Status.COMPLETED:
            alike = _alike(part.cell)
            for each in _compare(before, step, rerun):
                if each.name in alike:
                    verdict.aside.append(f"{step.step}.{each.name}")
                else:
                    verdict.found.append(each)
        else:
            why = rerun.error.message if rerun is not None and rerun.error else ""
            kind = rerun.error.type if rerun is not None and rerun.error else ""
            why = f"{kind}: {why}" if kind not in ("", "Unrecorded") else why
            error = why or raised.partition(": ")[2] or died
            verdict.found.append(Disagreement(step.step, step.id, error=error))
    return verdict


def _raised(cell: nbformat.NotebookNode) -> str:
    """The type and the message of what a cell raised."""
    found = [f"{o.ename}: {o.evalue}" for o in cell.get("outputs", ()) if o.output_type == "error"]
    return found[-1] if found else ""


def _alike(cell: nbformat.NotebookNode) -> Collection[str]:
    """The outputs of which the kernel found that they differ in nothing that counts."""
    for output in cell.get("outputs", ()):
        if COMPARED in output.get("data", {}):
            return frozenset(output.data[COMPARED])
    return frozenset()


def _compare(before: History, step: Execution, rerun: Execution) -> Iterator[Disagreement]:
    """The names that either execution changed and that have another content in the other one."""
    start = before.namespace(step.before)
    for name in dict.fromkeys([*step.outputs, *rerun.outputs, *step.deleted, *rerun.deleted]):
        recorded, now = (
            None if name in x.deleted else x.outputs.get(name, start.get(name))
            for x in (step, rerun)
        )
        if (recorded and recorded.version) != (now and now.version) and not _untold(recorded, now):
            yield Disagreement(step.step, step.id, name, recorded, now)


def _untold(recorded: Binding | None, now: Binding | None) -> bool:
    """Whether nobody can tell the content of either: of what cannot be stored, a version only says
    which code may have changed it, and a client that is answered from the journal connects to
    nothing."""
    if recorded is None or now is None or recorded.type != now.type:
        return False
    return is_unstorable(recorded.version) and is_unstorable(now.version)
