"""The identity of functions and classes: what they are made of, as a digest.

Equal across processes, and equal for an object and its stored and restored copy. A function is
its code, defaults, annotations and what its closure holds; a class is its bases and attributes.
Values that have no short and certain description (a data frame in a closure, an object in a class
attribute) stand for themselves only by their type; :func:`captured` gives them to whoever can
digest them.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import enum
import functools
import operator
import sys
import threading
import types
from collections.abc import Iterable, Iterator
from typing import Any, cast

import blake3

from duranb.code import bytecode, compiled, registered
from duranb.code.looking import (
    bases_of,
    dict_of,
    full_name,
    is_a,
    is_class,
    module_name,
    module_of,
    mro_of,
    name_of,
    own,
    qualname_of,
    written,
)

MOST = 2000
"""How many values a description may go through; what comes after is told by its type only."""

DEEPEST = 50
"""How deep a description goes into functions that hold functions, and the like."""

NOTEBOOKS = {"__main__"}
"""The modules whose functions and classes are told by their code, and not by their names: those of
a notebook, and of what it was exported to."""

_SIMPLE = (str, int, float, complex, bytes, bool, type(None), type(Ellipsis))
_CLASS_NOISE = frozenset(
    {"__module__", "__dict__", "__weakref__", "__firstlineno__", "__static_attributes__"}
    | {"__slotnames__"}  # put there when an instance is pickled
    | {"__abstractmethods__", "_abc_impl", "__signature__", "__dataclass_params__"}
    | {"__class_vars__", "__private_attributes__"}
    # What a protocol works out when it is first asked about.
    | {"__protocol_attrs__", "__callable_proto_members_only__", "__non_callable_proto_members__"}
)
_PYDANTIC = "__pydantic_"
_PYDANTIC_TOLD = frozenset({"__pydantic_fields__", "__pydantic_computed_fields__"})


def of_function(function: types.FunctionType) -> str:
    """The identity of a function, methods and lambdas included: 32 hex characters."""
    return _told(function)[0]


def of_class(cls: type) -> str:
    """The identity of a class, with its own bases: 32 hex characters."""
    return _told(cls)[0]


def of_callable(value: object) -> str:
    """The identity of a function, a class, or anything that wraps one: 32 hex characters."""
    if type(value) is types.FunctionType:
        return of_function(value)
    if is_class(value):
        return of_class(value)
    return _digest(_Tokens().token(value))


def of_attribute(cls: type, value: object) -> str:
    """The identity of what a class holds, where the class itself counts as nothing but that: its
    methods hold it."""
    return _digest(_Tokens(cls).token(value))


def is_same_code(cls: type, one: object, other_cls: type, other: object) -> bool:
    """Whether functions that two classes hold are the same, but for the attributes that they were
    given."""
    if type(one) is not types.FunctionType or type(other) is not types.FunctionType:
        return False
    if compiled.parts(one) is not None:
        return False
    bare = [_Tokens(c).function(f, bare=True) for c, f in ((cls, one), (other_cls, other))]
    return bare[0] == bare[1]


def captured(value: types.FunctionType | type) -> list[object]:
    """The values that a function holds in its closure and defaults, or a class in its attributes,
    and that :func:`of_function` and :func:`of_class` tell apart by their types only, in a fixed
    order."""
    return list(_told(value)[1])


class _Rest(threading.local):
    """What was told in this thread since it came to rest, by the numbers of functions and classes.
    Each is held, and so keeps its number."""

    known: dict[int, tuple[object, str, list[object]]] | None = None


_REST = _Rest()


@contextlib.contextmanager
def at_rest() -> Iterator[None]:
    """For as long as this thread looks at things and runs no code that could change functions and
    classes: each is told once."""
    before = _REST.known
    _REST.known = {} if before is None else before
    try:
        yield
    finally:
        _REST.known = before


def _told(value: types.FunctionType | type) -> tuple[str, list[object]]:
    """The identity of a function or class, and what :func:`captured` gives."""
    known = _REST.known
    found = None if known is None else known.get(id(value))
    if found is None:
        tokens = _Tokens()
        found = value, _identity(value, tokens), tokens.data
        if known is not None:
            known[id(value)] = found
    return found[1:]


def _identity(value: types.FunctionType | type, tokens: _Tokens) -> str:
    if is_class(value):
        return _digest(tokens.class_(value))
    if compiled.parts(value) is not None:
        return _digest(tokens.token(value))
    function = cast(types.FunctionType, value)
    extras = function.__closure__ or function.__defaults__ or function.__kwdefaults__
    if not (extras or function.__annotations__ or function.__dict__):
        return bytecode.identity(function.__code__)
    return _digest(tokens.function(function))


def unwrapped(value: Any) -> Iterator[object]:
    """The functions and classes directly inside of a callable: what it wraps, is bound to, or
    holds in its closure and defaults."""
    wrapper = compiled.parts(value)
    if wrapper is not None:
        yield from _callables(wrapper.functions)
        return
    kind = type(value)
    if kind is types.FunctionType:
        yield from _callables(held(value))
    elif kind is functools.partial:
        yield from _callables([value.func, *value.args, *value.keywords.values()])
    elif kind is types.MethodType:
        yield value.__func__
        yield type(value.__self__)
    elif kind in (staticmethod, classmethod):
        yield value.__func__
    elif issubclass(kind, property):
        yield from _callables(_PROPERTY_PARTS(value))
    elif issubclass(kind, functools.cached_property):
        yield from _callables([own(value).get("func")])
    wrapped = own(value).get("__wrapped__")
    if wrapped is not None:
        yield wrapped


def held(function: types.FunctionType) -> list[object]:
    """What a function holds in its closure and its defaults."""
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    return _cells(function) + defaults


def attributes(cls: type) -> dict[str, Any]:
    """What a class defines itself, without Python's and pydantic's bookkeeping."""
    # A copy: pickling its first instance in another thread gives a class one more attribute.
    found = {k: v for k, v in dict(dict_of(cls)).items() if not _noise(k, v)}
    return registered.told(cls, found) if registered.is_registered(cls) else found


def virtual(cls: type) -> list[type]:
    """The classes that an abstract one was told of (``Shape.register(Square)``)."""
    if "_abc_impl" not in dict_of(cls):
        return []
    references, *_ = abc._get_dump(cls)  # type: ignore[attr-defined]
    return [found for each in references if (found := each()) is not None]


def parts(value: object) -> Iterator[object]:
    """What an object holds in its attributes and slots, without asking the object."""
    yield from list(own(value).values())
    for cls in mro_of(type(value)):
        for slot in list(dict_of(cls).values()):
            if type(slot) is types.MemberDescriptorType:
                with contextlib.suppress(AttributeError):  # not assigned
                    yield slot.__get__(value)


def home(function: types.FunctionType) -> str:
    """The module that a function's code is from. ``functools.wraps`` gives a library's wrapper the
    ``__module__`` of the function that it wraps."""
    found = function.__globals__.get("__name__")
    if type(found) is str:
        return found
    return function.__module__ if type(function.__module__) is str else ""


def library(value: types.FunctionType | type) -> bool:
    """Whether a function or class belongs to a module under its own name, and so needs no more
    description than that name."""
    if is_class(value):
        module, name = module_of(value), qualname_of(value)
    elif home(cast(types.FunctionType, value)) in NOTEBOOKS:  # it may wrap one, and say it is that
        return False
    else:
        module, name = value.__module__, value.__qualname__
    if type(module) is not str or module in NOTEBOOKS or "<locals>" in name:
        return False
    held = sys.modules.get(module)
    if held is None:
        return False
    return not (is_class(value) and value.__flags__ & _MADE) or _has(held, value)


def _has(module: types.ModuleType, value: type) -> bool:
    """Whether a module has a class under its name: not one that a function of it made just so."""
    found: Any = module
    for name in qualname_of(value).split("."):
        found = getattr(found, name, None)
    return found is value


_MADE = 1 << 9
"""The flag of types that were made while the program ran, as ``class`` does (Py_TPFLAGS_HEAPTYPE).
"""


def _callables(values: Iterable[object]) -> Iterator[object]:
    for value in values:
        if callable(value):
            yield value


def _cells(function: types.FunctionType) -> list[object]:
    """The contents of a closure; a name that is not bound yet stands as Ellipsis."""
    found = []
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not assigned yet
            found.append(Ellipsis)
    return found


def _digest(token: object) -> str:
    return blake3.blake3(repr(token).encode(errors="surrogatepass")).hexdigest(16)


def _full_name(value: Any) -> str:
    if is_class(value):
        return full_name(value)
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "?")
    return f"{getattr(value, '__module__', '?')}.{name}"


class _Tokens:
    """Turns a value into nested tuples of strings. ``data`` collects what it could not."""

    def __init__(self, *inside: object) -> None:
        self.data: list[object] = []
        self._inside = [*inside]
        self._left = MOST

    def token(self, value: object) -> object:
        if is_a(value, *_SIMPLE) and type(value) in _SIMPLE:
            return (type(value).__name__, written(value))
        if any(value is outer for outer in self._inside):
            return "itself"
        self._left -= 1
        if self._left < 0 or len(self._inside) > DEEPEST:
            self.data.append(value)
            return _full_name(type(value))
        self._inside.append(value)
        try:
            return self._deep(value)
        finally:
            self._inside.pop()

    def _deep(self, value: Any) -> object:
        wrapper = compiled.parts(value)
        if wrapper is not None:
            functions = [self.token(f) for f in wrapper.functions]
            return (wrapper.recipe, functions, wrapper.told())
        kind = type(value)
        if kind is types.FunctionType:
            return _full_name(value) if library(value) else self.function(value)
        if issubclass(kind, type):
            return _full_name(value) if library(value) else self.class_(value)
        if issubclass(kind, enum.Enum):
            return (_full_name(kind), own(value).get("_name_"))
        if any(kind is each for each in _CONTAINERS):
            return self._container(value)
        if kind is functools.partial:
            parts = [value.func, *value.args, *sorted(value.keywords.items())]
            return ("partial", [self.token(p) for p in parts])
        if kind is dataclasses.Field:
            return ("field", [self.token(getattr(value, n)) for n in _FIELD])
        if issubclass(kind, types.ModuleType):
            return ("module", module_name(value))
        if kind is type(dataclasses.MISSING):
            return "no default"  # a field's; a copy of it as well
        if any(kind is each for each in _NAMED):
            of = getattr(value, "__self__", None)  # of a list: [].append
            token: tuple[object, ...] = (kind.__name__, _full_name(value))
            return token if _is_by_name(value, of) else (*token, self.token(of))
        inner = [self.token(v) for v in unwrapped(value)]
        if not inner:
            return self._described(value)
        if kind is types.MethodType and not _is_by_name(value, value.__self__):
            return (name_of(kind), inner, self.token(value.__self__))
        if kind.__flags__ & _MADE:  # a decorator that is a class: it may hold more
            self.data.append(value)
        return (name_of(kind), inner)

    def _container(self, value: Any) -> object:
        if type(value) is dict:
            return ("dict", [(self.token(k), self.token(v)) for k, v in list(value.items())])
        tokens = [self.token(v) for v in list(value)]
        if type(value) in (set, frozenset):
            tokens.sort(key=repr)
        return (type(value).__name__, tokens)

    def _described(self, value: object) -> object:
        """By ``repr`` where that says all (types, pydantic's fields), else by type only."""
        name = _full_name(type(value))
        if module_of(type(value)) in _TELLING:
            text = repr(value)
            if " at 0x" not in text:
                return (name, text)
        self.data.append(value)
        return name

    def function(self, function: types.FunctionType, *, bare: bool = False) -> object:
        extra = {} if bare else compiled.lasting(function)
        wrapped = extra.pop("__wrapped__", None)
        return (
            bytecode.identity(function.__code__),
            [self.token(v) for v in function.__defaults__ or ()],
            self.token(function.__kwdefaults__),
            [(n, self.token(v)) for n, v in list(function.__annotations__.items())],
            [self.token(v) for v in _cells(function)],
            [(k, self.token(v)) for k, v in extra.items()],
            # By its code wherever it is from: being wrapped makes it part of this function.
            self.function(wrapped) if type(wrapped) is types.FunctionType else self._of(wrapped),
        )

    def _of(self, wrapped: object) -> object:
        return None if wrapped is None else self.token(wrapped)

    def class_(self, cls: type) -> object:
        self._inside.append(cls)
        told = attributes(cls)
        if issubclass(cls, enum.Enum):
            fields: Any = [
                (n, self.token(m.value), *self._given(m)) for n, m in cls.__members__.items()
            ]
            told = {k: v for k, v in told.items() if is_a(v, *_METHODS)}
        else:
            fields = [self.token(f) for f in told.pop("__dataclass_fields__", {}).values()]
        token = (
            qualname_of(cls),
            self.token(type(cls)),
            [self.token(b) for b in bases_of(cls)],
            fields,
            # Sorted: a stored class gets its attributes back in another order.
            [(k, self.token(v)) for k, v in sorted(told.items())],
            *_options(cls),
            *(f"registered {name}" for name in sorted(map(full_name, virtual(cls)))),
        )
        self._inside.pop()
        return token

    def _given(self, member: enum.Enum) -> list[object]:
        """The attributes that a member of an enum was given, beside those of every enum's."""
        given = {k: v for k, v in list(own(member).items()) if not (k[:1] == "_" == k[-1:])}
        return [(k, self.token(v)) for k, v in sorted(given.items())]


def _is_by_name(method: Any, of: object) -> bool:
    """Whether a method says all by its name: ``of`` a class, or what a module has under it, whose
    state is the module's (``random.choice``)."""
    if of is None or is_a(of, type, types.ModuleType):
        return True
    home = sys.modules.get(module_of(type(of)))
    return home is not None and vars(home).get(method.__name__) is method


def _options(cls: type) -> list[str]:
    """The options of a dataclass that are not the usual ones: they decide on the methods that are
    made for it."""
    given = vars(cls).get("__dataclass_params__")
    usual = {"init": True, "repr": True, "eq": True, "match_args": True}
    names = [n for c in type(given).__mro__ for n in vars(c).get("__slots__", ())]
    told = {n: getattr(given, n, None) for n in names}
    return [f"{n}={v}" for n, v in told.items() if v != usual.get(n, False)]


def _noise(name: str, value: object) -> bool:
    """Whether a class's attribute says nothing of its own: bookkeeping, and methods generated from
    fields, which are described themselves."""
    if name in _CLASS_NOISE or (name.startswith(_PYDANTIC) and name not in _PYDANTIC_TOLD):
        return True
    if name == "__annotations__" and type(value) is dict and not value:
        return True  # put there by whoever asks
    if type(value) is not types.FunctionType:
        return False
    # A stored function has lost its file's name, and kept what was around it: a dataclass's and a
    # named tuple's methods are told by that.
    code = value.__code__
    made = code.co_qualname.startswith("__create_fn__.<locals>.")
    return made or (name == "__new__" and code.co_name == "<lambda>")


_CONTAINERS: tuple[type, ...] = (list, tuple, set, frozenset, dict)
_FIELD = (
    "name",
    "type",
    "default",
    "default_factory",
    "init",
    "repr",
    "hash",
    "compare",
    "kw_only",
)
_PROPERTY_PARTS = operator.attrgetter("fget", "fset", "fdel")
_METHODS = (types.FunctionType, staticmethod, classmethod, property)
_NAMED = (
    types.BuiltinFunctionType,
    types.MemberDescriptorType,
    types.GetSetDescriptorType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.MethodWrapperType,
)
_TELLING = ("types", "typing", "pydantic.fields", "typing_extensions", "re", "datetime", "pathlib")
