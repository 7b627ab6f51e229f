"""How many examples the tests of properties try that take long for each."""

from __future__ import annotations

import os


def examples(sample: int) -> int:
    """As many as a sample has, or ``DURANB_EXAMPLES`` times as many: ``make soak`` sets it."""
    return sample * int(os.environ.get("DURANB_EXAMPLES", "1"))
