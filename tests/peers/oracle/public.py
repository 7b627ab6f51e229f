"""Notebooks in the manner of public tutorials: ``notebooks/*.py``, cells divided by ``# %%``."""

from __future__ import annotations

from pathlib import Path

from tests.peers.oracle.life import Cells

FOLDER = Path(__file__).parent / "notebooks"

NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))
"""Their names."""


def read(name: str) -> Cells:
    """The cells of one of them."""
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    sources = [part.strip("\n") for part in text.split("# %%\n")]
    return [(f"c{number}", source) for number, source in enumerate(s for s in sources if s)]
