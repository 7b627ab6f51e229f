"""Pickling what changes itself when it is pickled, without changing it.

A ``__getstate__`` may count how often it is called, throw away a cache, or draw a number. duranb
looks at values far more often than anybody else pickles them; after a look they are to be as they
were, and the next look is to see the same.
"""

from __future__ import annotations

import copy
import itertools
import types
from functools import lru_cache
from typing import Any

import cloudpickle

from duranb.code.looking import dict_of, mro_of, own

_HOOKS = ("__getstate__", "__reduce__", "__reduce_ex__")


def reduction(obj: Any) -> Any:
    """What an instance's own code says of how it is pickled, its attributes then put back; None
    where there is no such code, or nothing that it could change."""
    kind: Any = type(obj)
    if not has_hooks(kind):
        return None
    held: Any = own(obj)
    if type(held) is not dict or kind in cloudpickle.Pickler.dispatch_table:
        return None
    before = dict(held)
    counts = {k: copy.copy(v) for k, v in before.items() if type(v) is itertools.count}
    try:
        return obj.__reduce_ex__(5)
    finally:
        if list(held) != list(before) or any(held[k] is not v for k, v in before.items()):
            _put_back(held, before)
        for name, count in counts.items():
            if repr(before[name]) != repr(count):
                held[name] = count


def _put_back(held: dict[str, Any], before: dict[str, Any]) -> None:
    """The attributes as they were, in their order. Another thread that reads one which stayed never
    finds it gone."""
    for name in held.keys() - before.keys():
        held.pop(name, None)
    held.update(before)
    if list(held) != list(before):
        held.clear()
        held.update(before)


@lru_cache(maxsize=4096)
def has_hooks(kind: Any) -> bool:
    """Whether pickling an instance of a class runs code in Python of its own."""
    found = (dict_of(base).get(name) for base in mro_of(kind) for name in _HOOKS)
    return any(type(each) is types.FunctionType for each in found)
