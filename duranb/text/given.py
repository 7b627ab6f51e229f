"""Values as people type them."""

from __future__ import annotations

import json
from typing import Any


def value(text: str) -> Any:
    """What a typed value means: JSON where it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
