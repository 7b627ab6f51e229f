"""``trust``: take a store from elsewhere for one's own."""

from __future__ import annotations

from duranb.session.change import Change, count
from duranb.session.session import Session
from duranb.verbs.table import Trust


def trust(session: Session, given: Trust) -> Change:
    """Sign all artifacts of the store: after this they are unpickled when they are needed."""

    async def apply() -> str:
        return f"{count(session.store.trust(), 'artifact')} signed with your key"

    lines = ("signs everything in it with your key",)
    warning = "values are code: they can do anything when they are loaded. Trust who made them"
    return Change("trust", f"trust {session.store_path}", lines, apply, (warning,))
