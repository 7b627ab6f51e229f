"""A flow's calls before they are made."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from duranb.errors import UsageError


@dataclass(frozen=True)
class Promise:
    """What a node of the flow is going to give: its ``slot``-th value, or all of it (-1)."""

    node: int
    slot: int = -1

    def __bool__(self) -> bool:
        raise UsageError("a promise has no value before the flow has run: decide inside a function")


@dataclass(frozen=True)
class Node:
    """One call of ``fn`` with ``args``, and with variables of its module that it ``uses``, after
    the nodes ``needs``; it gives so many values."""

    index: int
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    uses: dict[str, Any]
    needs: frozenset[int]
    gives: int

    @property
    def name(self) -> str:
        """How messages call it."""
        return getattr(self.fn, "__name__", str(self.fn))

    @property
    def is_async(self) -> bool:
        """Whether it is awaited."""
        return inspect.iscoroutinefunction(self.fn)

    def named(self, args: tuple[Any, ...], uses: dict[str, Any]) -> dict[str, Any]:
        """Arguments by the names of the parameters, and the variables that it uses."""
        return {**uses, **dict(zip(inspect.signature(self.fn).parameters, args, strict=False))}

    def promised(self) -> dict[str, Promise]:
        """Those that are promises, by name."""
        found = self.named(self.args, self.uses).items()
        return {n: v for n, v in found if isinstance(v, Promise)}

    def promises(self) -> Iterator[Promise]:
        """All promises that it is given."""
        return (v for v in (*self.args, *self.uses.values()) if isinstance(v, Promise))
