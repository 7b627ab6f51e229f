"""Maps whose calls are sent together: an item stops where its call has to wait for the others, and
runs again when the answers are there.

What collects the calls and sends them is a :class:`Desk`; :mod:`duranb.llm.batches` has the one
that knows the providers' batch APIs. An item that is put off is unwound and carried out anew in the
next round, answered from the journal up to where it stopped: so a hundred thousand of them hold
neither threads nor tasks, and a process that died goes on in the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from duranb.engine.flows import Flow
from duranb.errors import UsageError

if TYPE_CHECKING:
    from duranb.engine.context import StepContext

MOST_PUT_OFF = 100_000
"""Items that are put off before more of an endless iterator are pulled."""


class PutOff(asyncio.CancelledError):
    """Unwinds an item that a desk has put off. Code that awaits sees its call cancelled."""


class Desk(Protocol):
    """Collects the calls of a map's items and sends them together. ``taken`` answers came from
    there. Safe from any thread."""

    taken: int

    @property
    def is_full(self) -> bool:
        """Whether what was collected should be submitted before more is."""

    def submit(self) -> Flow[None]:
        """Send what was collected. No item may run meanwhile."""

    def wait(self, tell: Callable[[str], None]) -> Flow[None]:
        """Wait for all answers that items were put off for; ``tell`` is told how far they are.

        Raises :class:`duranb.errors.Waiting` where a headless run had better end.
        """

    def close(self) -> None:
        """The map is over: say what was not sent together, and let go of what is held."""


Maker = Callable[["StepContext", str, bool], Desk]

_makers: list[Maker] = []


def provide(maker: Maker | None) -> None:
    """Say what makes a desk for a step's map (with its label, and whether calls may be sent in no
    other way); None: nothing does any more."""
    _makers[:] = [] if maker is None else [maker]


def desk(step: StepContext | None, label: str, *, only: bool) -> Desk:
    """A desk for a map. Raises :class:`UsageError` where nothing could be recorded."""
    if step is None or not _makers:
        raise UsageError(
            f"the map of {label} has batch=…, which works in a step, where its calls are "
            "recorded: begin the cell with %%durable, or put it into a @duranb.step function"
        )
    return _makers[0](step, label, only)
