"""``duranb export --check``: the exported steps beside what the notebook's own run recorded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from duranb.export import ExportError, build, export
from duranb.export.notebook import cells_of
from duranb.runner.exported import order
from tests.servers import forks
from tests.targets.test_script import NOTEBOOKS, plain, start, written
from tests.unit.test_plan import plan


def duranb(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The command, in the notebook's folder."""
    return forks.run(
        [sys.executable, "-m", "duranb", *words],
        cwd=folder,
        env={**os.environ, "DURANB_HOME": str(folder / "home"), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A notebook that has run once: calls, a change in place, drawn numbers, plain cells."""
    cells = [
        "import random, os, duranb\nrandom.seed(3)\nlog = []\ndef pay(n):\n    return n + 7",
        "%%durable a\nxs = [random.random()]\nfee = duranb.call(lambda: pay(1))",
        "ys = [*xs, fee]\nlog.append('cell')",
        "%%durable b\nys.append(random.random())\nlog.append('b')",
        "%%durable c\nkind = os.environ.get('KIND', 'one')",
        "%%durable d\nn = (len(ys), log, kind)",
        "print(n)",
    ]
    path = tmp_path / "notebook.ipynb"
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbformat.write(made, path)
    ran = duranb(tmp_path, "run", path.name)
    assert ran.returncode == 0, ran.stderr
    return path


def test_an_export_is_checked_against_the_recorded_run(recorded: Path) -> None:
    """Nothing differs, and no call is made; then a node gives another value, then one asks for what
    was never recorded: each is named, and what comes after it."""
    folder = recorded.parent
    same = duranb(folder, "export", recorded.name, "--check")
    assert same.returncode == 0, same.stderr
    assert same.stdout.startswith("6 nodes run offline, all as recorded")
    other = duranb(folder, "export", recorded.name, "--check", KIND="two")
    assert other.returncode == 1
    assert "step 'c': kind was 'one' (version" in other.stderr and "is now 'two'" in other.stderr
    recorded.write_text(recorded.read_text().replace("pay(1)", "pay(2)), duranb.call(max, 1, 2"))
    asked = duranb(folder, "export", recorded.name, "--check")
    assert asked.returncode == 1
    assert "step 'a' failed" in asked.stderr and "never recorded: max" in asked.stderr
    assert "not run because of that" in asked.stderr and "step 'd'" in asked.stderr


def test_a_variable_that_has_no_value_in_both_does_not_differ(tmp_path: Path) -> None:
    """An exported step returns something for it, and the notebook's had nothing."""
    notebook = written(NOTEBOOKS["perhaps without a value"], tmp_path)
    ran = duranb(tmp_path, "run", notebook.name)
    assert ran.returncode == 0, ran.stderr
    same = duranb(tmp_path, "export", notebook.name, "--check")
    assert same.returncode == 0, same.stderr


def test_the_order_is_as_unlike_the_notebooks_as_the_edges_allow() -> None:
    """So that what has no edge and needs one gives another result. A name that is bound twice is
    one variable here: then it is the notebook's order; a parameter is given once before."""
    found = plan(
        "%%durable a\nx = 1", "%%durable b\ny = 2", "%%durable c\nz = x", "%%durable d\nw = z + y"
    )
    assert [node.name for node in order(found)] == ["b", "a", "c", "d"]
    again = plan("%%durable a\nx = 1", "%%durable b\ny = x", "%%durable c\nx = 2", "print(x, y)")
    assert [node.name for node in order(again)][:3] == ["a", "b", "c"]
    cells = ["n = 3", "%%durable a\nx = [n]", "n = 0", "print(x, n)"]
    tags = [frozenset({"parameters"}), frozenset(), frozenset(), frozenset()]
    given = build(*cells_of([("code", c) for c in cells], tags)).plan
    assert [node.name for node in order(given)] == ["a", "make_n", "cell_4"]


@pytest.mark.soak
@pytest.mark.parametrize("name", [n for n, case in NOTEBOOKS.items() if not case.refused])
def test_an_export_of_a_notebook_that_has_run_does_the_same(name: str, tmp_path: Path) -> None:
    """What was recorded corrects the plan: the check finds no difference, and the script prints
    what the notebook prints, twice; or the value that cannot be so is named."""
    case = NOTEBOOKS[name]
    notebook = written(case, tmp_path)
    ran = duranb(tmp_path, "run", notebook.name)
    assert ran.returncode == 0, ran.stderr
    try:
        (tmp_path / "script.py").write_text(export(notebook, "script"))
    except ExportError as error:
        if not case.loud or case.loud not in str(error):
            raise
        return
    checked = duranb(tmp_path, "export", notebook.name, "--check")
    assert checked.returncode == 0, checked.stderr
    for _ in range(2):
        done = start(tmp_path, "script.py")
        if not (case.loud and done.returncode == 1 and case.loud in done.stderr):
            assert done.stdout == plain(case), done.stderr


def test_what_an_effect_changed_is_no_difference(tmp_path: Path) -> None:
    """Offline it is answered and not done again: what it had changed in the notebook, and what was
    made of that, is named as what could not be compared; all else still is."""
    cells = [
        "import duranb, os\nbalance = {'ann': 10}\n@duranb.tool(idempotent=True)\n"
        "def pay(who: str, n: int) -> int:\n    'Pay.'\n    balance[who] += n\n    return 7",
        "%%durable a\nreceipt = pay('ann', 5)",
        "%%durable b\nleft = balance['ann']",
        "%%durable c\nkind = os.environ.get('KIND', 'one')",
        "print(receipt, left, kind)",
    ]
    path = tmp_path / "notebook.ipynb"
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbformat.write(made, path)
    assert duranb(tmp_path, "run", path.name).returncode == 0
    same = duranb(tmp_path, "export", path.name, "--check")
    assert same.returncode == 0, same.stderr
    assert "could not be compared: a.balance, b.left" in same.stdout
    other = duranb(tmp_path, "export", path.name, "--check", KIND="two")
    assert other.returncode == 1 and "step 'c': kind was 'one'" in other.stderr
    assert "balance" not in other.stderr
