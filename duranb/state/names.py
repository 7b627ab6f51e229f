"""The names of a namespace as they were last seen, with what is asked of all of them at each cell.

There may be thousands, and a cell binds a few: so what concerns all of them is kept up to date as
names change, or asked in one pass that looks into none of the values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import compress, repeat
from operator import is_not

from duranb.record.events import Binding
from duranb.state.tracked import Tracked, loose

_ABSENT = object()


class Names(dict[str, Tracked]):
    """By name, what is known of its value. Change it by assigning and deleting items only."""

    def __init__(self) -> None:
        super().__init__()
        self._objects: dict[str, object] = {}
        self.bindings: dict[str, Binding] = {}
        """By name, what it is bound to. To be looked at."""
        self._recorded: dict[str, Binding] = {}
        self._unrecorded: dict[str, None] = {}
        self.behind: set[str] = set()
        """The names whose objects lack what a restored step had done to them."""

    def __setitem__(self, name: str, seen: Tracked) -> None:
        super().__setitem__(name, seen)
        self._objects[name] = seen.held
        self.bindings[name] = seen.binding
        self._unrecorded[name] = None
        (self.behind.add if seen.behind else self.behind.discard)(name)

    def loosen(self, names: Iterable[str]) -> None:
        """Hold of these no objects that something waits for the end of."""
        for name in names:
            seen = self.get(name)
            if seen is not None and (held := loose(seen.held)) is not None:
                super().__setitem__(name, replace(seen, held=held))
                self._objects[name] = held

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        del self._objects[name], self.bindings[name]
        self._unrecorded[name] = None
        self.behind.discard(name)

    def rebound(self, live: Mapping[str, object]) -> list[str]:
        """The names that are bound to another object in ``live``, or to none."""
        now = map(live.get, self._objects, repeat(_ABSENT))  # at C speed
        found = compress(self._objects, map(is_not, now, self._objects.values()))
        return [n for n in found if live.get(n, _ABSENT) is not self[n].value]

    def record(self) -> tuple[dict[str, Binding], list[str]]:
        """What is bound otherwise than when this was last called, and the names that are gone."""
        before, now = self._recorded, self.bindings
        changed = {n: now[n] for n in self._unrecorded if n in now and before.get(n) != now[n]}
        gone = [n for n in self._unrecorded if n in before and n not in now]
        before.update(changed)
        for name in gone:
            del before[name]
        self._unrecorded.clear()
        return changed, gone
