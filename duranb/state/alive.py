"""Objects that are alive take in the state that was stored of them.

A step changed an agent in place that a cell above had made. When the step is restored, that cell
has made the agent again, and more than the name may hold it by now: an application, a callback.
So it stays the object it is, and what a restored one would have in its attributes is put into it.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from duranb.code import looking
from duranb.state import reconnect
from duranb.state.capture import Capture
from duranb.state.linking import copied, parts
from duranb.state.placeholder import Placeholder
from duranb.values import contents
from duranb.values.classes import carried


@dataclass
class Taken:
    """The ``values`` of a group, in which objects that are alive stand for the loaded ones, once
    :meth:`put` has given them their ``states``."""

    values: dict[str, Any]
    states: list[tuple[Any, State]] = field(default_factory=list)

    def put(self) -> None:
        """Give the live objects their states."""
        for alive, state in self.states:
            state.into(alive)


def taken(
    capture: Capture,
    values: Mapping[str, Any],
    alive: Mapping[str, Any],
    beside: Iterable[object] = (),
) -> Taken:
    """``values`` as they were loaded, with the objects ``alive`` for those of the same names, which
    are :func:`is_open`. Those ``beside`` are in the values, and alive already. One of a class that
    was loaded with what it holds comes as it was loaded: the class may hold it. Raises what
    pickling raises."""
    alive = {
        n: a
        for n, a in alive.items()
        if type(values[n]) is type(a) and not carried(type(a), capture.live)
    }
    if not alive:
        return Taken(dict(values))
    stand_for = {id(values[n]): a for n, a in alive.items()}
    if any(stand_for[id(values[n])] is not a for n, a in alive.items()):
        return Taken(dict(values))  # they shared what they do not share now
    states = {n: State.of(values[n]) for n in alive}
    rest = {n: v for n, v in values.items() if n not in alive}
    # Somebody may hold the dict of its attributes: vars(agent).
    stand_for |= {
        id(looking.own(values[n])): looking.own(a)
        for n, a in alive.items()
        if type(a).__dictoffset__
    }
    if any(id(part) in stand_for for part in parts([rest, states], capture.live)):
        stand_for |= {id(each): each for each in beside}
        rest, states = copied(capture, [rest, states], stand_for)
    return Taken({**rest, **alive}, [(alive[n], state) for n, state in states.items()])


def state_of(value: object) -> State:
    """The state of an object that :func:`is_open`: attributes and slots."""
    return State.of(value)


def give(loaded: object, alive: object) -> None:
    """Give an object that is alive, and :func:`is_open`, the state of another one of its type."""
    State.of(loaded).into(alive)


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
