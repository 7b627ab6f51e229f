"""Exported scripts beside the notebooks themselves: run, killed, run again, run once more."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import io
import os
import random
import signal
import subprocess
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import nbformat
import pytest

import duranb
from duranb.export import ExportError, export
from duranb.export.notebook import cells_of
from tests.targets.adversarial import CASES, Case
from tests.targets.styles import STYLES

NOTEBOOKS = CASES | STYLES
SAMPLE = [
    *("alias between steps", "a closure", "a frame in place", "seeded numbers"),
    *("a variable that functions read", "main and run", "an unstorable value between steps"),
    *("methods read a variable that is bound anew", "variables of a module of the project"),
    "perhaps without a value",
]

KILLED = """
import os, runpy, signal, sys
from duranb.scripts import flow
done, left = flow._Carrying._done, [{after}]
def die(self, node, error):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    done(self, node, error)
flow._Carrying._done = die
sys.argv = ["script.py"]
runpy.run_path("script.py", run_name="__main__")
"""


def written(case: Case, folder: Path) -> Path:
    """The notebook as a file."""
    cells = [nbformat.v4.new_code_cell(source) for source in case.cells]
    if case.parameters >= 0:
        cells[case.parameters].metadata["tags"] = ["parameters"]
    if case.helper:
        (folder / "helper_of_notebook.py").write_text(case.helper)
    path = folder / "notebook.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def plain(case: Case) -> str:
    """What the notebook prints, from a first cell to its last, run as plain Python."""
    _, cells = cells_of([("code", source) for source in case.cells])
    live: dict[str, Any] = {"__name__": "__main__"}
    shown = io.StringIO()
    state = random.getstate()
    with (
        contextlib.redirect_stdout(shown),
        pytest.MonkeyPatch.context() as patched,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", ResourceWarning)  # people leave files open
        patched.setattr(duranb, "ask", lambda _, default: default)
        patched.setenv("DURANB_TEST_MODE", "")
        helper = types.ModuleType("helper_of_notebook")
        exec(case.helper, vars(helper))
        patched.setitem(sys.modules, helper.__name__, helper)
        for cell in cells:
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            code = compile(cell.tree, "cell", "exec", flags=flags)
            result = eval(code, live)
            if result is not None:
                asyncio.run(result)
    random.setstate(state)
    return shown.getvalue()


def start(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A process in the folder of the script."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "DURANB_HOME": str(folder / "home"), "DURANB_HEADLESS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "name", [n if n in SAMPLE else pytest.param(n, marks=pytest.mark.soak) for n in NOTEBOOKS]
)
def test_a_script_does_what_its_notebook_does(name: str, tmp_path: Path) -> None:
    """Killed in the middle and run again it prints what the notebook prints, and once more when
    all is restored; what cannot be so is refused, or fails and says which value it is."""
    case = NOTEBOOKS[name]
    notebook = written(case, tmp_path)
    if case.refused:
        with pytest.raises(ExportError, match=case.refused):
            export(notebook, "script")
        return
    (tmp_path / "script.py").write_text(export(notebook, "script"))
    nodes = (tmp_path / "script.py").read_text().count("(run") or 2
    killed = start(tmp_path, "-c", KILLED.format(after=max(2, nodes // 2)))
    if case.loud:
        again = start(tmp_path, "script.py")
        assert again.returncode == 1 and case.loud in again.stderr, again.stdout + again.stderr
        return
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    for _ in range(2):
        done = start(tmp_path, "script.py")
        assert done.stdout == plain(case), done.stderr
