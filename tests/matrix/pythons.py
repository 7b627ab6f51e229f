"""The Pythons that pyproject.toml claims, and where they are on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLASSIFIER = "Programming Language :: Python :: 3."


def claimed() -> list[str]:
    """The versions named by the project's classifiers, as in ``3.12``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [c.rpartition(" ")[2] for c in project["classifiers"] if c.startswith(CLASSIFIER)]


def variable(version: str) -> str:
    """The environment variable that says where a version is: ``PYTHON_3_12``."""
    return f"PYTHON_{version.replace('.', '_')}"


def find(version: str) -> str | None:
    """The path of an interpreter of that version, or None.

    What its variable names is taken, or nothing; else the first that starts: on PATH, then under
    pyenv. pyenv's ``python3.12`` on PATH does not start unless that version is switched on.
    """
    named = os.environ.get(variable(version))
    places = [named] if named else _places(version)
    return next((place for place in places if _version_of(place) == version), None)


def _places(version: str) -> Iterator[str]:
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for home in sorted((pyenv / "versions").glob(f"{version}.*"), reverse=True):
        yield str(home / "bin" / "python")


def _version_of(python: str) -> str:
    """Which version an interpreter says it is; empty if it does not start."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()
