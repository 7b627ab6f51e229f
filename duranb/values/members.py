"""What cloudpickle leaves out of an enum class: its aliases, the members of a flag that are made of
others, what its members hold besides their value (what their ``__init__`` has set) or instead of it
(what a ``__new__`` has made them of), a metaclass of its own, and what ``auto()`` gives to the
members of classes that are built upon it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cloudpickle.cloudpickle as cloudpickle

from duranb.code.looking import dict_of, module_of, mro_of, own
from duranb.values import leftover
from duranb.values.held import installed

_KNOWN = frozenset({"_name_", "_value_", "_sort_order_", "__objclass__"})

_MEMBERS = 3
"""Where the members are among the arguments of what makes an enum for cloudpickle."""

Told = dict[str, tuple[str, dict[str, Any]]]
"""For each name, the name of its member, and the member's own attributes where it is no alias."""


def told(cls: type[enum.Enum]) -> Told:
    """What :func:`complete` needs besides of the class."""
    found: Told = {}
    for name, member in cls.__members__.items():
        held = own(member)
        canonical = str(held["_name_"])
        alias = canonical != name
        found[name] = canonical, {} if alias else {k: held[k] for k in held.keys() - _KNOWN}
    return found


def without(cls: type[enum.Enum], attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes of the class that are not members."""
    return {n: v for n, v in attributes.items() if n not in cls.__members__}


def whole(cls: type[enum.Enum], found: Any) -> Any:
    """What cloudpickle makes of the class, without the aliases that it takes for attributes, and
    with all members: iterating over a flag, as it does, gives those of one bit."""
    if type(found) is not tuple:
        return found
    _, arguments, (attributes, *rest), *others = found
    for name in cls.__members__:
        attributes.pop(name, None)
    values = {n: m.value for n, m in cls.__members__.items() if own(m)["_name_"] == n}
    if (exact := _exact(cls)) is not None:
        each = ((n, cls.__members__[n], value) for n, value in values.items())
        values = {n: Member(exact(m), value, leftover.slots_of(m)) for n, m, value in each}
    arguments = (*arguments[:_MEMBERS], values, *arguments[_MEMBERS + 1 :])
    attributes.pop(_NEXT, None)  # it is made with what its base has
    if all(_next(base) is not _next(cls) for base in mro_of(cls)[1:]):
        attributes[_NEXT] = dict_of(cls)[_NEXT]
    return skeleton, (type(cls), *arguments), (attributes, *rest), *others


@dataclass(frozen=True)
class Member:
    """A member that its class makes in a way of its own: what it is in itself, as a text or number
    (None for what has attributes only), its value, and what it has in slots."""

    content: Any
    value: Any
    slots: dict[str, Any]


_CONTENTS: dict[type, Callable[[Any], Any]] = {
    int: int.__index__,
    str: str.__str__,
    bytes: lambda member: bytes.__getitem__(member, slice(None)),
    float: float.__float__,
    complex: complex.__complex__,
    tuple: lambda member: tuple(tuple.__iter__(member)),
}
"""What an instance of a class that is built upon these is in itself."""


def _exact(cls: type[enum.Enum]) -> Callable[[Any], Any] | None:
    """What tells the content of the members of a class that makes them in a way of its own; None
    for others, which are made of their values, and where it is not known."""
    if issubclass(cls, enum.Flag):
        return None
    own_way = [c for c in mro_of(cls) if not installed(module_of(c)) and _makes(c)]
    foreign = [c for c in mro_of(cls) if c not in _PLAIN and installed(module_of(c))]
    if not own_way or any(c.__module__ != "enum" for c in foreign):
        return None
    return next((tell for kind, tell in _CONTENTS.items() if issubclass(cls, kind)), _nothing)


_PLAIN = (object, *_CONTENTS)


def _makes(cls: type) -> bool:
    """Whether a class decides how the members of an enum are made of their values."""
    names = dict_of(cls)
    if issubclass(cls, enum.Enum):
        return "__new_member__" in names
    return "__new__" in names or "__init__" in names


def _nothing(member: Any) -> None:
    return None


def _made(cls: Any, given: Any) -> Any:
    """The ``__new__`` of members that are told so."""
    member: Member = given[0] if type(given) is tuple else given  # an enum of tuples gives one
    kind = next((kind for kind in _CONTENTS if issubclass(cls, kind)), object)
    made: Any = kind.__new__(cls) if kind is object else kind.__new__(cls, member.content)
    made._value_ = member.value
    for name, value in member.slots.items():
        object.__setattr__(made, name, value)
    return made


_NEXT = "_generate_next_value_"


def _next(cls: type) -> object:
    found = dict_of(cls).get(_NEXT)
    return getattr(found, "__func__", found)  # each class has it in another staticmethod


def skeleton(
    metaclass: Any,
    bases: tuple[Any, ...],
    name: str,
    qualname: str,
    values: dict[str, Any],
    module: str,
    *tracked: Any,
) -> type:
    """An enum with its members, and none of its attributes yet, as cloudpickle makes it, but
    without the code of a metaclass of the notebook's, or of a class that makes its members."""
    known = cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID.get(tracked[0])
    if known is not None:  # another one would be among the subclasses of its bases
        return known  # type: ignore[no-any-return]
    prepare = enum.EnumMeta.__prepare__.__func__  # type: ignore[attr-defined]
    names = prepare(metaclass, name, bases)
    told = any(type(value) is Member for value in values.values())
    if told:
        names["__new__"], names["__init__"] = _made, lambda *given: None
    for each, value in values.items():
        names[each] = value
    library = (dict_of(base) for base in mro_of(metaclass) if installed(module_of(base)))
    new = next(base["__new__"] for base in library if "__new__" in base)
    made = new.__get__(None, metaclass)(metaclass, name, bases, names)
    for name in ("__new_member__", "__init__") if told else ():
        type.__delattr__(made, name)
    type.__setattr__(made, "__module__", module)
    type.__setattr__(made, "__qualname__", qualname)
    found: type = cloudpickle._lookup_class_or_track(tracked[0], made)
    return found


def complete(cls: type[enum.Enum], given: Told) -> type[enum.Enum]:
    """The class with all of its names, and its members with all that they held."""
    by_name: dict[str, enum.Enum] = cls._member_map_
    for name, (canonical, held) in given.items():
        member = by_name[canonical]
        by_name.setdefault(name, member)
        if name != canonical and dict_of(cls).get(canonical) is member:
            type.__setattr__(cls, name, member)
        for later in vars(member).keys() - held.keys() - _KNOWN if name == canonical else ():
            del vars(member)[later]
        vars(member).update(held)
    names = {name: by_name[name] for name in given if name in by_name}
    by_name.clear()
    by_name.update(names)
    return cls
