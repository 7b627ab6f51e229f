"""Which lists, dicts and sets a value is made of, where it is made of nothing else but texts and
numbers.

Pickling tells it too: what the pickler remembers is an entry an object, texts included, and going
through these takes longer than pickling did. What the garbage collector sees of such a value does
at C speed.
"""

from __future__ import annotations

import gc
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable
from itertools import chain, compress
from operator import not_
from typing import Any

from duranb.code.looking import own, which

_TEXTS_AND_NUMBERS = frozenset(map(which, (str, bytes, int, float, bool, type(None))))
_HOLDING = frozenset(map(which, (list, tuple, dict, set, frozenset)))
_KINDS_OF_DICTS = frozenset(map(which, (Counter, OrderedDict, defaultdict)))
_TUPLE = {which(tuple)}
_CONTAINERS = _HOLDING | _KINDS_OF_DICTS
_KNOWN = _CONTAINERS | _TEXTS_AND_NUMBERS


def containers(values: Iterable[object], most: int) -> dict[int, object] | None:
    """The containers that values are made of, by id, without tuples. None where there is anything
    else in them, or more than ``most`` to go through."""
    seen: dict[int, object] = {}
    parts = list(values)
    while parts:
        kinds = set(map(which, map(type, parts)))
        if not kinds <= _KNOWN:
            return None
        if kinds <= _TEXTS_AND_NUMBERS:
            break
        if not kinds <= _CONTAINERS:
            containing = map(_CONTAINERS.__contains__, map(which, map(type, parts)))
            parts = list(compress(parts, containing))
            kinds -= _TEXTS_AND_NUMBERS
        if kinds != _TUPLE:  # of which a hundred thousand may be met, and none holds itself
            new = dict(zip(map(which, parts), parts, strict=True))
            for number in seen.keys() & new.keys():
                del new[number]
            seen |= new
            parts = list(new.values())
        most -= sum(map(len, parts))  # type: ignore[arg-type]
        found = None if most < 0 else _held(parts, kinds)
        if found is None:
            return None
        parts = found
    return {id(obj): obj for obj in seen.values() if type(obj) is not tuple}


def _held(objects: list[Any], kinds: set[int]) -> list[object] | None:
    """What containers of some kinds hold; None where one is more than a container."""
    if kinds <= _HOLDING:
        return gc.get_referents(*objects)
    told = list(map(_KINDS_OF_DICTS.__contains__, map(which, map(type, objects))))
    found = gc.get_referents(*compress(objects, map(not_, told)))
    for each in compress(objects, told):
        if own(each) or (type(each) is defaultdict and not _is_builtin(each.default_factory)):
            return None
        found += chain(dict.keys(each), dict.values(each))
    return found


def _is_builtin(make: object) -> bool:
    """Whether what makes a missing item holds nothing itself."""
    return make is None or which(make) in _CONTAINERS | _TEXTS_AND_NUMBERS
