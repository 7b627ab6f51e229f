"""Copies of a store that may be in use."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from duranb.errors import StoreDamaged
from duranb.store import encryption, guarded
from duranb.store.paths import DATABASE, JOURNAL, LOG, TAIL, TRUST, WAL, current
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
    log = current(folder, LOG)
    names = [TAIL, TRUST] if guarded.is_folder(log) else [TAIL, JOURNAL, WAL, DATABASE]
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            guarded.copy(folder / name, target / name)
    for name in (*encryption.FILES, *map(segment_name, segments(log))):
        if os.path.lexists(log / name):
            guarded.folder(target / LOG)
            guarded.copy(log / name, target / LOG / name)
