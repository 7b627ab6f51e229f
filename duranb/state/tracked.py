"""What is known of a namespace at one moment: its names, as they were last seen."""

from __future__ import annotations

import types
import weakref
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from duranb.code.kinds import once_a_class
from duranb.code.looking import dict_of, mro_of
from duranb.record.events import Binding
from duranb.state import reaching

GONE = object()
ENDED = object()
"""What stands for an object that nobody held any more."""


class Loose:
    """An object that ends when the notebook holds it no more, as one that waits for its end does
    (``__del__``, a file, somebody's weak reference)."""

    __slots__ = ("_refer",)

    def __init__(self, value: object) -> None:
        self._refer = weakref.ref(value)

    def value(self) -> object:
        """It, or :data:`ENDED`."""
        found = self._refer()
        return ENDED if found is None else found


def loose(value: object) -> Loose | None:
    """How to refer to an object that something waits for the end of; None for any other one, and
    for code."""
    kind = type(value)
    if issubclass(kind, _CODE) or not (has_end(kind) or weakref.getweakrefcount(value)):
        return None
    try:
        return Loose(value)
    except TypeError:  # nobody can refer to it weakly
        return None


@once_a_class
def has_end(kind: Any) -> bool:
    """Whether something is done where an object of a class ends."""
    return any("__del__" in dict_of(base) for base in mro_of(kind))


_CODE = (type, types.FunctionType, types.ModuleType)


@dataclass(frozen=True)
class Delta:
    """What changed: names and what they are bound to now, names that are gone, and the digest of
    the random generators' state if that changed. ``bound`` are the names that are new, bound to
    another object or changed in place, be their content what it was or not; ``rewired`` those of
    them whose content is what it was, and that share something which they did not share before."""

    changed: dict[str, Binding] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    random: str = ""
    bound: frozenset[str] = frozenset()
    rewired: frozenset[str] = frozenset()


class Deltas:
    """What each sync since some moment has found. More than one does where somebody else looks at
    the namespace while a step runs."""

    def __init__(self) -> None:
        self._found: list[Delta] = []

    def add(self, delta: Delta) -> None:
        """A sync has found this."""
        self._found.append(delta)

    def whole(self) -> Delta:
        """All of it as one."""
        if len(self._found) == 1:
            return self._found[0]
        changed: dict[str, Binding] = {}
        deleted: set[str] = set()
        for each in self._found:
            changed = {n: b for n, b in changed.items() if n not in each.deleted} | each.changed
            deleted = (deleted - each.changed.keys()).union(each.deleted)
        bound = frozenset[str]().union(*(each.bound for each in self._found))
        rewired = frozenset[str]().union(*(each.rewired for each in self._found))
        random = self._found[-1].random if self._found else ""
        return Delta(changed, sorted(deleted), random, bound, rewired)


@dataclass(frozen=True, slots=True)
class Tracked:
    """A name as it was last seen. ``digest`` is of its group's bytes; for what cannot be stored it
    is what could be seen of it (:mod:`duranb.state.unstorable`); empty for atoms."""

    held: object
    binding: Binding
    group: frozenset[str]
    digest: str = ""
    calls: frozenset[str] | None = reaching.NOTHING
    """What code inside of the value can touch; None: anything."""
    classes: tuple[type, ...] = ()
    """The notebook's classes that the value is made of."""
    alone: str = ""
    """The digest of this name's bytes without the rest of its group."""
    behind: tuple[str, ...] = ()
    """The restored steps that had changed this object when they ran: it does not have that."""
    unread: str = ""
    """Why it, or a part of it, could not be loaded."""
    was: tuple[str, ...] = ()
    """Of what cannot be stored: the versions that this very object had, the present one last."""
    had: tuple[str, ...] = ()
    """The versions that this very object had while the name was bound to it."""

    @property
    def value(self) -> object:
        """The object, or :data:`ENDED`."""
        return self.held.value() if type(self.held) is Loose else self.held


@dataclass(frozen=True)
class Mark:
    """A state to go back to within this process: objects, bindings, random generators."""

    tracked: dict[str, Tracked]
    random: dict[str, Any]

    def sharing(self, name: str) -> set[str]:
        """The other names that shared state with this one then."""
        return sharing_of(self.tracked, name)

    def holds(self, name: str, value: object) -> bool:
        """Whether a name was bound to this very object then."""
        return name in self.tracked and self.tracked[name].value is value

    def version(self, name: str) -> str:
        """The version of a name's value then, or an empty string."""
        return self.tracked[name].binding.version if name in self.tracked else ""


def sharing_of(tracked: Mapping[str, Tracked], name: str) -> set[str]:
    """A group's name that was bound anew is in another group by now, and still in this one."""
    group = tracked[name].group if name in tracked else frozenset[str]()
    return {n for n in group if n != name and n in tracked and tracked[n].group == group}


def could_change(seen: Tracked) -> bool:
    """Whether a value can be changed in place at all. Where knowledge about code goes in."""
    return bool(seen.digest) or seen.calls is None


@dataclass(frozen=True)
class Restored:
    """The step whose outputs are restored. ``in_place`` are those that it changed without binding
    them, ``reads`` the names it read, ``beside`` the recorded bindings of other names that were
    stored together with its
    outputs, and ``drawn`` the random generators it drew from, with where they stood before."""

    name: str
    in_place: Collection[str] = ()
    reads: Collection[str] = ()
    beside: Mapping[str, Binding] = field(default_factory=dict)
    drawn: Mapping[str, str] = field(default_factory=dict)
