"""Replaying a notebook offline: in a fresh kernel, on a copy of its store, with no way out.

Every call is answered from the journal or refused. ``duranb verify --replay`` reruns the recorded
steps, ``duranb test`` and :mod:`duranb.testing` the notebook as its file is now.
"""

from __future__ import annotations

import contextlib
import copy
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from duranb.cli.headless import Hooks, check_names, inject, read, run_cells, step_of, told
from duranb.pure.errors import StoreDamaged, UsageError
from duranb.pure.events import Binding
from duranb.pure.history import History
from duranb.pure.model import Execution, Status
from duranb.pure.staleness import latest
from duranb.store import StoreView, left_behind, store_path
from duranb.store.paths import DATABASE, JOURNAL, TAIL, WAL

TRIES = 3

_CATCH_UP = "__import__('duranb').current().rewind()"
"""What ends a replay: a plan is only made, but all variables are captured before it is."""


def store_folder(notebook: Path) -> Path:
    """The store of a notebook, or the folder itself when it is one.

    Raises :class:`UsageError` when there is none.
    """
    if (notebook / DATABASE).exists():
        return notebook
    folder = store_path(notebook.resolve())
    if not (folder / DATABASE).exists():
        left = left_behind(notebook.resolve())
        hint = f"; if it was called {left[0]}: duranb adopt {notebook} {left[0]}" if left else ""
        if not notebook.exists():
            raise UsageError(f"there is no notebook {notebook}, and no store at {folder}")
        raise UsageError(
            f"{notebook} has no store at {folder}: no durable cell of it has run yet{hint}"
        )
    return folder


@contextlib.contextmanager
def copied(folder: Path) -> Iterator[tuple[Path, History]]:
    """A copy of a store that may be in use, for as long as the context lasts, and its history.

    Artifacts are never changed once they are there, so they are only linked to.
    """
    with tempfile.TemporaryDirectory(prefix="duranb-replay-", ignore_cleanup_errors=True) as temp:
        target = Path(temp) / folder.name
        for attempt in range(TRIES):
            target.mkdir()
            # As the view of a store does it: what moves on meanwhile moves in this order.
            for log in (TAIL, JOURNAL, WAL):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(folder / log, target / log)
            shutil.copyfile(folder / DATABASE, target / DATABASE)
            _link_artifacts(folder / "artifacts", target / "artifacts")
            try:
                with StoreView.open(target) as view:
                    history = History(view.events())
                break
            except StoreDamaged:
                if attempt == TRIES - 1:
                    raise
                shutil.rmtree(target)
                time.sleep(0.1)
        yield target, history


def _link_artifacts(source: Path, target: Path) -> None:
    for file in source.glob("*/*"):
        if file.suffix == ".part":
            continue
        link = target / file.parent.name / file.name
        link.parent.mkdir(parents=True, exist_ok=True)
        try:
            link.symlink_to(file.resolve())
        except OSError:  # Windows gives the right to make links to few
            shutil.copyfile(file, link)


# -- rerunning what is recorded ----------------------------------------------------------------


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
        return (
            f"{self.step}@{self.execution}: {self.name} was {_told(self.recorded)} "
            f"and is now {_told(self.now)}"
        )


def _told(binding: Binding | None) -> str:
    return f"{binding.preview} (version {binding.version[:8]})" if binding else "not there"


def verify(
    notebook: Path, *, hooks: Hooks | None = None, timeout: float | None = None
) -> tuple[int, list[Disagreement]]:
    """Rerun the completed steps on the way to the head, each from its recorded inputs; how many
    there are, and where they disagree with what was recorded.

    Raises :class:`UsageError` when there is no store, or no completed step in it.
    """
    folder, hooks = store_folder(notebook), hooks or Hooks()
    if notebook == folder:
        notebook = folder.parent.parent / f"{folder.name}.ipynb"
    with copied(folder) as (store, before):
        steps = [x for x in latest(before).values() if x.status is Status.COMPLETED]
        if not steps:
            raise UsageError(f"{notebook} has no completed step to rerun: run it first")
        document = _rerunning(notebook, steps)
        telling = Hooks(
            on_cell=lambda number, total, label: hooks.on_cell(
                number, total, steps[number - 1].step
            ),
            on_kernel=hooks.on_kernel,
        )
        died = ""
        try:
            _run(notebook, document, store, telling, timeout=timeout)
        except DeadKernelError:
            died = "the kernel died; run the step by itself to see why"
        except CellTimeoutError:
            died = f"a step took longer than the {timeout:g} seconds of --timeout"
        with StoreView.open(store) as view:
            after = History(view.events())
    reruns = {x.replays: x for x in after.executions.values() if x.id not in before.executions}
    found: list[Disagreement] = []
    for step, cell in zip(steps, document.cells, strict=True):
        rerun = reruns.get(step.id)
        if rerun is not None and rerun.status is Status.COMPLETED:
            found += _compare(before, step, rerun)
        else:
            why = rerun.error.message if rerun is not None and rerun.error else ""
            kind = rerun.error.type if rerun is not None and rerun.error else ""
            why = f"{kind}: {why}" if kind not in ("", "Unrecorded") else why
            found.append(Disagreement(step.step, step.id, error=why or _shown(cell) or died))
    return len(steps), found


def _rerunning(notebook: Path, steps: list[Execution]) -> nbformat.NotebookNode:
    """A notebook whose cells each bring back what a step started from, and run it."""
    cells = [
        nbformat.v4.new_code_cell(
            f"%duranb rewind {x.step}@{x.id} --before --yes\n%duranb replay {x.step}@{x.id} --yes",
            metadata={"tags": ["raises-exception"]},
        )
        for x in steps
    ]
    document: nbformat.NotebookNode = nbformat.v4.new_notebook(cells=cells)
    if notebook.exists():
        document.metadata = read(notebook).metadata
    return document


def _shown(cell: nbformat.NotebookNode) -> str:
    found = [o.evalue for o in cell.get("outputs", ()) if o.output_type == "error"]
    return str(found[-1]) if found else ""


def _compare(before: History, step: Execution, rerun: Execution) -> Iterator[Disagreement]:
    """The names that either execution changed and that have another content in the other one."""
    start = before.namespace(step.before)
    for name in dict.fromkeys([*step.outputs, *rerun.outputs, *step.deleted, *rerun.deleted]):
        recorded, now = (
            None if name in x.deleted else x.outputs.get(name, start.get(name))
            for x in (step, rerun)
        )
        if (recorded and recorded.version) != (now and now.version):
            yield Disagreement(step.step, step.id, name, recorded, now)


# -- running the notebook as it is now ---------------------------------------------------------


@dataclass(frozen=True)
class Failure:
    """What ended a replay: in which cell (from 0), the step that is (empty for a plain cell), the
    exception's type, and what to tell the user."""

    cell: int
    step: str
    kind: str
    message: str


@dataclass(frozen=True)
class Rerun:
    """A notebook's replay: its cells with their outputs, what failed or None, the copy of the
    store it ran on, and the last execution that was recorded before."""

    document: nbformat.NotebookNode
    failure: Failure | None
    store: Path
    last: int


@contextlib.contextmanager
def rerun(
    notebook: Path,
    *,
    hooks: Hooks | None = None,
    kernel: str = "",
    timeout: float | None = None,
) -> Iterator[Rerun]:
    """Run a notebook as its file is now, strictly offline against its recorded history, up to its
    end or to what fails first; the copy of the store is there for as long as the context lasts.
    Parameters are those of the last headless run.

    Raises :class:`UsageError` when there is no notebook or no store, before anything runs.
    """
    document = read(notebook)
    check_names(document, notebook)
    folder, hooks = store_folder(notebook), hooks or Hooks()
    at = 0

    def on_cell(number: int, total: int, label: str) -> None:
        nonlocal at
        at = number - 1
        if number < total:
            hooks.on_cell(number, total - 1, label)

    running = copy.deepcopy(document)
    running.cells.append(
        nbformat.v4.new_code_cell(_CATCH_UP, metadata={"tags": ["raises-exception"]})
    )
    with copied(folder) as (store, before):
        given = inject(running, before.parameters) if before.parameters else -1
        kind = message = ""
        telling = Hooks(on_cell=on_cell, on_kernel=hooks.on_kernel)
        try:
            _run(notebook, running, store, telling, kernel=kernel, timeout=timeout)
        except CellExecutionError as error:
            kind, message = error.ename, told(error)
        except DeadKernelError:
            kind, message = "DeadKernelError", "the kernel died; run the notebook to see why"
        except CellTimeoutError:
            kind = "CellTimeoutError"
            message = f"it took longer than {timeout:g} seconds, and was stopped"
        running.cells.pop()
        if given >= 0:
            running.cells.pop(given)
        with StoreView.open(store) as view:
            swallowed = _swallowed(History(view.events()), before.last_execution)
        if not kind and swallowed:
            kind, message = "Unrecorded", swallowed
        failure = None
        if kind:
            at = min(at - (0 <= given < at), len(running.cells) - 1)
            step = step_of(running.cells[at].source)
            if kind != "Unrecorded":
                where = f"step {step!r}" if step else "a plain cell"
                message = f"cell {at + 1} of {notebook.name}, {where}, failed:\n{message}"
            failure = Failure(at, step, kind, message)
        yield Rerun(running, failure, store, before.last_execution)


def _swallowed(history: History, last: int) -> str:
    """What a step of this replay was refused, although the code around it went on."""
    for this in history.executions.values():
        if this.id > last and this.error is not None and this.error.type == "Unrecorded":
            return this.error.message
    return ""


def _run(
    notebook: Path,
    document: nbformat.NotebookNode,
    store: Path,
    hooks: Hooks,
    *,
    kernel: str = "",
    timeout: float | None = None,
) -> None:
    env = {"DURANB_REPLAY": str(store)}
    run_cells(notebook, document, kernel=kernel, timeout=timeout, hooks=hooks, env=env)
