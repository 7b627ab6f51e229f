"""Which loaded modules are the project's own, wherever links lead."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from duranb.code.modules import ProjectModules


def loaded(monkeypatch: pytest.MonkeyPatch, name: str, file: Path) -> None:
    """Have a module of this name that was loaded from a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("x = 1\n")
    module = ModuleType(name)
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, name, module)


def test_a_module_is_own_by_where_its_folder_really_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link into the project leads to its own modules, one out of it to others'; a folder beside
    it whose name begins alike is another one, and what is installed below it is no part of it."""
    root, other = tmp_path / "work", tmp_path / "work2"
    (root / "lib").mkdir(parents=True)
    (other / "lib").mkdir(parents=True)
    (tmp_path / "into").symlink_to(root, target_is_directory=True)
    (root / "out").symlink_to(other, target_is_directory=True)
    places = {
        "own_here": root / "lib" / "a.py",
        "own_by_link": tmp_path / "into" / "lib" / "b.py",
        "others_beside": other / "lib" / "c.py",
        "others_by_link": root / "out" / "lib" / "d.py",
        "others_installed": root / "env" / "site-packages" / "e.py",
    }
    for name, file in places.items():
        loaded(monkeypatch, name, file)
    modules = ProjectModules(root, lambda tree: "")
    assert {name for name in places if modules.owns(name)} == {"own_here", "own_by_link"}
    assert {name for name in places if name in modules.present()} == {"own_here", "own_by_link"}
