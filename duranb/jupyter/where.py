"""Which notebook this kernel belongs to, and so which store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

UNNAMED = "untitled"
"""What notebooks are called that nobody has named: all of a folder share one store."""


def notebook_path(user_ns: Mapping[str, Any], cwd: Path) -> Path:
    """The notebook's path, from what the front end tells.

    ``DURANB_NOTEBOOK`` (set by ``duranb run``), ``JPY_SESSION_NAME`` (JupyterLab, notebook) and
    VS Code's variable are asked in this order; a kernel that nobody named a notebook to gets
    ``untitled`` in its working directory.
    """
    named = os.environ.get("DURANB_NOTEBOOK") or os.environ.get("JPY_SESSION_NAME")
    named = named or user_ns.get("__vsc_ipynb_file__")
    if not named:
        return cwd / f"{UNNAMED}.ipynb"
    path = Path(str(named))
    return path if path.is_absolute() else cwd / path
