"""Objects that pass on what they are asked for, pickled so that they are not asked too early.

``def __getattr__(self, name): return getattr(self.client, name)`` never ends in an object that has
no ``client`` yet, and pickle asks a new object for ``__setstate__`` before it gives it anything.
"""

from __future__ import annotations

import copyreg
from typing import Any

from duranb.code.kinds import once_a_class
from duranb.code.looking import dict_of, mro_of

_NEW: Any = copyreg.__newobj__  # type: ignore[attr-defined]


def reduction(obj: Any) -> tuple[Any, ...] | None:
    """How an instance with a ``__getattr__`` is pickled, its state given to it without asking it;
    None for others, and for those whose class says itself how they are made again."""
    kind: Any = type(obj)
    if not forwards(kind):
        return None
    found = obj.__reduce_ex__(5)
    if type(found) is not tuple or len(found) < 3 or found[0] is not _NEW:
        return None
    make, arguments, state, items, pairs = (*found, None, None)[:5]
    if state is None:
        return None
    return make, arguments, state, items, pairs, put


def put(obj: Any, state: Any) -> None:
    """Give an instance its attributes and slots."""
    pair = type(state) is tuple and len(state) == 2
    plain, slots = state if pair else (state, None)
    if plain:
        object.__getattribute__(obj, "__dict__").update(plain)
    for name, value in (slots or {}).items():
        object.__setattr__(obj, name, value)


@once_a_class
def forwards(kind: Any) -> bool:
    bases = [base for base in mro_of(kind) if base is not object]
    asked = any("__getattr__" in dict_of(base) for base in bases)
    return asked and not any("__setstate__" in dict_of(base) for base in bases)
