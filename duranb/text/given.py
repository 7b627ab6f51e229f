"""Values as people type them."""

from __future__ import annotations

from typing import Any


def value(text: str) -> Any:
    """What a typed value means: JSON where it is JSON, else the text itself; so is JSON that Python
    has no value for, such as a number of 5,000 digits, or nesting without an end."""
    import json  # here, as a command that is given no value begins sooner without

    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def number(text: str) -> int | None:
    """The number that its digits say; None for what is none, such as ``²``, and for one that
    nothing has: ``int`` refuses more than 4,300 digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
