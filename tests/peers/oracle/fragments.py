"""The pieces that generated notebooks are made of: ``pieces/*.txt``.

A piece needs variables of some kinds (``$a``, ``$b``, ``$c``), makes new ones (``$x``, ``$y``,
``$z``), and is filled in with numbers (``$n``) and words (``$w``). Each is a few lines as people
write them, and most are there for what they do to sharing: views, aliases, closures, nesting. Its
first line says the kinds: ``# needs -> makes``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Piece:
    """Source with holes; ``needs`` and ``makes`` are kinds of variables, in order of the holes."""

    needs: tuple[str, ...]
    makes: tuple[str, ...]
    source: str


def _read(text: str) -> list[Piece]:
    found = []
    for block in re.split(r"\n\n(?=# )", text.strip()):
        head, _, source = block.partition("\n")
        needs, _, makes = head.removeprefix("#").partition("->")
        found.append(Piece(tuple(needs.split()), tuple(makes.split()), source))
    return found


PIECES = [
    piece
    for path in sorted((Path(__file__).parent / "pieces").glob("*.txt"))
    for piece in _read(path.read_text(encoding="utf-8"))
]

IMPORTS = """\
import array, collections, contextlib, contextvars, copy, enum, functools, heapq, io, itertools
import operator, random, types, typing, weakref
from dataclasses import dataclass, field
import numpy as np
import pandas as pd

random.seed($n)
np.random.seed($n)"""
