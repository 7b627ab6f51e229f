"""Values whose content is what it was, and that share something with others since.

``b.items = a.items`` leaves the content of ``b`` as it is where the two lists were equal; from then
on a change of the one is a change of the other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from typing import Any

from duranb.code.looking import own_failure
from duranb.state.groups import Holders
from duranb.state.looks import Looks
from duranb.state.tracked import Tracked
from duranb.values.sharing import Seal, shared
from duranb.values.within import within

_FEW = 2_000
"""Objects that are gone through at most: of more than these, pickling tells in less time."""


@dataclass(frozen=True)
class Before:
    """What a name was that has changed in place: its version, and what it reached."""

    version: str
    reached: Mapping[int, Seal]

    @classmethod
    def of(cls, seen: Tracked, reached: Mapping[int, Seal]) -> Before:
        """What it was when it was last seen."""
        return cls(seen.binding.version, reached)

    def is_rewired(self, name: str, tracked: Mapping[str, Tracked], holders: Holders) -> bool:
        """Whether it has changed in nothing but what it shares with others, as of now."""
        if name not in tracked or tracked[name].binding.version != self.version:
            return False
        now = holders.reached(name)
        new = {i: seal for i, seal in now.items() if i not in self.reached}
        return not holders.sharing(new) <= {name}


def rewired(
    looks: Looks,
    live: dict[str, Any],
    holders: Holders,
    tracked: Mapping[str, Tracked],
    names: Collection[str],
    changed: Collection[str],
) -> set[str]:
    """Of ``names``, whose content is what it was, those that reach an object which they did not
    reach before, and which another name reaches. ``changed`` are names that were stored anew."""
    stored = {n for n in (*names, *changed) if tracked[n].digest and tracked[n].binding.artifact}
    if len({tracked[n].group for n in stored}) < 2:  # inside of one the bytes tell
        return set()
    new = {n: _new(looks, live, holders, n, tracked[n]) for n in stored.intersection(names)}
    by_object: dict[int, set[str]] = {}
    for name, ids in new.items():
        for number in ids:
            by_object.setdefault(number, set()).add(name)
    suspected: dict[str, set[str]] = {}
    for number, reaching in by_object.items():
        for name in reaching:
            others = (reaching | holders.of([number])) - tracked[name].group
            if others:
                suspected.setdefault(name, set()).update(others)
    return {n for n, o in suspected.items() if _is_rewired(looks, holders, n, o)}


def _new(
    looks: Looks, live: dict[str, Any], holders: Holders, name: str, seen: Tracked
) -> Set[int]:
    """The ids of the objects that a value holds and did not reach when it was stored."""
    found = within([seen.value], _FEW, live)
    if found is None:
        found = set(looks.dump([name]).reached)
    return found.difference(holders.reached(name))


def _is_rewired(looks: Looks, holders: Holders, name: str, others: Collection[str]) -> bool:
    """Whether a value shares state with one of some others in something that is new to it."""
    before = holders.reached(name)
    try:
        dump = looks.dump([name])  # which keeps what has these ids
        new = {i: seal for i, seal in dump.reached.items() if i not in before}
        return any(shared(new, looks.dump([other]).reached) for other in others)
    except BaseException as error:  # of any kind: pickling runs the values' own code
        if not own_failure(error):
            raise
        return True
