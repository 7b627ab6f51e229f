"""Fixtures for tests in a real kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kernel.harness import Kernel


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    """A kernel with duranb loaded, for a notebook in a folder of its own."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    made = Kernel(tmp_path / "agent.ipynb").start()
    yield made
    made.stop()


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Kernel]]:
    """Makes kernels for the same folder; all are stopped at the end."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    made: list[Kernel] = []

    def make(name: str = "agent", **env: str) -> Kernel:
        made.append(Kernel(tmp_path / f"{name}.ipynb", **env))
        return made[-1]

    yield make
    for each in made:
        each.stop()
