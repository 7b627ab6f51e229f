"""What an object holds and its own way of pickling leaves out, or copies, while others hold it too.

A document of BeautifulSoup is pickled as its text and parsed again; a figure of plotly's as a dict
of all that it says. An element, or a trace, that another variable has belongs to it no more then: a
change of one does not show in the other. Where that would be, such an object is made again as its
class says, and then given what it held, the very objects.
"""

from __future__ import annotations

import collections
import functools
import itertools
import types
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from sys import getrefcount
from typing import Any

from duranb.code.kinds import once_a_class
from duranb.code.looking import own, which
from duranb.values import undisturbed
from duranb.values.immutable import is_immutable_kind
from duranb.values.within import within

_CONTAINERS = frozenset(map(which, (list, tuple, dict, set, frozenset, collections.deque)))
_NO_STATE = (
    *(type, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinMethodType),
    *(weakref.ReferenceType, weakref.WeakKeyDictionary, weakref.WeakValueDictionary),
    itertools.count,
)
_NONE: dict[str, Any] = {}

_MOST = 2000
"""Objects that are gone through from one on."""

_INSIDE = 20_000
"""References that are followed in what a class says of how an object is pickled."""


@dataclass
class _Pickled:
    """An object that code of its own says is pickled as ``found``, and what of its attributes is
    not in that as it is."""

    obj: object
    found: tuple[Any, ...]
    left: list[object]

    @functools.cached_property
    def parts(self) -> set[int]:
        """The ids of all that this is or holds."""
        return set(map(id, _parts(self.left)))

    def omits(self) -> Iterator[object]:
        """What it holds and is nowhere in what is pickled, with what that holds."""
        inside = within(self.found, _INSIDE, self.obj)
        if inside is None:
            return
        for value in self.left:
            if is_immutable_kind(type(value)):
                yield from (each for each in _parts([value]) if id(each) not in inside)
            elif id(value) not in inside:
                yield from _parts([value])


class Omitting:
    """The objects of one dump that are pickled by code of their own, with what that leaves out."""

    def __init__(self, whole: Collection[int]) -> None:
        self._whole = whole
        """Those by their ids that are to be given what they held."""
        self._met: dict[int, _Pickled] = {}

    def reduction(self, obj: Any, found: Any, is_picklable: Callable[[object], bool]) -> Any:
        """How an object is pickled that its own code says is pickled as ``found``."""
        if not undisturbed.has_hooks(type(obj)) or not _makes(type(obj), found):
            return found
        held = own(obj)
        state = found[2] if len(found) > 2 else None
        same = state if type(state) is dict else _NONE
        # In two steps, since most objects of most values leave nothing out.
        left = {n: v for n, v in held.items() if same.get(n) is not v and _is_left(v)}
        if left:
            told = _told(found)
            left = {name: value for name, value in left.items() if id(value) not in told}
        if not left:
            return found
        if id(obj) not in self._whole:
            self._met[id(obj)] = _Pickled(obj, found, list(left.values()))
            return found
        kept = {n: v for n, v in held.items() if n not in left or is_picklable(v)}
        make, arguments, state, items, pairs, give = (*found, None, None, None, None)[:6]
        return make, arguments, (state, give, kept), items, pairs, put

    def __bool__(self) -> bool:
        return bool(self._met)

    def torn(self, met: Mapping[int, object]) -> set[int]:
        """Those that leave out what was met somewhere else in the dump."""
        return {
            number
            for number, each in self._met.items()
            if not met.keys().isdisjoint(each.parts)
            and any(id(part) in met for part in each.omits())
        }

    def among(self, values: Mapping[int, object]) -> dict[int, object]:
        """Of these values, by their ids, those that some of them leave out."""
        return {
            id(part): part
            for each in self._met.values()
            if not values.keys().isdisjoint(each.parts)
            for part in each.omits()
            if values.get(id(part)) is part
        }


def _makes(kind: Any, found: Any) -> bool:
    """Whether what is pickled so comes back as an object of the same class."""
    if type(found) is not tuple or len(found) < 2 or type(found[1]) is not tuple:
        return False
    make, arguments, *_ = found
    return make is kind or (bool(arguments) and arguments[0] is kind)


def put(obj: Any, told: tuple[Any, Any, dict[str, Any]]) -> None:
    """Give an object its state as its class says, and then what it held."""
    state, give, kept = told
    if give is not None:
        give(obj, state)
    elif hasattr(obj, "__setstate__"):
        obj.__setstate__(state)
    elif state is not None:
        attributes, slots = state if type(state) is tuple else (state, None)
        _attributes(obj).update(attributes or {})
        for name, value in (slots or {}).items():
            setattr(obj, name, value)
    _attributes(obj).update(kept)


def _attributes(obj: Any) -> Any:
    """The dict of an object's attributes."""
    return own(obj)


def _told(found: tuple[Any, ...]) -> set[int]:
    """The ids of what a reduction hands on as it is: arguments, attributes, slots."""
    _, arguments, state, *_ = (*found, None)
    several: list[Any] = [*arguments, state, *(state if type(state) is tuple else ())]
    dicts = [each for each in several if type(each) is dict]
    return {id(each) for each in several} | {id(v) for each in dicts for v in each.values()}


def _is_left(value: Any) -> bool:
    """Whether a value may be, or hold, state that something else has as well: not a container that
    nothing else holds, of texts and numbers."""
    kind = type(value)
    if not _is_state(kind):
        return False
    if which(kind) not in _CONTAINERS:
        return True
    parts = value.values() if kind is dict else value
    return any(map(_is_left, parts)) if parts and getrefcount(value) <= _ALONE else not _weak(parts)


def _weak(parts: Any) -> bool:
    """Whether there is something in a container, and nothing but weak references: what is told when
    one dies may hold the container."""
    return bool(parts) and all(issubclass(type(part), weakref.ReferenceType) for part in parts)


@once_a_class
def _is_state(kind: Any) -> bool:
    if issubclass(kind, _NO_STATE):
        return False
    return which(kind) in _CONTAINERS or not is_immutable_kind(kind)


def _parts(left: Iterable[object]) -> Iterator[object]:
    """These objects, what is in the containers among them, and what those hold that are pickled by
    code of their own as well: all that can be changed."""
    seen = dict[int, object]()
    level = list(left)
    while level and len(seen) < _MOST:
        level = [each for each in level if id(each) not in seen]
        seen.update((id(each), each) for each in level)
        level = [part for each in level for part in _held(each)]
    yield from (each for each in seen.values() if not is_immutable_kind(type(each)))


def _held(value: Any) -> list[object]:
    kind = type(value)
    if issubclass(kind, dict):
        held: Iterable[object] = list(dict.values(value))
    elif which(kind) in _CONTAINERS:
        held = list(value)
    elif undisturbed.has_hooks(kind):
        held = list(own(value).values())
    else:
        return []
    return [each for each in held if _is_state(type(each))]


_ALONE = next(getrefcount(v) for _, v in {"": [0]}.items() if [_is_state(type(v))]) + 1
"""How often a value is referred to while it is looked at that one thing alone holds."""
