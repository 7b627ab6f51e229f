"""Traits that are observed (traitlets), pickled with those who observe them.

An object with traits leaves out of its pickle whoever was told to watch it (``observe``, ``link``),
without a word, and what its class declares is told again when it is loaded. Here the others are
told again, too.
"""

from __future__ import annotations

import sys
from typing import Any

from duranb.values import leftover, undisturbed

Watch = tuple[str | None, str | None, Any]
"""The trait and the type of change that are watched (None for all), and the handler."""


def reduction(obj: Any) -> tuple[Any, ...] | None:
    """How an object with traits is pickled that others observe; None for every other."""
    traitlets = sys.modules.get("traitlets")
    if traitlets is None or not issubclass(type(obj), traitlets.HasTraits):
        return None
    watches = _watches(obj, traitlets)
    if not watches:
        return None
    found = undisturbed.reduction(obj) or obj.__reduce_ex__(5)
    if type(found) is not tuple or not 2 <= len(found) <= 5:
        return None
    make, arguments, state, items, pairs = (*found, None, None, None)[:5]
    return make, arguments, (state, watches), items, pairs, complete


def _watches(obj: Any, traitlets: Any) -> list[Watch]:
    """Who observes an object, besides its own class."""
    return [
        (_named(name, traitlets), _named(kind, traitlets), handler)
        for name, kinds in list(obj._trait_notifiers.items())
        for kind, handlers in list(kinds.items())
        for handler in list(handlers)
        if not issubclass(type(handler), traitlets.traitlets.EventHandler)
    ]


def _named(what: Any, traitlets: Any) -> str | None:
    return None if what is traitlets.All else what


def complete(obj: Any, state: tuple[Any, list[Watch]]) -> None:
    """Give an object its state as pickle would, and have it observed again."""
    import traitlets

    told, watches = state
    if told is not None:
        leftover.set_state(obj, told)
    if issubclass(type(obj), traitlets.HasTraits):
        for name, kind, handler in watches:
            names: Any = traitlets.All if name is None else name
            obj.observe(handler, names, type=traitlets.All if kind is None else kind)
