"""The notebook's classes in a pickle.

A class is pickled by its fingerprint, with its definition beside it, and loaded as the live class
where that is the same code and is built upon classes that are live as well. What a class holds that
can be changed (a registry, a counter) is stored under the name it is bound to
(:mod:`duranb.state.classes`). One that is bound to no name, or whose name stands for something else
by now, is only reached through its instances: what it holds is state of theirs.
"""

from __future__ import annotations

import abc
import enum
import functools
import types
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import cloudpickle.cloudpickle as cloudpickle
import xxhash

from duranb.code import identity
from duranb.code.looking import dict_of, is_class, module_of, mro_of, qualname_of
from duranb.values import definitions, enclosed, members, recipes, twins
from duranb.values.immutable import is_immutable
from duranb.values.target import class_in, target
from duranb.values.unpickling import loads


def definition(cls: type) -> object:
    """What the definition of a class is pickled as."""
    return (cls, members.told(cls)) if issubclass(cls, enum.Enum) else cls


def reduction(
    cls: type,
    live: Mapping[str, Any],
    defined: bytes,
    code: str,
    told: tuple[str, ...] | None,
) -> tuple[Any, ...]:
    """How a class of the notebook is pickled: with its pickled definition, the identity of its
    code, and what is ``told`` of which class of that code it is."""
    name, names = qualname_of(cls), tuple(identity.attributes(cls))
    reduced = load, (name, code, defined, names, *([told] if told else []))
    held = carried(cls, live)
    return (*reduced, held, None, None, hold) if held else reduced


def by_name(name: str) -> type:
    """The live class of a name: one that cannot be made again by anything but its own code. Raises
    LookupError where there is none."""
    found = target().class_named(name)
    if found is None:
        raise LookupError(
            f"class {name} is made by its own code alone: run the cell that defines it"
        )
    return found


def carried(cls: type, live: Mapping[str, Any]) -> dict[str, Any]:
    """What a class holds that is pickled with it wherever it is met: nothing where it is what its
    name stands for in the namespace."""
    return {} if class_in(live, qualname_of(cls)) is cls else holds(cls)


def holds(cls: type) -> dict[str, Any]:
    """The lists, instances and other changeable values that a class of the notebook holds, and the
    functions it was given that are not of its body: they have names of their own. With what its
    functions hold."""
    if not _is_looked_at(cls):
        return {}
    body = f"{qualname_of(cls)}."
    found = {n: v for n, v in identity.attributes(cls).items() if _is_state(n, v, body)}
    inside = enclosed.held(cls, lambda value: _is_state("", value, body))
    return {**found, enclosed.NAME: inside} if inside else found


def variables(cls: type) -> dict[enclosed.Place, types.CellType]:
    """The variables of closures that are stored as a class's own."""
    return enclosed.variables(cls) if _is_looked_at(cls) else {}


def give(cls: type, held: Mapping[str, Any]) -> None:
    """Give a class what it held."""
    for name, value in held.items():
        if name == enclosed.NAME:
            enclosed.give(cls, value)
        else:
            type.__setattr__(cls, name, value)


def _is_looked_at(cls: type) -> bool:
    return module_of(cls) == "__main__" and all(map(_is_plain, mro_of(type(cls))))


def _is_plain(metaclass: type) -> bool:
    """Whether a metaclass, or a base of one, keeps nothing of its own in its classes: those of
    enums, models and the like do."""
    return metaclass in (object, type, abc.ABCMeta) or module_of(metaclass) == "__main__"


def _is_state(name: str, value: Any, body: str) -> bool:
    if name.startswith("__") or name == "_abc_impl":
        return False
    if type(value) in _NAMED and value.__module__ == "__main__":
        return not value.__qualname__.startswith(body)
    kind = type(value)
    if kind is functools.partial:  # another name may be bound to it, or to what is in it
        return True
    if issubclass(kind, tuple | frozenset):
        parts: Any = value
        inside = tuple.__iter__(parts) if issubclass(kind, tuple) else frozenset.__iter__(parts)
        return any(_is_state("", part, body) for part in inside)
    if kind is types.MethodType or kind is weakref.ref:
        of = value.__self__ if kind is types.MethodType else value()
        return not issubclass(type(of), type) and _is_state("", of, body)
    if kind in _WRAPPERS and type(value.__func__) is not types.FunctionType:
        return _is_state("", value.__func__, body)
    if kind is types.BuiltinMethodType and not issubclass(type(value.__self__), _NO_STATE):
        return _is_state("", value.__self__, body)
    if is_immutable(value):
        return False
    # A descriptor of the notebook's may keep there what its instances are given.
    described = (
        any("__get__" in vars(cls) for cls in kind.__mro__) and module_of(kind) != "__main__"
    )
    return not (issubclass(kind, (type, *_METHODS)) or described)


_NAMED = (types.FunctionType, functools._lru_cache_wrapper)
_WRAPPERS = (staticmethod, classmethod)
_NO_STATE = (type, types.ModuleType)
_METHODS = (types.FunctionType, staticmethod, classmethod, property)


def hold(cls: type, held: Mapping[str, Any]) -> None:
    """Give a class that no name stands for what it held; one that is bound has that from there."""
    if target().class_named(qualname_of(cls)) is not cls:
        give(cls, held)


_loaded: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
"""The classes that were loaded, by their namespace and their definition."""


def load(
    name: str,
    fingerprint: str,
    definition: bytes,
    names: tuple[str, ...] | None = None,
    packed: tuple[str, ...] | None = None,
) -> type:
    """The class of this name and fingerprint: one that is alive, or else as it was defined.
    ``packed`` tells it from others of the same name (:mod:`duranb.values.twins`)."""
    into = target()
    which = twins.unpacked(name, packed)
    live = _live(name, which)
    # Loading a definition again would give the class that it made its methods anew.
    key = f"{id(into.live)} {fingerprint} {xxhash.xxh3_128_hexdigest(definition)}"
    takes_in = live is not None and name in into.in_place
    first = [live, *into.chosen.get(name, ()), _loaded.get(key)]
    for find in (lambda: first, into.unbound):
        for known in find():
            if known is None or (takes_in and known is not live):
                continue
            if twins.is_another(known, which, into.class_named):
                continue
            if _is_it(known, name, fingerprint, stays=known is live and into.stays(name)):
                return _known(known, name, which)
    before = dict(vars(live)) if live is not None else {}
    told = members.told(live) if live is not None and issubclass(live, enum.Enum) else {}
    held_before = identity.attributes(live) if live is not None else {}
    outdated = live is not None and not _is_current(live)
    loaded = _defined(definition)
    if not _is_current(loaded) or _is_built_otherwise(loaded, fingerprint):
        _forget(loaded)
        loaded = _defined(definition)
    if live is not None and loaded is not live and takes_in:
        _forget(loaded)  # it may be one that is in use: what is taken in is nobody else's
        _take_in(live, _defined(definition))
        loaded = live
    _loaded[key] = loaded
    _known(loaded, name, which)
    if loaded is live and not into.owns(name):
        # An instance was stored when its class held something else: the class stays as it is.
        for later in identity.attributes(loaded).keys() - held_before:
            type.__delattr__(loaded, later)
        for kept in [n for n, v in held_before.items() if dict_of(loaded).get(n) is not v]:
            type.__setattr__(loaded, kept, held_before[kept])
        return members.complete(loaded, told) if issubclass(loaded, enum.Enum) else loaded
    if loaded is live and not outdated:
        definitions.keep(loaded, before)
    for later in identity.attributes(loaded).keys() - names if names else ():
        type.__delattr__(loaded, later)  # it is the live class, put back to what it was
    loaded.__qualname__ = name  # cloudpickle makes it the last part of it
    return loaded


def _live(name: str, told: twins.Told) -> type | None:
    """The live class of a name that may be the one that is told: it is where that was, or is not
    known to be another."""
    into = target()
    for place in (told.place, name):
        found = into.class_named(place)
        if found is None or qualname_of(found) != name:
            continue
        if not twins.is_another(found, told, into.class_named):
            return found
    return None


def _known(cls: type, name: str, told: twins.Told) -> type:
    """Note that a class is the one that is told, for what is loaded later."""
    twins.stand(cls, told)
    chosen = target().chosen.setdefault(name, [])
    if all(other is not cls for other in chosen):
        chosen.append(cls)
    return cls


def _defined(definition: bytes) -> type:
    found = loads(definition)
    loaded: type = members.complete(*found) if type(found) is tuple else found
    assert is_class(loaded)
    return loaded


def _take_in(live: type, loaded: type) -> None:
    """Give a live class the attributes of the loaded one, where its own are others."""
    has, gets = identity.attributes(live), identity.attributes(loaded)
    if issubclass(live, enum.Enum) and issubclass(loaded, enum.Enum):
        # Its members are compared by ``is``: they stay, and get what the loaded ones hold.
        has, gets = members.without(live, has), members.without(loaded, gets)
        members.complete(live, members.told(loaded))
    known = set(map(id, identity.virtual(live)))
    for cls in identity.virtual(loaded):
        if id(cls) not in known:
            abc.ABCMeta.register(live, cls)  # type: ignore[arg-type]
    for name in has.keys() - gets.keys():
        type.__delattr__(live, name)
    for name, value in gets.items():
        before = has.get(name)
        if name in has and identity.of_attribute(live, before) == identity.of_attribute(
            loaded, value
        ):
            continue
        if identity.is_same_code(live, before, loaded, value):
            vars(before).clear()
            vars(before).update(vars(value))
        else:
            type.__setattr__(live, name, value)
            _rebase(value, loaded, live)


def _rebase(value: object, loaded: type, live: type) -> None:
    """Have a method that came with a loaded class mean the live one where it says ``super()``."""
    for function in (value, *identity.unwrapped(value)):
        for cell in function.__closure__ or () if type(function) is types.FunctionType else ():
            if definitions.content(cell) == (loaded,):
                cell.cell_contents = live


def _forget(cls: type) -> None:
    """Have cloudpickle define this class as another one: it cannot be given other bases."""
    with cloudpickle._DYNAMIC_CLASS_TRACKER_LOCK:
        number = cloudpickle._DYNAMIC_CLASS_TRACKER_BY_CLASS.pop(cls, None)
        cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID.pop(number, None)


def _is_it(cls: type, name: str, fingerprint: str, *, stays: bool) -> bool:
    """Whether a class is the one that is told, and made of what is alive: one that ``stays`` is as
    the cells above have made it."""
    if qualname_of(cls) != name or identity.of_class(cls) != fingerprint:
        return False
    return stays or _is_current(cls)


def _is_current(cls: type) -> bool:
    """Whether the notebook's classes that a class is made of are those that are alive: none was
    defined again since, by the same code or as what is about to become the one that was stored."""
    into = target()
    for part in _made_of(cls):
        name = qualname_of(part)
        now = into.class_named(name) if module_of(part) == "__main__" else part
        if now is None or now is part or now is cls or twins.are_two(now, part):
            continue
        if name in into.in_place or identity.of_class(now) == identity.of_class(part):
            return False
    return not has_old_variables(cls, into.live)


def has_old_variables(cls: type, live: Mapping[str, Any]) -> bool:
    """Whether a class has a type variable that is another object by now, which says the same."""
    parts = [*dict_of(cls).get("__parameters__", ())]
    for value in identity.attributes(cls).values():
        if type(value) is types.FunctionType:
            parts += value.__annotations__.values()
    parts += dict_of(cls).get("__annotations__", {}).values()
    return any(type(p) in recipes.VARIABLES and recipes.is_made_anew(p, live) for p in parts)


def _is_built_otherwise(cls: type, fingerprint: str) -> bool:
    """Whether a class, which was there already, is built on one that was defined again since, and
    had been changed before, so that the class is not what it was."""
    into = target()
    for base in mro_of(cls)[1:]:
        now = into.class_named(qualname_of(base)) if module_of(base) == "__main__" else None
        if now is not None and now is not base and not twins.are_two(now, base):
            return identity.of_class(cls) != fingerprint
    return False


def _made_of(cls: type) -> Iterator[type]:
    """The bases of a class, and the classes in its annotations, defaults and attributes."""
    yield from mro_of(cls)[1:]
    yield type(cls)
    parts: list[object] = []
    for value in identity.attributes(cls).values():
        parts.append(value)
        if type(value) is types.FunctionType:
            parts += [*identity.held(value), *value.__annotations__.values()]
    parts += dict_of(cls).get("__annotations__", {}).values()
    for part in parts:
        yield part if is_class(part) else type(part)
