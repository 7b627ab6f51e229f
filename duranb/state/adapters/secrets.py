"""Keys that values hold: not stored, but found again in the environment variable they were in."""

from __future__ import annotations

import os

NOT_STORED = "not-stored"
"""What stands for a key that was given in code: a local server wants none, any other says so."""


def where(secret: str) -> list[str]:
    """The environment variables that hold this key."""
    return sorted(name for name, value in os.environ.items() if value == secret)


def again(variables: list[str]) -> str:
    """The key of today, from the first of them that is there."""
    return next((os.environ[name] for name in variables if name in os.environ), NOT_STORED)
