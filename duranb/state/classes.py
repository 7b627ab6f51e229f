"""The state of a notebook's class: the lists, instances and other changeable values it holds.

A class is stored by its definition, wherever a value of it is stored. Where the class itself is
bound to a name, what it holds is state of that name (``Account.all.append(self)``), which other
values share; so it is stored beside the class, in one pickle with those values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from duranb.code.looking import is_class, module_of
from duranb.values.classes import give, holds
from duranb.values.codec import Dump

T = TypeVar("T")


class Whole:
    """A class with what it holds; stands for the class in an artifact and until it is bound."""

    def __init__(self, cls: type, held: dict[str, Any]) -> None:
        self.cls = cls
        self.held = held

    def __reduce__(self) -> Any:
        return Whole, (self.cls, self.held)


def whole(value: Any) -> Any:
    """A notebook's class with what it holds, if it holds anything; any other value as it is."""
    held = holds(value) if is_class(value) else {}
    return Whole(value, held) if held else value


def bound(value: Any) -> Any:
    """What a name is bound to: a class holds again what is stored beside it."""
    if type(value) is not Whole:
        return value
    if not issubclass(type(value.cls), type):  # it could not be loaded
        return value.cls
    give(value.cls, value.held)
    return value.cls


def classes(values: Mapping[str, Any]) -> dict[str, type]:
    """The notebook's classes among values that were loaded, by their names."""
    found = {n: v.cls if type(v) is Whole else v for n, v in values.items()}
    return {n: c for n, c in found.items() if is_class(c) and module_of(c) == "__main__"}


def in_order(bound: Mapping[str, T], live: Mapping[str, Any]) -> dict[str, T]:
    """Names with the classes among them last, and in the order in which they were bound: they are
    restored in that order, which is that of the subclasses that their bases know."""
    kinds = {n for n in bound if is_class(live.get(n))}
    if len(kinds) < 2:
        return dict(bound)
    others = {n: b for n, b in bound.items() if n not in kinds}
    return others | {n: bound[n] for n in list(live) if n in kinds}


def classes_in(dump: Dump) -> tuple[type, ...]:
    """The notebook's classes that were met in a value."""
    return tuple({c for c in dump.met.code if is_class(c) and module_of(c) == "__main__"})
