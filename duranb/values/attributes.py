"""Instances whose ``vars()`` something else holds too: ``d = vars(o)``, a state of several.

Pickle gives a new instance what its dict holds, in a dict of its own: a change of the one that
somebody holds would no longer be seen in the instance. Here it gets that very dict.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import cloudpickle

from duranb.code.looking import dict_of, mro_of, own


def reduction(obj: Any, found: Any, names: Mapping[str, Any]) -> Any:
    """How an instance is pickled, where it is otherwise pickled as ``found`` says (None: as its own
    class does). ``names`` are those of the live namespace. Raises TypeError where an instance
    cannot be given the dict that one of these is bound to."""
    kind: Any = type(obj)
    way = _way(kind)
    if way is None or _references(obj) <= _ALONE:
        return found
    if way is _refused:
        attributes = own(obj)
        if any(value is attributes for name, value in names.items() if name[:1] != "_"):
            raise TypeError(f"cannot pickle a {kind.__name__} whose vars() has a name of its own")
        return found
    if found is None:
        found = obj.__reduce_ex__(5)
    if type(found) is not tuple or len(found) > 5:
        return found
    make, arguments, state, items, pairs = (*found, None, None, None)[:5]
    attributes, slots = state if type(state) is tuple else (state, None)
    if attributes is None:  # it is empty
        attributes = own(obj)
    if attributes is not own(obj):
        return found
    return make, arguments, (attributes, slots), items, pairs, give


def give(obj: Any, state: tuple[dict[str, Any], dict[str, Any] | None]) -> None:
    """Give an instance a dict, and what is in its slots."""
    object.__setattr__(obj, "__dict__", state[0])
    for name, value in (state[1] or {}).items():
        object.__setattr__(obj, name, value)


def _given() -> None:
    """The way of classes whose instances can be given a dict."""


def _refused() -> None:
    """The way of those whose instances cannot."""


@lru_cache(maxsize=4096)
def _way(kind: Any) -> Any:
    """How instances of a class get their dict; None for classes without one, and for those that
    say themselves how they are pickled."""
    if not kind.__dictoffset__ or issubclass(kind, (type, types.ModuleType)):
        return None
    if kind in cloudpickle.Pickler.dispatch_table:
        return None
    says = {name for base in mro_of(kind)[:-1] for name in _SAYS if name in dict_of(base)}
    if issubclass(kind, types.SimpleNamespace):
        return _refused if says == {"__reduce__"} else None
    return _given if not says and kind.__flags__ & _MADE else None


_MADE = 1 << 9
"""The flag of types that a ``class`` statement made (Py_TPFLAGS_HEAPTYPE)."""

_SAYS = ("__reduce_ex__", "__reduce__", "__getstate__", "__setstate__")


def _references(obj: Any) -> int:
    return sys.getrefcount(own(obj))


class _Alone:
    pass


_ALONE = _references(_Alone())
"""What that says where nothing but the instance holds its dict."""
