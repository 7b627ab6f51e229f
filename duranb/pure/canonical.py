"""The version of a value: a digest of its content that is the same in every process.

Pickled bytes are no identity: they differ with interning, set order and memoisation. A pickler
without a memo does not see which of two equal strings is the same object; where sets or cycles are
inside, a slower walk sorts the one and numbers the other. A dict's order counts, since code sees
it.
"""

from __future__ import annotations

import builtins
import copyreg
import enum
import pickle
import sys
import types
from collections.abc import Callable
from typing import Any, TypeAlias

import xxhash

from duranb.pure import held, identity, recipes
from duranb.pure.codec import Missing, NotebookPickler, Reducer, special
from duranb.pure.immutable import ATOMS

_SETS = (b"\x8f", b"\x91")  # EMPTY_SET and FROZENSET
Reduce: TypeAlias = Callable[[object], Any]

_LARGEST = 1 << 28
_DEEPEST = 300
_MOST = 10_000


class _Tag:
    """Stands in a canonical pickle for something that is told by its digest."""

    def __init__(self, digest: str, *captured: object) -> None:
        self.digest = digest

    def __reduce__(self) -> tuple[Any, ...]:
        return _Tag, (self.digest,)


class _Sink:
    """Hashes what is written, and notices sets."""

    def __init__(self) -> None:
        self.hasher = xxhash.xxh3_128()
        self.sets = False
        self.size = 0

    def write(self, data: Any) -> int:
        view = bytes(data) if len(data) < 1 << 20 else data
        if not self.sets and isinstance(view, bytes):
            self.sets = any(mark in view for mark in _SETS)
        self.hasher.update(view)
        self.size += len(data)
        if self.size > _LARGEST:
            raise _TooLarge
        return len(data)


class _TooLarge(Exception):
    """Shared parts made the memo-less pickle explode."""


class _Canonical(NotebookPickler):
    """Functions and classes as their fingerprints, everything else by content."""

    def reduction(self, obj: Any) -> Any:
        if type(obj) is types.FunctionType and (found := recipes.of_function(obj)) is not None:
            return found
        token = _token(obj)
        if token is not None:
            return NotImplemented if token == _BY_NAME else (_Tag, (token, *_captured(obj)))
        found = special(obj)
        if found is None and self._reducer is not None:
            found = self._reducer(obj)
        return NotImplemented if found is None else found


_BY_NAME = ""
"""The token of what a library holds under its own name: pickle tells it by that."""


def _token(obj: Any) -> str | None:
    kind = type(obj)  # never isinstance, which asks the value; and a proxy says it is a function
    if kind is types.FunctionType:
        if identity.library(obj):
            return _BY_NAME
        return f"function {identity.of_function(obj)}"
    if issubclass(kind, type):
        if obj.__module__ == "builtins" and not hasattr(builtins, obj.__name__):
            return f"type {obj.__name__}"  # of a function, of a mappingproxy, …
        if identity.library(obj):
            # types.MethodType says it is builtins.method, which is not there.
            return _BY_NAME if _is_there(obj) else f"class {obj.__module__}.{obj.__qualname__}"
        return f"class {identity.of_class(obj)}"
    if issubclass(kind, types.ModuleType):
        return f"module {obj.__name__}"
    if kind is object:
        # Only told apart by being another one.
        return f"object {'.'.join(held.place(obj) or ())}"
    return None


def _is_there(cls: type) -> bool:
    found: Any = sys.modules.get(cls.__module__)
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is cls


def _captured(obj: Any) -> list[object]:
    """What code holds that its token does not tell."""
    if type(obj) is type and obj.__module__ == "builtins":
        return []
    return identity.captured(obj) if issubclass(type(obj), (types.FunctionType, type)) else []


def version(value: object, live: dict[str, Any], reducer: Reducer | None = None) -> str:
    """The digest of a value's content: 32 hex characters, or ``unstorable:TYPE``.

    What cannot be pickled (a generator, a socket) is told by its type alone, as a part of a value
    too: another one of the type does as well.
    """
    found = _version(value, live, reducer, None)
    if found is None:
        missing = Missing(_by_type)
        found = _version(value, live, reducer, missing)
        if id(value) in missing.found:
            found = None
    return found or f"unstorable:{_type_name(value)}"


def reducing(live: dict[str, Any], reducer: Reducer | None = None) -> Reduce:
    """How an object is taken apart for its version: its reduction, as pickle has them, or
    NotImplemented for the one of its own class."""
    return _Canonical(_Sink(), live, None, reducer).reduction


def _by_type(part: object, why: str) -> tuple[Any, ...]:
    kind = type(part)
    return _Tag, (f"unstorable {kind.__module__}.{kind.__qualname__}",)


def _version(
    value: object, live: dict[str, Any], reducer: Reducer | None, missing: Missing | None
) -> str | None:
    kind = type(value)
    if kind in ATOMS:
        return xxhash.xxh3_128_hexdigest(f"{kind.__name__} {value!r}".encode(errors="replace"))
    sink = _Sink()
    pickler = _Canonical(
        sink, live, lambda b: sink.hasher.update(b.raw()), reducer, missing=missing
    )
    pickler.fast = True
    try:
        pickler.dump(value)
        if not sink.sets:
            return sink.hasher.hexdigest()
    except (ValueError, RecursionError, _TooLarge):
        pass  # a cycle, or too much shared: the walk below numbers what it has seen
    except Exception as error:  # of any kind: it is the value's own code
        if not isinstance(error.__cause__, RecursionError):  # which cloudpickle tells otherwise
            return None
    for most in (_MOST, None):
        try:
            walk = _Walk(live, reducer, most)
            walk.value(value, 0)
            return walk.hasher.hexdigest()
        except _TooLarge:
            continue
        except Exception:  # the same
            return None
    raise AssertionError("a walk without a limit has no end")


def _type_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


class _Walk:
    """The slow way: sets sorted by the digests of their elements, cycles by number.

    What is reached by several ways is told each time: equal content, equal digest. An object whose
    parts all know each other (a figure) would take forever: after ``most`` parts the walk gives up
    with :class:`_TooLarge`. With None there for a limit, each part is told once, by number later.
    """

    def __init__(
        self, live: dict[str, Any], reducer: Reducer | None, most: int | None = None
    ) -> None:
        self._left = most
        self.hasher = xxhash.xxh3_128()
        self._live = live
        self._reducer = reducer
        self._open: dict[int, int] = {}
        self._keep: list[object] = []

    def say(self, text: str) -> None:
        self.hasher.update(text.encode(errors="surrogatepass") + b"\0")

    def value(self, value: Any, depth: int) -> None:
        kind = type(value)
        if kind in ATOMS:
            self.say(f"{kind.__name__} {value!r}")
            return
        dispatching = recipes.of_function(value) if kind is types.FunctionType else None
        token = _token(value) if dispatching is None else None
        if token is not None:
            self.say(token or f"{value.__module__}.{value.__qualname__}")
        held = _captured(value) if token else []
        if token is not None and not held:
            return
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise _TooLarge
        if id(value) in self._open:
            self.say(f"again {len(self._open) - self._open[id(value)]}")
            return
        if depth > _DEEPEST:
            raise RecursionError
        self._open[id(value)] = len(self._open)
        self._keep.append(value)
        if held:
            self._inside(held, list, depth + 1)
        else:
            self._inside(value, kind, depth + 1)
        if self._left is not None:
            del self._open[id(value)]

    def _inside(self, value: Any, kind: type, depth: int) -> None:
        if kind in (list, tuple):
            self.say(f"{kind.__name__} {len(value)}")
            for item in value:
                self.value(item, depth)
        elif kind is dict:
            self.say(f"dict {len(value)}")
            for key, item in value.items():
                if type(key) is int and key == id(item):
                    self.say("its id")  # another one in each process
                else:
                    self.value(key, depth)
                self.value(item, depth)
        elif kind in (set, frozenset):
            self.say(f"{kind.__name__} {len(value)}")
            for digest in sorted(version(item, self._live, self._reducer) for item in value):
                self.say(digest)
        elif isinstance(value, enum.Enum):
            self.say(f"enum {value.name}")
            self.value(kind, depth)
        elif isinstance(value, pickle.PickleBuffer):
            self.hasher.update(value.raw())
        else:
            self._reduced(value, depth)

    def _reduced(self, value: Any, depth: int) -> None:
        found: Any = recipes.of_function(value) if type(value) is types.FunctionType else None
        found = found or special(value)
        if found is None and self._reducer is not None:
            found = self._reducer(value)
        if found is None:
            registered = copyreg.dispatch_table.get(type(value))
            found = registered(value) if registered else value.__reduce_ex__(5)
        self.say("object")
        if isinstance(found, str):
            self.say(found)
            return
        for part in found[:3]:
            self.value(part, depth)
        for items in found[3:5]:
            for item in items or ():
                self.value(item, depth)
