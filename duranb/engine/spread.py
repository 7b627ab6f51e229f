"""A map whose items several workers carry out: each a share of them, in a journal of its own.

Who comes to such a map says so and stops, as for a question. Each share is carried out by running
the same code again up to the map, answered from the journal, and only the share's items in it. When
all are recorded, the code runs once more: every item is served, in order.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duranb.errors import Waiting

if TYPE_CHECKING:
    from duranb.engine.context import StepContext

Which = tuple[str, int]
"""A map of a step: its label, and which of the maps with that label it is, from 0."""


@dataclass(frozen=True)
class Share:
    """The items ``first`` to ``last`` (which is none of them) of a map."""

    label: str
    nth: int
    first: int
    last: int

    def is_of(self, which: Which) -> bool:
        """Whether it is a share of that map."""
        return (self.label, self.nth) == which


class SharedOut(Waiting):
    """The step goes on when workers have carried out the ``count`` items of a map; or the share
    that this process was to carry out is done."""

    def __init__(self, which: Which, count: int) -> None:
        super().__init__(f"the {count} items of the map of {which[0]} are for several workers")
        self.which = which
        self.count = count


@dataclass(frozen=True)
class Spread:
    """How maps of this process are spread. Those of ``least`` items and more are, but for the
    ``done``. ``share`` is what this process is to carry out, if it is for that alone."""

    least: int
    share: Share | None = None
    done: Collection[Which] = ()

    def meets(self, here: StepContext, which: Which, count: int) -> Share | None:
        """The share that is to be carried out of a map that begins; None for all of it. Raises
        :class:`SharedOut` where others are to."""
        if self.share is not None and self.share.is_of(which):
            return self.share
        if count >= self.least and which not in self.done:
            raise here.journal.stop(SharedOut(which, count))
        return None
