"""A notebook that was renamed: the store it left behind, and taking it over. Copies of a store."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from duranb.errors import StoreLocked, UsageError
from duranb.store.lock import holder
from duranb.store.paths import DATABASE, JOURNAL, LOG, TAIL, TRUST, WAL, is_store, store_path
from duranb.store.segments import segment_name, segments


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


def copy_history(folder: Path, target: Path) -> None:
    """Copy the history of a store that may be in use to a folder that is there, without the
    artifacts in files, and without what is derived. Raises OSError."""
    # What moves on meanwhile moves in this order; the log is never behind the tail.
    names = [TAIL, TRUST] if (folder / LOG).is_dir() else [TAIL, JOURNAL, WAL, DATABASE]
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(folder / name, target / name)
    for segment in segments(folder / LOG):
        (target / LOG).mkdir(exist_ok=True)
        shutil.copyfile(folder / LOG / segment_name(segment), target / LOG / segment_name(segment))


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
    return own
