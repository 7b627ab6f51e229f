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

from duranb.code.looking import full_name, module_of, own_failure, written
from duranb.values import held
from duranb.values.codec import NotebookPickler, Reducer, own_way, special
from duranb.values.immutable import ATOMS, is_atom
from duranb.values.missing import Missing
from duranb.values.sink import Sink, TooLarge
from duranb.values.ties import ties
from duranb.values.tokens import BY_NAME, array_of, captured, dispatching, token_of

Reduce: TypeAlias = Callable[[object], Any]

_LARGEST = 1 << 28
_SHORT = 1 << 20
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
_AT_ONCE = 5_000
"""Texts that a walk hashes together."""


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
        token = token_of(obj)
        if token is not None:
            return NotImplemented if token == BY_NAME else (_Tag, (token, *captured(obj)))
        found = special(obj) or array_of(obj)
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


_KNOWN = sys.stdlib_module_names | {"numpy", "pandas"}
"""Packages whose objects are nothing but what they hold."""


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
    """The version of a value that is looked at without having been named; empty for what is large,
    leads back to itself, or has parts of an installed library's classes, arrays and frames left
    out: they may be a model, or a connection."""
    try:
        found = _pickled(value, live, reducer, None, kind=_Short)
        return found or _pickled(value, live, reducer, None, _Sets(live, reducer), _Short) or ""
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
    try:
        found = _pickled(value, live, reducer, missing)
        return found or _pickled(value, live, reducer, missing, _Sets(live, reducer))
    except (ValueError, RecursionError, TooLarge, pickle.PicklingError):
        pass  # a cycle, or too much shared: the walk below numbers what it has seen
    except BaseException as error:  # of any kind: it is the value's own code
        if not own_failure(error):
            raise
        return None
    try:
        walk = _Walk(live, reducer, [_STEPS])
        walk.value(value, 0)
        return walk.digest(ties(walk.met, set(map(type, walk.met))))
    except TooLarge:
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


def _pickled(
    value: object,
    live: dict[str, Any],
    reducer: Reducer | None,
    missing: Missing | None,
    sets: _Sets | None = None,
    kind: type[_Canonical] = _Canonical,
) -> str | None:
    """The digest of the pickle without a memo. None where there are sets, which have no order, and
    nothing that tells them."""
    sink = Sink(kind.most)
    pickler = kind(sink, live, sink.take, reducer, missing=missing)
    pickler.fast = True
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

    def __init__(self, live: dict[str, Any], reducer: Reducer | None) -> None:
        self.met: list[object] = []
        self._live = live
        self._reducer = reducer
        self._left = [_STEPS]

    def told(self, obj: object) -> str | None:
        """What to write for an object; None for any but a set, which is gone into."""
        self.met.append(obj)
        kind: Any = type(obj)
        if kind is not set and kind is not frozenset:
            return None
        elements: Any = obj
        if _is_plain(elements):
            return f"{kind.__name__} {sorted(elements)!r}"
        walk = _Walk(self._live, self._reducer, self._left)
        return f"{kind.__name__} {sorted(map(walk.element, elements))!r}"


_SORTABLE = ({str}, {bytes}, {int})


def _is_plain(found: Any) -> bool:
    """Whether a set is of one type that can be sorted and written, as very long integers cannot."""
    if set(map(type, found)) not in _SORTABLE:
        return False
    return type(next(iter(found))) is not int or -(1 << 64) < min(found) <= max(found) < 1 << 64


_ATOM_NAMES = {id(kind): kind.__name__ for kind in ATOMS}
_CONTAINERS = frozenset(map(id, (list, tuple, dict)))
_TOLD = (type, types.FunctionType, types.ModuleType)
"""What :func:`duranb.values.tokens.token_of` tells, but for a bare ``object()``."""


class _Walker:
    """What the two slow ways have in common. ``left`` holds how many steps are left."""

    def __init__(self, live: dict[str, Any], reducer: Reducer | None, left: list[int]) -> None:
        self._hasher = xxhash.xxh3_128()
        self._texts: list[str] = []
        self.say = self._texts.append
        self._live = live
        self._reducer = reducer
        self._left = left
        self.met: list[object] = []

    def digest(self, more: str = "") -> str:
        """Of all that was said, and of ``more``."""
        self._hash()
        self._hasher.update(more.encode())
        return self._hasher.hexdigest()

    def _hash(self) -> None:
        """Hash what was said, much at a time: a figure says a hundred thousand short texts."""
        if self._texts:
            self.say("")
            self._hasher.update("\0".join(self._texts).encode(errors="surrogatepass"))
            self._texts.clear()

    def _step(self) -> None:
        self._left[0] -= 1
        if self._left[0] < 0:
            raise TooLarge
        if len(self._texts) > _AT_ONCE:
            self._hash()

    def _is_said(self, value: Any) -> bool:
        """Say a value in which nothing else is; False for any other."""
        kind: Any = type(value)
        if kind is str:  # most of what there is
            self.say(f"str {value!r}")
            return True
        name = _ATOM_NAMES.get(id(kind))
        if name is not None:
            self.say(f"{name} {written(value)}")
            return True
        if id(kind) in _CONTAINERS:
            return False
        if kind in (set, frozenset) and _is_plain(value):
            # At C speed: sets of words and keys are large.
            self.say(f"{kind.__name__} {len(value)} {sorted(value)!r}")
            return True
        if kind is not object and not issubclass(kind, _TOLD):
            return False
        token = token_of(value) if dispatching(value) is None else None
        if token is None:
            return False
        self.say(token or f"{value.__module__}.{value.__qualname__}")
        return not (token and captured(value))

    def _parts(self, value: Any) -> list[Any]:
        """What is directly inside of a value, which is neither a set nor said already."""
        kind = type(value)
        if kind is list or kind is tuple:
            self.say(f"{kind.__name__} {len(value)}")
            return list(value)
        if kind is dict:
            self.say(f"dict {len(value)}")
            # An object under its own id is under another one in each process.
            return [
                part
                for key, item in value.items()
                for part in ("its id" if type(key) is int and key == id(item) else key, item)
            ]
        if issubclass(kind, _TOLD) and dispatching(value) is None and token_of(value) is not None:
            return captured(value)
        if issubclass(kind, enum.Enum):
            self.say(f"enum {value.name}")
            return [kind]
        if kind is pickle.PickleBuffer:
            self._hash()
            self._hasher.update(value.raw())
            return []
        return self._reduced(value)

    def _reduced(self, value: Any) -> list[Any]:
        found: Any = dispatching(value) or special(value) or array_of(value)
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
            raise TooLarge
        self._open[id(value)] = len(self._open)
        self.met.append(value)
        if type(value) in (set, frozenset):
            self.say(f"{type(value).__name__} {len(value)}")
            for digest in sorted(map(self.element, value)):
                self.say(digest)
        else:
            for part in self._parts(value):
                self.value(part, depth + 1)
        del self._open[id(value)]

    def element(self, item: object) -> str:
        """The digest of an element of a set."""
        walk = _Walk(self._live, self._reducer, self._left)
        walk.value(item, 0)
        return walk.digest()


class _Graph(_Walker):
    """Each object once, numbered as it is first met: what is as entangled as a figure, or as deep
    as a list of links, is gone through in as many steps as it has parts."""

    def value(self, value: Any) -> str:
        """The digest."""
        if self._is_said(value):
            return self.digest()
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
                number = numbers.get(id(part))
                if number is None:
                    if self._is_said(part):
                        continue
                    number = numbers[id(part)] = len(numbers)
                    queue.append(part)
                    self.met.append(part)
                self.say(f"number {number}")
        return self.digest()

    def _first_look(self, item: object) -> str:
        """What tells an element of a set from most others."""
        walk = _Walk(self._live, self._reducer, [_FEW_STEPS])
        try:
            walk.value(item, 0)
        except TooLarge:
            return full_name(type(item))
        return walk.digest()
