"""Objects that are alive take in the state that was stored of them.

A step changed an agent in place that a cell above had made. When the step is restored, that cell
has made the agent again, and more than the name may hold it by now: an application, a callback.
So it stays the object it is, and what a restored one would hold is put into it: attributes, the
content of a container or of an array's memory. The same where a rewind, or the clean start of
another attempt, brings back what an object that is still there was.
"""

from __future__ import annotations

import collections
import contextlib
import copyreg
import ctypes
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from duranb.code import looking
from duranb.code.moving import steady
from duranb.state import inside, reconnect
from duranb.state.capture import Capture
from duranb.state.drawing import held_once, let_go, undrawn
from duranb.state.linking import copied, paired, parts
from duranb.state.placeholder import Placeholder
from duranb.state.tracked import has_end
from duranb.values import contents
from duranb.values.classes import carried
from duranb.values.views import is_array, owners


@dataclass
class Taken:
    """The ``values`` of a group, in which objects that are alive stand for the loaded ones, once
    :meth:`put` has given them their ``states``."""

    values: dict[str, Any]
    states: list[tuple[Any, Content]] = field(default_factory=list)
    instead_of: list[object] = field(default_factory=list)

    def put(self) -> None:
        """Give the live objects their states."""
        with undrawn():
            for alive, state in self.states:
                state.into(alive)
            for loaded in self.instead_of:
                let_go(loaded)
                discard(loaded)


def taken(
    capture: Capture,
    values: Mapping[str, Any],
    alive: Mapping[str, Any],
    beside: Iterable[object] = (),
) -> Taken:
    """``values`` as they were loaded, with the objects ``alive`` for those of the same names, where
    they can take that in. Those ``beside`` are in the values, and alive already. One of a class
    that was loaded with what it holds comes as it was loaded: the class may hold it. Raises what
    pickling raises."""
    states = {
        n: content
        for n, a in alive.items()
        if not carried(type(a), capture.live) and (content := _given(values[n], a)) is not None
    }
    lying = {
        n: _lying(values[n], alive[n], len(values)) for n in states if type(states[n]) is Memory
    }
    alive = {n: a for n, a in alive.items() if n in states and lying.get(n, ()) is not None}
    if not alive:
        return Taken(dict(values))
    stand_for = {id(values[n]): a for n, a in alive.items()}
    if any(stand_for[id(values[n])] is not a for n, a in alive.items()):
        return Taken(dict(values))  # they shared what they do not share now
    if len({id(a) for a in alive.values()}) < len(stand_for):
        return Taken(dict(values))  # they are one now, and were not
    rest = {n: v for n, v in values.items() if n not in alive}
    memory = [(alive[n], states.pop(n)) for n in lying.keys() & alive.keys()]
    states = {n: content for n, content in states.items() if n in alive}
    for pairs in lying.values():
        stand_for |= pairs or {}
    for n, a in alive.items():
        stand_for |= inside.standing(values[n], a)
    # Somebody may hold the dict of its attributes: vars(agent).
    stand_for |= {
        id(looking.own(values[n])): looking.own(a)
        for n, a in alive.items()
        if type(a).__dictoffset__
    }
    # Arrays show memory that is no part of theirs.
    shown = any(lying.values()) or any(issubclass(type(a), bytearray) for a in alive.values())
    if shown or any(id(part) in stand_for for part in parts([rest, states], capture.live)):
        stand_for |= {id(each): each for each in beside}
        rest, states = copied(capture, [rest, states], stand_for)
    given = [*memory, *((alive[n], s) for n, s in states.items())]
    return Taken({**rest, **alive}, given, [values[n] for n in alive])


def give(loaded: object, alive: object) -> None:
    """Give an object that is alive, and :func:`is_open`, the state of another one of its type."""
    State.of(loaded).into(alive)
    discard(loaded)


def discard(loaded: Any) -> None:
    """Have no end of an object whose state another one has now: what its class does at the end of
    one (``__del__``) would be done to that."""
    if has_end(type(loaded)):
        State({}, {}).into(loaded)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(loaded))  # what is left of it stays for good


class Content(Protocol):
    """What an object holds, to be given to another one of its type."""

    def into(self, alive: Any) -> None:
        """Give it."""


def _given(loaded: Any, alive: Any) -> Content | None:
    """What an object that is alive would take in to be what the ``loaded`` one is; None where it
    cannot."""
    kind = type(loaded)
    if kind is not type(alive):
        return None
    if is_open(loaded):
        return State.of(loaded)
    if is_container(kind):
        items = Items.of(loaded)
        lacks = not issubclass(kind, dict) and any(
            type(each) is Placeholder for each in items.items
        )
        return (
            None if lacks or (issubclass(kind, bytearray) and not _fits(loaded, alive)) else items
        )
    if is_array(kind) and kind.__base__ is object:
        return Memory(loaded) if Memory.fits(loaded, alive) else None
    return Told.of(loaded) if says_its_state(kind) else inside.given(loaded, alive)


def _lying(loaded: Any, alive: Any, names: int) -> dict[int, object] | None:
    """The live memory that stands for that of a loaded array, by the latter's id, where that is all
    memory there is; None where it lies otherwise, and more ``names`` than its own may show it."""
    if loaded.nbytes == owners(loaded)[0].nbytes and (pairs := paired(loaded, alive)) is not None:
        return pairs
    return {} if names == 1 else None


def _fits(loaded: bytearray, alive: bytearray) -> bool:
    """Whether bytes that are alive can be as many as the loaded ones: nobody shows them."""
    if len(loaded) != len(alive):
        try:
            bytearray.append(alive, 0)
        except BufferError:
            return False
        bytearray.pop(alive)
    return True


@dataclass
class Items:
    """What is in a container, and its attributes."""

    items: list[Any]
    state: State

    @classmethod
    def of(cls, container: Any) -> Items:
        """What a container has now."""
        return cls(contents.of(container), State.of(container))

    def into(self, alive: Any) -> None:
        """Give it to another one of the type. What a dict holds and could not be stored stays."""
        items = self.items
        if issubclass(type(alive), dict) and any(type(v) is Placeholder for _, v in items):
            kept = dict(contents.of(alive))
            items = [(k, kept.get(k, v) if type(v) is Placeholder else v) for k, v in items]
        if issubclass(type(alive), bytearray) and len(alive) == len(items):
            bytearray.__setitem__(alive, slice(None), bytes(items))  # an array may show its memory
        else:
            contents.refill(alive, items)
        self.state.into(alive)


@dataclass
class Memory:
    """The numbers of an array."""

    array: Any

    @staticmethod
    def fits(loaded: Any, alive: Any) -> bool:
        """Whether the memory of an array that is alive can get what is in another one."""
        same = loaded.dtype == alive.dtype and loaded.shape == alive.shape
        return bool(same and alive.flags.writeable and not alive.dtype.hasobject)

    def into(self, alive: Any) -> None:
        """Write them there."""
        alive[...] = self.array


@dataclass
class Told:
    """What an object of a class written in Python says itself of its state (``__getstate__``)."""

    state: Any

    @classmethod
    def of(cls, value: Any) -> Told | None:
        """What an object says now; None where it says nothing."""
        reduced = steady(lambda: value.__reduce_ex__(4))
        if len(reduced) <= 2 or any(reduced[3:]):
            return None
        # The dict of its attributes stands for that of the live one, which is emptied first.
        state, attributes = reduced[2], looking.own(value)
        if isinstance(state, dict):
            state = {k: dict(v) if v is attributes else v for k, v in state.items()}
        return cls(state)

    def into(self, alive: Any) -> None:
        """Give it to another one, which is as an object that was just made before."""
        State({}, {}).into(alive)
        if self.state is not None:  # or pickle would not have it given
            alive.__setstate__(held_once(self.state, alive))


def is_container(kind: type) -> bool:
    """Whether objects of a class are containers that can be emptied and filled again."""
    return issubclass(kind, (dict, list, set, bytearray, collections.deque)) and all(
        base in _CONTAINERS or base.__flags__ & _MADE for base in kind.__mro__
    )


_CONTAINERS = frozenset(
    {
        *(object, dict, list, set, bytearray, collections.deque),
        *(collections.defaultdict, collections.OrderedDict),
    }
)


def says_its_state(kind: type) -> bool:
    """Whether an object of a class that is written in Python can be made what another one is by
    ``__setstate__``: pickle makes it from nothing else."""
    return (
        hasattr(kind, "__setstate__")
        and all(getattr(kind, name) is getattr(object, name) for name in _MAKES)
        and kind not in copyreg.dispatch_table
        and not reconnect.is_handle(kind)
        and all(base is object or base.__flags__ & _MADE for base in kind.__mro__)
    )


_MAKES = ("__new__", "__reduce_ex__", "__reduce__")


@dataclass
class State:
    """Attributes, and slots by their class and name."""

    attributes: dict[str, Any]
    slots: dict[tuple[type, str], Any]

    @classmethod
    def of(cls, value: Any) -> State:
        """What an object has now."""
        found = {}
        for owner, name, slot in _slots(type(value)):
            try:
                found[owner, name] = slot.__get__(value)
            except AttributeError:
                continue
        return cls(dict(looking.own(value)), found)

    def into(self, alive: Any) -> None:
        """Give it to another object of the type. What could not be stored stays as it is there."""
        own: Any = looking.own(alive)
        lost = {n for n, v in self.attributes.items() if type(v) is Placeholder and n in own}
        kept = {n: own[n] for n in lost}
        if type(alive).__dictoffset__:
            contents.refill(own, (self.attributes | kept).items())
        for owner, name, slot in _slots(type(alive)):
            if (owner, name) in self.slots:
                slot.__set__(alive, self.slots[owner, name])
            else:
                with contextlib.suppress(AttributeError):  # it has none there either
                    slot.__delete__(alive)


def _slots(kind: type) -> Iterator[tuple[type, str, types.MemberDescriptorType]]:
    for owner in kind.__mro__:
        for name, slot in list(vars(owner).items()):
            if type(slot) is types.MemberDescriptorType and name != "__dict__":
                yield owner, name, slot


def is_open(value: object) -> bool:
    """Whether all that makes an object what it is lies in its attributes and slots: it is of
    classes that are written in Python, and pickled by them, or described by a factory."""
    kind = type(value)
    if any(base not in _PLAIN and not base.__flags__ & _MADE for base in kind.__mro__):
        return False
    if reconnect.is_handle(kind) or not (kind.__dictoffset__ or any(_slots(kind))):
        return False
    return reconnect.has_factory(kind) or all(
        getattr(kind, name, None) in {getattr(k, name, None) for k in (*_PLAIN, _model())}
        for name in ("__reduce_ex__", "__reduce__", "__getstate__", "__setstate__")
    )


_PLAIN = (object, types.SimpleNamespace)
"""The types written in C that hold nothing but attributes."""


_MADE = 1 << 9
"""The flag of types that a ``class`` statement made (Py_TPFLAGS_HEAPTYPE)."""


def _model() -> type:
    """pydantic's, whose own way of pickling is by its attributes and slots."""
    from pydantic import BaseModel

    return BaseModel
