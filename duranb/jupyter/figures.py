"""Figures of matplotlib's inline backend, which sends them when a cell is over.

That is after a step is recorded, so what it held back is sent at the end of the step's body.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import Any


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


def close_all_but(numbers: Collection[int]) -> None:
    """Close pyplot's other figures: another attempt would draw into them."""
    for number in open_ones() - frozenset(numbers):
        sys.modules["matplotlib.pyplot"].close(number)
