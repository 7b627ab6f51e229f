"""Keys that values hold: not stored, but found again in the environment variable they were in."""

from __future__ import annotations

import os

_NOT_STORED = "not-stored"
"""What stands for a key that is not here: a local server wants none, and any other says so. The
variables it was in follow."""


def is_here(secret: str) -> bool:
    """Whether this is a key, and not what stands for one."""
    return not secret.startswith(_NOT_STORED)


def where(secret: str) -> list[str]:
    """The environment variables that hold this key."""
    if not is_here(secret):
        return secret.split()[1:]
    return sorted(name for name, value in os.environ.items() if value == secret)


def again(variables: list[str]) -> str:
    """The key of today, from the first of them that is there."""
    here = (os.environ[name] for name in variables if name in os.environ)
    return next(here, " ".join([_NOT_STORED, *variables]))
