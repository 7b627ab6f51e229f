"""Code that loads pickles: it may get any class or function of the notebook, by a name in the data.

An object of a class is pickled by the name of the class, and is what that makes of it when it is
loaded; nothing in the code that loads it says which it is.
"""

from __future__ import annotations

import types
from collections.abc import Iterable
from enum import IntEnum

from duranb.code.looking import is_a, is_class, module_name, module_of, name_of

_MODULES = frozenset({"pickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve"})
_LOADS = frozenset({"load", "loads", "Unpickler", "open"})
_ALONE = frozenset({"read_pickle"})
"""What loads them under a name that is nothing else's."""


class Reached(IntEnum):
    """What code reaches that loads pickles: nothing, a module, or what does by itself."""

    NO = 0
    MODULE = 1
    LOADER = 2


def reached(value: object) -> Reached:
    """What a value is of them."""
    if is_a(value, types.ModuleType):
        return imported(module_name(value))
    if is_class(value):
        home, name = module_of(value), name_of(value)
    elif isinstance(value, (types.FunctionType, types.BuiltinFunctionType)):
        home, name = str(value.__module__), value.__name__
    else:
        return Reached.NO
    is_loader = name in _LOADS and home.partition(".")[0] in _MODULES
    return Reached.LOADER if is_loader or name in _ALONE else Reached.NO


def imported(name: str) -> Reached:
    """What a module of this name, or what is imported from one, is of them."""
    home, _, own = name.partition(".")
    if home not in _MODULES:
        return Reached.NO
    return Reached.LOADER if own in _LOADS else Reached.MODULE


def loads(found: Reached, attributes: Iterable[str]) -> bool:
    """Whether code loads pickles that reaches this, and these attributes."""
    wanted = _LOADS | _ALONE if found is Reached.MODULE else _ALONE
    return found is Reached.LOADER or not wanted.isdisjoint(attributes)
