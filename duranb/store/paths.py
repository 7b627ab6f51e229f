"""Where a store lies, and the names of what is in its folder."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from duranb.store import guarded

STORES = ".duranb"
"""The folder, beside notebooks, of their stores."""

RUNS = ".runs"
"""What the folder of many runs' stores is called, after the notebook's name."""

OUTCOMES = "outcomes.jsonl"
"""In that folder: what came out of each run, a line each."""

LOG = "log"
"""The folder of the log's segments: the history itself."""

ARTIFACTS = "artifacts"
"""The folder of larger artifacts, a file each."""

REWRITTEN = "rewritten"
"""A folder with the log and the artifacts that are to take the place of those there are."""

TAIL = "tail"
"""The number and hash of the last acknowledged event."""

TRUST = "trust"
"""Up to where this user trusts what somebody else has signed."""

DATABASE = "store.duckdb"
"""What is derived from the log, to be queried. Earlier versions kept the history in it."""

WAL = f"{DATABASE}.wal"
"""DuckDB's own write-ahead log, beside the database."""

JOURNAL = "journal"
"""Where earlier versions kept what their database did not have yet."""


def room(folder: Path) -> int:
    """The bytes that the files of a store take; links in it are not followed."""
    found = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # it is gone by now
                found += os.lstat(os.path.join(path, name)).st_size
    return found


def store_path(notebook: Path) -> Path:
    """The folder of a notebook's store: ``.duranb/<name>/`` beside it.

    Any other file, such as the script that a notebook was exported to, has its ending in the name:
    the two do not share a history. A link to a notebook is that notebook. One of many runs of a
    notebook is called ``<notebook>.ipynb/<run>``, and lies in ``.duranb/<name>.runs/<run>/``.
    """
    notebook = real(notebook)
    if notebook.parent.suffix == ".ipynb":
        return runs_path(notebook.parent) / notebook.name
    name = notebook.stem if notebook.suffix in ("", ".ipynb") else notebook.name
    return notebook.parent / STORES / name


def runs_path(notebook: Path) -> Path:
    """The folder of the stores of a notebook's many runs."""
    notebook = real(notebook)
    return notebook.parent / STORES / f"{notebook.stem}{RUNS}"


def real(path: Path) -> Path:
    """A path without links. One that leads to itself stays as it is, in every Python: whoever opens
    it says so."""
    return Path(os.path.realpath(path))


def check_folder(folder: Path) -> None:
    """Raise OSError where a store's folder, or the one of all stores, is a link to another."""
    for each in (folder, folder.parent, folder.parent.parent):
        ours = each is folder or each.name == STORES or each.parent.name == STORES
        if ours and each.is_symlink():
            raise guarded.refused(each, "folder")


def is_store(folder: Path) -> bool:
    """Whether there is a store in a folder, of this version or an earlier one."""
    return guarded.is_folder(current(folder, LOG)) or guarded.is_file(folder / DATABASE)


def current(folder: Path, name: str) -> Path:
    """The folder of a store's log, or of its artifacts. Where a process was killed while it put
    rewritten ones in their place, those count."""
    rewritten = folder / REWRITTEN / name
    if guarded.is_folder(folder / REWRITTEN) and guarded.is_folder(rewritten):
        return rewritten
    return folder / name
