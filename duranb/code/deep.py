"""Going deep into a syntax tree.

A long chain of ``elif``, of ``+`` or of method calls is as deep a tree as it is long. Python itself
compiles some thousands of levels; code in Python that walks the tree stops at the thousandth frame.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_FRAMES = 30_000
"""More than a walk needs for the deepest tree that Python compiles. Frames of functions in Python
take none of the C stack, so this is only for walks that are written in Python."""


@contextmanager
def deeply() -> Iterator[None]:
    """Let a walk over a syntax tree go as deep as the tree."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
