"""Figures that are loaded are not drawn.

A figure of matplotlib's that pyplot held when it was pickled puts itself there again, and the
backend of a notebook would take it for one that the running cell has just made.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def undrawn() -> Iterator[None]:
    """What the inline backend is to draw at the end of the cell stays what it is."""
    before = _waiting()
    try:
        yield
    finally:
        if _waiting() != before:
            show = sys.modules["matplotlib_inline.backend_inline"].show
            show._to_draw, show._draw_called = list(before[0]), before[1]


def _waiting() -> tuple[tuple[object, ...], bool]:
    show = getattr(sys.modules.get("matplotlib_inline.backend_inline"), "show", None)
    return (tuple(getattr(show, "_to_draw", ())), bool(getattr(show, "_draw_called", False)))
