"""Figures that are loaded are not drawn.

A figure of matplotlib's that pyplot held when it was pickled puts itself there again, and the
backend of a notebook would take it for one that the running cell has just made.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any


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


def held_once(state: Any, figure: object) -> Any:
    """The state that a figure is to be given, which it has pyplot hold if that holds it already in
    no other way."""
    if not isinstance(state, dict) or _HELD not in state or not _is_held(figure):
        return state
    return {name: value for name, value in state.items() if name != _HELD}


def let_go(loaded: object) -> None:
    """Have pyplot let go of a figure that was loaded, in whose place one that is alive stays."""
    if _is_held(loaded):
        sys.modules["matplotlib._pylab_helpers"].Gcf.destroy_fig(loaded)


def _is_held(figure: object) -> bool:
    pyplot = getattr(sys.modules.get("matplotlib._pylab_helpers"), "Gcf", None)
    managers = () if pyplot is None else pyplot.get_all_fig_managers()
    return any(each.canvas.figure is figure for each in managers)


_HELD = "_restore_to_pylab"
"""How a figure's state says that pyplot is to hold it."""


def _waiting() -> tuple[tuple[object, ...], bool]:
    show = getattr(sys.modules.get("matplotlib_inline.backend_inline"), "show", None)
    return (tuple(getattr(show, "_to_draw", ())), bool(getattr(show, "_draw_called", False)))
