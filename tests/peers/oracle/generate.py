"""Random notebooks, made of :mod:`tests.peers.oracle.fragments`."""

from __future__ import annotations

import random
import re

from tests.peers.oracle.fragments import IMPORTS, PIECES, Piece
from tests.peers.oracle.life import Cells

WORDS = ["cat", "dog", "sun", "ink", "oak", "elm", "fig", "bay", "cod", "jay"]

_HOLE = re.compile(r"\$([abcxyznw])(?![a-zA-Z0-9])")


class Notebook:
    """Grows by cells; knows which variables there are, and of what kind."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.cells: Cells = []
        self._kinds: dict[str, str] = {}
        self._made = 0

    def grow(self, length: int) -> Cells:
        """A notebook of this many cells."""
        self.cells = [("c0", self._fill(IMPORTS, {}))]
        while len(self.cells) < length:
            pieces = 1 if self.rng.random() < 0.6 else self.rng.randint(2, 3)
            source = "\n".join(self._piece() for _ in range(pieces))
            self.cells.append((f"c{len(self.cells)}", source))
        return self.cells

    def _piece(self) -> str:
        """A piece that there are variables for; those that use some are preferred."""
        fitting = [p for p in PIECES if self._fits(p)]
        weights = [1 + 2 * len(p.needs) for p in fitting]
        piece = self.rng.choices(fitting, weights)[0]
        names: dict[str, str] = {}
        for hole, kind in zip("abc", piece.needs, strict=False):
            of_kind = [n for n, k in self._kinds.items() if k == kind and n not in names.values()]
            # The latest ones more often: chains are where mistakes add up.
            names[hole] = of_kind[-1 - int(len(of_kind) * self.rng.random() ** 2)]
        for hole in "xyz":
            if f"${hole}" in piece.source:
                names[hole] = self._new_name()
        source = self._fill(piece.source, names)
        for line in piece.source.splitlines():
            if line.startswith("del $") and "[" not in line:
                self._kinds.pop(names[line[5]], None)
        for hole, kind in zip("xyz", piece.makes, strict=False):
            self._kinds.pop(names[hole], None)
            self._kinds[names[hole]] = kind
        return source

    def _fits(self, piece: Piece) -> bool:
        kinds = list(self._kinds.values())
        return all(kinds.count(k) >= piece.needs.count(k) for k in piece.needs)

    def _new_name(self) -> str:
        self._made += 1
        if self._kinds and self.rng.random() < 0.06:  # bound again, to something else
            return self.rng.choice(list(self._kinds))
        return f"v{self._made}"

    def _fill(self, source: str, names: dict[str, str]) -> str:
        def fill(hole: re.Match[str]) -> str:
            if hole[1] == "n":
                return str(self.rng.randint(1, 9))
            return self.rng.choice(WORDS) if hole[1] == "w" else names[hole[1]]

        return _HOLE.sub(fill, source)


def generate(seed: int, length: int = 14) -> Cells:
    """The notebook of this seed."""
    return Notebook(random.Random(seed)).grow(length)
