"""What differs between two texts, between two JSON values, and between two maps of names."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LONGEST_LINE = 160
"""Characters of a line of :func:`values` that are shown, around what differs in it."""

MOST_LINES = 40
"""Lines of :func:`values` that are shown."""


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


def closest(wanted: str, known: Sequence[str]) -> int:
    """The index of the text among ``known`` (at least one) that is most like ``wanted``."""
    # The upper bound of the ratio is linear in the text's length; the ratio itself is not.
    matcher = difflib.SequenceMatcher(None, autojunk=False)
    matcher.set_seq2(wanted)
    likeness = []
    for text in known:
        matcher.set_seq1(text)
        likeness.append(matcher.quick_ratio())
    return likeness.index(max(likeness))


def places(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """Where two JSON values differ, as in ``messages[1].content``."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            place = f"{at}.{name}" if at else str(name)
            if name in before and name in after:
                yield from places(before[name], after[name], place)
            else:
                yield place
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from places(old, new, f"{at}[{index}]")
    elif before != after:
        yield at


def values(before: Any, after: Any, name_before: str, name_after: str) -> str:
    """A small unified diff of two JSON values; a text of many lines is compared line by line."""
    found = list(
        difflib.unified_diff(_lines(before), _lines(after), name_before, name_after, "", "", 2, "")
    )
    shown = list(_clipped(found))
    if len(shown) > MOST_LINES:
        shown = [*shown[:MOST_LINES], f"… and {len(shown) - MOST_LINES} more lines"]
    return "\n".join(shown)


def _lines(value: Any) -> list[str]:
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str)
    return text.replace("\\n", "\\n\n").split("\n")


def _clipped(lines: list[str]) -> Iterator[str]:
    """The lines of a diff, long ones cut down to what is around their difference."""
    for at, line in enumerate(lines):
        if len(line) <= LONGEST_LINE:
            yield line
            continue
        other = {"-": "+", "+": "-"}.get(line[0], "")
        step = 1 if line[0] == "-" else -1
        at_other = at + step
        # A changed line faces the one as far into the block of the other sign.
        while 0 <= at_other < len(lines) and lines[at_other][:1] == line[0]:
            at_other += step
        partner = lines[at_other] if 0 <= at_other < len(lines) and other else ""
        start = 1
        if other and partner[:1] == other:
            pairs = zip(line[1:], partner[1:], strict=False)
            start = next((n for n, (a, b) in enumerate(pairs, 1) if a != b), 1)
        first = max(1, start - LONGEST_LINE // 3)
        last = first + LONGEST_LINE
        yield (line[0] + ("…" if first > 1 else "") + line[first:last] + "…" * (last < len(line)))
