"""The demo's stage: a folder with the notebook's copy, the model's server, and ways to act on both.

Everything goes through what a user has: ``duranb run`` in a process of its own, magics in a
kernel, an editor's change to the notebook's file, and ``kill -9``.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from duranb.demo.process import StandIn, start_standin
from duranb.errors import UsageError
from duranb.record.history import History
from duranb.runner.headless import STARTING
from duranb.session import places
from duranb.session.reader import open_reader

NOTEBOOK = "licence_agent.ipynb"
MARK = ".made-by-duranb-demo"
"""The file that says a folder is ours to empty."""

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Stage:
    """A folder that :func:`set_up` made. ``standin`` is None where a real model is configured."""

    folder: Path
    standin: StandIn | None
    _started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def notebook(self) -> Path:
        """The copy that runs."""
        return self.folder / NOTEBOOK

    @property
    def store(self) -> Path:
        """The copy's store."""
        return places.store_path(self.notebook)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of everything that runs here."""
        given = {"DURANB_STANDIN_URL": self.standin.url} if self.standin else {}
        return {**os.environ, **given}

    # -- looking ---------------------------------------------------------------------------

    def history(self) -> History | None:
        """The history as it is now; None before there is one."""
        if not places.has_store(self.notebook):
            return None  # no durable cell has run yet
        with open_reader(self.notebook) as reader:
            return reader.history

    def kernel(self) -> int | None:
        """The pid of the kernel that holds the store."""
        return places.process_with(self.notebook)

    # -- acting ----------------------------------------------------------------------------

    def command(self, *words: str) -> subprocess.Popen[str]:
        """Start ``duranb WORDS``; what it says can be read from its ``stdout``."""
        process = subprocess.Popen(
            [sys.executable, "-m", "duranb", *words],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._started.append(process)
        return process

    def clear(self) -> None:
        """End what was started here and still runs, the stand-in included."""
        for process in self._started:
            if process.poll() is None:
                process.terminate()
                process.communicate()
        if self.standin is not None:
            self.standin.stop()

    def cells(self, *sources: str) -> list[str]:
        """Run cells in a fresh kernel of the notebook; what each of them printed.

        Raises ``nbclient.exceptions.CellExecutionError`` for a cell that fails.
        """
        code = [nbformat.v4.new_code_cell(source) for source in sources]
        document = nbformat.v4.new_notebook(cells=code)
        client = NotebookClient(
            document, kernel_name="python3", timeout=120, startup_timeout=STARTING
        )
        client.execute(
            env={**self.environment, "DURANB_NOTEBOOK": str(self.notebook)},
            cwd=str(self.folder),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return [_said(cell) for cell in code]

    def edit(self, before: str, after: str) -> None:
        """Change the notebook's file as an editor does."""
        document = nbformat.read(self.notebook, as_version=4)
        cells = [c for c in document.cells if before in c.source]
        if not cells:
            raise UsageError(f"{self.notebook} has no cell with {before!r} to edit")
        for cell in cells:
            cell.source = cell.source.replace(before, after)
        nbformat.write(document, self.notebook)


@contextlib.contextmanager
def set_up(folder: Path) -> Iterator[Stage]:
    """Make the folder (an earlier demo's is emptied), and have a model's server while it is used.

    Raises :class:`UsageError` when there is something else in the folder.
    """
    folder = folder.resolve()
    _empty(folder)
    (folder / MARK).touch()
    shutil.copyfile(tutorial(), folder / NOTEBOOK)
    real = {"OPENAI_API_KEY", "OPENAI_BASE_URL"} & os.environ.keys()
    stage = Stage(folder, None if real else start_standin(folder))
    try:
        yield stage
    finally:
        stage.clear()


def tutorial() -> Path:
    """The notebook: beside this module in an installed package, in ``notebooks/`` in a clone."""
    here = Path(__file__).resolve().parent
    for place in (here / NOTEBOOK, here.parents[1] / "notebooks" / NOTEBOOK):
        if place.exists():
            return place
    raise UsageError(f"the tutorial {NOTEBOOK} is missing from this installation of duranb")


def kill(pid: int) -> None:
    """``kill -9``; the process may be gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise UsageError(f"{folder} is not empty and no demo made it: choose another --folder")
        running = places.process_with(folder / NOTEBOOK)
        if running:
            raise UsageError(f"another demo runs in {folder} (process {running})")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def _said(cell: nbformat.NotebookNode) -> str:
    """A cell's outputs as plain text."""
    parts = []
    for output in cell.outputs:
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        parts.append(_ANSI.sub("", text).strip())
    return "\n".join(part for part in parts if part)
