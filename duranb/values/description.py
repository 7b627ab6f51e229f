"""What a value is made of, as plain data that two processes can compare.

The walk runs no code of the value's own: attributes are read from the instance's dictionary and
slots, items by the methods of the built-in type below a subclass. The one exception are getters of
extension types, which are C code of an installed library. The walk goes breadth first and ends
after so many objects, and of a long list only some items are looked at: it is meant to notice that
a class forgets something, not to prove that every number is the same.
"""

from __future__ import annotations

import collections
import enum
import functools
import reprlib
import sys
import time
import types
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec
import xxhash

from duranb.code import identity
from duranb.values import contents, layouts
from duranb.values.immutable import ATOMS
from duranb.values.layouts import Layout

MOST = 5_000
"""Objects that are looked at."""

_SAMPLE = 100
"""Items of one container that are looked at."""

_HASHED = 1 << 20
"""Bytes of one array that are read."""

_SHOWN = 60
"""Characters of a text that are kept; of the rest there is a digest."""

Part: TypeAlias = int | str
"""The index of a node; or the text of an atom, which nothing can share."""


class Node(msgspec.Struct, array_like=True):
    """One object.

    ``kind`` is its type's full name. ``told`` says what is not in ``parts``, and ``content`` is a
    digest of the rest. ``size`` is the number of items, -1 for what has none. ``parts`` are items
    and attributes by what would follow the object in an expression: ``.unit``, ``[0]``,
    ``['key']``. ``own`` says that the type is the notebook's or the project's; ``private`` are the
    parts that a library's class keeps for itself. ``shared`` says that a change of it could be seen
    through something else that holds it. ``held_as`` is the name under which the module of its type
    holds this very object, of one that nothing else tells. ``opaque`` objects are not described;
    ``by_identity`` ones are equal to nothing but themselves.
    """

    kind: str
    told: str = ""
    size: int = -1
    parts: dict[str, Part] = {}
    own: bool = False
    private: list[str] = []
    shared: bool = False
    held_as: str = ""
    opaque: bool = False
    by_identity: bool = False
    content: str = ""


class Description(msgspec.Struct, array_like=True):
    """``roots`` are the values by name. ``ordinary`` says that pickling can lose nothing of them;
    ``unordered`` that a set is inside; ``unequal`` that a part of them is equal to no copy of it;
    ``classes`` that a class is inside that is stored with its variables.
    """

    nodes: list[Node]
    roots: dict[str, Part]
    ordinary: bool = True
    unordered: bool = False
    unequal: bool = False
    classes: bool = False


class TooLong(Exception):
    """Describing a value took longer than it may."""


def describe(
    values: dict[str, Any],
    opaque: Callable[[Any], bool] = lambda value: False,
    seconds: float = 10.0,
) -> tuple[Description, list[Any]]:
    """The description of some values, and the object that each node stands for.

    ``opaque`` tells what is not to be looked into. Raises :class:`TooLong`.
    """
    walk = _Walk(opaque, time.monotonic() + seconds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return walk.run(values), walk.objects


def shown(part: Part, nodes: Sequence[Node]) -> str:
    """A part in a few words: the atom itself, or what kind of object it is."""
    if isinstance(part, str):
        return part
    node = nodes[part]
    article = "an" if node.kind[:1] in "aeiouAEIO" else "a"
    return f"{article} {node.kind}" + (f" of {items(node.size)}" if node.size >= 0 else "")


def items(size: int) -> str:
    """So many items."""
    return "1 item" if size == 1 else f"{size} items"


def summary(value: Any) -> str:
    """A value as :func:`shown` says it."""
    walk = _Walk(lambda value: False, float("inf"))
    part = walk.part(value)
    if isinstance(part, int):
        walk.fill(walk.found.nodes[part], value)
    return shown(part, walk.found.nodes)


def atom(value: Any) -> str:
    """An atom as text, its type first."""
    kind = type(value)
    if kind in (str, bytes):
        text = repr(value[:_SHOWN])
        if len(value) > _SHOWN:
            data = value.encode("utf-8", "surrogatepass") if kind is str else value
            text += f"… ({len(value)} long, {xxhash.xxh3_64_hexdigest(data)})"
        return text
    return _short.repr(value)


class _Walk:
    def __init__(self, opaque: Callable[[Any], bool], deadline: float) -> None:
        self.objects: list[Any] = []
        self._opaque = opaque
        self._deadline = deadline
        self._index: dict[int, int] = {}
        self._layouts: dict[int, Layout] = {}
        self._held: dict[str, dict[int, str]] = {}
        self.found = Description([], {})

    def run(self, values: dict[str, Any]) -> Description:
        found = self.found
        found.roots = {name: self.part(value) for name, value in values.items()}
        for at, node in enumerate(found.nodes):  # it grows
            if at % 64 == 0 and time.monotonic() > self._deadline:
                raise TooLong
            self.fill(node, self.objects[at])
        return found

    def part(self, value: Any) -> Part:
        kind = type(value)
        if kind in ATOMS:
            if kind in (float, complex) and value != value:
                self.found.unequal = True
            return atom(value)
        index = self._index.get(id(value))
        if index is None:
            index = self._index[id(value)] = len(self.objects)
            self.objects.append(value)  # held, or another one could get its id
            self.found.nodes.append(Node(_full_name(kind)))
        return index

    def fill(self, node: Node, value: Any) -> None:
        kind = type(value)
        if len(self.objects) > MOST or self._opaque(value):
            node.opaque = True
            return
        layout = self._layouts.get(id(kind))
        if layout is None:
            layout = self._layouts[id(kind)] = layouts.of(kind)
        node.own = layout.own
        node.by_identity = layout.by_identity
        self.found.unequal |= layout.by_identity
        self.found.ordinary &= layout.ordinary
        fill = _FILLS.get(layout.builtin) if layout.builtin else None
        if issubclass(kind, type):
            self._class(node, value)
            return
        if kind is types.FunctionType:
            self._function(node, value)
            return
        if fill is not None:
            fill(self, node, value)
        elif layout.builtin is not None:
            node.told = atom_of(layout.builtin, value)
        if layout.is_array:
            self._array(node, value)
        node.shared = layout.own or kind in _MUTABLE or layout.is_array
        for name, held in layout.attributes(value):
            node.parts[f".{name}"] = self.part(held)
            if name[:1] == "_" and name not in layout.names and (layout.mixed or not layout.own):
                node.private.append(f".{name}")
        if not (layout.own or node.parts) and layouts.is_marker(kind):
            node.held_as = self._held_as(kind, value)

    def _items(self, node: Node, value: Any) -> None:
        base: Any = next(b for b in _SEQUENCES if issubclass(type(value), b))
        node.size = base.__len__(value)
        for i in _sampled(node.size):
            node.parts[f"[{i}]"] = self.part(base.__getitem__(value, i))

    def _dict(self, node: Node, value: Any) -> None:
        node.size = dict.__len__(value)
        wanted = set(_sampled(node.size))
        for i, (key, held) in enumerate(contents.of(value)):
            if i in wanted:
                if type(key) not in ATOMS:
                    node.parts[f"[key {i}]"] = self.part(key)
                label = f"[{atom(key)}]" if type(key) in ATOMS else f"[item {i}]"
                node.parts[label] = self.part(held)

    def _set(self, node: Node, value: Any) -> None:
        base: Any = set if issubclass(type(value), set) else frozenset
        node.size = base.__len__(value)
        self.found.unordered = True
        held = list(base.__iter__(value)) if node.size <= _SAMPLE else []
        atoms = sorted(atom(x) for x in held if type(x) in ATOMS)
        node.told = ", ".join(atoms)
        if len(held) == 1 and not atoms:
            node.parts["[…]"] = self.part(held[0])

    def _partial(self, node: Node, value: Any) -> None:
        for name in ("func", "args", "keywords"):
            node.parts[f".{name}"] = self.part(getattr(functools.partial, name).__get__(value))

    def _method(self, node: Node, value: types.MethodType) -> None:
        node.parts[".__self__"] = self.part(value.__self__)
        node.parts[".__func__"] = self.part(value.__func__)

    def _error(self, node: Node, value: Any) -> None:
        args: Any = BaseException.args
        node.parts[".args"] = self.part(args.__get__(value))

    def _member(self, node: Node, value: Any) -> None:
        node.told = str(value._name_)

    def _function(self, node: Node, function: types.FunctionType) -> None:
        node.own = function.__module__ == "__main__"
        node.told = function.__qualname__ if node.own else ""
        if identity.library(function):
            node.told = f"{function.__module__}.{function.__qualname__}"
            return
        self.found.unequal = True
        for i, cell in enumerate(function.__closure__ or ()):
            try:
                node.parts[f".__closure__[{i}]"] = self.part(cell.cell_contents)
            except ValueError:  # not assigned yet
                continue
        for i, given in enumerate(function.__defaults__ or ()):
            node.parts[f".__defaults__[{i}]"] = self.part(given)
        for name, given in function.__dict__.items():
            node.parts[f".{name}"] = self.part(given)

    def _class(self, node: Node, cls: type) -> None:
        node.told = _full_name(cls)
        if identity.library(cls):
            return
        node.own = node.shared = True
        self.found.classes = self.found.unequal = True
        self.found.ordinary &= layouts.is_ordinary(cls)
        for i, base in enumerate(layouts.bases(cls)):
            node.parts[f".__bases__[{i}]"] = self.part(base)
        made = not layouts.is_made_plainly(cls)
        for name, held in layouts.variables(cls).items():
            if not (name.startswith(("__", "_abc_")) or type(held) in _DESCRIPTORS):
                node.parts[f".{name}"] = self.part(held)
                if made and name[:1] == "_":
                    node.private.append(f".{name}")

    def _array(self, node: Node, value: Any) -> None:
        numpy = sys.modules["numpy"]
        plain = numpy.ndarray.view(value, numpy.ndarray)
        node.told = f"{plain.dtype} {plain.shape}"
        if plain.dtype.hasobject:
            flat = plain.reshape(-1)
            for i in _sampled(flat.size):
                node.parts[f".flat[{i}]"] = self.part(flat[i])
        elif plain.dtype.names is None and plain.nbytes <= _HASHED:
            node.content = xxhash.xxh3_64_hexdigest(plain.tobytes())

    def _held_as(self, kind: type, value: Any) -> str:
        """The name under which a module of a library holds the very object, if it does."""
        home = layouts.module_of(kind)
        if home in ("__main__", "builtins"):
            return ""
        if home not in self._held:
            module = sys.modules.get(home)
            held = vars(module) if isinstance(module, types.ModuleType) else {}
            self._held[home] = {id(x): n for n, x in list(held.items()) if type(x) not in ATOMS}
        return self._held[home].get(id(value), "")


def atom_of(base: Any, value: Any) -> str:
    """The content of an instance of a subclass of a built-in type."""
    if base in (str, bytes, bytearray):
        return atom(base.__getitem__(value, slice(None)))
    return str(base.__repr__(value))[:200]


_SEQUENCES = (list, tuple, collections.deque)

_FILLS: dict[type, Callable[[_Walk, Node, Any], None]] = {
    list: _Walk._items,
    tuple: _Walk._items,
    collections.deque: _Walk._items,
    dict: _Walk._dict,
    set: _Walk._set,
    frozenset: _Walk._set,
    functools.partial: _Walk._partial,
    types.MethodType: _Walk._method,
    BaseException: _Walk._error,
    enum.Enum: _Walk._member,
}

_MUTABLE = frozenset({list, dict, set, bytearray, collections.deque, collections.OrderedDict})

_DESCRIPTORS = frozenset(
    {
        *(types.FunctionType, types.BuiltinFunctionType, types.GetSetDescriptorType),
        *(types.MemberDescriptorType, types.WrapperDescriptorType, types.MethodDescriptorType),
        *(property, staticmethod, classmethod, functools.cached_property),
    }
)

_short = reprlib.Repr()
_short.maxlong = _short.maxother = 100


def _sampled(size: int) -> Sequence[int]:
    """Which items of a container are looked at: the first ones, and some of the rest."""
    if size <= _SAMPLE:
        return range(size)
    return [*range(_SAMPLE // 2), *range(_SAMPLE // 2, size, -(-size // (_SAMPLE // 2)))]


def _full_name(kind: type) -> str:
    module, name = layouts.module_of(kind), type.__dict__["__qualname__"].__get__(kind)
    return str(name) if module in ("__main__", "builtins") else f"{module}.{name}"
