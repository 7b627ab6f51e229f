"""Which environments ``make matrix`` tests, and what it says of them."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from tests.matrix import pythons
from tests.matrix.__main__ import matrix, outcome_of, table
from tests.matrix.environments import ENDS, Outcome, read

ROOT = Path(__file__).parents[2]
THIS = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_each_claimed_python_has_every_end() -> None:
    """The claims are pyproject's classifiers, and this interpreter is one of them."""
    assert THIS in pythons.claimed()
    assert len(matrix()) == len(pythons.claimed()) * len(ENDS)


def test_a_variable_names_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the variable names is used, if it is of that version."""
    monkeypatch.setenv(pythons.variable(THIS), sys.executable)
    assert pythons.find(THIS) == sys.executable
    monkeypatch.setenv(pythons.variable("3.99"), sys.executable)
    assert pythons.find("3.99") is None


def test_a_missing_python_is_named_and_not_green(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing is passed over in silence: it says which Python is missing and how to name it."""
    for name in ("PATH", "PYENV_ROOT", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("PYTHON_3_12", raising=False)
    outcome = outcome_of(matrix()["3.12-lowest"], [])
    assert not outcome.green
    assert "Python 3.12" in outcome.broken and "PYTHON_3_12" in outcome.broken


def test_an_environment_in_which_nothing_ran_is_not_green(tmp_path: Path) -> None:
    """Green needs tests that passed and none that failed; what failed is named."""
    results = tmp_path / "results.xml"
    case = '<testcase classname="tests.unit.test_x" name="test_{}">{}</testcase>'
    cases = case.format("a", ""), case.format("b", "<skipped/>"), case.format("c", "<failure/>")
    results.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    found = read(results)
    assert (found.passed, found.skipped, found.failed) == (1, 1, ("tests.unit.test_x::test_c",))
    assert not found.green and not Outcome().green
    assert "RED" in table({"3.12-newest": found}) and "green" in table({"x": Outcome(passed=1)})


@pytest.mark.parametrize("environment", ["frameworks", "rivals"])
def test_environments_that_are_made_of_a_list_have_what_duranb_needs(environment: str) -> None:
    """They are installed without looking for dependencies, so all of duranb's are listed."""
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    listed = (ROOT / "tests" / environment / "requirements.txt").read_text().splitlines()
    names = {_normal(re.split("[=<>;[ ]", line)[0]) for line in listed}
    assert {_normal(re.split("[=<>;[ ]", each)[0]) for each in needed} <= names


def _normal(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()
