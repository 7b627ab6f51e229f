"""The version of a value: a digest of its content that is the same in every process.

Pickled bytes are no identity: they differ with interning, set order and memoisation. A pickler
without a memo does not see which of two equal strings is the same object; where sets or cycles are
inside, a slower walk sorts the one and numbers the other. A dict's order counts, since code sees
it.
"""

from __future__ import annotations

import copyreg
import enum
import pickle
import sys
import types
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

import xxhash

from duranb.code import compiled, identity
from duranb.code.looking import full_name, is_a, module_name, module_of, own_failure, written
from duranb.values import held, texts
from duranb.values.codec import NotebookPickler, Reducer, own_way, special
from duranb.values.immutable import is_atom, is_imported
from duranb.values.missing import Missing
from duranb.values.ties import ties

Reduce: TypeAlias = Callable[[object], Any]

_LARGEST = 1 << 28
_MOST = 1 << 62
_DEEPEST = 300
_CIRCLE = 128
"""After so many objects it is looked whether they are the same few, over and over."""
_WITH_SETTER = 6
"""The length of a reduction that names what sets the object's state."""
_STEPS = 2_000
_FEW_STEPS = 50
_MORE_STEPS = 200_000
"""What a walk goes through at most: it meets what is shared as often as there are ways to it."""


class _Tag:
    """Stands in a canonical pickle for something that is told by its digest."""

    def __init__(self, digest: str, *captured: object) -> None:
        self.digest = digest

    def __reduce__(self) -> tuple[Any, ...]:
        return _Tag, (self.digest,)


class _Sink:
    """Hashes what is written."""

    def __init__(self, most: int) -> None:
        self.hasher = xxhash.xxh3_128()
        self.size = 0
        self._most = most

    def write(self, data: Any) -> int:
        view = bytes(data) if len(data) < 1 << 20 else data
        self.hasher.update(view)
        self.size += len(data)
        if self.size > self._most:
            raise _TooLarge
        return len(data)


class _TooLarge(Exception):
    """Shared parts made the memo-less pickle explode."""


class _Canonical(NotebookPickler):
    """Functions and classes as their fingerprints, everything else by content."""

    _met: list[int] | None = None

    def reducer_override(self, obj: Any) -> Any:
        found = super().reducer_override(obj)
        if type(found) is tuple and len(found) == _WITH_SETTER:
            # Pickle gives the setter the object itself: without a memo that never ends. So it is
            # with every frame of pandas'.
            raise _TooLarge
        return found

    def reduction(self, obj: Any) -> Any:
        self._leave_circle(obj)
        if (dispatching := _dispatching(obj)) is not None:
            return dispatching
        token = _token(obj)
        if token is not None:
            return NotImplemented if token == _BY_NAME else (_Tag, (token, *_captured(obj)))
        found = special(obj) or _texts(obj)
        if found is None and self._reducer is not None:
            found = self._reducer(obj)
        if found is None:
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
                raise _TooLarge
            self._met.clear()


class _Short(_Canonical):
    """The same, without what is of installed libraries."""

    def reduction(self, obj: Any) -> Any:
        kind = type(obj)
        if not issubclass(kind, (type, types.FunctionType)):
            home = module_of(kind)
            if home.partition(".")[0] not in _KNOWN and held.installed(home):
                raise _TooLarge
        return super().reduction(obj)


_KNOWN = sys.stdlib_module_names | {"numpy", "pandas"}
"""Packages whose objects are nothing but what they hold."""


def _texts(obj: Any) -> tuple[Any, ...] | None:
    """An array of strings by its content: how many of them are one object is no part of that."""
    numpy = sys.modules.get("numpy")
    return texts.content(obj) if numpy is not None and type(obj) is numpy.ndarray else None


_BY_NAME = ""
"""The token of what a library holds under its own name: pickle tells it by that."""


def _token(obj: Any) -> str | None:
    kind = type(obj)
    if kind is types.FunctionType:
        if identity.library(obj):
            return _BY_NAME
        return f"function {identity.of_function(obj)}"
    if issubclass(kind, type):
        if identity.library(obj):
            # types.MethodType says it is builtins.method, which is not there.
            return _BY_NAME if _is_there(obj) else f"class {full_name(obj)}"
        return f"class {identity.of_class(obj)}"
    if is_imported(obj):
        return f"module {module_name(obj)}"
    if kind is object:  # which only its place tells apart from another one
        return f"object {'.'.join(held.place(obj) or ())}"
    return None


def _is_there(cls: type) -> bool:
    found: Any = sys.modules.get(cls.__module__)
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is cls


def _dispatching(obj: Any) -> Any:
    return compiled.reduction(obj) if type(obj) is types.FunctionType else None


def _captured(obj: Any) -> list[object]:
    """What code holds that its token does not tell."""
    if not is_a(obj, types.FunctionType, type) or identity.library(obj):
        return []
    return identity.captured(obj)


def version(value: object, live: dict[str, Any], reducer: Reducer | None = None) -> str:
    """The digest of a value's content: 32 hex characters, or ``unstorable:TYPE``.

    What cannot be pickled (a generator, a socket) is told by its type alone, as a part of a value
    too: another one of the type does as well. What can be pickled and is too deep or too entangled
    for the walk is told by its bytes: a change is never missed, at the price of one seen where
    another process pickles the same another way.
    """
    found = _version(value, live, reducer, None)
    if found is not None:
        return found
    told = _bytes(value, live, reducer, None)
    if told is None:
        missing = Missing(_by_type)
        told = _bytes(value, live, reducer, missing)
        if told is None or id(value) in missing.found:
            return f"unstorable:{full_name(type(value))}"
        missing.known = True
        found = _version(value, live, reducer, missing)
    return found or told


def short(value: object, live: dict[str, Any], reducer: Reducer | None = None) -> str:
    """The same version as :func:`version`'s, of a value that is looked at without having been
    named: empty for what is large, or has parts of an installed library's classes, arrays and
    frames left out: they may be a model, or a connection."""
    kind = type(value)
    if is_atom(value) and not issubclass(kind, types.ModuleType):
        return _version(value, live, reducer, None) or ""
    sink, left = _Sink(_SHORT), [_SHORT_BUFFERS]

    def take(buffer: pickle.PickleBuffer) -> None:
        raw = buffer.raw()
        left[0] -= raw.nbytes
        if left[0] < 0:
            raise _TooLarge
        sink.hasher.update(raw)

    pickler = _Short(sink, live, take, reducer)
    pickler.fast = True
    met: list[object] = []
    pickler.persistent_id = met.append
    try:
        pickler.dump(value)
        kinds = set(map(type, met))
        if kinds.isdisjoint((set, frozenset)):
            sink.hasher.update(ties(met, kinds).encode())
            return sink.hasher.hexdigest()
    except (ValueError, RecursionError, pickle.PicklingError):
        pass  # a cycle: the walk below numbers what it has seen
    except BaseException as error:  # of any kind: it is too large, or its own code raised
        if not own_failure(error):
            raise
        return ""
    try:
        walk = _Walk(live, reducer, [_STEPS])
        walk.value(value, 0)
        return walk.hasher.hexdigest()
    except BaseException as error:  # the same
        if not own_failure(error):
            raise
        return ""


_SHORT = 1 << 20
_SHORT_BUFFERS = 1 << 26
"""Bytes, and bytes of arrays, up to which a value is short."""


def reducing(live: dict[str, Any], reducer: Reducer | None = None) -> Reduce:
    """How an object is taken apart for its version: its reduction, as pickle has them, or
    NotImplemented for the one of its own class."""
    return _Canonical(_Sink(_LARGEST), live, None, reducer).reduction


def _by_type(part: object, why: str) -> tuple[Any, ...]:
    return _Tag, (f"unstorable {full_name(type(part))}",)


def _bytes(
    value: object, live: dict[str, Any], reducer: Reducer | None, missing: Missing | None
) -> str | None:
    """A digest of the bytes that a value is pickled as; None where it cannot be."""
    sink = _Sink(_MOST)
    pickler = NotebookPickler(
        sink, live, lambda b: sink.hasher.update(b.raw()), reducer, missing=missing
    )
    try:
        pickler.dump(value)
    except BaseException as error:  # of any kind: it is the value's own code
        if not own_failure(error):
            raise
        return None
    return f"bytes:{sink.hasher.hexdigest()}"


def _version(
    value: object, live: dict[str, Any], reducer: Reducer | None, missing: Missing | None
) -> str | None:
    kind = type(value)
    if is_atom(value) and not issubclass(kind, types.ModuleType):
        told = f"{kind.__name__} {written(value)}"
        return xxhash.xxh3_128_hexdigest(told.encode(errors="replace"))
    sink = _Sink(_LARGEST)
    pickler = _Canonical(
        sink, live, lambda b: sink.hasher.update(b.raw()), reducer, missing=missing
    )
    pickler.fast = True
    met: list[object] = []
    pickler.persistent_id = met.append  # it returns None: nothing is persistent
    try:
        pickler.dump(value)
        kinds = set(map(type, met))
        if kinds.isdisjoint((set, frozenset)):
            sink.hasher.update(ties(met, kinds).encode())
            return sink.hasher.hexdigest()
    except (ValueError, RecursionError, _TooLarge, pickle.PicklingError):
        pass  # a cycle, or too much shared: the walk below numbers what it has seen
    except BaseException as error:  # of any kind: it is the value's own code
        if not own_failure(error):
            raise
        return None
    try:
        walk = _Walk(live, reducer, [_STEPS])
        walk.value(value, 0)
        walk.hasher.update(ties(walk.met, set(map(type, walk.met))).encode())
        return walk.hasher.hexdigest()
    except _TooLarge:
        pass  # entangled: there are more ways through it than there is of it
    except BaseException as error:  # the same
        if not own_failure(error):
            raise
        return None
    try:
        return _Graph(live, reducer, [_MORE_STEPS]).value(value)
    except BaseException as error:  # the same
        if not own_failure(error):
            raise
        return None


_SORTABLE = ({str}, {bytes}, {int})


def _is_plain(found: Any) -> bool:
    """Whether a set is of one type that can be sorted and written, as very long integers cannot."""
    if set(map(type, found)) not in _SORTABLE:
        return False
    return type(next(iter(found))) is not int or -(1 << 64) < min(found) <= max(found) < 1 << 64


class _Walker:
    """What the two slow ways have in common. ``left`` holds how many steps are left."""

    def __init__(self, live: dict[str, Any], reducer: Reducer | None, left: list[int]) -> None:
        self.hasher = xxhash.xxh3_128()
        self._live = live
        self._reducer = reducer
        self._left = left
        self.met: list[object] = []

    def say(self, text: str) -> None:
        self.hasher.update(text.encode(errors="surrogatepass") + b"\0")

    def _step(self) -> None:
        self._left[0] -= 1
        if self._left[0] < 0:
            raise _TooLarge

    def _is_said(self, value: Any) -> bool:
        """Say a value in which nothing else is; False for any other."""
        kind = type(value)
        if is_atom(value) and not issubclass(kind, types.ModuleType):
            self.say(f"{kind.__name__} {written(value)}")
            return True
        if kind in (set, frozenset) and _is_plain(value):
            # At C speed: sets of words and keys are large.
            self.say(f"{kind.__name__} {len(value)} {sorted(value)!r}")
            return True
        token = _token(value) if _dispatching(value) is None else None
        if token is None:
            return False
        self.say(token or f"{value.__module__}.{value.__qualname__}")
        return not (token and _captured(value))

    def _parts(self, value: Any) -> list[Any]:
        """What is directly inside of a value, which is neither a set nor said already."""
        kind = type(value)
        if _dispatching(value) is None and _token(value) is not None:
            return _captured(value)
        if kind in (list, tuple):
            self.say(f"{kind.__name__} {len(value)}")
            return list(value)
        if kind is dict:
            self.say(f"dict {len(value)}")
            return [part for pair in value.items() for part in _pair(*pair)]
        if issubclass(kind, enum.Enum):
            self.say(f"enum {value.name}")
            return [kind]
        if kind is pickle.PickleBuffer:
            self.hasher.update(value.raw())
            return []
        return self._reduced(value)

    def _reduced(self, value: Any) -> list[Any]:
        found: Any = _dispatching(value) or special(value) or _texts(value)
        if found is None and self._reducer is not None:
            found = self._reducer(value)
        if found is None:
            found = own_way(value)
        if found is None:
            registered = copyreg.dispatch_table.get(type(value))
            found = registered(value) if registered else value.__reduce_ex__(5)
        self.say("object")
        if type(found) is str:
            self.say(found)
            return []
        return [*found[:3], *(item for items in found[3:5] for item in items or ())]


def _pair(key: Any, item: Any) -> tuple[Any, Any]:
    """A key and its value. An object under its own id is under another one in each process."""
    return ("its id" if type(key) is int and key == id(item) else key), item


class _Walk(_Walker):
    """Sets sorted by the digests of their elements, cycles by number."""

    def __init__(self, live: dict[str, Any], reducer: Reducer | None, left: list[int]) -> None:
        super().__init__(live, reducer, left)
        self._open: dict[int, int] = {}

    def value(self, value: Any, depth: int) -> None:
        if self._is_said(value):
            return
        if id(value) in self._open:
            self.say(f"again {len(self._open) - self._open[id(value)]}")
            return
        self._step()
        if depth > _DEEPEST:
            raise _TooLarge
        self._open[id(value)] = len(self._open)
        self.met.append(value)
        if type(value) in (set, frozenset):
            self.say(f"{type(value).__name__} {len(value)}")
            for digest in sorted(map(self._element, value)):
                self.say(digest)
        else:
            for part in self._parts(value):
                self.value(part, depth + 1)
        del self._open[id(value)]

    def _element(self, item: object) -> str:
        walk = _Walk(self._live, self._reducer, self._left)
        walk.value(item, 0)
        return walk.hasher.hexdigest()


class _Graph(_Walker):
    """Each object once, numbered as it is first met: what is as entangled as a figure, or as deep
    as a list of links, is gone through in as many steps as it has parts."""

    def value(self, value: Any) -> str:
        """The digest."""
        if self._is_said(value):
            return self.hasher.hexdigest()
        numbers = {id(value): 0}
        queue = deque([value])
        while queue:
            current = queue.popleft()
            self._step()
            if type(current) in (set, frozenset):
                self.say(f"{type(current).__name__} {len(current)}")
                parts = sorted(current, key=self._first_look)
            else:
                parts = self._parts(current)
            for part in parts:
                if self._is_said(part):
                    continue
                if id(part) not in numbers:
                    numbers[id(part)] = len(numbers)
                    queue.append(part)
                    self.met.append(part)
                self.say(f"number {numbers[id(part)]}")
        return self.hasher.hexdigest()

    def _first_look(self, item: object) -> str:
        """What tells an element of a set from most others."""
        walk = _Walk(self._live, self._reducer, [_FEW_STEPS])
        try:
            walk.value(item, 0)
        except _TooLarge:
            return full_name(type(item))
        return walk.hasher.hexdigest()
