"""Copies of a store that may be in use."""

from __future__ import annotations

import contextlib
from pathlib import Path

from duranb.errors import StoreDamaged
from duranb.store import guarded
from duranb.store.paths import DATABASE, JOURNAL, LOG, TAIL, TRUST, WAL
from duranb.store.segments import segment_name, segments


def copy_history(folder: Path, target: Path) -> None:
    """Copy the history of a store that may be in use to a folder that is there, without the
    artifacts in files, and without what is derived. Raises :class:`StoreDamaged`."""
    try:
        _copy(folder, target)
    except OSError as error:
        why = error.strerror or str(error)
        raise StoreDamaged(f"the store {folder} cannot be copied: {why}") from error


def _copy(folder: Path, target: Path) -> None:
    # What moves on meanwhile moves in this order; the log is never behind the tail.
    names = [TAIL, TRUST] if guarded.is_folder(folder / LOG) else [TAIL, JOURNAL, WAL, DATABASE]
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            guarded.copy(folder / name, target / name)
    for segment in segments(folder / LOG):
        guarded.folder(target / LOG)
        guarded.copy(folder / LOG / segment_name(segment), target / LOG / segment_name(segment))
