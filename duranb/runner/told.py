"""What the notebook's own process tells whoever runs it: values for tables of results, and errors.

Tables, logs and outcomes are kept, so what this process knows to be secret is masked before it
leaves it.
"""

from __future__ import annotations

import json
from typing import Any

from duranb.text.known import KNOWN

LONGEST = 10_000
"""Characters of a value that is told as text."""


def told(value: object) -> str:
    """A value as JSON: itself where it has that form, pydantic's models and dataclasses by their
    fields, anything else as the text that a cell would show."""
    return masked(json.dumps(value, default=_plain))


def masked(text: str) -> str:
    """A text with the secrets masked that are known here."""
    KNOWN.look_around()
    return KNOWN.masked_text(text)


def _plain(value: Any) -> Any:
    import dataclasses

    if hasattr(type(value), "model_dump"):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if hasattr(type(value), "item") and getattr(value, "ndim", None) == 0:
        return value.item()  # a number of numpy's
    return repr(value)[:LONGEST]
