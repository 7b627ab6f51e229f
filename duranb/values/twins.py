"""Classes of one name and code that are several objects, and which of them is which.

A function that defines a class makes another one at each call, and so do ``namedtuple``,
``type(...)`` and their like. A stored class is told from its twins by where it was: the variable
that it was bound to, or the first variable whose value was made of it. With it is stored from which
others it was another object; where it is loaded, none of these is taken for it. A class that took
the place of one of the same name, as when its cell is run again, is no other class.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import cloudpickle.cloudpickle as cloudpickle

from duranb.code.looking import is_class, module_of, qualname_of
from duranb.values.target import class_in


@dataclass(frozen=True)
class Told:
    """What is stored of which class it is: a number of its own, the place where it was, and the
    numbers and places of others of its name that it is not. A place is the name that the class is
    bound to (``A``, ``Outer.Inner``), or where values of it are (``a()``: bound to that name,
    ``a[]``: somewhere in what is bound to it); empty where nobody knows."""

    number: str
    place: str
    apart: frozenset[str] = frozenset()

    @property
    def is_bound(self) -> bool:
        """Whether the class itself was bound to a name."""
        return bool(self.place) and self.place[-1] not in ")]"

    def packed(self, name: str) -> tuple[str, ...] | None:
        """As a pickle has it: None where the name of the class tells all."""
        if self.place == name and not self.apart:
            return None
        return (self.number, self.place, *sorted(self.apart))


def unpacked(name: str, packed: tuple[str, ...] | None) -> Told:
    """What a pickle says of the class of this name."""
    if packed is None:
        return Told("", name)
    number, place, *apart = packed
    return Told(number, place, frozenset(apart))


@dataclass
class _Known:
    """What is known of a class in this process: what is stored of it, and of the stored classes
    that it stood for."""

    cls: weakref.ref[type]
    own: Told | None = None
    stood: set[Told] = field(default_factory=set)


_known: dict[int, _Known] = {}
"""By the id of the class: to compare it would run its metaclass."""


def _of(cls: type) -> _Known:
    number = id(cls)
    found = _known.get(number)
    if found is None or found.cls() is not cls:
        found = _Known(weakref.ref(cls, lambda gone: _forget(number, gone)))
        _known[number] = found
    return found


def _forget(number: int, gone: weakref.ref[type]) -> None:
    known = _known.get(number)
    if known is not None and known.cls is gone:
        del _known[number]


class Names:
    """Where the notebook's classes are in a namespace: worked out when it is first asked for, and
    good for as long as no code runs."""

    def __init__(self, live: Mapping[str, Any]) -> None:
        self._live = live
        self._places: dict[str, list[tuple[str, type]]] | None = None

    def places(self, name: str) -> Iterator[tuple[str, type]]:
        """The classes of this qualified name, each with its first place."""
        if self._places is None:
            self._places = self._found()
        found: dict[int, tuple[str, type]] = {}
        bound = class_in(self._live, name)
        if bound is not None:
            found[id(bound)] = name, bound
        for place, cls in self._places.get(name, ()):
            known = found.get(id(cls))
            if known is None or (known[0][-1] == ")" != place[-1]):
                found[id(cls)] = place, cls
        yield from found.values()

    def _found(self) -> dict[str, list[tuple[str, type]]]:
        found: dict[str, list[tuple[str, type]]] = {}
        for name, value in list(self._live.items()):
            place, cls = (name, value) if is_class(value) else (f"{name}()", type(value))
            if module_of(cls) == "__main__" and not name.startswith("_"):
                found.setdefault(qualname_of(cls), []).append((place, cls))
        return found


@dataclass
class Meetings:
    """The classes that one pickle meets, by their names; ``root`` is the first variable in it. It
    is ``torn`` if more is to be stored of one that it has met before."""

    names: Names
    root: str = ""
    torn: bool = False
    met: dict[str, list[type]] = field(default_factory=dict)

    def told(self, cls: type) -> tuple[str, ...] | None:
        """What is stored of which class this is, of those that there are."""
        name = qualname_of(cls)
        known = _of(cls)
        if known.own is None or not known.own.place:
            known.own = self._first(cls, name)
        others = self.met.setdefault(name, [])
        if all(other is not cls for other in others):
            self._note(known, others)
            others.append(cls)
        return known.own.packed(name)

    def _first(self, cls: type, name: str) -> Told:
        """What is stored of a class that is met for the first time."""
        places = list(self.names.places(name))
        here = next((p for p, c in places if c is cls), f"{self.root}[]" if self.root else "")
        number = cloudpickle._get_or_create_tracker_id(cls)
        told = Told(number, here)
        bound = {p for p, _ in places if p[-1] != ")"}
        if not told.is_bound:
            # Values of a class that another one took the place of are not told from those of it.
            if bound or not here:
                return told
            bound = {p for p, _ in places} | _within(name)
        return replace(told, apart=frozenset(bound - {here}))

    def _note(self, known: _Known, others: list[type]) -> None:
        """Note that a class is none of the others of its name in the same value. The place of one
        that is bound tells; it may be stored with nothing else."""
        for other in map(_of, others):
            assert known.own is not None and other.own is not None
            if (known.own.is_bound and other.own.is_bound) or are_apart(known.own, other.own):
                continue
            if known.own.is_bound:
                other.own = replace(other.own, apart=other.own.apart | {known.own.place})
                self.torn = True
            else:
                of = other.own.place if other.own.is_bound else other.own.number
                known.own = replace(known.own, apart=known.own.apart | {of})


def _within(name: str) -> set[str]:
    """The places in values where classes of this name were met that are alive."""
    found = set()
    for known in list(_known.values()):
        cls = known.cls()
        if cls is not None and known.own is not None and qualname_of(cls) == name:
            found.add(known.own.place)
    return {place for place in found if place[-1:] == "]"}


def are_apart(one: Told, other: Told) -> bool:
    """Whether two stored classes were two objects."""
    if one.number and one.number == other.number:
        return False
    return any(
        (a.number and a.number in b.apart) or (a.place and a.place in b.apart)
        for a, b in ((one, other), (other, one))
    )


def stand(cls: type, told: Told) -> None:
    """Note that a live class stands for a stored one."""
    known = _of(cls)
    known.stood.add(told)
    if known.own is None and told.number:
        known.own = told


def is_another(cls: type, told: Told, named: Callable[[str], type | None]) -> bool:
    """Whether a live class is known not to be the one that is told. ``named`` gives the live class
    of a name."""
    known = _of(cls)
    if any(are_apart(told, each) for each in known.stood):
        return True
    if known.own is not None and are_apart(told, known.own):
        return True
    return any(place[-1:] != "]" and named(place) is cls for place in told.apart)


def are_two(one: type, other: type) -> bool:
    """Whether two live classes of one name are known to have been two at the same time."""
    told = {*_of(one).stood, *filter(None, [_of(one).own])}
    return any(is_another(other, each, lambda place: None) for each in told)
