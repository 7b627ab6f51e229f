"""Figures of matplotlib's inline backend, which sends them when a cell is over.

That is after a step is recorded, so what it held back is sent at the end of the step's body.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Any

from duranb.code.looking import own


def send(shell: Any) -> None:
    """Send the figures that the backend would send when the cell is over."""
    backend = sys.modules.get("matplotlib_inline.backend_inline")
    send_all = getattr(backend, "flush_figures", None)
    if send_all is not None and send_all in shell.events.callbacks["post_execute"]:
        send_all()


def keep_open(count: int) -> None:
    """Close the oldest of pyplot's figures but this many: as many as it held at the end of a step
    that was restored. Those that were loaded are the newest."""
    numbers = sorted(open_ones())
    close_all_but(numbers[len(numbers) - count :])


def open_ones() -> frozenset[int]:
    """The numbers of the figures that pyplot holds."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    return frozenset(pyplot.get_fignums()) if pyplot is not None else frozenset()


class Watch:
    """Sees which of the figures that pyplot holds now are drawn on from now on."""

    def __init__(self) -> None:
        self._drawn_on: dict[int, Any] = {}
        self._before: list[tuple[Any, Any]] = []
        helpers = sys.modules.get("matplotlib._pylab_helpers")
        for number, manager in ({} if helpers is None else helpers.Gcf.figs).items():
            figure = manager.canvas.figure
            self._before.append((figure, figure.stale_callback))
            figure.stale_callback = self._noting(number, figure.stale_callback)

    def _noting(self, number: int, plain: Any) -> Any:
        def note(figure: Any, stale: bool) -> None:
            self._drawn_on[number] = figure
            if plain is not None:
                plain(figure, stale)

        return note

    def end(self, live: Mapping[str, object]) -> frozenset[int]:
        """Those that were drawn on, and that no name of ``live`` stands for, nor for a part of
        them."""
        for figure, plain in self._before:
            figure.stale_callback = plain
        self._before.clear()
        if not self._drawn_on:
            return frozenset()
        named = {id(found) for v in list(live.values()) for found in (v, own(v).get("figure"))}
        return frozenset(n for n, figure in self._drawn_on.items() if id(figure) not in named)


def close_all_but(numbers: Collection[int]) -> None:
    """Close pyplot's other figures: another attempt would draw into them."""
    for number in open_ones() - frozenset(numbers):
        sys.modules["matplotlib.pyplot"].close(number)
