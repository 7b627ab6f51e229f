"""The two slow ways through a value for its version: where sets or cycles are inside of it.

What they say of an object is hashed, and is the same in every process.
"""

from __future__ import annotations

import copyreg
import enum
import pickle
import types
from collections import deque
from typing import Any, NamedTuple

import xxhash

from duranb.code.looking import full_name, which, written
from duranb.values.codec import Reducer, own_way, special
from duranb.values.immutable import ATOMS
from duranb.values.sink import TooLarge
from duranb.values.tokens import Told, array_of, dispatching

_DEEPEST = 300
_FEW_STEPS = 50
_SEEN = 5
"""How deep a glance goes: an instance, its state, its attributes, what is in them."""
_AT_ONCE = 5_000
"""Texts that a walk hashes together."""
_END = "\0"
"""What follows each of them."""

_SORTABLE = ({str}, {bytes}, {int})


def is_plain(found: Any) -> bool:
    """Whether a set is of one type that can be sorted and written, as very long integers cannot."""
    if set(map(type, found)) not in _SORTABLE:
        return False
    return type(next(iter(found))) is not int or -(1 << 64) < min(found) <= max(found) < 1 << 64


_ATOM_NAMES = {which(kind): kind.__name__ for kind in ATOMS}
_CONTAINERS = frozenset(map(which, (list, tuple, dict)))
_TOLD = (type, types.FunctionType, types.ModuleType)
"""What :func:`duranb.values.tokens.token_of` tells, but for a bare ``object()``."""


class _Walker:
    """What the two slow ways have in common. ``left`` holds how many steps are left."""

    def __init__(
        self, live: dict[str, Any], reducer: Reducer | None, told: Told, left: list[int]
    ) -> None:
        self._hasher = xxhash.xxh3_128()
        self._texts: list[str] = []
        self.say = self._texts.append
        self._live = live
        self._reducer = reducer
        self._told = told
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
            self._hasher.update(_END.join(self._texts).encode(errors="surrogatepass"))
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
        name = _ATOM_NAMES.get(which(kind))
        if name is not None:
            self.say(f"{name} {written(value)}")
            return True
        if which(kind) in _CONTAINERS:
            return False
        if kind in (set, frozenset) and is_plain(value):
            # At C speed: sets of words and keys are large.
            self.say(f"{kind.__name__} {len(value)} {sorted(value)!r}")
            return True
        if kind is not object and not issubclass(kind, _TOLD):
            return False
        token, inside = self._told.of(value) if dispatching(value) is None else (None, [])
        if token is None:
            return False
        self.say(token or f"{value.__module__}.{value.__qualname__}")
        return not inside

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
        if issubclass(kind, _TOLD) and dispatching(value) is None:
            token, inside = self._told.of(value)
            if token is not None:
                return inside
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


class Walk(_Walker):
    """Sets sorted by the digests of their elements, cycles by number."""

    def __init__(
        self, live: dict[str, Any], reducer: Reducer | None, told: Told, left: list[int]
    ) -> None:
        super().__init__(live, reducer, told, left)
        self._open: dict[int, int] = {}

    def value(self, value: Any, depth: int) -> None:
        if self._is_said(value):
            return
        if which(value) in self._open:
            self.say(f"again {len(self._open) - self._open[which(value)]}")
            return
        self._step()
        if depth > _DEEPEST:
            raise TooLarge
        self._open[which(value)] = len(self._open)
        self.met.append(value)
        if type(value) in (set, frozenset):
            self.say(f"{type(value).__name__} {len(value)}")
            for digest in sorted(map(self.element, value)):
                self.say(digest)
        else:
            for part in self._parts(value):
                self.value(part, depth + 1)
        del self._open[which(value)]

    def element(self, item: object) -> str:
        """The digest of an element of a set."""
        walk = Walk(self._live, self._reducer, self._told, self._left)
        walk.value(item, 0)
        return walk.digest()


class Graph(_Walker):
    """Each object once, numbered as it is first met: what is as entangled as a figure, or as deep
    as a list of links, is gone through in as many steps as it has parts. ``described`` is what
    walks through other values have found of its parts: a figure and its axes hold each other."""

    def __init__(
        self,
        live: dict[str, Any],
        reducer: Reducer | None,
        told: Told,
        left: list[int],
        described: Descriptions,
    ) -> None:
        super().__init__(live, reducer, told, left)
        self._described = described

    def value(self, value: Any) -> str:
        """The digest."""
        if self._is_said(value):
            return self.digest()
        numbers = {which(value): 0}
        queue = deque([value])
        while queue:
            current = queue.popleft()
            self._step()
            if type(current) is pickle.PickleBuffer:
                self._parts(current)
                continue
            found = self._described.get(which(current))
            if found is None:
                found = self._described.add(current, self._describe(current))
            for before, part, of_code in found.parts:
                if before:
                    self.say(before)
                number = numbers.get(which(part))
                if number is None:
                    if of_code:
                        self.say(of_code)
                    number = numbers[which(part)] = len(numbers)
                    queue.append(part)
                    self.met.append(part)
                self.say(f"number {number}")
            if found.after:
                self.say(found.after)
        return self.digest()

    def _describe(self, current: Any) -> Description:
        """What is said of an object, and its parts of which more is to be said."""
        said, self._texts = self._texts, []
        self.say = self._texts.append
        if type(current) in (set, frozenset):
            self.say(f"{type(current).__name__} {len(current)}")
            parts = sorted(current, key=self._first_look)
        else:
            parts = self._parts(current)
        found: list[tuple[str, object, str]] = []
        for part in parts:
            at = len(self._texts)
            if not self._is_said(part):
                found.append((_END.join(self._texts[:at]), part, _END.join(self._texts[at:])))
                self._texts.clear()
        description = Description(current, found, _END.join(self._texts))
        self._texts = said
        self.say = said.append
        return description

    def _first_look(self, item: object) -> str:
        """What tells an element of a set from most others."""
        how = self._live, self._reducer, self._told
        walk = Walk(*how, [_FEW_STEPS])
        try:
            walk.value(item, 0)
        except (TooLarge, RecursionError):
            glance = _Glance(*how, [_FEW_STEPS])
            glance.value(item, 0)
            return f"{full_name(type(item))} {glance.digest()}"
        return walk.digest()


class _Glance(_Walker):
    """An object by what is in it down to a certain depth, for what leads back to itself: nodes of a
    graph have their names at the top. Further in there are only types, and sizes of sets."""

    def value(self, value: Any, depth: int) -> None:
        """Say it."""
        if self._is_said(value):
            return
        self.say(full_name(type(value)))
        if type(value) in (set, frozenset):
            self.say(str(len(value)))
        elif depth < _SEEN and self._left[0] > 0:
            self._left[0] -= 1
            for part in self._parts(value):
                self.value(part, depth + 1)


class Description(NamedTuple):
    """An object as a walk finds it: by part, what is said before it, the part, and what is said of
    it where it is met for the first time; and what is said after all of them."""

    of: object
    parts: list[tuple[str, object, str]]
    after: str


class Descriptions(dict[int, Description]):
    """By what tells an object. What they describe, and its parts, stay alive with them."""

    def add(self, value: object, found: Description) -> Description:
        """Keep one, unless there are very many; it is given back."""
        if len(self) < _MOST_KEPT:
            self[which(value)] = found
        return found


_MOST_KEPT = 100_000
