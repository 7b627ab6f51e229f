"""Functions that ``functools.singledispatch`` makes, pickled as the parts of one thing.

It makes several that belong together: the one that is called, and those in its attributes
(``register``, ``dispatch``), which ``functools.wraps`` gives to other functions too. What is
registered by one of them is known to all.
"""

from __future__ import annotations

import gc
import threading
import types
import weakref
from collections.abc import Iterable
from typing import Any

from duranb.code import compiled


class _Whole:
    """Stands for all of them in a pickle, and is loaded as the one that is called."""

    def __init__(self, registry: dict[type, Any], reduced: tuple[Any, ...]) -> None:
        self.registry = registry
        self._reduced = reduced

    def __reduce__(self) -> tuple[Any, ...]:
        return self._reduced


class _InHand(threading.local):
    """By the id of a registry, what stands for it in the pickle that this thread is making, which
    holds it: that of another thread may be older than what was registered since."""

    def __init__(self) -> None:
        self.known: weakref.WeakValueDictionary[int, _Whole] = weakref.WeakValueDictionary()


_in_hand = _InHand()


def reduction(function: types.FunctionType, reduced: tuple[Any, ...]) -> tuple[Any, ...]:
    """How such a function is pickled, which by itself would be as ``reduced`` says; any other one
    as that says."""
    registry = compiled.registry_of(function)
    if registry is None:
        return reduced
    make, (recipe, functions, options) = reduced
    kinds = len(options["types"])
    whole = _in_hand.known.get(id(registry))
    if whole is None:
        plain = {name: value for name, value in options.items() if name != "part"}
        whole = _Whole(registry, (make, (recipe, functions[:kinds], plain)))
        _in_hand.known[id(registry)] = whole
    name = options.get("part", "")
    made = part, (whole, name, *functions[kinds:])
    if name:
        return made
    # Whoever has one of the others shares it with this one.
    others = [function.__dict__.get(each) for each in ("register", "dispatch", "registry")]
    return *made, others, None, None, has_them


def registry(proxy: Any) -> tuple[Any, ...] | None:
    """How a view of what is registered is pickled, whose functions were met before in the same
    pickle; None for any other."""
    whole = _in_hand.known.get(id(gc.get_referents(proxy)[0]))
    return None if whole is None else (part, (whole, "registry"))


def has_them(made: Any, others: list[Any]) -> None:
    """The one that is called was made with the others."""


def registries(
    pairs: Iterable[tuple[object, object]],
) -> dict[int, tuple[object, object]]:
    """What stands for functions that were stored and what is registered with them, by their ids,
    with the functions that are alive and what is registered with those."""
    found: dict[int, tuple[object, object]] = {}
    for stored, alive in pairs:
        known = compiled.registry_of(stored) if type(stored) is types.FunctionType else None
        if known is not None and "register" in vars(stored):  # the one that is called
            whole = _in_hand.known.get(id(known))
            found[id(whole)] = whole, alive
            found[id(known)] = known, compiled.registry_of(alive)
    return found


def part(made: Any, name: str, *attributes: dict[str, Any]) -> Any:
    """One of the functions that belong together, with the attributes that it was given."""
    found = getattr(made, name) if name else made
    for given in attributes:
        vars(found).update(given)
    return found
