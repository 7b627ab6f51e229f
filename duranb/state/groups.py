"""Which names share mutable state, and so have to be stored together.

Two names share when pickling each reached the same mutable object. Ids only mean something while
the objects live: what pickling made on the way must not be taken for something shared, so a
suspicion is confirmed with both dumps held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from duranb.record.events import Binding
from duranb.values.sharing import Seal


def components(reached: Mapping[str, Mapping[int, Seal]]) -> list[frozenset[str]]:
    """The names grouped by what they reached in common."""
    parent = {name: name for name in reached}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    first: dict[int, tuple[str, Seal]] = {}
    sealed: dict[int, list[str]] = {}
    for name, seals in reached.items():
        for number, seal in seals.items():
            other, before = first.setdefault(number, (name, seal))
            if other == name:
                continue
            if seal is not None and seal == before:
                sealed.setdefault(number, []).append(name)
                continue
            for each in (name, *sealed.pop(number, ())):
                parent[root(each)] = root(other)
            first[number] = (other, None)
    found: dict[str, set[str]] = {}
    for name in reached:
        found.setdefault(root(name), set()).add(name)
    return [frozenset(group) for group in found.values()]


def by_artifact(bindings: Mapping[str, Binding]) -> dict[str, dict[str, Binding]]:
    """The names that were stored together, by the artifact they lie in."""
    found: dict[str, dict[str, Binding]] = {}
    for name, binding in bindings.items():
        found.setdefault(binding.artifact, {})[name] = binding
    return found


@contextmanager
def standing_in(live: dict[str, Any], values: Mapping[str, Any]) -> Iterator[None]:
    """While this is open, names are bound to these ``values``."""
    before = {name: live[name] for name in values if name in live}
    live.update(values)
    try:
        yield
    finally:
        for name in values:
            live.pop(name, None)
        live.update(before)


def not_apart(objects: Mapping[str, object], bindings: Mapping[str, Binding]) -> dict[str, object]:
    """The names and their ``objects`` without those that are one object now and whose ``bindings``
    were stored apart: they were several then."""
    places: dict[int, set[str]] = {}
    for name, value in objects.items():
        places.setdefault(id(value), set()).add(bindings[name].artifact)
    return {n: v for n, v in objects.items() if len(places[id(v)]) == 1}


class Holders:
    """Which names reached an object, by its id, under which seal. A suspicion, to be confirmed."""

    def __init__(self) -> None:
        self._of: dict[int, set[str]] = {}
        self._reached: dict[str, Mapping[int, Seal]] = {}

    def note(self, name: str, reached: Mapping[int, Seal]) -> None:
        """Note what a name reached; what reached nothing is forgotten."""
        for number in self._reached.pop(name, ()):
            names = self._of[number]
            names.discard(name)
            if not names:
                del self._of[number]
        if reached:
            self._reached[name] = reached
            for number in reached:
                self._of.setdefault(number, set()).add(name)

    def reached(self, name: str) -> Mapping[int, Seal]:
        """What a name reached."""
        return self._reached.get(name, {})

    def parts(self, names: Iterable[str]) -> list[frozenset[str]]:
        """Some names, grouped by what they reached in common."""
        return components({n: self.reached(n) for n in names})

    def of(self, ids: Iterable[int]) -> set[str]:
        """The names that reached one of these."""
        found: set[str] = set()
        for number in ids:
            found |= self._of.get(number, set())
        return found

    def sharing(self, reached: Mapping[int, Seal]) -> set[str]:
        """The names that reached one of these too, not under the same seal."""
        return {
            name
            for number, seal in reached.items()
            for name in self._of.get(number, ())
            if seal is None or self._reached[name][number] != seal
        }
