"""What differs between two texts, and between two maps of names."""

from __future__ import annotations

import difflib
from collections.abc import Mapping


def source(before: str, after: str, name_before: str, name_after: str) -> str:
    """A unified diff of two sources; empty when they are the same."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), name_before, name_after, lineterm=""
    )
    return "\n".join(lines)


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Names that were added (+), removed (-) or changed (~) between two maps of versions."""
    found = []
    for name in dict.fromkeys([*before, *after]):
        if name not in before:
            found.append(f"+{name}")
        elif name not in after:
            found.append(f"-{name}")
        elif before[name] != after[name]:
            found.append(f"~{name}")
    return ", ".join(found)
