"""Which objects a value holds, as the pickler remembers them.

It remembers texts and tuples too, most of a large value and no state, and gives all that it has as
an entry an object: for a hundred thousand of them that takes longer than pickling did.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterator
from itertools import compress
from typing import Any

from duranb.code.looking import which
from duranb.values.containers import containers


def inside(pickler: Any, value: object, without: object) -> dict[int, object]:
    """The objects, by id, that a ``pickler`` met in a value, without texts, tuples, the value
    itself and ``without``. The pickler forgets them. What pickling made on the way, and nothing
    else holds, is none of them: it is let go of, and its id is soon another's."""
    room = pickler.__sizeof__() // _ENTRY
    found = None
    if room > _MANY and type(value) is dict:
        found = containers(value.values(), _WAYS * room)
    if found is None:
        found = _without_texts(pickler.memo.copy())
        pickler.memo.clear()
        while made := _held_by_nothing_else(found):
            for i in made:
                del found[i]
        found.pop(id(value), None)
        found.pop(id(without), None)
    else:
        pickler.memo.clear()
    return found


_ENTRY = 16
"""Bytes of the pickler's table for an object that it remembers. It has room for two to four times
as many as there are."""

_MANY = 4096
"""The room from which on it takes less time to find containers among nothing but texts and numbers
another way."""

_WAYS = 4
"""How many numbers and the like, which it does not remember, may be there for each of these."""


def _without_texts(memo: dict[int, tuple[int, object]]) -> dict[int, object]:
    met = list(map(_OBJECT, memo.values()))
    kinds = map(which, map(type, met))
    state = list(map(operator.not_, map(_TEXTS.__contains__, kinds)))
    return dict(zip(compress(memo, state), compress(met, state), strict=True))


_OBJECT = operator.itemgetter(1)
_TEXTS = frozenset(map(which, (str, tuple)))


def _references(objects: dict[int, object]) -> Iterator[int]:
    """How many references there are to each of some objects, those of this function included."""
    return map(sys.getrefcount, objects.values())


_ONE = next(_references({0: object()}))
"""What that says of an object that nothing else holds."""


def _held_by_nothing_else(objects: dict[int, object]) -> list[int]:
    return list(compress(objects, map(_ONE.__eq__, _references(objects))))
