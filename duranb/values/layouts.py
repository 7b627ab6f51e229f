"""How a type's instances are laid out, read from the type alone: no code of its own runs."""

from __future__ import annotations

import collections
import contextlib
import copyreg
import datetime
import decimal
import enum
import functools
import os
import sys
import sysconfig
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from duranb.values.immutable import ATOMS

CONTENT: tuple[type, ...] = (
    *(list, tuple, dict, set, frozenset, collections.deque),
    *(functools.partial, types.MethodType, BaseException, enum.Enum),
    *(bool, int, float, complex, str, bytes, bytearray),
    *(datetime.datetime, datetime.date, datetime.time, datetime.timedelta, decimal.Decimal),
)
"""Built-in types that hold something beside attributes."""

_TRUSTED = {
    id(kind)  # a metaclass may have an __eq__ of its own
    for kind in (
        *ATOMS,
        *CONTENT,
        *(types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CellType),
        *(collections.OrderedDict, collections.defaultdict, collections.Counter),
        *(datetime.timezone, types.GenericAlias, types.UnionType, type(NotImplemented)),
    )
}

_TRUSTED_HOMES = ("numpy", "pandas", "polars", "pyarrow", "torch", "jax", "jaxlib", "tensorflow")
"""Libraries of arrays, of which what pickling keeps is well known and reading is costly."""

_PICKLING = frozenset(
    {
        *("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__"),
        *("__getnewargs_ex__", "__new__", "__init_subclass__", "__setattr__", "__getattribute__"),
        *("__getattr__", "__dict__", "__del__", "__eq__", "__hash__", "__set_name__"),
    }
)
"""What a class defines that could make its instances come back as something else."""


@dataclass(frozen=True)
class Layout:
    """Of a type's instances.

    ``own``: the class is the notebook's or the project's. ``mixed``: it is, and has a library's
    class among its bases; ``names`` are the attributes that its own code speaks of.
    ``ordinary``: pickling it can lose nothing, whatever it holds. ``builtin`` is the built-in type
    below it that has content. ``by_identity``: two of them are equal only if they are one.
    """

    own: bool
    mixed: bool = False
    ordinary: bool = False
    builtin: type | None = None
    is_array: bool = False
    by_identity: bool = False
    names: frozenset[str] = frozenset()
    dictionary: Any = None
    members: list[tuple[str, Any]] = field(default_factory=list)

    def attributes(self, value: object) -> Iterator[tuple[str, Any]]:
        """The attributes of an instance, in the order of their names."""
        found: dict[str, Any] = {}
        for name, descriptor in self.members:
            try:
                found.setdefault(name, descriptor.__get__(value, type(value)))
            except Exception:  # a slot that is empty; or the library's code
                continue
        if self.dictionary is not None:
            held = self.dictionary.__get__(value, type(value))
            found |= {n: x for n, x in dict.items(held) if type(n) is str}
        for name in sorted(found):
            yield name, found[name]


_mro: Any = type.__dict__["__mro__"]
_module: Any = type.__dict__["__module__"]
_vars: Any = type.__dict__["__dict__"]


def of(kind: type) -> Layout:
    """The layout of a type."""
    classes: tuple[type, ...] = _mro.__get__(kind)[:-1]
    own = is_own(kind)
    if id(kind) in _TRUSTED or issubclass(kind, type) or _home(kind) in _TRUSTED_HOMES:
        return Layout(own, ordinary=True, builtin=_content(classes), is_array=_is_array(classes))
    own_classes = [c for c in classes if is_own(c)]
    foreign = any(not is_own(c) and id(c) not in _TRUSTED for c in classes)
    dictionary: Any = None
    members: list[tuple[str, Any]] = []
    for cls in classes:
        for name, held in variables(cls).items():
            if name == "__dict__" and type(held) is types.GetSetDescriptorType:
                dictionary = dictionary or held
            elif _is_read(name, held, cls):
                members.append((name, held))
    return Layout(
        own,
        mixed=own and foreign,
        ordinary=is_ordinary(kind),
        builtin=_content(classes),
        is_array=_is_array(classes),
        by_identity=not any("__eq__" in variables(c) for c in classes),
        names=frozenset().union(*map(_spoken_of, own_classes)),
        dictionary=dictionary,
        members=members,
    )


def is_own(kind: type) -> bool:
    """Whether a class is the notebook's or the project's: of no installed library."""
    module = module_of(kind)
    if module == "__main__":
        return True
    if module not in sys.modules:
        return False
    file = getattr(sys.modules[module], "__file__", None)
    if not isinstance(file, str) or file.startswith(_STANDARD):
        return False
    package = getattr(sys.modules.get(module.partition(".")[0]), "__file__", None)
    return not _is_installed(os.path.dirname(package if isinstance(package, str) else file))


_STANDARD = os.path.join(sysconfig.get_path("stdlib"), "")


@functools.lru_cache(maxsize=4096)
def _is_installed(folder: str) -> bool:
    """Whether a package's folder, or a module's, lies where an installer has put it."""
    parent = os.path.dirname(folder)
    if os.path.basename(parent) in _SITES or os.path.basename(folder) in _SITES:
        return True
    with contextlib.suppress(OSError):
        return any(name.endswith(".dist-info") for name in os.listdir(parent))
    return False


_SITES = ("site-packages", "dist-packages")


def _home(kind: type) -> str:
    return module_of(kind).partition(".")[0]


def _content(classes: tuple[type, ...]) -> type | None:
    return next((c for c in classes if any(c is known for known in CONTENT)), None)


def _is_array(classes: tuple[type, ...]) -> bool:
    return any(c.__name__ == "ndarray" and _home(c) == "numpy" for c in classes)


def variables(kind: type) -> Mapping[str, Any]:
    """What a class itself defines."""
    found: Mapping[str, Any] = _vars.__get__(kind)
    return found


def module_of(kind: type) -> str:
    """The name of the module that a class says it is from, or an empty string."""
    found = _module.__get__(kind)
    return found if type(found) is str else ""


def bases(kind: type) -> tuple[type, ...]:
    """The classes that a class is made from."""
    found: tuple[type, ...] = type.__dict__["__bases__"].__get__(kind)
    return found


def is_marker(kind: type) -> bool:
    """Whether an instance can say no more than that it is itself."""
    return not any(
        name == "__eq__" or name[:1] != "_"
        for c in _mro.__get__(kind)[:-1]
        for name in variables(c)
    )


def is_made_plainly(kind: type) -> bool:
    """Whether no library has a hand in what a class itself holds."""
    classes = _mro.__get__(kind)[:-1]
    return all((type(c) is type or is_own(type(c))) and is_own(c) for c in classes)


def is_ordinary(kind: type) -> bool:
    """Whether pickling an instance can lose nothing, since nothing says how to do it."""
    if any(kind is known for known in copyreg.dispatch_table):
        return False
    for cls in _mro.__get__(kind)[:-1]:
        held = variables(cls)
        if cls is list or cls is dict:
            continue
        if type(cls) is not type or any(cls is known for known in CONTENT):
            return False
        if not _PICKLING.isdisjoint(held) and not _is_usual(held):
            return False
    return True


def _is_usual(held: Any) -> bool:
    """A ``__dict__`` that Python made, and the ``__eq__`` of a dataclass, are nothing special."""
    special = _PICKLING & held.keys()
    if type(held.get("__dict__")) is types.GetSetDescriptorType:
        special -= {"__dict__"}
    if "__dataclass_fields__" in held or held.get("__hash__", 0) is None:
        special -= {"__eq__", "__hash__"}
    return not special


def _is_read(name: str, held: object, cls: type) -> bool:
    """Whether it is a slot, or a getter in C of an installed library's extension type."""
    if type(held) is types.MemberDescriptorType and "__slots__" in variables(cls):
        return True
    if type(held) not in (types.GetSetDescriptorType, types.MemberDescriptorType):
        return False
    home = _home(cls)
    return not (name.startswith("_") or home in sys.stdlib_module_names or home in _TRUSTED_HOMES)


def _spoken_of(cls: type) -> set[str]:
    held = variables(cls)
    found = {n for n in held.get("__annotations__", ()) if type(n) is str}
    for each in held.values():
        function = getattr(each, "__func__", each) if type(each) in _WRAPPED else each
        if type(function) is types.FunctionType:
            found.update(function.__code__.co_names)
    return found


_WRAPPED = (staticmethod, classmethod)
