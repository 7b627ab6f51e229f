"""``duranb verify``: whether a store is what was acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from duranb.engine import inbox
from duranb.session.places import find_store
from duranb.store import StoreView
from duranb.store.verify import verify as problems_of
from duranb.views.status import differing


@dataclass(frozen=True)
class Checked:
    """What a look at a store found, as sentences: ``problems`` of the store, and in ``differing``
    values that do not come back as they were, although the store is whole. ``is_encrypted`` says
    that it lies on the disk encrypted."""

    events: int
    problems: tuple[str, ...]
    differing: tuple[str, ...]
    is_encrypted: bool = False


def check(notebook: Path) -> Checked:
    """Check that a store is what was acknowledged: chain, seals, artifacts, answers left there."""
    with StoreView.open(find_store(notebook)) as view:
        history = view.history()
        problems = (*problems_of(view), *inbox.not_given(view.path, history))
        return Checked(view.last, problems, tuple(differing(history)), view.is_encrypted)
