"""What is known of classes, each by itself.

A metaclass may say that two classes are equal, or that none can be hashed: what is noted of classes
in a dict is then found for another one, or not at all. What is here tells classes apart as ``is``
does, and never asks them.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, TypeVar

from duranb.code.looking import which

T = TypeVar("T")

_MOST = 4096
"""Classes of which one answer is kept, at most."""


def once_a_class(ask: Callable[[Any], T]) -> Callable[[Any], T]:
    """Ask a function of one class but once for each: what it says of a class does not change."""
    known: dict[int, tuple[object, T]] = {}  # with the class, which so keeps its number
    get = known.get

    @functools.wraps(ask)
    def answer(kind: Any) -> T:
        found = get(which(kind))
        if found is None:
            found = kind, ask(kind)
            if len(known) >= _MOST:
                known.clear()
            known[which(kind)] = found
        return found[1]

    return answer


class OfClasses(MutableMapping[type, T]):
    """A mapping from classes that keeps none of them alive."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[type], T]] = {}

    def __getitem__(self, kind: type) -> T:
        found = self._known.get(which(kind))
        if found is None or found[0]() is not kind:
            raise KeyError(kind)
        return found[1]

    def __setitem__(self, kind: type, value: T) -> None:
        number = which(kind)

        def forget(gone: weakref.ref[type]) -> None:
            known = self._known.get(number)
            if known is not None and known[0] is gone:
                del self._known[number]

        self._known[number] = weakref.ref(kind, forget), value

    def __delitem__(self, kind: type) -> None:
        self[kind]  # raises where another class has its number
        del self._known[which(kind)]

    def __iter__(self) -> Iterator[type]:
        found = [ref() for ref, _ in list(self._known.values())]
        return (kind for kind in found if kind is not None)

    def __len__(self) -> int:
        return len(self._known)
