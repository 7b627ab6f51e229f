"""What code is, as digests that do not care about comments, layout, or where the code stands.

:func:`of_tree` identifies a cell, :class:`Uses` the functions, classes and modules it reaches.
"""

from __future__ import annotations

import ast
import builtins
import functools
import sys
import types
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import blake3

from duranb.code import compiled, identity, pickled
from duranb.code.bytecode import CodeNames, code_names
from duranb.code.deep import deeply
from duranb.code.identity import captured, of_class, of_function
from duranb.code.kinds import OfClasses
from duranb.code.looking import (
    bases_of,
    dict_of,
    is_a,
    is_class,
    module_name,
    module_of,
    mro_of,
    own,
    own_failure,
    qualname_of,
    said,
    written,
)
from duranb.code.modules import ProjectModules
from duranb.code.moving import is_moving, steady

__all__ = ["Reach", "Uses", "captured", "of_class", "of_function", "of_tree"]

_SAMPLE = 100
"""How many elements of a container are looked into. They are of few different classes."""

_ELEMENTS = 2_000
"""How many are asked for their class: functions among them are all followed."""

_CHEAPER = 16
"""How many may be asked in the time in which one is looked into."""

_PARTS = 4_000
"""How much of a value is looked into: a graph of an agent's with some dozens of nodes."""

_UNTOLD = ("ctx", "kind", "type_comment", "type_ignores")
_FIELDS: dict[type, tuple[str, ...]] = {}


def of_tree(tree: ast.AST) -> str:
    """The identity of source code by its syntax tree: 32 hex characters.

    Positions, comments and layout are no part of it, nor are fields that are empty, so that it
    does not change when a later Python adds one.
    """
    parts: list[str] = []
    with deeply():
        _tell(tree, parts.append)
    return blake3.blake3("\n".join(parts).encode(errors="surrogatepass")).hexdigest(16)


def _tell(node: ast.AST, say: Any) -> None:
    cls = type(node)
    if cls is ast.Constant:
        say(f"{type(node.value).__name__} {written(node.value)}")  # type: ignore[attr-defined]
        return
    fields = _FIELDS.get(cls)
    if fields is None:
        fields = _FIELDS[cls] = tuple(f for f in cls._fields if f not in _UNTOLD)
    say(f"({cls.__name__}")
    for name in fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            say(name)
            _tell(value, say)
        elif isinstance(value, list):
            if value:
                say(f"{name}[")
                for item in value:
                    if isinstance(item, ast.AST):
                        _tell(item, say)
                    else:
                        say(repr(item))
                say("]")
        elif value is not None:
            say(f"{name} {value!r}")
    say(")")


@dataclass
class Reach:
    """What code reaches through the names it reads.

    ``uses`` maps each notebook function or class (by name) and project module (``module:NAME``)
    to its fingerprint; ``data`` are the other global names that those read; ``stores`` the ones
    they can bind or delete; ``opaque`` says why they could touch any name, or is empty. ``codes``
    are those of the notebook's functions, ``met`` the functions and classes of the project's
    modules where the walk ended. ``pickles`` says that it reaches a module that loads pickles, or
    what loads them by itself.
    """

    uses: dict[str, str] = field(default_factory=dict)
    data: set[str] = field(default_factory=set)
    stores: set[str] = field(default_factory=set)
    opaque: str = ""
    codes: list[types.CodeType] = field(default_factory=list)
    met: list[object] = field(default_factory=list)
    pickles: pickled.Reached = pickled.Reached.NO


class Uses:
    """Finds what code reaches in the namespace ``live``. ``root`` is the project's folder: modules
    under it are part of the code."""

    def __init__(self, live: dict[str, Any], root: Path) -> None:
        self.live = live
        self.modules = ProjectModules(root, of_tree)
        self._sorts = OfClasses[str]()

    def of(self, names: Iterable[str], imports: Iterable[str] = ()) -> Reach:
        """What is reached from these global names, and through ``imports`` (absolute names)."""
        names, imports = list(names), list(imports)

        def look() -> Reach:
            walk = _Walk(self)
            for name in names:
                walk.name(name, given=True)
            for module in imports:
                walk.found.uses.update(self.modules.reach(module))
            return walk.found

        return steady(look)

    def of_object(self, value: object, given: Iterable[object] = ()) -> Reach:
        """What a function or class reaches, itself left out; called with ``given``, if that is
        told: their classes have code as well."""
        given = list(given)

        def look() -> Reach:
            walk = _Walk(self)
            walk.inside(value)
            for each in given:
                walk.value(each)
            return walk.found

        return steady(look)

    def fingerprint(self, value: object) -> str:
        """The identity of a function, a class, or anything that wraps one."""
        return steady(lambda: identity.of_callable(value))

    def sort(self, cls: type) -> str:
        """Whose class this is: ``notebook``, ``module:NAME`` of the project, or empty."""
        found = self._sorts.get(cls)
        if found is None:
            module = module_of(cls)
            if module == "__main__" or own(sys.modules.get(module)) is self.live:
                found = "notebook"
            else:
                found = f"module:{module}" if self.modules.owns(module) else ""
            self._sorts[cls] = found
        return found


@functools.lru_cache(maxsize=4096)
def names_in(text: str) -> frozenset[str]:
    """The names in an expression that is text; none where it is no expression."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def _looks_for_main(name: str, value: object) -> bool:
    """Whether a value is what has a library look into the notebook as a module, under any name; or
    a module that does, where code does not call it by the name that tells."""
    if is_a(value, types.ModuleType):
        module = module_name(value)
        return module == "ipytest" or (module in ("unittest", "doctest") and name != module)
    found = ((sys.modules.get(home), own) for home, own in _LOOKING)
    return any(home is not None and vars(home).get(own) is value for home, own in found)


_LOOKING = (("unittest", "main"), ("doctest", "testmod"))


class _Walk:
    """One walk from names through functions, classes and modules. Each is visited once."""

    def __init__(self, uses: Uses) -> None:
        self._uses = uses
        self._live = uses.live
        self._seen: set[int] = set()
        self._names: set[str] = set()
        self._looked: dict[int, object] = {}
        self._of_names: dict[str, set[str]] = {}
        """The fingerprints of the classes under each name."""
        self.found = Reach()

    def name(self, name: str, *, given: bool = False) -> None:
        """Follow a global name. One that was ``given`` is an input already."""
        if name in self._names:
            return
        self._names.add(name)
        try:
            self._follow(name, given)
        except BaseException as error:  # of any kind: what is not foreseen here is the value's own
            if not own_failure(error) or is_moving(error):
                raise
            if not given:
                self.found.data.add(name)
            self.found.opaque = self.found.opaque or f"looking at {name} raised {said(error)}"

    def _follow(self, name: str, given: bool) -> None:
        if name not in self._live:
            if not given and not hasattr(builtins, name):
                self.found.data.add(name)
            return
        value = self._live[name]
        if self._is_code(value):
            self.found.uses[name] = identity.of_callable(value)
        elif not given:
            self.found.data.add(name)
        if value is self._live or value is sys.modules.get("__main__"):
            self.found.opaque = self.found.opaque or f"{name} is the namespace itself"
        elif _looks_for_main(name, value):
            self.found.opaque = self.found.opaque or f"{name} looks into the notebook"
        self.found.pickles = max(self.found.pickles, pickled.reached(value))
        self.value(value)

    def _is_code(self, value: object) -> bool:
        """Whether a value is nothing but notebook code, so that its fingerprint says it all."""
        wrapper = compiled.parts(value)
        if wrapper is not None:
            return all(self._is_code(f) or not callable(f) for f in wrapper.functions)
        if is_class(value):
            return self._uses.sort(value) == "notebook" and not identity.captured(value)
        if type(value) is not types.FunctionType:
            return False  # a library's wrapper: its options are data
        wrapped = own(value).get("__wrapped__")
        if value.__globals__ is not self._live and (wrapped is None or not self._is_code(wrapped)):
            return False
        return identity.home(value).partition(".")[0] in _ENDLESS or not identity.captured(value)

    def value(self, value: object) -> None:
        """Follow a value: code itself, or the code in it."""
        if is_a(value, types.ModuleType):
            self.found.uses.update(self._uses.modules.reach(module_name(value)))
            return
        self.inside(value)
        if not is_a(value, type, types.FunctionType):
            self.code_in(value)

    def inside(self, value: object) -> None:
        """Follow what a function or wrapper calls and wraps."""
        if is_class(value):
            self.class_(value)
            return
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        if type(value) is types.FunctionType:
            self._function(value)
            self.code_in([*identity.held(value), *value.__annotations__.values()])
        for inner in identity.unwrapped(value):
            self.inside(inner)

    def _function(self, function: types.FunctionType) -> None:
        module = identity.home(function)
        if function.__globals__ is self._live or module == "__main__":
            self.found.codes.append(function.__code__)
            self._code(code_names(function.__code__))
            self._texts(function.__annotations__.values())
        elif self._uses.modules.owns(module):
            self.found.met.append(function)
            self.found.uses.update(self._uses.modules.reach(module))

    def _texts(self, annotations: Iterable[object]) -> None:
        """Follow the names in annotations that are text, which libraries look up."""
        for each in annotations:
            for name in names_in(each) if type(each) is str else ():
                if name in self._live:
                    self.name(name)

    def _code(self, names: CodeNames) -> None:
        for name in names.loads:
            self.name(name)
        for module in names.imports:
            self.found.uses.update(self._uses.modules.reach(module))
            self.found.pickles = max(self.found.pickles, pickled.imported(module))
        self.found.stores |= names.stores
        self.found.opaque = self.found.opaque or names.opaque

    def class_(self, cls: type) -> None:
        """Follow a class: its methods and bases, or the project module it comes from."""
        if id(cls) in self._seen:
            return
        self._seen.add(id(cls))
        sort = self._uses.sort(cls)
        if sort == "notebook":
            self._name_class(cls)
            attributes = identity.attributes(cls).values()
            for attribute in attributes:
                if callable(attribute) or is_a(attribute, *_DESCRIPTORS):
                    self.inside(attribute)
            self.code_in(list(attributes))
            self._texts(dict_of(cls).get("__annotations__", {}).values())
            for base in (type(cls), *bases_of(cls)):
                self.class_(base)
        elif sort:
            self.found.met.append(cls)
            self.found.uses.update(self._uses.modules.reach(module_of(cls)))

    def _name_class(self, cls: type) -> None:
        """Put a notebook class under its name, or under another one where that name now stands
        for something else."""
        name = qualname_of(cls)
        if self._live.get(name) is cls:
            self.name(name)
            return
        fingerprint = identity.of_class(cls)
        if name in self._live and identity.of_callable(self._live[name]) != fingerprint:
            name = f"{name} as defined earlier"
        # A function may have made several of one name: all count, in whatever order they are met.
        of_name = self._of_names.setdefault(name, set())
        of_name.add(fingerprint)
        all_of_them = "".join(sorted(of_name)).encode()
        self.found.uses[name] = (
            fingerprint if len(of_name) == 1 else blake3.blake3(all_of_them).hexdigest(16)
        )

    def code_in(self, value: object) -> None:
        """Follow the functions in a value, and the classes of what it holds, as far as a sample
        shows them: what lies less deep first, for a library's objects (an agent and its tools) hold
        the notebook's functions as well."""
        queue = deque([value])
        left = _PARTS

        def sample(elements: Iterable[object]) -> None:
            nonlocal left
            asked = list(islice(elements, _ELEMENTS))
            left -= len(asked) // _CHEAPER
            queue.extend(_sample(asked))

        while queue and left > 0:
            left -= 1
            current = queue.popleft()
            cls = type(current)
            if id(cls) in _PLAIN or current is self._live:
                continue
            if cls is dict:
                sample(current.values())  # type: ignore[attr-defined]
            elif id(cls) in _SEQUENCES:
                sample(current)  # type: ignore[arg-type]
            elif id(cls) in _CODE or issubclass(cls, type):
                self.inside(current)
                if cls is types.MethodType:
                    queue.append(current.__self__)  # type: ignore[attr-defined]
            elif cls is functools.partial:
                queue += [current.func, *current.args, *current.keywords.values()]  # type: ignore[attr-defined]
            elif id(cls) in _GENERIC:
                queue += current.__args__  # type: ignore[attr-defined]
            elif cls is types.MappingProxyType:
                sample(current.values())  # type: ignore[attr-defined]
            elif cls is not types.ModuleType and id(current) not in self._looked:
                self._looked[id(current)] = current
                module = module_of(cls)
                if module != "builtins" and any(self._uses.sort(c) for c in mro_of(cls)):
                    for each in mro_of(cls):
                        self.class_(each)
                if module.partition(".")[0] in _ENDLESS:
                    queue.append(own(current).get("__wrapped__"))
                    for name in own(current).get("__reads__", ()):
                        self.name(name)
                else:
                    sample(identity.parts(current))


def _sample(elements: list[object]) -> list[object]:
    """What may hold code, or is some."""
    found = [e for e in elements if id(type(e)) not in _PLAIN]
    if len(found) <= _SAMPLE:
        return found
    codes = [e for e in found if id(type(e)) in _CODE]
    return [*codes, *(e for e in found[:_SAMPLE] if id(type(e)) not in _CODE)]


# By their ids: a class's own hash, which its metaclass may define, is not asked for.
_PLAIN = frozenset(map(id, (str, int, float, bool, bytes, complex, type(None))))
_SEQUENCES = frozenset(map(id, (list, tuple, set, frozenset)))
_DESCRIPTORS = (staticmethod, classmethod, property)
_CODE = frozenset(
    map(id, (types.FunctionType, types.MethodType, staticmethod, classmethod, property))
)
_ENDLESS = frozenset({"IPython", "duranb", "ipykernel"})
"""Packages whose objects lead to the whole of the notebook."""
_GENERIC = frozenset(map(id, (types.GenericAlias, types.UnionType)))
