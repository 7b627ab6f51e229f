"""Recorded text on a terminal: it is shown, and commands nothing.

A step's name, a host's or a model's words may hold what begins a terminal's commands (ESC, BEL and
the C1 controls), overwrites what is shown (a carriage return, a backspace), or has what follows
read in another order (Unicode's bidirectional controls, as in *Trojan Source*, CVE-2021-42574).
"""

from __future__ import annotations

import re

_KEPT = "\n\t"

_OTHER_ORDER = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Embeddings, overrides and isolates. The marks that Arabic and Hebrew need stay."""

_LINES = (0x2028, 0x2029)
"""Separators of lines and paragraphs, which some show as new lines and others not at all."""

_CONTROLS = {
    code: None
    for code in (*range(0x20), *range(0x7F, 0xA0), *_OTHER_ORDER, *_LINES)
    if chr(code) not in _KEPT
}


def tame(text: str) -> str:
    """The same without what is no letter, but for new lines and tabs."""
    return text.translate(_CONTROLS)


def one_line(text: str) -> str:
    """The same as one line: a name cannot pose as a sentence of duranb's."""
    return tame(re.sub(r"\s*[\r\n]+\s*", " ", text))


_COLORS = re.compile(r"\x1b\[[0-9;]*m")


def uncolored(text: str) -> str:
    """The same without a terminal's colors, as IPython's tracebacks have them."""
    return _COLORS.sub("", text)
