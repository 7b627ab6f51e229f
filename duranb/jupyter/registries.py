"""Registries of libraries: what a step put into a container that a module of theirs holds.

``mimetypes.add_type``, ``logging.addLevelName``, ``shutil.register_archive_format``: the library
notes it in a dict or a list of one of its modules, and nothing that is kept brings it back. Nobody
lists these containers: all that loaded modules hold are looked at, sizes first. What is new in one
is a step's doing where it is the notebook's own class or function, or text that the step's code
spells out, be it only the key in a registry; the rest is what libraries note for themselves. Caches
are left out.
"""

from __future__ import annotations

import re
import sys
import types
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import compress, islice, starmap
from operator import call, gt, is_
from typing import Any

from duranb.code.kinds import once_a_class
from duranb.code.looking import dict_of, is_a, is_class, module_of, mro_of, name_of, own, which
from duranb.code.mentions import Chain
from duranb.engine.settings.told import TOLD
from duranb.values import held
from duranb.values.immutable import ATOMS, is_atom

_KINDS = (dict, list, set, deque)
_SIZED = tuple(kind.__len__ for kind in _KINDS)
_CACHES = re.compile(
    "cache|memo|seen|warned"
    # What making a class notes in it: of traitlets, of enums, of named tuples.
    "|^_(traits|(all_)?trait_default_generators|descriptors|instance_inits|field_defaults)$"
    "|^_(static_immutable_initial_values|member_map_|member_names_|value2member_map_)$",
    re.IGNORECASE,
)
_MOST = 2_000
"""Entries of a container that is copied at most."""


class Containers:
    """Those that modules of installed packages hold, or objects and classes in such a module."""

    def __init__(self) -> None:
        self._modules: dict[str, types.ModuleType] = {}
        self._count = 0
        self._known: dict[int, int] = {}
        self._gets: list[Callable[[str], Any]] = []
        """What gives that of a name where each lies."""
        self._watched: dict[int, tuple[Callable[[str], Any], str]] = {}
        """By number, what gives those in modules and objects, and for which name: their places are
        looked at in each step. In a class another one is seldom put."""
        self._names: list[str] = []
        self._of: dict[str, list[int]] = {}
        self.named: set[int] = set()
        """The numbers of those in objects that say by their class that they are registries: what is
        in them was put there by its name."""
        self.places: list[str] = []
        self.held: list[Any] = []

    def sizes(self) -> list[int]:
        """How much each has in it."""
        if len(sys.modules) != self._count:
            self._look()
        return list(map(len, self.held))

    def _look(self) -> None:
        for name, module in list(sys.modules.items()):
            if self._modules.get(name) is module or not is_a(module, types.ModuleType):
                continue
            self._modules[name] = module
            if held.installed(name) and name != "sys" and not name.startswith(_OURS):
                self._of[name] = self._take(name, own(module))
        self._count = len(sys.modules)

    def _take(self, place: str, owner: Mapping[str, Any], *, deep: bool = True) -> list[int]:
        """Take in what a module holds, or an object in one; the numbers of that."""
        found = []
        for name, value in list(owner.items()):
            if which(type(value)) in _PLAIN or name.startswith("__"):
                continue
            if _is_container(value):
                if not _CACHES.search(name):
                    found.append(self._number(place, owner, name, value))
            elif deep and (inner := _inside(value, place)) and not _CACHES.search(name):
                numbers = self._take(f"{place}.{name}", inner, deep=False)
                self.named.update(numbers if name_of(type(value)).endswith("Registry") else ())
                found += numbers
        return found

    def _number(self, place: str, owner: Mapping[str, Any], name: str, value: object) -> int:
        """The number of a container, which is known by the most public of its places."""
        there = f"{place}.{name}"
        at = self._known.setdefault(id(value), len(self.held))
        if at == len(self.held):
            self.held.append(value)
            self.places.append(there)
            self._gets.append(owner.get)
            self._names.append(name)
        elif _publicity(there) < _publicity(self.places[at]):
            self.places[at], self._gets[at], self._names[at] = there, owner.get, name
        else:
            return at
        if type(owner) is dict:
            self._watched[at] = owner.get, name
        return at

    def replaced(self) -> dict[int, Any]:
        """Those in whose places others are by now, which are held from now on: what was there, by
        the number of the place."""
        now = list(starmap(call, self._watched.values()))
        if all(map(is_, now, map(self.held.__getitem__, self._watched))):
            return {}
        found = {}
        for at, new in zip(self._watched, now, strict=True):
            old = self.held[at]
            if new is not old and _is_container(new):
                self.held[at] = new
                self._known[id(new)] = self._known.pop(id(old), at)
                found[at] = old
        return found

    def now(self, number: int) -> Any:
        """What is in the place of one, be it another one by now."""
        found = self._gets[number](self._names[number])
        return found if _is_container(found) else self.held[number]

    def of_modules(self, names: Iterable[str]) -> list[int]:
        """The numbers of those in modules of these names."""
        return [at for name in names for at in self._of.get(name, ())]


def _publicity(place: str) -> tuple[bool, int]:
    return any(part.startswith("_") for part in place.split(".")[:-1]), len(place)


CONTAINERS = Containers()
"""Those of this process."""

_PLAIN = frozenset(
    map(
        which,
        (
            *ATOMS,
            tuple,
            frozenset,
            property,
            staticmethod,
            classmethod,
            types.ModuleType,
            types.FunctionType,
            types.BuiltinFunctionType,
            types.MethodDescriptorType,
            types.WrapperDescriptorType,
            types.MemberDescriptorType,
            types.GetSetDescriptorType,
        ),
    )
)
"""Types in whose values nothing is noted."""

_OURS = __name__.partition(".")[0]


def _is_container(value: object) -> bool:
    """Whether this is a container whose size is asked for without code of its own."""
    kind: Any = type(value)
    return _is_sized(kind)


@once_a_class
def _is_sized(kind: Any) -> bool:
    if not issubclass(kind, _KINDS):
        return False
    return next(d["__len__"] for d in map(dict_of, mro_of(kind)) if "__len__" in d) in _SIZED


def _inside(value: object, module: str) -> Mapping[str, Any]:
    """What an object in a module, or a class that it defines, holds."""
    if is_class(value):
        return dict_of(value) if module_of(value) == module else {}
    return own(value)


@dataclass(frozen=True)
class Registries:
    """What one step puts into them. Its code spells out ``texts`` and numbers, mentions ``modules``
    and calls ``calls``, by their names in the namespace ``live``."""

    live: Mapping[str, Any]
    texts: Collection[object] = ()
    modules: Collection[str] = ()
    calls: Collection[Chain] = ()

    def read(self) -> dict[str, Any]:
        """What there is, to be compared."""
        return self._read(CONTAINERS.replaced(), CONTAINERS.sizes())

    def again(self, was: Mapping[str, Any]) -> dict[str, Any]:
        """The same, where nothing has run since another step read it so."""
        return self._read({}, was["sizes"])

    def _read(self, replaced: dict[int, Any], sizes: list[int]) -> dict[str, Any]:
        held, most = CONTAINERS.held, _MOST
        near = CONTAINERS.of_modules(self.modules)
        copies = {at: dict(held[at]) for at in near if type(held[at]) is dict and sizes[at] < most}
        found = {"sizes": sizes, "copies": copies, "modules": len(sys.modules), "was": replaced}
        return {**found, "again": object()} if self.calls else found  # of calls nothing shows

    def changed(self, was: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, object]:
        """What the step has put there, by place and key."""
        found: dict[str, object] = {}
        then, by_now = was["modules"], now["modules"]
        new = islice(sys.modules, min(then, by_now), None) if then != by_now else ()
        loaded = {name.partition(".")[0] for name in new}
        before, copies, old = was["sizes"], was["copies"], now["was"]
        registers = any(chain[-1].startswith("register") for chain in self.calls)
        for at in self._looked_into(was, now):
            container = CONTAINERS.held[at]
            if at in old or at in copies:
                added = _unlike(copies.get(at, old.get(at)), container)
            else:
                added = _entries(container, before[at] if at < len(before) else 0)
            place = CONTAINERS.places[at]
            # A library that is loaded registers itself.
            own_doing = at < len(before) and place.partition(".")[0] not in loaded
            for key, value in added:
                is_own = _is_notebooks(key) or _is_notebooks(value)
                by_name = (own_doing or registers) and at in CONTAINERS.named
                by_name = by_name and type(key) is str and key in self.texts
                if is_own or by_name or (own_doing and self._is_spelled_out(key, value)):
                    found[_entry(place, key, value)] = TOLD
        called = {told for chain in self.calls if (told := _registers(chain, self.live))}
        _CALLED.update(called)
        return found | dict.fromkeys(called, TOLD)

    @staticmethod
    def _looked_into(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[int]:
        """The numbers of those that grew, are new or others, or of which there is a copy."""
        before, sizes = was["sizes"], now["sizes"]
        found = {*now["was"], *was["copies"], *range(len(before), len(sizes))}
        if sizes[: len(before)] != before:
            found.update(compress(range(len(sizes)), map(gt, sizes, before)))
        return sorted(found)

    def _is_spelled_out(self, key: object, value: object) -> bool:
        if type(key) not in (str, int) or not is_atom(value):
            return False
        return key in self.texts and (type(key) is str or value in self.texts)

    def is_there(self, told: str) -> bool:
        """Whether something that :meth:`changed` told of is so."""
        if told in _CALLED:
            return True
        place = told.partition("[")[0]
        CONTAINERS.sizes()
        if place not in CONTAINERS.places:
            return False
        there = CONTAINERS.now(CONTAINERS.places.index(place))
        return any(_entry(place, key, value) == told for key, value in _entries(there, 0))


_CALLED: set[str] = set()
"""The functions of :func:`_registers` that steps have called in this process."""

_REGISTERS = re.compile(r"register(_\w+)?|add\w*hook|set(trace|profile)")


def _registers(chain: Chain, live: Mapping[str, Any]) -> str:
    """How a function is called that notes what it is given where no code can look: one written in C
    that says so by its name. Empty for any other."""
    value: Any = live.get(chain[0])
    for name in chain[1:]:
        if not is_a(value, types.ModuleType):
            return ""
        value = own(value).get(name)
    if type(value) is not types.BuiltinFunctionType or not _REGISTERS.fullmatch(value.__name__):
        return ""
    return f"{'.'.join(chain)}()"


def _unlike(was: Any, now: Any) -> list[tuple[object, object]]:
    """What a container has that another one has not."""
    if not (is_a(was, dict) and is_a(now, dict)):
        return _entries(now, 0)
    return [
        (key, value)
        for key, value in list(now.items())
        if key not in was or (was[key] is not value and is_atom(value) and was[key] != value)
    ]


def _entries(container: Any, since: int) -> list[tuple[object, object]]:
    """What is in a container, from some place on where it has an order: by key, or by itself."""
    if is_a(container, dict):
        return list(islice(container.items(), since, None))
    if is_a(container, set):
        since = 0
    return [(each, each) for each in islice(list(container), since, None)]


def _is_notebooks(value: object) -> bool:
    """Whether this is a class or function of the notebook's, an object of such a class, or holds
    one at once."""
    parts = value if type(value) is tuple or type(value) is list else (value,)
    return any(_home(part) == "__main__" for part in islice(parts, 20))


def _home(value: object) -> str:
    if is_class(value):
        return module_of(value)
    if type(value) is types.FunctionType:
        return str(value.__module__)
    if type(value) is types.MethodType:
        return _home(value.__func__)
    return module_of(type(value))


def _entry(place: str, key: object, value: object) -> str:
    """How an entry of a container is told."""
    return f"{place}[{_shown(key)}]" + (f" = {value!r}" if is_atom(value) else "")


def _shown(key: object) -> str:
    if type(key) is tuple and key:
        return _shown(key[0])
    if is_class(key):
        return name_of(key)
    return str(key) if is_atom(key) else str(getattr(key, "__name__", name_of(type(key))))
