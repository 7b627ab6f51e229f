"""The built front end, which lies beside this file in every installed copy."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from duranb.errors import DuranbError

FOLDER = Path(__file__).parent / "static"


@cache
def bundled(name: str) -> str:
    """The text of ``timeline.js`` or ``timeline.css``. Raises :class:`DuranbError` if not built."""
    try:
        return (FOLDER / name).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DuranbError(
            "the timeline's front end is not built in this copy of duranb: install it with pip "
            "(pip install -e . in a clone), which builds it"
        ) from error
