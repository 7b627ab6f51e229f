"""A value of the notebook's, as JSON can tell it: for tables of results."""

from __future__ import annotations

import json
from typing import Any

LONGEST = 10_000
"""Characters of a value that is told as text."""


def told(value: object) -> str:
    """A value as JSON: itself where it has that form, pydantic's models and dataclasses by their
    fields, anything else as the text that a cell would show."""
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    import dataclasses

    if hasattr(type(value), "model_dump"):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if hasattr(type(value), "item") and getattr(value, "ndim", None) == 0:
        return value.item()  # a number of numpy's
    return repr(value)[:LONGEST]
