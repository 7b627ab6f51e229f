"""The dumps of the names that one look stores anew.

Names that share state are stored together: a figure, its axes and an array of these. What is large
and lies in another one's dump is not pickled once more by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from duranb.code.looking import which
from duranb.state.looks import Looks
from duranb.values.codec import Dump
from duranb.values.sharing import Seal
from duranb.values.views import is_array
from duranb.values.within import within

_LARGE = 1 << 16
"""Bytes of a dump from which on it is looked for others in it."""

_MANY = 20_000
"""References from one object to another from which on a value takes longer to pickle than to go
through."""

_HOLDING = frozenset(map(which, (list, tuple, dict)))


class Dumped:
    """Dumps by name, each of the name's value or of one that holds it."""

    def __init__(self, live: Mapping[str, Any], looks: Looks) -> None:
        self._live = live
        self._looks = looks
        self._own: dict[str, Dump] = {}
        self._inside: dict[str, tuple[Dump, int]] = {}

    def holds_others(self, name: str) -> bool:
        """Whether a name is bound to what is likely to hold the values of others. These come first,
        so that they are the ones that are pickled."""
        kind = type(self._live.get(name))
        return which(kind) in _HOLDING or is_array(kind)

    def is_inside(self, name: str) -> bool:
        """Whether a value is large, and has been pickled in another one's dump, all of it: then
        that stands for it from now on."""
        value = self._live[name]
        number = id(value)
        for dump in self._own.values():
            if dump.size < _LARGE or dump.missing is not None:
                continue
            if dump.reached.get(number, _APART) is None:
                if within([value], _MANY, self._live) is not None:
                    return False
                self._inside[name] = dump, number
                return True
        return False

    def add(self, name: str) -> Dump:
        """Dump a value by itself. Raises what pickling it raises."""
        found = self._looks.dump([name])
        self._own[name] = found
        return found

    def __getitem__(self, name: str) -> Dump:
        return self._own[name] if name in self._own else self._inside[name][0]

    def alone(self, name: str) -> Dump | None:
        """The dump of a value and nothing else, if there is one."""
        return self._own.get(name)

    def reached(self) -> dict[str, Mapping[int, Seal]]:
        """What each value reached, as far as it tells which of them share state."""
        inside: dict[str, Mapping[int, Seal]] = {
            name: {number: None} for name, (_, number) in self._inside.items()
        }
        return inside | {name: dump.reached for name, dump in self._own.items()}


_APART: Seal = ("apart", 0, "")
"""Stands for the seal of what is not in a value."""
