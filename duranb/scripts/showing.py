"""``display`` outside of a notebook."""

from __future__ import annotations

import pprint
from typing import Any


def display(*values: Any) -> None:
    """Print each value as a notebook would that can show only text."""
    for value in values:
        print(value if isinstance(value, str) else pprint.pformat(value))
