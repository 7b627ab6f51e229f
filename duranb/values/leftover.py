"""What a built-in type's own way of pickling leaves out of an instance.

``Counter``, ``datetime`` or an array are made again from their content; the attributes that an
instance of a subclass has besides are forgotten, without a word. So are an exception's cause and
context. Here they are added to what the type says of itself. A class that says itself how it is
pickled is left alone: what it leaves out, it means to.
"""

from __future__ import annotations

import enum
import sys
import types
import weakref
from typing import Any, cast

import cloudpickle

from duranb.code.kinds import once_a_class
from duranb.code.looking import dict_of, full_name, is_a, module_of, mro_of, own
from duranb.values import untouched

_OF_NAMES = (AttributeError, NameError)
_CHAIN = ("__cause__", "__context__", "__suppress_context__")


def reduction(obj: Any) -> tuple[Any, ...] | None:
    """How an instance is pickled with what its type leaves out; None where that is nothing."""
    kind: Any = type(obj)
    is_error = issubclass(kind, BaseException)
    more = _chain(obj) if is_error else {}
    if is_error or _leaves_out(kind):
        more |= slots_of(obj)
    attributes = _attributes(obj, kind)
    if not more and not attributes:
        return None
    found = untouched.reduced(obj)
    if type(found) is not tuple or not 2 <= len(found) <= 5 or not _makes(found, kind):
        return None
    make, arguments, state, items, pairs = (*found, None, None, None)[:5]
    if _tells_attributes(state):
        attributes = {}
        if is_pair(state):
            more = {name: value for name, value in more.items() if name not in state[1]}
    if not more and not attributes:
        return None
    return make, arguments, (state, attributes, more), items, pairs, complete


def complete(obj: Any, state: tuple[Any, dict[str, Any], dict[str, Any]]) -> None:
    """Give an instance its state as pickle would, and then what :func:`reduction` added."""
    told, attributes, more = state
    if told is not None:
        set_state(obj, told)
    if attributes:
        object.__getattribute__(obj, "__dict__").update(attributes)
    for name, value in more.items():
        if name not in _CHAIN[:2] or is_a(value, BaseException):
            object.__setattr__(obj, name, value)


def slots_of(obj: Any) -> dict[str, Any]:
    """What an instance holds in the slots of classes that are written in Python."""
    found = {}
    for kind in mro_of(type(obj)):
        if module_of(kind).partition(".")[0] in sys.stdlib_module_names:
            continue  # it says what is in them; the others are caches, as of a path's text
        for name in _slot_names(cast(Any, kind)):
            try:
                found[name] = dict_of(kind)[name].__get__(obj)
            except AttributeError:  # not assigned
                continue
    return found


@once_a_class
def _slot_names(kind: Any) -> tuple[str, ...]:
    own_slots = dict_of(kind)
    if "__slots__" not in own_slots:
        return ()
    return tuple(n for n, v in own_slots.items() if type(v) is types.MemberDescriptorType)


def set_state(obj: Any, state: Any) -> None:
    """Give an instance its state as pickle does."""
    if (own_way := getattr(obj, "__setstate__", None)) is not None:
        own_way(state)
        return
    plain, slots = state if is_pair(state) else (state, None)
    if plain:
        object.__getattribute__(obj, "__dict__").update(plain)
    for name, value in (slots or {}).items():
        setattr(obj, name, value)


def _chain(error: BaseException) -> dict[str, Any]:
    """What the error was raised from, and which name was not found."""
    get = BaseException.__getattribute__
    found = {name: get(error, name) for name in _CHAIN}
    found = found if any(value for value in found.values()) else {}
    if issubclass(type(error), _OF_NAMES) and (name := get(error, "name")) is not None:
        found["name"] = name
    return found


def _attributes(obj: Any, kind: Any) -> dict[str, Any]:
    """The attributes that a type's own way of pickling may leave out."""
    if _leaves_out(kind):
        # A weak reference leads to what holds it, and is made again by that.
        return {k: v for k, v in own(obj).items() if type(v) is not weakref.ReferenceType}
    if _is_masked(kind):
        return {k: v for k, v in own(obj).items() if k == "_hardmask" or k[:1] != "_"}
    return {}


@once_a_class
def _is_masked(kind: Any) -> bool:
    return "numpy.ma.MaskedArray" in map(full_name, mro_of(kind))


@once_a_class
def _leaves_out(kind: Any) -> bool:
    """Whether a class is pickled as a built-in type says that it inherits from."""
    if issubclass(kind, enum.Enum) or kind in cloudpickle.Pickler.dispatch_table:
        return False
    if module_of(kind).partition(".")[0] in sys.stdlib_module_names:
        return False  # what Python's own classes leave out of themselves, they mean to
    if "numpy.memmap" in map(full_name, mro_of(kind)):
        return False  # a file, which is pickled as what is in it
    for base in mro_of(kind):
        methods = dict_of(base)
        method = methods.get("__reduce_ex__", methods.get("__reduce__"))
        if method is not None:
            builtin = module_of(base).partition(".")[0] in sys.stdlib_module_names
            in_c = type(method) is not types.FunctionType
            return base is not object and base is not kind and (in_c or builtin)
    return False


def _makes(found: tuple[Any, ...], kind: type) -> bool:
    """Whether this makes a new instance, and does not look one up."""
    arguments = found[1]
    return found[0] is kind or (bool(arguments) and arguments[0] is kind)


def _tells_attributes(state: Any) -> bool:
    return type(state) is dict or is_pair(state)


def is_pair(state: Any) -> bool:
    """Whether a state is that of an instance with slots: its attributes, and its slots'."""
    if type(state) is not tuple or len(state) != 2:
        return False
    return (state[0] is None or type(state[0]) is dict) and type(state[1]) is dict
