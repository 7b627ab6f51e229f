"""What modules and classes hold under a name.

A module-level ``_MISSING = object()``, a registry, the ``_metadata`` of a class: everybody who uses
the library reaches it, so that it is no state of a value that does. What is compared by ``is`` has
to come back as the very object that the module holds.
"""

from __future__ import annotations

import collections
import site
import sys
import sysconfig
import types
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from typing import Any

from duranb.pure.immutable import is_immutable
from duranb.pure.looking import module_of

_Place = tuple[dict[str, Any], str, str]
"""A module's globals, the module's name, and the name in it."""


_PLAIN = frozenset({object, list, dict, set, bytearray, collections.deque})
"""The types of values that nothing but looking tells to be held by a module."""


class _Index:
    """Objects that modules hold, by id: those that are ``wanted``, of one package or of all. Each
    module is gone through once; an id is only believed where the module holds that object still."""

    def __init__(self, wanted: Callable[[str, object], bool], package: str = "") -> None:
        self._wanted = wanted
        self._package = package
        self._seen: dict[str, types.ModuleType] = {}
        self._places: dict[int, _Place] = {}
        self._loaded = 0

    def places(self) -> dict[int, _Place]:
        """Where objects were found, by their ids."""
        self._look()
        return self._places

    def place(self, obj: object) -> tuple[str, str] | None:
        """The module that holds this very object, and the name it has there."""
        names, module, name = self.places().get(id(obj), ({}, "", ""))
        return (module, name) if names.get(name) is obj else None

    def _look(self) -> None:
        """Go through the modules that were loaded since."""
        if len(sys.modules) == self._loaded:
            return
        waiting = False
        for name, module in list(sys.modules.items()):
            if self._seen.get(name) is module or not self._is_one(name, module):
                continue
            if _being_loaded(module):
                waiting = True
            else:
                self._seen[name] = module
                self._look_into(name, vars(module))
        self._loaded = 0 if waiting else len(sys.modules)

    def _is_one(self, name: str, module: types.ModuleType) -> bool:
        if self._package and name.partition(".")[0] != self._package:
            return False
        return name != "__main__" and issubclass(type(module), types.ModuleType)

    def _look_into(self, module: str, names: dict[str, Any]) -> None:
        for name, value in list(names.items()):
            if self._wanted(module, value):
                before = self._places.get(id(value))
                if before is None or before[0].get(before[2]) is not value:
                    self._places[id(value)] = (names, module, name)


def _is_plain(module: str, value: object) -> bool:
    return type(value) in _PLAIN and (type(value) is object or installed(module))


_plain = _Index(_is_plain)


@cache
def _of_package(package: str) -> _Index:
    def is_own(module: str, value: object) -> bool:
        kind = type(value)
        return module_of(kind).partition(".")[0] == package and not is_immutable(value)

    return _Index(is_own, package)


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
    if kind in _PLAIN:
        return _plain
    module = module_of(kind)
    if module in _NO_LIBRARY or not installed(module):
        return None
    return _of_package(module.partition(".")[0])


_NO_LIBRARY = ("builtins", "__main__", "collections", "functools")


def by_classes(kinds: Iterable[type]) -> set[int]:
    """The ids of the lists, dicts and other plain objects that these types and their bases hold in
    attributes; a class of the notebook or the project holds its own."""
    found = ((c.__dict__, n) for kind in kinds for c, names in _in_classes(kind) for n in names)
    return {id(attributes.get(name)) for attributes, name in found}


@lru_cache(maxsize=1024)
def _in_classes(kind: type) -> tuple[tuple[type, tuple[str, ...]], ...]:
    found = []
    for cls in kind.__mro__:
        names = tuple(n for n, v in vars(cls).items() if type(v) in _PLAIN)
        if names and installed(module_of(cls)):
            found.append((cls, names))
    return tuple(found)


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


@cache
def installed(module: str) -> bool:
    """Whether a module is Python's own or of an installed package: no code that the user edits."""
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
