"""Which objects inside of a value are state that another value could share.

State is shared when it can be changed through one value and seen through the other. What a module
or a class holds under a name is everybody's, and nobody's in particular; what cannot be changed is
no state; and pandas copies before it writes to what another of its frames looks at.
"""

from __future__ import annotations

import functools
import gc
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from duranb.code import looking
from duranb.code.looking import module_of, written
from duranb.values import held, views
from duranb.values.immutable import ATOMS, is_atom, is_immutable, is_immutable_kind

Seal = tuple[str, int, str] | None
"""What guards an object against changes: between two values that reach it under the same seal it is
not shared. None: nothing does. The last part tells what can be changed all the same, as the names
of an index can: where it is not what it was, everything under this guard has changed."""


class Kinds(dict[type, Mapping[int, object] | None]):
    """For each type, where an object of it may be found that a library holds; None for a type whose
    values are no state. Asked once for a type: a value may hold a million objects."""

    def __missing__(self, kind: type) -> Mapping[int, object] | None:
        fixed = kind in ATOMS or (is_immutable_kind(kind) and kind not in _OF_CODE)
        found = None if fixed else held.places(kind)
        self[kind] = found
        return found


_OF_CODE = (types.FunctionType, types.CellType, functools.partial)
"""A function has attributes, and an identity that people compare; a closure's variable can be bound
again. (A library's function is global: :func:`duranb.values.held.is_global`.)"""


def reached(inside: Mapping[int, object], kinds: Kinds | None = None) -> dict[int, Seal]:
    """Of the objects met while a value was pickled, by id, those that are state of its own. Their
    types are put into ``kinds``."""
    kinds = Kinds() if kinds is None else kinds
    found = {}
    for i, obj in inside.items():
        places = kinds[type(obj)]
        if places is not None and not (i in places and held.place(obj) is not None):
            found[i] = obj
    for i in held.by_classes(kinds) & found.keys():
        del found[i]
    for i in _fields(inside, kinds):
        found.pop(i, None)
    called = {k for k in kinds if any("__call__" in vars(c) for c in k.__mro__)}
    for i in [i for i, obj in found.items() if type(obj) in called and held.is_global(obj)]:
        del found[i]
    seals = _seals(inside) if "pandas" in sys.modules else {}
    return {i: seals.get(i) for i in found}


def types_of_records(met: Iterable[object], kinds: Iterable[type]) -> list[Any]:
    """NumPy's types of records among objects that were ``met``, which are of these types."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return []
    records = {k for k in kinds if issubclass(k, numpy.dtypes.VoidDType)}
    return [obj for obj in met if type(obj) in records] if records else []


def _fields(inside: Mapping[int, object], kinds: Kinds) -> Iterator[int]:
    """The ids of what NumPy's types of records keep their fields in: it belongs to the type."""
    for obj in types_of_records(inside.values(), kinds):
        if obj.fields is not None:
            yield id(gc.get_referents(obj.fields)[0])


def in_indexes(met: Iterable[object], kinds: Iterable[type]) -> set[int]:
    """The ids of what pandas' indexes are made of, among objects that were ``met``, which are of
    these types: an index cannot be changed. What is looked at past pandas is open."""
    pandas = sys.modules.get("pandas")
    indexes = {k for k in kinds if issubclass(k, getattr(pandas, "Index", ()))}
    if not indexes:
        return set()
    met = list(met)
    found = {id(part) for obj in met if type(obj) in indexes for part in _parts(obj)}
    for obj in met:
        if views.is_array(type(obj)) and id(obj) not in found:
            found -= set(map(id, views.owners(obj)))
    return found


def shared(one: Mapping[int, Seal], other: Mapping[int, Seal]) -> bool:
    """Whether two values share state, by what they reached."""
    if len(one) > len(other):
        one, other = other, one
    return any(i in other and (seal is None or other[i] != seal) for i, seal in one.items())


def _seals(inside: Mapping[int, object]) -> dict[int, Seal]:
    """The seals upon the memory of pandas' blocks and indexes."""
    found: dict[int, Seal] = {}
    guards = {k for k in set(map(type, inside.values())) if module_of(k).startswith("pandas")}
    for obj in inside.values() if guards else ():
        if type(obj) not in guards:
            continue
        for root, seal in _guards(obj):
            for part in _parts(root):
                if id(part) in inside:
                    found.setdefault(id(part), seal)
    if found:  # what is looked at past pandas is open
        for i, obj in inside.items():
            if i not in found and views.is_array(type(obj)):
                for memory in views.owners(obj):
                    found.pop(id(memory), None)
    return found


def _guards(obj: Any) -> Iterator[tuple[Any, Seal]]:
    """What guards memory in an object of pandas', with its seal: itself, or its blocks."""
    pandas, kind = sys.modules["pandas"], type(obj)
    if issubclass(kind, getattr(pandas, "Index", ())):
        own = looking.own(obj)
        references = own.get("_references")
        yield obj, ("pandas", id(references) if references is not None else 0, _names(own))
    elif module_of(kind) == _MANAGERS and int(pandas.__version__.partition(".")[0]) >= 3:
        # Before that it only copies on write where it is told to.
        for block in obj.blocks:
            yield block, ("pandas", id(block.refs), "")


_MANAGERS = "pandas.core.internals.managers"


def _names(index: Mapping[str, Any]) -> str:
    """The names of an index with these attributes, as far as they are told without asking them."""
    names = index["_names"] if "_names" in index else [index.get("_name")]
    return " ".join(written(n) if is_atom(n) else str(id(n)) for n in list(names))


def _parts(root: Any) -> Iterator[object]:
    """The arrays that a block or an index is made of, with those whose memory they look at."""
    own = looking.own(root)
    stack = [own[n] for n in ("_data", "_codes") if n in own] or [
        part for part in gc.get_referents(root) if not is_immutable(part)
    ]
    seen: dict[int, object] = {}
    while stack:
        value: Any = stack.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        if views.is_array(type(value)):
            stack += [m for m in views.owners(value) if m is not None and m is not value]
        elif not views.is_memory(value):
            stack += [part for part in gc.get_referents(value) if not is_immutable(part)]
    yield from seen.values()
