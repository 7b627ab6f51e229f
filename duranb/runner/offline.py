"""Replaying a notebook offline: in a fresh kernel, on a copy of its store, with no way out.

Every call is answered from the journal or refused. ``duranb test`` and :mod:`duranb.testing` run
the notebook as its file is now, ``duranb verify --replay`` (:mod:`duranb.runner.verifying`) what is
recorded of it.
"""

from __future__ import annotations

import contextlib
import copy
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from duranb.errors import StoreDamaged
from duranb.llm import exchange
from duranb.record.history import History
from duranb.runner.headless import Hooks, check_names, read, run_cells, step_of, told
from duranb.runner.parameters import inject
from duranb.session.places import find_store
from duranb.store import StoreView, copy_history, guarded
from duranb.store.paths import ARTIFACTS, current
from duranb.text.credentials import NO_KEY

TRIES = 3

USUAL = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY")
"""Credentials that may have come another way than by the environment."""

_CATCH_UP = "__import__('duranb').current().rewind()"
"""What ends a replay: a plan is only made, but all variables are captured before it is."""


@contextlib.contextmanager
def copied(folder: Path) -> Iterator[tuple[Path, History]]:
    """A copy of a store that may be in use, for as long as the context lasts, and its history.

    Artifacts are never changed once they are there, so they are only linked to. Raises
    :class:`duranb.errors.Untrusted` for one that somebody else wrote: what it holds is to be run;
    and :class:`duranb.errors.StoreEncrypted` where its key is not here.
    """
    with StoreView.open(folder) as view:
        view.need_trust()  # under the name that the user knows it by, and before anything is copied
    with tempfile.TemporaryDirectory(
        prefix=".replay-", dir=_place_for(folder), ignore_cleanup_errors=True
    ) as temp:
        target = Path(temp) / folder.name
        for attempt in range(TRIES):
            target.mkdir()
            copy_history(folder, target)
            _link_artifacts(current(folder, ARTIFACTS), target / ARTIFACTS)
            try:
                with StoreView.open(target) as view:
                    view.need_trust()
                    history = view.history()
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
        guarded.folder(link.parent, parents=True)
        try:
            os.link(file, link)
        except OSError:  # another disk, or one without links
            guarded.copy(file, link)


def _place_for(folder: Path) -> str | None:
    """Where a copy of a store goes: beside it where that saves copying its artifacts to another
    disk, else among the temporary files."""
    beside = folder.parent
    same = os.stat(tempfile.gettempdir()).st_dev == os.stat(beside).st_dev
    return None if same or not os.access(beside, os.W_OK) else str(beside)


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
    folder, hooks = find_store(notebook), hooks or Hooks()
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
            run_offline(notebook, running, store, before, telling, kernel=kernel, timeout=timeout)
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
            swallowed = _swallowed(view.history(), before.last_execution)
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


def run_offline(
    notebook: Path,
    document: nbformat.NotebookNode,
    store: Path,
    history: History,
    hooks: Hooks,
    *,
    kernel: str = "",
    timeout: float | None = None,
) -> None:
    """Run a document's cells, as :func:`duranb.runner.headless.run_cells` does, in a kernel with
    no way out. ``store`` is the copy of the notebook's, and ``history`` what is recorded in it.

    Where a credential was, and none is now, there is one that nobody will ever see: clients refuse
    to be made without. Where all models were on this machine there need not have been any, and a
    notebook may ask whether there is.
    """
    wanted = {*history.credentials, *(USUAL if _went_out(store, history) else ())}
    env = {name: NO_KEY for name in wanted if not os.environ.get(name)}
    env["DURANB_REPLAY"] = str(store)
    run_cells(notebook, document, kernel=kernel, timeout=timeout, hooks=hooks, env=env)


def _went_out(store: Path, history: History) -> bool:
    """Whether a model was asked that is not on this machine."""
    answers = {call.name: call.response for call in history.calls.values() if call.response}
    with StoreView.open(store) as view:
        for digest in answers.values():
            url = urlsplit(exchange.decode(view.get(digest)).header.url)
            if url.hostname not in ("localhost", "127.0.0.1", "::1"):
                return True
    return False
