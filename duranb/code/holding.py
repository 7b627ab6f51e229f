"""Which variables of modules code can touch: ``helper.COUNT``, ``helper.REGISTRY``.

What a module holds is no variable of the notebook, and yet what a step reads there decides what it
does. So code is followed from the cell through the notebook's functions into those of the project's
own modules; of installed modules only what the notebook's own code names counts. What a step has
set there (``json.JSONEncoder.default = f``) counts wherever code names that attribute, or anything
of that package: who knows what of it is called.
"""

from __future__ import annotations

import enum
import sys
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from duranb.code import compiled, identity, mentions
from duranb.code.bytecode import code_names
from duranb.code.looking import (
    bases_of,
    dict_of,
    is_a,
    is_class,
    module_name,
    module_of,
    qualname_of,
)
from duranb.code.mentions import Chain, Mentions
from duranb.code.modules import ProjectModules
from duranb.code.moving import steady

GONE = object()

_NO_DATA = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)


@dataclass
class Held:
    """Variables of modules, as ``module.name``: those that code ``reads`` and ``sets``, all that it
    ``touches``, and those it sets ``first``, before it does anything else. ``environment`` are the
    variables of the environment that it reads, ``mentions`` all names and attributes in it."""

    reads: set[str] = field(default_factory=set)
    sets: set[str] = field(default_factory=set)
    touches: set[str] = field(default_factory=set)
    first: set[str] = field(default_factory=set)
    environment: set[str] = field(default_factory=set)
    mentions: set[str] = field(default_factory=set)


def owner(name: str) -> tuple[object, str]:
    """The module, or the class in it, that holds a variable, with its name there; None for one
    whose module is not loaded."""
    path, _, own = name.rpartition(".")
    module, inside = path, list[str]()
    while module and not is_a(sys.modules.get(module), types.ModuleType):
        module, _, last = module.rpartition(".")
        inside.insert(0, last)
    found: object = sys.modules.get(module)
    for part in inside:
        found = None if found is None else held_by(found).get(part)
        if not is_class(found):
            return None, own
    return found, own


def held_by(holder: object) -> Mapping[str, Any]:
    """What a module or class holds."""
    return dict_of(holder) if is_class(holder) else vars(holder)


def value(name: str) -> object:
    """What a variable ``module.name`` or ``module.Class.name`` is bound to, or :data:`GONE`."""
    holder, own = owner(name)
    return GONE if holder is None else held_by(holder).get(own, GONE)


def place(chain: Chain, scope: Mapping[str, Any]) -> str:
    """The attribute of a module, or of a class that is not the notebook's, that a chain of names
    means, as ``module.name`` or ``module.Class.name``; empty where it means no such thing."""
    holder: Any = scope.get(chain[0], GONE)
    for part in chain[1:-1]:
        if not (is_a(holder, types.ModuleType) or is_class(holder)):
            return ""
        holder = held_by(holder).get(part, GONE)
    if is_a(holder, types.ModuleType):
        return "" if chain[-1].startswith("__") else f"{module_name(holder)}.{chain[-1]}"
    if not is_class(holder) or module_of(holder) in ("", "__main__"):
        return ""
    name = f"{module_of(holder)}.{qualname_of(holder)}.{chain[-1]}"
    return name if owner(name)[0] is holder else ""


def given_by(chain: Chain, scope: Mapping[str, Any]) -> list[str]:
    """The variables of its module that a function of a module sets to what it is given, if a chain
    leads to one: ``set_llm_cache(cache)``, ``globals.set_debug(True)``."""
    value: Any = scope.get(chain[0], GONE)
    for part in chain[1:]:
        if not is_a(value, types.ModuleType):
            return []
        value = vars(value).get(part, GONE)
    if type(value) is not types.FunctionType or value.__globals__.get("__name__") == "__main__":
        return []
    home = value.__globals__.get("__name__")
    return [f"{home}.{own}" for own in mentions.given_globals(value.__code__)]


def held(
    modules: ProjectModules,
    live: Mapping[str, Any],
    codes: Iterable[types.CodeType],
    met: Iterable[object],
    cell: Mentions = mentions.NONE,
    names: Iterable[str] = (),
    *,
    whole: bool = False,
) -> Held:
    """What is touched by a ``cell``, and by the code of the notebook's functions in ``live``.

    ``met`` are modules, functions and classes that a walk from there has met, ``names`` the
    variables of the notebook's that are read. ``whole`` counts all that those ``modules`` of the
    project's hold that are met.
    """
    met, codes, names = list(met), list(codes), list(names)

    def look() -> Held:
        walk = _Walk(modules, live, whole)
        for each in met:
            walk.met(each)
        walk.code(cell, live)
        for code in codes:
            walk.code(mentions.of_code(code), live)
        walk.go()
        walk.same_objects(names)
        for chain in cell.first:
            if chain[0] == "$":
                walk.found.first.add(f"${chain[1]}")
            else:
                walk.found.first.update(walk.resolve(chain, live))
        return walk.found

    return steady(look)


class _Walk:
    def __init__(self, modules: ProjectModules, live: Mapping[str, Any], whole: bool) -> None:
        self._modules_of = modules
        self._owns = modules.owns
        self._live = live
        self._whole = whole
        self._seen: dict[int, object] = {}
        self._modules: dict[str, types.ModuleType] = {}
        self._open: dict[str, types.ModuleType] = {}
        self._attributes: set[str] = set()
        self._queue: list[object] = []
        self.found = Held()

    def met(self, value: object) -> None:
        """A module, function or class: to be followed, if it is the project's."""
        if is_a(value, types.ModuleType):
            name = module_name(value)
            module: Any = value
            if self._owns(name):
                self._modules.setdefault(name, module)
        elif id(value) not in self._seen:
            self._seen[id(value)] = value
            self._queue.append(value)

    def go(self) -> None:
        """Follow all that was met, until there is nothing new."""
        while True:
            while self._queue:
                self._follow(self._queue.pop())
            modules = self._modules if self._whole else self._open
            for name, module in list(modules.items()):
                if self._whole:
                    self._all(name, module)
                else:
                    for own in self._attributes & vars(module).keys():
                        self._variable(name, module, own, reads=True)
            if not self._queue:
                return

    # -- code ------------------------------------------------------------------------------

    def code(self, told: Mentions, scope: Mapping[str, Any]) -> None:
        """What a code object with these globals touches."""
        self.found.environment |= told.environment
        self.found.mentions |= told.attributes | {chain[0] for chain in told.chains}
        self._attributes |= told.attributes
        for name in told.imports:
            self._import(name)
        for chain in told.chains:
            self._chain(chain, scope, reads=True, by_text=told.by_text)
        for chain in told.sets:
            self._chain(chain, scope, reads=False)
            name = place(chain, scope)
            if name and not self._owns(owner_module(name)):
                self.found.touches.add(name)
                self.found.sets.add(name)
        for chain in told.chains:
            for name in given_by(chain, scope):
                if not self._owns(owner_module(name)):
                    self.found.touches.add(name)
                    self.found.sets.add(name)
        if self._modules_of.given:
            self._what_was_given(told, scope)

    def _what_was_given(self, told: Mentions, scope: Mapping[str, Any]) -> None:
        """What steps have set in installed modules, and this code may use."""
        roots = {chain[0] for chain in told.chains}
        packages = {_home_of(scope.get(root)) for root in roots}
        packages |= {name.partition(".")[0] for name in told.imports}
        for name in list(self._modules_of.given):  # steps in other threads set more
            package, own = name.partition(".")[0], name.rpartition(".")[2]
            builtin = package == "builtins" and own in roots
            if builtin or own in told.attributes or package in packages:
                self.found.touches.add(name)
                self.found.reads.add(name)
            elif type(value(name)) not in _ONLY_EQUAL:
                self.found.touches.add(name)  # as the library does, whatever of it is called

    def resolve(self, chain: Chain, scope: Mapping[str, Any]) -> list[str]:
        """The variable of a module that a chain leads to, if it leads to one."""
        value = scope.get(chain[0], GONE)
        for part in chain[1:]:
            if not is_a(value, types.ModuleType):
                break
            name, after = module_name(value), vars(value).get(part, GONE)
            if not is_a(after, types.ModuleType):
                return [f"{name}.{part}"]
            value = after
        return []

    def _chain(
        self, chain: Chain, scope: Mapping[str, Any], *, reads: bool, by_text: bool = False
    ) -> None:
        value: Any = scope.get(chain[0], GONE)
        home = scope.get("__name__")
        if scope is not self._live and type(home) is str and not is_a(value, types.ModuleType):
            self._variable(home, sys.modules.get(home), chain[0], reads=reads)
            return
        for at, part in enumerate(chain[1:], 2):
            if not is_a(value, types.ModuleType):
                return
            after = vars(value).get(part, GONE)
            if not is_a(after, types.ModuleType):
                self._variable(module_name(value), value, part, reads=reads)
                if is_class(after) and chain[at:] and self._owns(module_name(value)):
                    self.found.touches.add(f"{module_name(value)}.{part}.{chain[at]}")
                return
            value = after
        if is_a(value, types.ModuleType) and self._owns(module_name(value)):
            # The module itself is handed on: whoever has it may ask it for any attribute.
            self._open[module_name(value)] = value
            if by_text:
                self._all(module_name(value), value)

    def _all(self, home: str, module: object) -> None:
        """Any variable of a module may be meant: those count that are known to have been set, since
        what they were at first is written there."""
        written = self._modules_of.literals(home)
        for own in list(vars(module)):
            self._variable(home, module, own, reads=own in written)

    def _variable(self, home: str, module: object, own: str, *, reads: bool) -> None:
        if not is_a(module, types.ModuleType) or own.startswith("__"):
            return
        value = vars(module).get(own, GONE)
        mine = self._owns(home)
        if not mine and callable(value) and reads:
            return  # a function of a library's, whatever it is made of
        if is_a(value, types.ModuleType) or is_a(value, types.FunctionType, type):
            if mine:
                self.met(value)
            return
        if value is GONE and reads:
            return  # a builtin, or a submodule that is not loaded
        if is_a(value, *_NO_DATA) or compiled.parts(value) is not None:
            self.met(value)
            return
        if mine or not reads or _foreign_data(home):
            name = f"{home}.{own}"
            self.found.touches.add(name)
            (self.found.reads if reads else self.found.sets).add(name)
        if mine:
            self.met(type(value))
            for inner in identity.unwrapped(value):
                self.met(inner)

    def _follow(self, value: object) -> None:
        if is_class(value):
            if self._owns(module_of(value)):
                for own, attribute in identity.attributes(value).items():
                    self.met(attribute)
                    self._attribute(value, own, attribute)
                for base in bases_of(value):
                    self.met(base)
            return
        if type(value) is types.FunctionType:
            scope = value.__globals__
            home = identity.home(value)
            if scope is not self._live and self._owns(home):
                self.code(mentions.of_code(value.__code__), scope)
                names = code_names(value.__code__)
                for own in names.stores:
                    self._variable(home, sys.modules.get(home), own, reads=False)
                if names.opaque and home in sys.modules:
                    self._all(home, sys.modules[home])
        for inner in identity.unwrapped(value):
            self.met(inner)

    def _attribute(self, cls: type, own: str, value: object) -> None:
        """A class of the project's that holds data is as good as a module that does."""
        name = f"{module_of(cls)}.{qualname_of(cls)}.{own}"
        if own.startswith("__") or hasattr(type(value), "__get__") or is_a(value, *_NO_DATA):
            return
        if owner(name)[0] is cls and not issubclass(cls, enum.Enum):
            self.found.touches.add(name)
            self.found.reads.add(name)

    def _import(self, name: str) -> None:
        """A function that imports a module knows it by a name of its own."""
        module = sys.modules.get(name)
        if module is not None and self._owns(name):
            self._open[name] = module
        elif module is None:
            home, _, own = name.rpartition(".")
            self._variable(home, sys.modules.get(home), own, reads=True)

    def same_objects(self, names: Iterable[str]) -> None:
        """The variables of the project's modules that are the very objects that variables of the
        notebook's are: ``from helper import REGISTRY``."""
        values = (self._live.get(n) for n in names)
        wanted = {id(v) for v in values if type(v) not in _ONLY_EQUAL}
        for home in self._modules_of.present() if wanted else ():
            module = sys.modules.get(home)
            if not is_a(module, types.ModuleType):
                continue
            for own, value in list(vars(module).items()):
                if id(value) in wanted:
                    self._variable(home, module, own, reads=False)


def owner_module(name: str) -> str:
    """The module in the name of a variable, without the classes in it."""
    holder = owner(name)[0]
    return module_of(holder) if is_class(holder) else name.rpartition(".")[0]


def _home_of(value: object) -> str:
    """The package that a module, class or function is from."""
    if is_a(value, types.ModuleType):
        home = module_name(value)
    elif is_class(value):
        home = module_of(value)
    elif type(value) is types.FunctionType:
        home = identity.home(value)
    else:
        home = module_of(type(value))
    return home.partition(".")[0] if home != "builtins" else ""


_ONLY_EQUAL = (str, int, float, bool, type(None), bytes, complex, *_NO_DATA)


def _foreign_data(home: str) -> bool:
    """Whether a variable of an installed module may be one that somebody sets: Python's own are
    another in each process."""
    return home.partition(".")[0] not in sys.stdlib_module_names
