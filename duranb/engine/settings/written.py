"""Of which libraries' values a step may have made text, on which their options decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from duranb.engine.spec import Spec
from duranb.state.commanded import packages_of


def written_of(live: Mapping[str, Any], spec: Spec, messages: Iterable[dict[str, Any]]) -> set[str]:
    """The libraries that its names come from, where it showed text or has left some."""
    shows = any(
        each["type"] == "stream" or "text/plain" in each["content"].get("data", ())
        for each in messages
    )
    if not shows and not any(type(live.get(name)) is str for name in spec.writes):
        return set()
    return packages_of(live.get(name) for name in {*spec.reads, *spec.writes})
