"""How the build finds Node, on machines with and without it."""

from __future__ import annotations

from pathlib import Path

import pytest

import hatch_build


def put(folder: Path, name: str, says: str) -> None:
    """A program that prints one line."""
    file = folder / name
    file.write_text(f"#!/bin/sh\necho {says}\n")
    file.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is all of PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_build_without_node_asks_for_the_package(path: Path) -> None:
    """Without Node on PATH the build itself requires the PyPI package that has it."""
    assert hatch_build.requirements() == [hatch_build.NODE_PACKAGE]


def test_build_with_node_asks_for_nothing(path: Path) -> None:
    """With Node and npm on PATH nothing is installed for the build."""
    put(path, "node", "v20.1.0")
    put(path, "npm", "10.0.0")
    assert hatch_build.requirements() == []


@pytest.mark.parametrize("missing", ["npm", "a new enough node"])
def test_half_an_installation_does_not_count(path: Path, missing: str) -> None:
    """Debian's node without npm, or a node that esbuild cannot run on, is as good as none."""
    put(path, "node", "v12.22.0" if missing != "npm" else "v20.1.0")
    if missing != "npm":
        put(path, "npm", "6.0.0")
    assert hatch_build.requirements() == [hatch_build.NODE_PACKAGE]
