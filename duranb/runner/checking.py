"""``duranb verify``: whether a store is what was acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from duranb.session.places import find_store
from duranb.store import StoreView
from duranb.store.verify import verify as problems_of
from duranb.views.status import differing


@dataclass(frozen=True)
class Checked:
    """What a look at a store found, as sentences: ``problems`` of the store, and in ``differing``
    values that do not come back as they were, although the store is whole."""

    events: int
    problems: tuple[str, ...]
    differing: tuple[str, ...]


def check(notebook: Path) -> Checked:
    """Check that a store is what was acknowledged: chain, seals, artifacts."""
    with StoreView.open(find_store(notebook)) as view:
        problems = tuple(problems_of(view))
        return Checked(view.last, problems, tuple(differing(view.history())))
