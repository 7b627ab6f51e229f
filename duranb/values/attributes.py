"""Instances whose ``vars()`` something else holds too: ``d = vars(o)``, a state of several.

Pickle gives a new instance what its dict holds, in a dict of its own: a change of the one that
somebody holds would no longer be seen in the instance. Here it gets that very dict.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Callable, Mapping
from sys import getrefcount
from typing import Any

import cloudpickle

from duranb.code.kinds import once_a_class
from duranb.code.looking import dict_of, module_of, mro_of
from duranb.values.hidden import is_hidden
from duranb.values.within import within


def reduction(obj: Any, found: Any, names: Mapping[str, Any]) -> Any:
    """How an instance is pickled, where it is otherwise pickled as ``found`` says (None: as its own
    class does). ``names`` are those of the live namespace. Raises TypeError where an instance
    cannot be given the dict that one of these is bound to, or holds."""
    kind: Any = type(obj)
    get = _getter(kind)
    if get is None or getrefcount(get(obj)) <= _ALONE:
        return found
    own = get(obj)
    if issubclass(kind, types.SimpleNamespace):
        if _is_held(own, obj, names):
            raise TypeError(f"cannot pickle a {kind.__name__} whose vars() something else holds")
        return found
    if found is None:
        found = obj.__reduce_ex__(5)
    if type(found) is not tuple or len(found) > 5:
        return found
    make, arguments, state, items, pairs = (*found, None, None, None)[:5]
    attributes, slots = state if type(state) is tuple else (state, None)
    if attributes is not None and attributes is not own:  # it is None where the dict is empty
        return found
    return make, arguments, (own, slots), items, pairs, give


def _is_held(own: dict[str, Any], obj: object, names: Mapping[str, Any]) -> bool:
    """Whether a name is bound to an instance's dict, or a value of one holds it."""
    values = [value for name, value in list(names.items()) if not is_hidden(name)]
    if any(value is own for value in values):
        return True
    # A name may lead to the shell, and so to what looks at the namespace.
    holders = [each for each in gc.get_referrers(own) if each is not obj and not _is_ours(each)]
    inside = within(values, _MOST, names) or set()
    return not inside.union(map(id, values)).isdisjoint(map(id, holders))


def _is_ours(holder: object) -> bool:
    return module_of(type(holder)).partition(".")[0] == __name__.partition(".")[0]


_MOST = 100_000
"""Objects that are gone through at most."""


def give(obj: Any, state: tuple[dict[str, Any] | None, dict[str, Any] | None]) -> None:
    """Give an instance a dict, if it has one, and what is in its slots."""
    if state[0] is not None:
        object.__setattr__(obj, "__dict__", state[0])
    for name, value in (state[1] or {}).items():
        object.__setattr__(obj, name, value)


@once_a_class
def _getter(kind: Any) -> Callable[[Any], Any] | None:
    """What gives the dict of an instance; None for classes whose instances have none, or that say
    themselves how they are pickled."""
    is_made = kind.__flags__ & _MADE or kind is types.SimpleNamespace
    if not is_made or issubclass(kind, (type, types.ModuleType)):
        return None
    if kind in cloudpickle.Pickler.dispatch_table:
        return None
    says = {name for base in mro_of(kind)[:-1] for name in _SAYS if name in dict_of(base)}
    if says != ({"__reduce__"} if issubclass(kind, types.SimpleNamespace) else set()):
        return None
    found = next((d["__dict__"] for d in map(dict_of, mro_of(kind)) if "__dict__" in d), None)
    return found.__get__ if found is not None and type(found) in _SLOTS else None


_SLOTS = (types.GetSetDescriptorType, types.MemberDescriptorType)


_MADE = 1 << 9
"""The flag of types that a ``class`` statement made (Py_TPFLAGS_HEAPTYPE)."""

_SAYS = ("__reduce_ex__", "__reduce__", "__getstate__", "__setstate__")


class _Alone:
    pass


_ALONE = (lambda get, obj: getrefcount(get(obj)))(vars(_Alone)["__dict__"].__get__, _Alone())
"""How many references there are to the dict of an instance that nothing else holds."""
