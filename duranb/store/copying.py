"""Copies of a store that may be in use."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from duranb.store.paths import DATABASE, JOURNAL, LOG, TAIL, TRUST, WAL
from duranb.store.segments import segment_name, segments


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
