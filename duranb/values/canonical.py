"""The version of a value: a digest of its content that is the same in every process.

Pickled bytes are no identity: they differ with interning, set order and memoisation. A pickler
without a memo does not see which of two equal strings is the same object; where sets or cycles are
inside, a slower walk sorts the one and numbers the other. A dict's order counts, since code sees
it.
"""

from __future__ import annotations

import pickle
import sys
import types
from collections.abc import Callable
from typing import Any, TypeAlias

import xxhash

from duranb.code.looking import full_name, module_of, own_failure, written
from duranb.code.moving import is_moving, steady
from duranb.values import held, skeletons
from duranb.values.codec import NotebookPickler, Reducer, own_way, special
from duranb.values.immutable import is_atom
from duranb.values.missing import Missing
from duranb.values.ordinary import is_ordinary
from duranb.values.sink import Sink, TooLarge
from duranb.values.ties import ties
from duranb.values.tokens import (
    BY_NAME,
    GENERIC,
    Told,
    array_of,
    dispatching,
    token_of,
    variable_of,
)
from duranb.values.walks import Descriptions, Graph, Walk, is_plain

Reduce: TypeAlias = Callable[[object], Any]

_LARGEST = 1 << 28
_SHORT = 1 << 20
_MOST = 1 << 62
_CIRCLE = 128
"""After so many objects it is looked whether they are the same few, over and over."""
_WITH_SETTER = 6
"""The length of a reduction that names what sets the object's state."""
_STEPS = 2_000
_MORE_STEPS = 200_000
"""What a walk goes through at most: it meets what is shared as often as there are ways to it."""


class _Tag:
    """Stands in a canonical pickle for something that is told by its digest."""

    def __init__(self, digest: str, *captured: object) -> None:
        self.digest = digest

    def __reduce__(self) -> tuple[Any, ...]:
        return _Tag, (self.digest,)


class _Canonical(NotebookPickler):
    """Functions and classes as their fingerprints, everything else by content."""

    most = _LARGEST
    _met: list[int] | None = None
    told: Told | None = None

    def reducer_override(self, obj: Any) -> Any:
        found = super().reducer_override(obj)
        if type(found) is tuple and len(found) == _WITH_SETTER:
            # Pickle would give the setter the object itself: without a memo that never ends.
            make, arguments, state, items, pairs, _ = found
            return _Tag, ("", make, arguments, state, [*(items or ())], [*(pairs or ())])
        return found

    def reduction(self, obj: Any) -> Any:
        self._leave_circle(obj)
        if (found := dispatching(obj)) is not None:
            return found
        if issubclass(type(obj), _CODE):
            self.told = self.told or Told()
            token, held_by_it = self.told.of(obj)
        else:
            token, held_by_it = token_of(obj), []
        if token == GENERIC:
            return skeletons.of_generic(obj)
        if token is not None:
            return NotImplemented if token == BY_NAME else (_Tag, (token, *held_by_it))
        ordinary = is_ordinary(type(obj))
        found = None if ordinary else variable_of(obj) or special(obj) or array_of(obj)
        if found is None and self._reducer is not None:
            found = self._reducer(obj)
        if found is None and not ordinary:
            found = own_way(obj)
        return NotImplemented if found is None else found

    def _leave_circle(self, obj: object) -> None:
        """Without a memo, an object that leads back to itself is met again and again, a thousand
        levels deep, or ten thousand since Python 3.12 (every PeriodArray of pandas' does, and every
        column looked at apart from its frame): a few hundred are enough to tell."""
        if self._met is None:
            self._met = []
        self._met.append(id(obj))
        if len(self._met) == _CIRCLE:
            if len(set(self._met)) <= _CIRCLE // 8:
                raise TooLarge
            self._met.clear()


class _Short(_Canonical):
    """The same of what is short, and has no parts of installed libraries' classes."""

    most = _SHORT

    def reduction(self, obj: Any) -> Any:
        kind = type(obj)
        if not issubclass(kind, (type, types.FunctionType)):
            home = module_of(kind)
            if home.partition(".")[0] not in _KNOWN and held.installed(home):
                raise TooLarge
        return super().reduction(obj)


_CODE = (type, types.FunctionType)
_KNOWN = sys.stdlib_module_names | {"numpy", "pandas"}
"""Packages whose objects are nothing but what they hold."""


def version(
    value: object,
    live: dict[str, Any],
    reducer: Reducer | None = None,
    described: Descriptions | None = None,
    *,
    has_sets: bool = False,
) -> str:
    """The digest of a value's content: 32 hex characters, or ``unstorable:TYPE``.

    What cannot be pickled (a generator, a socket) is told by its type alone, as a part of a value
    too: another one of the type does as well. What can be pickled and is too deep or too entangled
    for the walk is told by its bytes: a change is never missed, at the price of one seen where
    another process pickles the same another way. ``described`` is what serves for several values
    that nothing changes in between. ``has_sets`` is known of some: it spares a try.
    """
    found = Descriptions() if described is None else described
    try:
        return steady(lambda: _at_rest(value, live, reducer, found, has_sets=has_sets))
    except RuntimeError as error:
        if not is_moving(error):
            raise
        return _unstorable(value)  # something fills it without end


def _at_rest(
    value: object,
    live: dict[str, Any],
    reducer: Reducer | None,
    described: Descriptions,
    *,
    has_sets: bool,
) -> str:
    """The version of a value that nothing changes meanwhile; RuntimeError where something does."""
    found = _version(value, live, reducer, None, described, has_sets=has_sets)
    if found is not None:
        return found
    told = _bytes(value, live, reducer, None)
    if told is None:
        missing = Missing(_by_type)
        told = _bytes(value, live, reducer, missing)
        if told is None or id(value) in missing.found:
            return _unstorable(value)
        missing.known = True
        found = _version(value, live, reducer, missing, Descriptions())
    return found or told


def _unstorable(value: object) -> str:
    return f"unstorable:{full_name(type(value))}"


def short(value: object, live: dict[str, Any], reducer: Reducer | None = None) -> str:
    """The version of a value that is looked at without having been named; empty for what is large,
    leads back to itself, or has parts of an installed library's classes, arrays and frames left
    out: they may be a model, or a connection."""

    def look() -> str:
        told = Told()
        found = _pickled(value, live, reducer, None, told, kind=_Short)
        sets = _Sets(live, reducer, told)
        return found or _pickled(value, live, reducer, None, told, sets, _Short) or ""

    try:
        return steady(look)
    except BaseException as error:  # of any kind: it is the value's own code
        if not own_failure(error):
            raise
        return ""


def reducing(live: dict[str, Any], reducer: Reducer | None = None) -> Reduce:
    """How an object is taken apart for its version: its reduction, as pickle has them, or
    NotImplemented for the one of its own class."""
    return _Canonical(Sink(_LARGEST), live, None, reducer).reduction


def _by_type(part: object, why: str) -> tuple[Any, ...]:
    return _Tag, (f"unstorable {full_name(type(part))}",)


def _bytes(
    value: object, live: dict[str, Any], reducer: Reducer | None, missing: Missing | None
) -> str | None:
    """A digest of the bytes that a value is pickled as; None where it cannot be."""
    sink = Sink(_MOST)
    pickler = NotebookPickler(
        sink, live, lambda b: sink.hasher.update(b.raw()), reducer, missing=missing
    )
    try:
        pickler.dump(value)
    except BaseException as error:  # of any kind: it is the value's own code
        if not own_failure(error) or is_moving(error):
            raise
        return None
    return f"bytes:{sink.hasher.hexdigest()}"


def _version(
    value: object,
    live: dict[str, Any],
    reducer: Reducer | None,
    missing: Missing | None,
    described: Descriptions,
    *,
    has_sets: bool = False,
) -> str | None:
    kind = type(value)
    if is_atom(value) and not issubclass(kind, types.ModuleType):
        text = f"{kind.__name__} {written(value)}"
        return xxhash.xxh3_128_hexdigest(text.encode(errors="replace"))
    told = Told()
    try:
        found = None if has_sets else _pickled(value, live, reducer, missing, told)
        return found or _pickled(value, live, reducer, missing, told, _Sets(live, reducer, told))
    except (ValueError, RecursionError, TooLarge, pickle.PicklingError):
        pass  # a cycle, or too much shared: the walk below numbers what it has seen
    except BaseException as error:  # of any kind: it is the value's own code
        if not own_failure(error) or is_moving(error):
            raise
        return None
    try:
        walk = Walk(live, reducer, told, [_STEPS])
        walk.value(value, 0)
        return walk.digest(ties(walk.met, set(map(type, walk.met))))
    except (TooLarge, RecursionError):
        pass  # entangled: there are more ways through it than there is of it
    except BaseException as error:  # the same
        if not own_failure(error) or is_moving(error):
            raise
        return None
    try:
        return Graph(live, reducer, told, [_MORE_STEPS], described).value(value)
    except BaseException as error:  # the same
        if not own_failure(error) or is_moving(error):
            raise
        return None


def _pickled(
    value: object,
    live: dict[str, Any],
    reducer: Reducer | None,
    missing: Missing | None,
    told: Told,
    sets: _Sets | None = None,
    kind: type[_Canonical] = _Canonical,
) -> str | None:
    """The digest of the pickle without a memo. None where there are sets, which have no order, and
    nothing that tells them."""
    sink = Sink(kind.most)
    pickler = kind(sink, live, sink.take, reducer, missing=missing)
    pickler.fast = True
    pickler.told = told
    met: list[object] = []
    pickler.persistent_id = met.append  # it returns None: nothing is persistent
    if sets is not None:
        pickler.persistent_id, met = sets.told, sets.met
    pickler.dump(value)
    kinds = set(map(type, met))
    if sets is None and not kinds.isdisjoint((set, frozenset)):
        return None
    sink.hasher.update(ties(met, kinds).encode())
    return sink.hasher.hexdigest()


class _Sets:
    """What stands for the sets in a pickle: their elements in order."""

    def __init__(self, live: dict[str, Any], reducer: Reducer | None, told: Told) -> None:
        self.met: list[object] = []
        self._how = live, reducer, told, [_STEPS]

    def told(self, obj: object) -> str | None:
        """What to write for an object; None for any but a set, which is gone into."""
        self.met.append(obj)
        kind: Any = type(obj)
        if kind is not set and kind is not frozenset:
            return None
        elements: Any = obj
        if is_plain(elements):
            return f"{kind.__name__} {sorted(elements)!r}"
        walk = Walk(*self._how)
        return f"{kind.__name__} {sorted(map(walk.element, elements))!r}"
