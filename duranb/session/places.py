"""Where notebooks have their stores: found, left behind by a renamed notebook, and taken over."""

from __future__ import annotations

from pathlib import Path

from duranb.errors import StoreLocked, UsageError
from duranb.store import guarded
from duranb.store.lock import holder
from duranb.store.paths import OUTCOMES, TAIL, is_store, runs_path, store_path

__all__ = [
    "adopt",
    "find_store",
    "has_store",
    "left_behind",
    "process_with",
    "run_of",
    "runs_of",
    "store_path",
]


def has_store(notebook: Path) -> bool:
    """Whether a notebook has a store."""
    return is_store(store_path(notebook))


def find_store(notebook: Path) -> Path:
    """The store of a notebook, or the folder itself when it is one.

    Raises :class:`UsageError` when there is none.
    """
    if is_store(notebook):
        return notebook
    folder = store_path(notebook)
    if not is_store(folder):
        if not notebook.exists():
            raise UsageError(f"there is no notebook {notebook}, and no store at {folder}")
        left = left_behind(notebook)
        if runs := runs_of(notebook):
            raise UsageError(
                f"{notebook} has never run by itself, but for the rows of a table: say which of "
                f"its {len(runs)} runs, as in {notebook}/{runs[0]}"
            )
        hint = f"; if it was called {left[0]}: duranb adopt {notebook} {left[0]}" if left else ""
        raise UsageError(
            f"{notebook} has no store at {folder}: no durable cell of it has run yet{hint}"
        )
    return folder


def run_of(path: Path) -> tuple[Path, str]:
    """The notebook and the run that a path is about: ``agent.ipynb/RUN`` is one of many runs, and a
    path without it is the notebook's own, whose name is empty."""
    return (path.parent, path.name) if path.parent.suffix == ".ipynb" else (path, "")


def runs_of(notebook: Path) -> list[str]:
    """The names of a notebook's many runs that have stores. Empty for one of them."""
    folder = runs_path(notebook)
    if notebook.parent.suffix == ".ipynb" or not guarded.is_folder(folder):
        return []
    return sorted(each.name for each in folder.iterdir() if is_store(each))


def outcomes_of(notebook: Path) -> Path:
    """Where it is kept what came out of the many runs of a notebook, or of the one it is one of."""
    return runs_path(run_of(notebook)[0]) / OUTCOMES


def process_with(notebook: Path) -> int | None:
    """The pid of the process that has a notebook's store open, or None."""
    return holder(store_path(notebook))


def left_behind(notebook: Path) -> list[str]:
    """Names of the stores beside a notebook whose own notebooks are gone, latest used first.

    Empty when the notebook has a store of its own.
    """
    own = store_path(notebook)
    if is_store(own) or not own.parent.is_dir():
        return []
    found = [
        folder
        for folder in own.parent.iterdir()
        if is_store(folder)
        and not any((own.parent.parent / f"{folder.name}{x}").exists() for x in ("", ".ipynb"))
    ]
    found.sort(key=_last_used, reverse=True)
    return [folder.name for folder in found]


def _last_used(folder: Path) -> float:
    tail = folder / TAIL
    return (tail if tail.exists() else folder).stat().st_mtime


def adopt(notebook: Path, old: str) -> Path:
    """Make the store of the notebook once called ``old`` this notebook's own; its folder.

    Raises :class:`UsageError` when this notebook has a store, or there is no such one left
    behind, and :class:`StoreLocked` while a kernel holds it.
    """
    name, own = old.removesuffix(".ipynb"), store_path(notebook)
    if is_store(own):
        raise UsageError(f"{notebook.name} has a store of its own, {own}: nothing was changed")
    known = left_behind(notebook)
    if name not in known:
        raise UsageError(
            f"there is no store of a notebook {name}.ipynb that is gone; "
            f"left behind are: {', '.join(known) or 'none'}"
        )
    folder = own.with_name(name)
    pid = holder(folder)
    if pid is not None:
        raise StoreLocked(f"the store {folder} is in use by process {pid}: shut it down first", pid)
    if own.is_dir():
        own.rmdir()
    folder.rename(own)
    runs, own_runs = runs_path(notebook.with_name(f"{name}.ipynb")), runs_path(notebook)
    if runs.is_dir() and not own_runs.exists():
        runs.rename(own_runs)
    return own
