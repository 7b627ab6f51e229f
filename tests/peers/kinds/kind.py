"""One line of the table of kinds."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """One line of the table. ``needs`` are modules without which it is left out."""

    name: str
    make: str
    change: str = ""
    show: str = "x"
    fate: str = "stored"
    needs: str = ""
