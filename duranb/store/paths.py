"""Where a store lies, and the names of what is in its folder."""

from __future__ import annotations

from pathlib import Path

DATABASE = "store.duckdb"
WAL = f"{DATABASE}.wal"
"""DuckDB's own write-ahead log, beside the database."""

JOURNAL = "journal"
TAIL = "tail"


def store_path(notebook: Path) -> Path:
    """The folder of a notebook's store: ``.duranb/<name>/`` beside it.

    Any other file, such as the script that a notebook was exported to, has its ending in the name:
    the two do not share a history. A link to a notebook is that notebook.
    """
    notebook = notebook.resolve()
    name = notebook.stem if notebook.suffix in ("", ".ipynb") else notebook.name
    return notebook.parent / ".duranb" / name
