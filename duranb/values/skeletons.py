"""Classes that are loaded with nothing happening that happened when they were defined.

A stored class is made empty and then given its attributes. Making it would run its metaclass and
the ``__init_subclass__`` of its bases, which register it, want arguments, or look for attributes
that are not there yet. What they did to the class is among its attributes; what they did elsewhere
is stored there.
"""

from __future__ import annotations

import abc
import operator
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from operator import is_not
from typing import Any, NamedTuple

import cloudpickle.cloudpickle as cloudpickle

from duranb.code.kinds import OfClasses
from duranb.code.looking import bases_of, module_of, name_of
from duranb.values import held

_numbered = OfClasses[str]()
_numbered.update(cloudpickle._DYNAMIC_CLASS_TRACKER_BY_CLASS)
# cloudpickle's own map finds the number of one class for another that its metaclass calls equal,
# and that one is loaded in its place.
cloudpickle._DYNAMIC_CLASS_TRACKER_BY_CLASS = _numbered


def of_generic(cls: Any) -> Any:
    """The reduction of what pydantic made of a generic model (``Box[int]``), or None: the model
    gives it again, and the same one each time."""
    told = vars(cls).get("__pydantic_generic_metadata__") or {}
    model, arguments = told.get("origin"), told.get("args")
    return (operator.getitem, (model, arguments)) if model and arguments else None


def quiet(cls: type, reduced: Any) -> Any:
    """The reduction of a class, so that its loading runs no code of the notebook's or of a
    library's that a definition runs. Slots stay slots: cloudpickle makes attributes of some."""
    if type(reduced) is not tuple or reduced[0] is not cloudpickle._make_skeleton_class:
        return reduced
    # A named tuple's are set by typing, which takes no others.
    if "__slots__" in vars(cls) and NamedTuple not in vars(cls).get("__orig_bases__", ()):
        reduced[1][3].setdefault("__slots__", vars(cls)["__slots__"])
    if name_of(type(cls)) == _TYPED:  # as it was made: it takes no bases but such as are written
        return (skeleton, (*reduced[1][:2], cls.__bases__, *reduced[1][3:]), *reduced[2:])
    if held.installed(module_of(type(cls))):
        return (skeleton, *reduced[1:])
    return (skeleton, *reduced[1:5], set_state)


def skeleton(
    metaclass: Any, name: str, bases: tuple[type, ...], attributes: dict[str, Any], *tracked: Any
) -> type:
    """An empty class as cloudpickle makes it, with its ``__init_subclass__`` not run, nor its
    metaclass if that is the notebook's."""
    known = cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID.get(tracked[0])
    classes = types.resolve_bases(bases)  # a generic base is told as it was written
    if known is not None:  # another one would be among the subclasses of its bases
        # Of bases as they were written (NamedTuple, a generic one) it is not known what became.
        is_known = not any(map(is_not, bases, classes))
        had = bases_of(known)
        if is_known and (len(had) != len(classes) or any(map(is_not, had, classes))):
            type.__setattr__(known, "__bases__", tuple(classes))  # it was given others since
        return known  # type: ignore[no-any-return]
    with _silenced(_teller(classes)):
        if held.installed(module_of(metaclass)) and name_of(metaclass) != _TYPED:
            made = types.new_class(
                name, bases, {"metaclass": metaclass}, lambda names: names.update(attributes)
            )
        else:
            written = {} if classes is bases else {"__orig_bases__": bases}
            new = abc.ABCMeta.__new__ if issubclass(metaclass, abc.ABCMeta) else type.__new__
            made = new(metaclass, name, classes, {**written, **attributes})
    if _COMPLETE in vars(made):
        type.__setattr__(made, _COMPLETE, False)
        if _AROUND in vars(made):
            type.__delattr__(made, _AROUND)
    found: type = cloudpickle._lookup_class_or_track(tracked[0], made)
    return found


def set_state(cls: type, state: tuple[dict[str, Any], Any]) -> None:
    """Give an empty class its attributes, past the ``__setattr__`` of a metaclass of the
    notebook's."""
    for name, value in state[0].items():
        if name != "_abc_impl":
            type.__setattr__(cls, name, value)
    if _LINE in state[0]:  # which went when its module was set
        type.__setattr__(cls, _LINE, state[0][_LINE])
    for virtual in state[0].get("_abc_impl", ()):
        abc.ABCMeta.register(cls, virtual)  # type: ignore[arg-type]


_TYPED = "_TypedDictMeta"
"""The name of the metaclass of typed dicts, in typing and in typing_extensions."""

_LINE = "__firstlineno__"

_COMPLETE = "__pydantic_complete__"
"""Whether pydantic may build what validates and serializes other models with that of this one. When
it has just been made empty, that is one of a model without fields, and a model that holds itself
would get it; it is complete again with its attributes."""


_AROUND = "__pydantic_parent_namespace__"
"""The variables of the function in which a model was defined. Those that are found when it is made
empty are of what loads it: it has its own, or none, among its attributes."""


def _teller(bases: tuple[type, ...]) -> type | None:
    """The class whose ``__init_subclass__`` runs when a class is made of these."""
    for base in bases:
        for cls in base.__mro__[:-1]:
            if "__init_subclass__" in vars(cls):
                return None if module_of(cls) in _HARMLESS else cls
    return None


_HARMLESS = ("typing", "typing_extensions")
"""Where it only notes in the class itself what it finds there."""


@contextmanager
def _silenced(cls: type | None) -> Iterator[None]:
    """While this is open, nothing happens in this thread when a subclass of ``cls`` is made."""
    if cls is None:
        yield
        return
    here, before = threading.get_ident(), vars(cls)["__init_subclass__"]

    def silent(made: type, /, **options: Any) -> None:
        if threading.get_ident() != here:
            before.__get__(None, made)(**options)

    with _one_at_a_time:
        type.__setattr__(cls, "__init_subclass__", classmethod(silent))
        try:
            yield
        finally:
            type.__setattr__(cls, "__init_subclass__", before)


_one_at_a_time = threading.RLock()
