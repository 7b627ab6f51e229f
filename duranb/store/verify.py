"""Whether a store still is what was acknowledged."""

from __future__ import annotations

from duranb.store.view import StoreView


def verify(view: StoreView) -> list[str]:
    """The problems found, as sentences; an empty list says that all is well.

    Checks the chain over all events and who sealed them, the tail kept outside the log and the head
    kept outside the store, whether the events fit together, and the bytes of every artifact.
    """
    unread = [
        f"event {seq} is about something that is not in the history: it is left out"
        for seq in view.history().unread
    ]
    # Of what is not used anyway, nobody has to know whether it is whole.
    artifacts = [] if view.foreign else [view.problem(digest) for digest in view.digests()]
    return [*view.problems, *unread, *(x for x in artifacts if x)]
