"""Pickling what changes itself when it is pickled, without changing it.

A ``__getstate__`` may count how often it is called, throw away a cache, or draw a number. duranb
looks at values far more often than anybody else pickles them; after a look they are to be as they
were, and the next look is to see the same. What another thread has changed meanwhile stays. So does
what cannot be done twice: a picture of PIL's reads its file when it is first needed. What a
library's object loads so is there for the next look; what has closed a file is never put back.
"""

from __future__ import annotations

import copy
import copyreg
import io
import itertools
import types
from collections.abc import Collection, Mapping
from operator import is_not
from typing import Any

import cloudpickle

from duranb.code.kinds import once_a_class
from duranb.code.looking import dict_of, module_of, mro_of, own, own_failure, which
from duranb.values import contents
from duranb.values.held import installed
from duranb.values.leftover import slots_of

_HOOKS = ("__getstate__", "__reduce__", "__reduce_ex__")
_GONE = object()


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
    kinds = {which(each): each for each in map(type, before.values())}
    counts = _counts(before) if _COUNT in kinds else {}
    files = _open(before) if any(map(_is_file, kinds.values())) else []
    try:
        reduced = obj.__reduce_ex__(5)
        if type(reduced) is str and own(obj).get("__module__") == "__main__":
            # By its name, as what wraps a function is: the name is the notebook's, and not there.
            return copyreg.__newobj__, (kind,), object.__getstate__(obj)  # type: ignore[attr-defined]
        return reduced
    finally:
        differs = _differs(before, counts, held)
        if differs and any(file.closed for file in files):
            pass  # what was read from it is only there in what the look has left
        elif differs and not (installed(module_of(kind)) and _is_settled(obj, held)):
            changed, mine = _changed(before, counts, held), _changed_by_a_look(obj, before, counts)
            _put_back(held, before, counts, changed if mine is None else changed & mine)


@once_a_class
def _is_file(kind: Any) -> bool:
    return issubclass(kind, io.IOBase)


_COUNT = which(itertools.count)


def _open(held: Mapping[str, Any]) -> list[Any]:
    """The files among attributes that are open."""
    files = (value for value in held.values() if _is_file(type(value)))
    return [file for file in files if not file.closed]


def _is_settled(obj: Any, held: dict[str, Any]) -> bool:
    """Whether an instance is as the next look will find it, and the one after that."""
    now = dict(held)
    counts = _counts(now)
    try:
        obj.__reduce_ex__(5)
    except BaseException as error:  # of any kind: it is the value's own code
        if not own_failure(error):
            raise
        return False
    return not _differs(now, counts, held)


def _counts(attributes: Mapping[str, Any]) -> dict[str, itertools.count[int]]:
    """Copies of the counters among attributes: reading one moves it on."""
    each = list(attributes.items())
    return {k: copy.copy(v) for k, v in each if type(v) is itertools.count}


def _differs(before: Mapping[str, Any], counts: Mapping[str, object], held: dict[str, Any]) -> bool:
    """Whether anything is not what it was; there may be a hundred thousand instances in a value."""
    moved = map(is_not, list(held.values()), before.values())
    if list(held) != list(before) or any(moved):
        return True
    return any(repr(before[n]) != repr(count) for n, count in counts.items())


def _changed(
    before: Mapping[str, Any], counts: Mapping[str, object], held: dict[str, Any]
) -> set[str]:
    """The names of the attributes that are not what they were."""
    now = dict(held)
    found = {n for n in before.keys() | now if now.get(n, _GONE) is not before.get(n, _GONE)}
    return found | {n for n, count in counts.items() if repr(before[n]) != repr(count)}


def _changed_by_a_look(
    obj: Any, before: Mapping[str, Any], counts: Mapping[str, itertools.count[int]]
) -> set[str] | None:
    """What a look changes in another instance that no other thread knows; None where none can be
    made, or its end could do something to what it shares with the first one."""
    kind: Any = type(obj)
    if any("__del__" in dict_of(base) for base in mro_of(kind)):
        return None
    try:
        other = object.__new__(kind)
        held: Any = own(other)
        held.update({**before, **{n: copy.copy(count) for n, count in counts.items()}})
        for name, value in slots_of(obj).items():
            object.__setattr__(other, name, value)
        as_made = dict(held)
        other.__reduce_ex__(5)
    except BaseException as error:  # of any kind: it is the value's own code
        if not own_failure(error):
            raise
        return None
    return _changed(as_made, counts, held)


def _put_back(
    held: dict[str, Any],
    before: Mapping[str, Any],
    counts: Mapping[str, object],
    names: Collection[str],
) -> None:
    """These attributes as they were, in their order. Another thread that reads one which stayed
    never finds it gone."""
    for name in names:
        if name in counts:
            held[name] = counts[name]
        elif name in before:
            held[name] = before[name]
        else:
            held.pop(name, None)
    now = dict(held)
    in_order = [n for n in before if n in now]
    if in_order != [n for n in now if n in before]:
        contents.refill(held, [(n, now[n]) for n in dict.fromkeys([*in_order, *now])])


@once_a_class
def has_hooks(kind: Any) -> bool:
    """Whether pickling an instance of a class runs code in Python of its own."""
    found = (dict_of(base).get(name) for base in mro_of(kind) for name in _HOOKS)
    return any(type(each) is types.FunctionType for each in found)
