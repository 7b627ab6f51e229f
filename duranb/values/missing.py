"""Values that are pickled without those of their parts that cannot be."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, Protocol

from duranb.code.looking import module_of, own_failure, said
from duranb.code.moving import is_moving


class Pickler(Protocol):
    """What is asked of the pickler (:class:`duranb.values.codec.NotebookPickler`)."""

    dispatch_table: Any

    def reduction(self, obj: Any) -> Any:
        """How an object is pickled; NotImplemented for: as its own class says."""

    def alone(self, obj: Any) -> dict[int, object]:
        """Pickle an object by itself, to no use: what was met in it, by id."""


class Missing:
    """Lets a value be pickled without those of its parts that cannot be.

    Containers and instances of the notebook's own classes are looked into; an object of a library
    that holds such a part is one itself, since nobody knows how it would do without.
    ``stand_in(part, why)`` is the reduction of what stands there instead.
    """

    def __init__(self, stand_in: Callable[[object, str], tuple[Any, ...]]) -> None:
        self._stand_in = stand_in
        self.found: dict[int, tuple[object, str]] = {}
        self.known = False
        """Whether all of them are found already, so that nothing else is looked into."""
        self._whole: dict[int, object] = {}

    def reduction(self, obj: Any, pickler: Pickler) -> Any:
        """The reduction of ``obj``, or what is pickled instead."""
        if self.known:
            there = self.found.get(id(obj))
            return pickler.reduction(obj) if there is None else self._stand_in(obj, there[1])
        kind = type(obj)
        try:
            looked_into = module_of(kind) in _LOOKED_INTO or issubclass(kind, type)
            if not looked_into and id(obj) not in self._whole:
                # All that is in it is whole too, and need not be tried again.
                self._whole |= pickler.alone(obj)
            found = pickler.reduction(obj)
            by_kind = kind in pickler.dispatch_table or issubclass(kind, _AS_CODE)
            if found is NotImplemented and not by_kind:
                obj.__reduce_ex__(5)  # what pickling it would call
            return found
        except BaseException as error:  # of any kind: it is the value's own code
            if not own_failure(error) or is_moving(error):
                raise
            why = said(error)
            self.found[id(obj)] = (obj, why)
            return self._stand_in(obj, why)


_AS_CODE = (type, types.FunctionType)
_LOOKED_INTO = frozenset({"__main__", "builtins", "collections", "types", "functools"})
