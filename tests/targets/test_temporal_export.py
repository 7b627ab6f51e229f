"""``duranb export --target temporal``: a folder with all that a worker needs."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
import yaml

pytest.importorskip("temporalio", reason="needs duranb[temporal]")

from click.testing import CliRunner

from duranb.cli.main import cli
from duranb.errors import UsageError
from duranb.plan import load
from duranb.temporal.export import write
from duranb.temporal.runs import parameters_of


def notebook(folder: Path, *sources: str, tagged: int = -1) -> Path:
    """A notebook with these cells."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    if tagged >= 0:
        cells[tagged].metadata["tags"] = ["parameters"]
    file = folder / "small.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), file)
    return file


def test_the_folder_has_all_that_a_worker_needs(tmp_path: Path) -> None:
    """Code, plan and a compose file; what its owner has edited is left alone the second time."""
    file = notebook(tmp_path, "import duranb", "%%durable a\nx = 1", "%%durable b\ny = x + 1")
    out = tmp_path / "out"
    said = CliRunner().invoke(cli, ["export", str(file), "--target", "temporal", "-o", str(out)])
    assert said.exit_code == 0, said.output
    assert "plan.json" in said.output
    plan = load((out / "plan.json").read_bytes())
    assert [n.function for n in plan.nodes] == ["a", "b"]
    compile((out / "steps.py").read_text(), "steps.py", "exec")
    services = yaml.safe_load((out / "compose.yaml").read_text())["services"]
    assert set(services) == {"temporal", "worker"}
    (out / "requirements.txt").write_text("mine")
    write(file, out)
    assert (out / "requirements.txt").read_text() == "mine"


def test_it_is_told_where_to(tmp_path: Path) -> None:
    """Several files need a folder."""
    with pytest.raises(UsageError, match="-o FOLDER"):
        write(notebook(tmp_path, "%%durable a\nx = 1"), None)


def test_a_run_is_given_the_notebooks_parameters(tmp_path: Path) -> None:
    """Those that nobody gives have the notebook's values, so that all nodes find the same; a name
    that is none is refused, and what JSON would make something else of stays in ``steps.py``."""
    file = notebook(
        tmp_path, "n = 3\nname = 'x'\npair = (1, 2)", "%%durable a\ny = (n, name, pair)", tagged=0
    )
    write(file, tmp_path / "out")
    plan = load((tmp_path / "out" / "plan.json").read_bytes())
    assert parameters_of(plan, {"n": 5}) == {"n": 5, "name": "x"}
    with pytest.raises(UsageError, match="no parameter 'm'; there are: n, name"):
        parameters_of(plan, {"m": 1})
