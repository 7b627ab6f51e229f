"""Python's own objects that pickle refuses or gets wrong, and how each is made again.

What is compared by ``is`` or held by a module is pickled by its place (:mod:`duranb.values.held`);
what needs the outside world comes back by a factory (:mod:`duranb.state.reconnect`). Here are those
that can be made of what they hold.
"""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import contextlib
import contextvars
import copyreg
import functools
import gc
import importlib
import queue
import re
import sys
import threading
import types
import typing
import weakref
from collections.abc import Callable, Container, Iterable, Mapping
from itertools import islice
from typing import Any

import cloudpickle.cloudpickle as cloudpickle

from duranb.code.looking import module_name, module_of, own
from duranb.values import closed, ended, held, native, newborn
from duranb.values.target import live_namespace

Reduction = tuple[Any, ...]


def reduction(obj: Any) -> Reduction | None:
    """How such an object is pickled; None for every other. Raises TypeError where it cannot be."""
    kind = type(obj)
    make = _RECIPES.get(kind)
    if make is not None:
        return make(obj)
    if kind is not types.ModuleType and issubclass(kind, types.ModuleType):
        return _module(obj)
    if module_of(type(kind)) == "_ctypes" and not getattr(obj, "_b_needsfree_", True):
        raise TypeError("cannot pickle what looks at the memory of another object")
    if native.is_address(kind) and bytes(obj).strip(b"\0"):
        raise TypeError("cannot pickle an address in memory")
    if issubclass(kind, asyncio.mixins._LoopBoundMixin):
        return _of_loop(obj)
    return _loop(obj) if issubclass(kind, asyncio.AbstractEventLoop) else None


def _module(module: types.ModuleType) -> Reduction | None:
    """One of a class of its own, as IPython's and those are that load their parts when they are
    asked for: by the name under which it is loaded. cloudpickle only knows plain ones."""
    if module is sys.modules.get("__main__"):
        return importlib.import_module, ("__main__",)
    name = module_name(module)
    return (importlib.import_module, (name,)) if sys.modules.get(name) is module else None


def _method(method: Any) -> Reduction | None:
    """As what its object has under its name, so that it stays the method of the live class."""
    of, function = method.__self__, method.__func__
    name = getattr(function, "__name__", "")
    for cls in (of if issubclass(type(of), type) else type(of)).__mro__:
        if name in vars(cls):
            held = vars(cls)[name]
            held = held.__func__ if type(held) is classmethod else held
            if held is not function:
                return None
            if issubclass(type(of), type):
                return (
                    (class_method, (of, name, function))
                    if _is_notebooks(of)
                    else (getattr, (of, name))
                )
            return (of_class if name in own(of) else getattr), (of, name)
    return None


def of_class(of: Any, name: str) -> Any:
    """A method of an object that has something else under its name."""
    return types.MethodType(getattr(type(of), name), of)


def class_method(cls: type, name: str, function: types.FunctionType) -> Any:
    """A class method; of a class that is being loaded, and has none yet, as its function."""
    try:
        return getattr(cls, name)
    except AttributeError:
        return types.MethodType(function, cls)


def within(obj: Any, found: Reduction | None, classes: Container[int]) -> Reduction | None:
    """The reduction of what was ``found`` to be reduced so (None: as its own class says), where its
    class, one of these by id, is just being pickled, and holds it: a method's object, or a tuple.
    When that is loaded, the class has no methods, nor a ``__new__`` that takes other arguments than
    the built-in one."""
    kind = type(obj)
    if found is None and issubclass(kind, tuple) and _is_among(kind, classes):
        reduced = obj.__reduce_ex__(5)
        if reduced[0] is newborn.NEW:
            return newborn.make, (kind, tuple(tuple.__iter__(obj))), *reduced[2:]
    if kind is not types.MethodType or found is None or found[0] not in (getattr, of_class):
        return found
    of, name = found[1]
    return (bound_method, (of, name, obj.__func__)) if _is_among(type(of), classes) else found


def _is_among(kind: type, classes: Container[int]) -> bool:
    return any(id(cls) in classes for cls in kind.__mro__)


def bound_method(of: Any, name: str, function: types.FunctionType) -> Any:
    """A method of an object; of one whose class is being loaded, and has none yet, as its
    function."""
    return types.MethodType(getattr(type(of), name, function), of)


def _new_type(kind: Any) -> Reduction | None:
    """By what it is, as pickle would look it up by its name in the notebook."""
    return (new_type, (kind.__name__, kind.__supertype__)) if _is_notebooks(kind) else None


def new_type(name: str, of: Any) -> Any:
    """A ``typing.NewType`` of the notebook's."""
    make: Any = typing.NewType
    made = make(name, of)
    made.__module__ = "__main__"
    return _alive(made, name, "__supertype__")


def _parameters(kind: Any) -> Reduction | None:
    return (parameters, (type(kind), kind.__name__)) if _is_notebooks(kind) else None


def parameters(kind: Any, name: str) -> Any:
    """A ``typing.ParamSpec`` or ``TypeVarTuple`` of the notebook's."""
    made = kind(name)
    made.__module__ = "__main__"
    return _alive(made, name)


def _type_variable(kind: Any) -> Reduction | None:
    """With cloudpickle's number of it, by which those in several pickles become one again."""
    if not _is_notebooks(kind):
        return None
    return type_variable, cloudpickle._decompose_typevar(kind)


def type_variable(name: str, *told: Any) -> Any:
    """A ``typing.TypeVar`` of the notebook's."""
    made = cloudpickle._make_typevar(name, *told)
    if made.__module__ != "__main__":  # it was made just now, by cloudpickle
        made.__module__ = "__main__"
    return _alive(made, name, *_OF_VARIABLE)


_OF_VARIABLE = ("__bound__", "__constraints__", "__covariant__", "__contravariant__")


def content(kind: Any) -> tuple[Any, ...]:
    """What a ``typing.TypeVar`` is, whichever object it is."""
    return kind.__name__, *(getattr(kind, name) for name in _OF_VARIABLE)


def _alive(made: Any, name: str, *told: str) -> Any:
    """What the notebook has under this name, where that says the same: its generic classes and
    functions are compared by ``is`` with what is in them."""
    now = live_namespace().get(name)
    return now if _is_same(now, made, told) else made


def is_made_anew(variable: Any, live: Mapping[str, Any]) -> bool:
    """Whether a type variable is another object by now, which says the same."""
    now = live.get(variable.__name__)
    told = _OF_VARIABLE if type(variable) is typing.TypeVar else ()
    return now is not variable and _is_same(now, variable, told)


def _is_same(one: Any, other: Any, told: Iterable[str]) -> bool:
    if type(one) is not type(other) or not _is_notebooks(one):
        return False
    return all(getattr(one, n) == getattr(other, n) for n in told)


VARIABLES = (typing.TypeVar, typing.ParamSpec, typing.TypeVarTuple)
"""The types of type variables."""


def _is_notebooks(kind: Any) -> bool:
    return bool(kind.__module__ == "__main__")


def _compared(key: Any) -> Reduction:
    # The comparison, and what is compared if it is the key of an object.
    return compared, tuple(p for p in gc.get_referents(key) if p is not type(key))


def compared(compare: Any, *of: Any) -> Any:
    """The key that ``functools.cmp_to_key`` makes, or one of an object."""
    made: Any = functools.cmp_to_key(compare)
    return made(*of) if of else made


# -- weak references ---------------------------------------------------------------------------


class _Gone:
    """Something to refer to that is gone."""

    def method(self) -> None:
        """For what refers to methods."""


def _weak(reference: Any) -> Reduction:
    return refer, (weakref.ref, reference(), reference.__callback__)


def _weak_method(reference: Any) -> Reduction:
    return refer, (weakref.WeakMethod, reference(), None)


def _proxy(proxy: Any) -> Reduction:
    try:
        of = proxy.__reduce_ex__.__self__
    except ReferenceError:
        of = None
    return refer, (weakref.proxy, of, None)


def refer(kind: Any, to: Any, callback: Any) -> Any:
    """A weak reference of a kind to an object, or to one that is gone (None)."""
    if to is not None:
        return kind(to) if callback is None else kind(to, callback)
    return kind(_Gone().method if kind is weakref.WeakMethod else _Gone())


def _weak_dict(mapping: Any) -> Reduction:
    return weak_dict, (type(mapping), list(mapping.items()))


def weak_dict(kind: Any, items: list[tuple[Any, Any]]) -> Any:
    """A dictionary whose keys or values are referred to weakly."""
    return kind(items)


def _weak_set(members: Any) -> Reduction:
    return weakref.WeakSet, (set(members),)


# -- what looks at a dictionary ------------------------------------------------------------------


def _view(view: Any) -> Reduction:
    return _VIEWS[type(view)], (gc.get_referents(view)[0],)


_VIEWS: dict[type, Any] = {
    type(getattr(kind, what)(kind())): getattr(kind, what)
    for kind in (dict, collections.OrderedDict)
    for what in ("keys", "values", "items")
}


def _read_only(proxy: Any) -> Reduction | None:
    """With the very mapping it looks at, unless that is a class's own."""
    of = gc.get_referents(proxy)[0]
    for each in of.values() if type(of) is dict else ():
        if type(each) in _OF_CLASS and gc.get_referents(each.__objclass__.__dict__)[0] is of:
            return vars, (each.__objclass__,)
    found = held.place(proxy)
    if found is not None:
        return held.load, (*found, held.full_name(type(proxy)), None)
    return types.MappingProxyType, (of,)


_OF_CLASS = (types.GetSetDescriptorType, types.MemberDescriptorType, types.WrapperDescriptorType)


# -- context variables ---------------------------------------------------------------------------


def _context_variable(variable: contextvars.ContextVar[Any]) -> Reduction:
    told: dict[str, Any] = {}
    with contextlib.suppress(LookupError):
        told["default"] = contextvars.Context().run(variable.get)
    now = variable.get(_Gone)
    if now is not _Gone and ("default" not in told or now is not told["default"]):
        told["now"] = now
    return context_variable, (variable.name, told)


def context_variable(name: str, told: dict[str, Any]) -> contextvars.ContextVar[Any]:
    """A variable of this name, with its default and its value of now, where it has them."""
    if "default" in told:
        made = contextvars.ContextVar(name, default=told["default"])
    else:
        made = contextvars.ContextVar(name)
    if "now" in told:
        made.set(told["now"])
    return made


# -- matches -------------------------------------------------------------------------------------


def _match(match: Any) -> Reduction:
    """By where the same search finds it again. Raises TypeError where that is nowhere near."""
    given = match.re, match.string, match.pos, match.endpos
    for how in ("match", "fullmatch"):
        found = getattr(match.re, how)(*given[1:])
        if found is not None and found.regs == match.regs:
            return found_again, (*given, how)
    for number, each in enumerate(islice(match.re.finditer(*given[1:]), _MATCHES)):
        if each.regs == match.regs:
            return found_again, (*given, number)
    raise TypeError("cannot pickle a match that a new search does not find")


_MATCHES = 10_000
"""Matches that are gone through at most."""


def found_again(pattern: Any, string: Any, start: int, end: int, how: str | int) -> Any:
    """What a pattern matches in a string: by this method, or the n-th that is found."""
    if isinstance(how, str):
        return getattr(pattern, how)(string, start, end)
    return next(islice(pattern.finditer(string, start, end), how, None))


# -- threads and event loops ---------------------------------------------------------------------


def _of_loop(obj: Any) -> Reduction | None:
    """What tasks wait at: without its loop, which it finds when it is used next, without those who
    wait, who are gone with their tasks, and not locked by one of them."""
    kind = type(obj)
    if not all(getattr(kind, name) is getattr(object, name) for name in _SAID):
        return None
    state = {k: v for k, v in vars(obj).items() if k != "_loop"}
    for name in ("_waiters", "_getters", "_putters"):
        if state.get(name) is not None:
            state[name] = collections.deque()
    if kind is asyncio.Lock:
        state["_locked"] = False
    return copyreg.__newobj__, (kind,), state  # type: ignore[attr-defined]


_SAID = ("__reduce__", "__reduce_ex__", "__getstate__")


def _loop(loop: Any) -> Reduction:
    if asyncio._get_running_loop() is not loop:
        raise TypeError("cannot pickle an event loop that does not run here")
    return running_loop, ()


def running_loop() -> asyncio.AbstractEventLoop:
    """The event loop that runs here. Raises RuntimeError where none does."""
    return asyncio.get_running_loop()


def _simple_queue(waiting: Any) -> Reduction:
    if waiting.empty():
        return queue.SimpleQueue, ()
    raise TypeError("cannot look into a SimpleQueue without emptying it: use queue.Queue")


def _future(future: Any) -> None:
    if not future.done():
        raise TypeError("cannot pickle what is not done yet: ask for its result")


def _thread_local(local: Any) -> Reduction:
    return thread_local, (dict(vars(local)),)


def thread_local(held: dict[str, Any]) -> threading.local:
    """What this thread sees of it."""
    made = threading.local()
    vars(made).update(held)
    return made


_RECIPES: dict[type, Callable[[Any], Reduction | None]] = {
    types.MethodType: _method,
    types.MappingProxyType: _read_only,
    typing.NewType: _new_type,
    typing.TypeVar: _type_variable,
    typing.ParamSpec: _parameters,
    typing.TypeVarTuple: _parameters,
    weakref.ref: _weak,
    weakref.WeakMethod: _weak_method,
    weakref.ProxyType: _proxy,
    weakref.CallableProxyType: _proxy,
    weakref.WeakKeyDictionary: _weak_dict,
    weakref.WeakValueDictionary: _weak_dict,
    weakref.WeakSet: _weak_set,
    contextvars.ContextVar: _context_variable,
    re.Match: _match,
    threading.local: _thread_local,
    type(functools.cmp_to_key(lambda a, b: 0)): _compared,
    queue.SimpleQueue: _simple_queue,
    concurrent.futures.Future: _future,
    **closed.RECIPES,
    **ended.RECIPES,
    **dict.fromkeys(_VIEWS, _view),
}
