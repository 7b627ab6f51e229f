"""What modules and classes hold under a name.

A module-level ``_MISSING = object()``, a registry, the ``_metadata`` of a class: everybody who uses
the library reaches it, so that it is no state of a value that does. What is compared by ``is`` has
to come back as the very object that the module holds.
"""

from __future__ import annotations

import collections
import contextlib
import contextvars
import functools
import importlib
import site
import sys
import sysconfig
import threading
import types
from collections.abc import Callable, Iterable, Mapping
from itertools import compress
from typing import Any

from duranb.code.kinds import once_a_class
from duranb.code.looking import module_of as home_of, own as own_of, which
from duranb.text.called import is_secret_field
from duranb.values.immutable import ATOMS, is_immutable_kind, is_imported

_Place = tuple[dict[str, Any], str, str]
"""A module's globals, the module's name, and the name in it."""

_Names = Mapping[str, Any]


_PLAIN = frozenset(
    {
        *(object, contextvars.ContextVar, types.MappingProxyType),
        *(list, dict, set, bytearray, collections.deque, functools.partial),
    }
)
"""The types of values that nothing but looking tells to be held by a module."""


_UNIQUE = (object, contextvars.ContextVar)
"""Those of them that are told apart by ``is``: no copy will do."""

# By what tells them: a class's own hash, which its metaclass may define, is not asked for.
_PLAIN_IDS = frozenset(map(which, _PLAIN))
_UNIQUE_IDS = frozenset(map(which, _UNIQUE))


class _Index:
    """Objects that modules hold, by id: those that ``pick`` chooses among a module's names, of one
    package or of all. Each module is gone through once; an id is only believed where the module
    holds that object still."""

    def __init__(self, pick: Callable[[str, _Names], Iterable[str]], package: str = "") -> None:
        self._pick = pick
        self._package = package
        self._seen: dict[str, types.ModuleType] = {}
        self._waiting: dict[str, types.ModuleType] = {}
        self._places: dict[int, _Place] = {}
        self._loaded = 0
        self._looking = threading.RLock()  # looking may load a module, which is looked into too

    def places(self) -> dict[int, _Place]:
        """Where objects were found, by their ids."""
        if self._waiting or len(sys.modules) != self._loaded:
            with self._looking:
                self._look()
        return self._places

    def place(self, obj: object) -> tuple[str, str] | None:
        """The module that holds this very object, and the name it has there."""
        names, module, name = self.places().get(id(obj), ({}, "", ""))
        return (module, name) if names.get(name) is obj else None

    def _look(self) -> None:
        """Go through the modules that were loaded since."""
        modules = list(sys.modules.items())
        if len(modules) != self._loaded:
            for name, module in modules:
                # What the notebook held must not live on here when it is gone.
                if name != "__main__" and self._seen.get(name) is not module:
                    self._seen[name] = module
                    if self._is_one(name, module):
                        self._waiting[name] = module
        for name, module in list(self._waiting.items()):
            if not _being_loaded(module):
                self._look_into(name, vars(module))
                self._waiting.pop(name, None)
        self._loaded = len(modules)  # last: until then others wait for all of it

    def _is_one(self, name: str, module: types.ModuleType) -> bool:
        if self._package and name.partition(".")[0] != self._package:
            return False
        return issubclass(type(module), types.ModuleType)

    def _look_into(self, module: str, names: dict[str, Any]) -> None:
        for name in self._pick(module, names):
            value = names.get(name)
            before = self._places.get(id(value))
            if before is None or before[0].get(before[2]) is not value:
                self._places[id(value)] = (names, module, name)


def _plain_ones(module: str, names: _Names) -> list[str]:
    kinds = _PLAIN_IDS if installed(module) else _UNIQUE_IDS
    found = dict(names)
    return list(compress(found, map(kinds.__contains__, map(which, map(type, found.values())))))


_plain = _Index(_plain_ones)


def look_around() -> None:
    """Go through the modules that were loaded since this was last done, which takes 20 µs for each:
    the next value that is stored does not wait for it."""
    _plain.places()


@functools.cache
def _of_package(package: str) -> _Index:
    kept: dict[int, type] = {}  # or others would be told by their numbers
    own: set[int] = set()

    def learn(kind: type) -> None:
        kept[which(kind)] = kind
        if home_of(kind).partition(".")[0] == package and not is_immutable_kind(kind):
            own.add(which(kind))

    def own_ones(module: str, names: _Names) -> list[str]:
        found = dict(names)
        kinds = list(map(type, found.values()))
        numbers = list(map(which, kinds))
        if not kept.keys() >= set(numbers):
            for number, kind in zip(numbers, kinds, strict=True):
                if number not in kept:
                    learn(kind)
        names_of_own = compress(found, map(own.__contains__, numbers))
        return [name for name in names_of_own if not is_imported(found[name])]

    return _Index(own_ones, package)


def places(kind: type) -> Mapping[int, object]:
    """By id, the objects among which those of this type are that a library holds."""
    index = _index(kind)
    return {} if index is None else index.places()


def place(obj: object) -> tuple[str, str] | None:
    """Where a library holds this very object: a module, and the name there. Looked for are
    instances of its own classes, lists, dicts and the like, and a bare ``object()``."""
    index = _index(type(obj))
    return None if index is None else index.place(obj)


def _index(kind: type) -> _Index | None:
    if which(kind) in _PLAIN_IDS:
        return _plain
    module = home_of(kind)
    if module in _NO_LIBRARY or not installed(module):
        return None
    return _of_package(module.partition(".")[0])


_NO_LIBRARY = ("builtins", "__main__", "collections", "functools")


def by_classes(kinds: Iterable[type]) -> set[int]:
    """The ids of the lists, dicts and other plain objects that these types and their bases hold in
    attributes; a class of the notebook or the project holds its own."""
    found = ((c.__dict__, n) for kind in kinds for c, names in _in_classes(kind) for n in names)
    return {id(attributes.get(name)) for attributes, name in found}


@once_a_class
def _in_classes(kind: type) -> tuple[tuple[type, tuple[str, ...]], ...]:
    found = []
    for cls in kind.__mro__:
        names = tuple(n for n, v in list(vars(cls).items()) if which(type(v)) in _PLAIN_IDS)
        if not installed(home_of(cls)):
            of_pandas = any(home_of(base).startswith("pandas.") for base in cls.__mro__)
            names = _HANDED_OUT if of_pandas and _HANDED_OUT[0] in names else ()
        if names:
            found.append((cls, names))
    return tuple(found)


_HANDED_OUT = ("_metadata",)
"""What a subclass of pandas' frames holds, and these give out with the state of an instance."""


def load_home(cls: type) -> None:
    """Load the module that a library's class says it is from, which the library only loads when it
    is asked for (``numpy.rec``): the class would be none of any module, and come back as another
    one."""
    module = home_of(cls)
    root = module.partition(".")[0]
    if module not in sys.modules and root in sys.modules and installed(root):
        with contextlib.suppress(ImportError):
            importlib.import_module(module)


def is_global(obj: Any) -> bool:
    """Whether an object (a compiled function, say) is what its module holds under its name."""
    kind: Any = type(obj)
    if kind.__getattribute__ is not object.__getattribute__ or hasattr(kind, "__getattr__"):
        return False
    name, module = getattr(obj, "__qualname__", None), getattr(obj, "__module__", None)
    if not isinstance(name, str) or not isinstance(module, str) or module == "__main__":
        return False
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return bool(found is obj)


def reduction(obj: object) -> tuple[Any, ...] | None:
    """How an object is pickled that a library holds: by where it is, with what it holds where that
    is plain data (``matplotlib.rcParams``). None for any other."""
    if which(type(obj)) in _PLAIN_IDS and which(type(obj)) not in _UNIQUE_IDS:
        return None  # a copy of it is as good
    found = place(obj)
    if found is None:
        return None
    return load, (*found, full_name(type(obj)), _state(obj))


_State = tuple[str, dict[str, Any], Any]


def load(module: str, name: str, kind: str, state: _State | None) -> object:
    """What a module holds under a name. Raises LookupError where that is not what it was."""
    found = vars(importlib.import_module(module)).get(name)
    # What loads itself on first use has another type then, of the same package.
    if full_name(type(found)).partition(".")[0] != kind.partition(".")[0]:
        raise LookupError(f"{module}.{name} is no {kind} any more")
    if state is not None:
        _set_state(found, state)
    return found


def _state(obj: Any) -> _State | None:
    """An object's attributes and items, where the former are plain data; of a dict's items those
    that are. None where there are none."""
    kind = type(obj)
    items: Any = None
    if issubclass(kind, dict):
        items = {k: v for k, v in dict.items(obj) if is_data((k, v))}
    elif issubclass(kind, (list, set)):
        items = list(kind.__iter__(obj))
    own = dict(own_of(obj))
    if any(map(is_secret_field, own)):
        return None
    if not (own or items) or not is_data((own, items)):
        return None
    return full_name(kind), own, items


def _set_state(obj: Any, state: _State) -> None:
    """Give what a library holds the state it had, if it has another one and is built alike."""
    now = _state(obj)
    if now is None or now == state or now[0] != state[0] or now[1].keys() != state[1].keys():
        return
    vars(obj).update(state[1])
    items = state[2]
    if issubclass(type(obj), dict):
        for key in now[2].keys() - items.keys():
            del obj[key]
        obj.update({k: v for k, v in items.items() if k not in now[2] or now[2][k] != v})
    elif items is not None and items != now[2]:
        obj.clear()
        (obj.extend if issubclass(type(obj), list) else obj.update)(items)


def is_data(value: object) -> bool:
    """Whether a value is numbers and texts in lists, dicts and the like, and not many."""
    left, stack = _MOST, [value]
    while stack and left:
        left -= 1
        part: Any = stack.pop()
        if type(part) in (list, tuple, set, frozenset):
            stack += part
        elif type(part) is dict:
            stack += [*part.keys(), *part.values()]
        elif type(part) not in ATOMS:
            return False
    return not stack


_MOST = 5000


def full_name(kind: type) -> str:
    """A type's module and name."""
    return f"{kind.__module__}.{kind.__qualname__}"


def module_of(function: types.FunctionType) -> str | None:
    """The module whose globals a function has; None for the notebook's, and those of no module."""
    name = function.__globals__.get("__name__")
    if not isinstance(name, str) or name == "__main__":
        return None
    module = sys.modules.get(name)
    return name if module is not None and vars(module) is function.__globals__ else None


def module_globals(module: str) -> dict[str, Any]:
    """The globals of a module, as they are today."""
    return vars(importlib.import_module(module))


@functools.cache
def installed(module: str) -> bool:
    """Whether a module is Python's own or of an installed package: no code that the user edits."""
    if module == "__main__":
        return False  # the notebook, whatever program its kernel began as
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return module.partition(".")[0] in {*sys.builtin_module_names, *sys.stdlib_module_names}
    return str(file).startswith(_INSTALLED)


def _folders() -> tuple[str, ...]:
    named = sysconfig.get_paths()
    found = [named[n] for n in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple(f"{folder.rstrip('/')}/" for folder in {*found, *site.getsitepackages()})


_INSTALLED = _folders()


def _being_loaded(module: types.ModuleType) -> bool:
    return bool(getattr(module.__spec__, "_initializing", False))
