"""A verb that changes something first says what it would do."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from duranb.terminal import tame


@dataclass(frozen=True, repr=False)
class Change:
    """What a verb would do, in sentences, and how to do it.

    ``lines`` say what happens, ``warnings`` what cannot be undone or is lost from view. Nothing
    has changed until ``apply`` is called; it returns one sentence about what was done.
    """

    verb: str
    title: str
    lines: tuple[str, ...]
    apply: Callable[[], Coroutine[Any, Any, str]] = field(compare=False)
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = [self.title, *(f"  {line}" for line in self.lines)]
        text += [f"  ! {warning}" for warning in self.warnings]
        # What a name has on a line of its own stands further in, and poses as none of these.
        return "\n".join(tame(part).replace("\n", "\n      ") for part in text)

    def __repr__(self) -> str:
        return f"{self}\n  nothing has changed yet: await change.apply() does it"


def listed(names: list[str] | tuple[str, ...], limit: int = 6) -> str:
    """Names for a sentence: all of them, or the first few and how many more."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def count(number: int, noun: str) -> str:
    """``1 step``, ``3 steps``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
