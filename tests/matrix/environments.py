"""An environment of the matrix: one Python with one choice of versions, and the tests in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.matrix.pythons import ROOT

HOME = ROOT / ".matrix"
UV = (sys.executable, "-m", "uv")

HOURS = 3600
INSTALLING = HOURS / 4
TESTING = 2 * HOURS
"""Seconds until we give up."""

TESTS = ("tests/unit", "tests/kernel/test_cells.py", "tests/kernel/test_dynamic_cells.py")
"""What runs where nothing else is asked for: all units, and cells in a real kernel."""


@dataclass(frozen=True)
class End:
    """Which versions of the dependencies are installed. ``options`` are uv's, ``limits`` are
    requirements beside the declared ones, ``tests`` is what these versions matter to."""

    name: str
    options: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    tests: tuple[str, ...] = TESTS


ENDS = (
    End("lowest", options=("--resolution", "lowest-direct")),
    End("newest"),
    # openai moved from httpx to httpx2 in two steps; in 2 it looks for either.
    End("openai-2", limits=("openai>=2,<3",), tests=("tests/unit/test_llm_*.py",)),
)


@dataclass(frozen=True)
class Outcome:
    """What the tests said. ``broken`` says why they could not run, else it is empty."""

    passed: int = 0
    failed: tuple[str, ...] = ()
    skipped: int = 0
    broken: str = ""

    @property
    def green(self) -> bool:
        """Whether tests ran, and none failed."""
        return not self.broken and not self.failed and self.passed > 0


@dataclass(frozen=True)
class Environment:
    """One Python (``3.12``) with one end. Its folder, the versions that were resolved, what the
    tests printed and their results lie side by side in ``.matrix/``, under its name."""

    version: str
    end: End

    @property
    def name(self) -> str:
        """``3.12-lowest``."""
        return f"{self.version}-{self.end.name}"

    def _file(self, ending: str) -> Path:
        return HOME / f"{self.name}.{ending}"

    @property
    def log(self) -> Path:
        """What installing and testing printed last."""
        return self._file("log")

    def run(self, python: str, arguments: Sequence[str]) -> Outcome:
        """Install what the declared ranges resolve to today, and run the tests there.

        ``arguments`` are pytest's. The environment then holds what was resolved and nothing else.
        """
        HOME.mkdir(exist_ok=True)
        with self.log.open("w") as log:
            for command in self._commands(python):
                if said := _run(command, log.fileno(), INSTALLING):
                    return Outcome(broken=f"{' '.join(command[:3])} {said}")
            self._file("xml").unlink(missing_ok=True)
            said = _run(self._pytest(arguments), log.fileno(), TESTING)
        if not self._file("xml").exists():
            return Outcome(broken=f"pytest {said}")
        return read(self._file("xml"))

    def _commands(self, python: str) -> list[list[str]]:
        """Wheels only: the lowest version is the lowest that this Python can install as it is."""
        folder, resolved = HOME / self.name, str(self._file("txt"))
        limits = self._file("in")
        limits.write_text("\n".join(self.end.limits))
        compiled = [*UV, "pip", "compile", "--quiet", "pyproject.toml", str(limits)]
        compiled += ["--extra", "dev", *self.end.options]
        compiled += ["--only-binary", ":all:", "--upgrade"]
        into = ["--quiet", "--python", str(folder)]
        return [
            [*UV, "venv", "--quiet", "--allow-existing", "--python", python, str(folder)],
            [*compiled, "--python", str(folder), "--output-file", resolved],
            [*UV, "pip", "sync", *into, "--only-binary", ":all:", resolved],
            [*UV, "pip", "install", *into, "--no-deps", "--editable", "."],
        ]

    def _pytest(self, arguments: Sequence[str]) -> list[str]:
        chosen = [a for a in arguments if a.startswith("tests/")]
        tests = [] if chosen else [str(p) for t in self.end.tests for p in sorted(ROOT.glob(t))]
        found = [str(HOME / self.name / "bin" / "python"), "-m", "pytest", *tests, *arguments]
        return [*found, "-p", "no:cacheprovider", f"--junitxml={self._file('xml')}"]


def _run(command: Sequence[str], output: int, seconds: float) -> str:
    """Run a command; returns what was wrong, or an empty string."""
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            stdout=output,
            stderr=output,
            env=_env(),
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"took longer than {seconds:.0f} seconds"
    return f"ended with exit code {done.returncode}" if done.returncode else ""


def _env() -> dict[str, str]:
    """Ours, less what points to the environment that we run in."""
    kept = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
    return kept | {"CI": "true"}


def read(results: Path) -> Outcome:
    """What is in a file of results as pytest writes them (JUnit's XML)."""
    cases = list(ElementTree.parse(results).iter("testcase"))
    failed = [c for c in cases if c.find("failure") is not None or c.find("error") is not None]
    skipped = sum(c.find("skipped") is not None for c in cases)
    return Outcome(
        passed=len(cases) - len(failed) - skipped,
        failed=tuple(f"{c.get('classname')}::{c.get('name')}" for c in failed),
        skipped=skipped,
    )
