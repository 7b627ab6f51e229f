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
from functools import lru_cache
from typing import Any

import xxhash

from duranb.pure import held, identity
from duranb.pure.codec import Missing, NotebookPickler, Reducer, own_way, special
from duranb.pure.immutable import is_atom, is_imported
from duranb.pure.looking import full_name, is_a, module_name, module_of, own_failure, written

_SETS = (b"\x8f", b"\x91")  # EMPTY_SET and FROZENSET
_LARGEST = 1 << 28
_DEEPEST = 300
_STEPS = 1_000
_MORE_STEPS = 2_000_000
"""What a walk goes through at most: it meets what is shared as often as there are ways to it."""


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


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        return len(data)


class _TooLarge(Exception):
    """Shared parts made the memo-less pickle explode."""


class _Canonical(NotebookPickler):
    """Functions and classes as their fingerprints, everything else by content."""

    def reduction(self, obj: Any) -> Any:
        token = _token(obj)
        if token is not None:
            return NotImplemented if token == _BY_NAME else (_Tag, (token, *_captured(obj)))
        found = special(obj)
        if found is None and self._reducer is not None:
            found = self._reducer(obj)
        if found is None:
            found = own_way(obj)
        return NotImplemented if found is None else found


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
            return _BY_NAME
        return f"class {identity.of_class(obj)}"
    if is_imported(obj):
        return f"module {module_name(obj)}"
    return None


def _captured(obj: Any) -> list[object]:
    """What code holds that its token does not tell."""
    return identity.captured(obj) if is_a(obj, types.FunctionType, type) else []


def version(value: object, live: dict[str, Any], reducer: Reducer | None = None) -> str:
    """The digest of a value's content: 32 hex characters, or ``unstorable:TYPE``.

    What cannot be pickled (a generator, a socket) is told by its type alone, as a part of a value
    too: another one of the type does as well. So is what libraries have made too entangled to walk
    (a figure); nothing in it says whether it is the same.
    """
    found = _version(value, live, reducer, None)
    if found is None and not _pickles(value, live, reducer, None):
        missing = Missing(_by_type)
        if _pickles(value, live, reducer, missing):
            missing.known = True
            found = _version(value, live, reducer, missing) if missing.found else None
    return found or f"unstorable:{full_name(type(value))}"


def _by_type(part: object, why: str) -> tuple[Any, ...]:
    return _Tag, (f"unstorable {full_name(type(part))}",)


def _pickles(
    value: object, live: dict[str, Any], reducer: Reducer | None, missing: Missing | None
) -> bool:
    """Whether a value can be pickled, without the parts that are then found ``missing``."""
    pickler = NotebookPickler(_Nowhere(), live, lambda b: None, reducer, missing=missing)
    try:
        pickler.dump(value)
    except BaseException as error:  # of any kind: it is the value's own code
        if not own_failure(error):
            raise
        return False
    return missing is None or id(value) not in missing.found


def _version(
    value: object, live: dict[str, Any], reducer: Reducer | None, missing: Missing | None
) -> str | None:
    kind = type(value)
    if is_atom(value) and not issubclass(kind, types.ModuleType):
        told = f"{kind.__name__} {written(value)}"
        return xxhash.xxh3_128_hexdigest(told.encode(errors="replace"))
    sink = _Sink()
    pickler = _Canonical(
        sink, live, lambda b: sink.hasher.update(b.raw()), reducer, missing=missing
    )
    pickler.fast = True
    try:
        pickler.dump(value)
        if not sink.sets:
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


class _Walker:
    """What the two slow ways have in common. ``left`` holds how many steps are left."""

    def __init__(self, live: dict[str, Any], reducer: Reducer | None, left: list[int]) -> None:
        self.hasher = xxhash.xxh3_128()
        self._live = live
        self._reducer = reducer
        self._left = left
        self._keep: list[object] = []

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
        token = _token(value)
        if token is None:
            return False
        self.say(token or f"{value.__module__}.{value.__qualname__}")
        return not (token and _captured(value))

    def _element(self, item: object) -> str:
        """The digest of an element of a set, which stands for it wherever it comes."""
        if is_atom(item) or type(item) is tuple:
            return version(item, self._live, self._reducer)
        return _Graph(self._live, self._reducer, self._left).value(item)

    def _parts(self, value: Any) -> list[Any]:
        """What is directly inside of a value, which is neither a set nor said already."""
        kind = type(value)
        if _token(value) is not None:
            return _captured(value)
        if kind in (list, tuple):
            self.say(f"{kind.__name__} {len(value)}")
            return list(value)
        if kind is dict:
            self.say(f"dict {len(value)}")
            return [part for pair in value.items() for part in pair]
        if issubclass(kind, enum.Enum):
            self.say(f"enum {value.name}")
            return [kind]
        if kind is pickle.PickleBuffer:
            self.hasher.update(value.raw())
            return []
        return self._reduced(value)

    def _reduced(self, value: Any) -> list[Any]:
        found: Any = special(value)
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
        self._keep.append(value)
        if type(value) in (set, frozenset):
            self.say(f"{type(value).__name__} {len(value)}")
            for digest in sorted(map(self._element, value)):
                self.say(digest)
        else:
            for part in self._parts(value):
                self.value(part, depth + 1)
        del self._open[id(value)]


@lru_cache(maxsize=4096)
def _is_installed(kind: Any) -> bool:
    """Whether a class is a library's, whose objects may hold what differs each time they are made
    (numbers that count up, the order of sets)."""
    module = module_of(kind)
    top = module.partition(".")[0]
    return top not in _PLAIN and top not in sys.stdlib_module_names and held.installed(module)


_PLAIN = frozenset({"numpy", "pandas", "pydantic"})


class _Graph(_Walker):
    """Each object once, numbered as it is first met: what is as entangled as a graph of nodes, or
    as deep as a list of links, is gone through in as many steps as it has parts."""

    def value(self, value: Any) -> str:
        """The digest."""
        if self._is_said(value):
            return self.hasher.hexdigest()
        numbers = {id(value): 0}
        queue = deque([value])
        while queue:
            current: Any = queue.popleft()
            self._step()
            kind: Any = type(current)
            if _is_installed(kind):
                raise _TooLarge
            if type(current) in (set, frozenset):
                self.say(f"{type(current).__name__} {len(current)}")
                for digest in sorted(map(self._element, current)):
                    self.say(digest)
                continue
            for part in self._parts(current):
                if self._is_said(part):
                    continue
                if id(part) not in numbers:
                    numbers[id(part)] = len(numbers)
                    queue.append(part)
                    self._keep.append(part)
                self.say(f"number {numbers[id(part)]}")
        return self.hasher.hexdigest()
