"""A stored group on its way back into the namespace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from duranb.record.events import Binding
from duranb.state.linking import Linked


@dataclass
class Group:
    """A stored group on its way back: its ``members``, the ``values`` to bind, and the bindings of
    these and of the live names that they share with. ``apart`` are those that could not be linked.
    """

    members: frozenset[str]
    values: dict[str, Any]
    bindings: dict[str, Binding]
    apart: list[str] = field(default_factory=list)
    put: Callable[[], None] = lambda: None
    linked: Linked | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all that was stored together is together again."""
        return self.members == self.bindings.keys()


def lost(was: Binding, why: str) -> Binding:
    """The binding of what could not be loaded, with why."""
    return Binding("", was.version, was.type, why, 0, was.preview)
