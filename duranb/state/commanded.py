"""What libraries were told in this process by statements of cells, and are told again on restore.

``torch.set_default_dtype(torch.float64)`` leaves no value behind: see :mod:`duranb.code.commands`.
A step that is restored has its own statements of that kind done again where they do not hold. To
the steps that use a library, what it was told is a part of what they are given. A function's
statements name its own variables too: what these stood for is its ``scope``.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
import textwrap
import types
from collections import ChainMap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import blake3

from duranb.code import looking
from duranb.code.commands import PATCHES, Command
from duranb.code.dataflow import analyse
from duranb.code.looking import is_a, is_class, module_of, mro_of, own_failure
from duranb.code.mentions import Chain
from duranb.values import held

FIRST = "as at first"
"""The version of what a library was told while it was told nothing."""

_WHAT = re.compile("what (.*) was told")

_NOTHING: Mapping[str, Any] = types.MappingProxyType({})

_KEPT_OTHERWISE = frozenset(sys.stdlib_module_names) | {
    *("matplotlib", "pandas", "seaborn", "sklearn", "xarray", "sympy", "IPython", "ipykernel"),
    *("ipywidgets", "traitlets", "duranb", "pytest"),
}
"""Packages whose settings are looked at themselves (:mod:`duranb.engine.settings`)."""


def name_of(package: str) -> str:
    """How what a package was told is called among what a step is given."""
    return f"what {package} was told"


@dataclass(frozen=True)
class _Told:
    """A statement that was carried out: the ``version`` of it, with what it was given, once that is
    known; ``given`` are those very objects, ``own`` the names of those that were a function's."""

    command: Command
    given: Mapping[str, object]
    own: frozenset[str]
    version: str = ""


class Commanded:
    """What each library was told. ``version`` gives that of a variable, ``version_of`` that of a
    value which no variable has, ``owns`` says whether a module is the project's own: what is told
    such a one is seen in its variables."""

    def __init__(
        self,
        live: dict[str, Any],
        version: Callable[[str], str],
        version_of: Callable[[object], str],
        owns: Callable[[str], bool],
    ) -> None:
        self._live = live
        self._version = version
        self._version_of = version_of
        self._owns = owns
        self._told: dict[str, dict[str, _Told]] = {}

    @staticmethod
    def package(name: str) -> str:
        """The package whose commands a name means (:func:`name_of`); empty for another name."""
        found = _WHAT.fullmatch(name)
        return found[1] if found else ""

    def note(self, commands: Iterable[Command], scope: Mapping[str, Any] = _NOTHING) -> None:
        """Statements were carried out."""
        for command in commands:
            seen = self._seen(command, scope)
            if package := self._package(command, seen):
                given = {n: seen[n] for n in command.names if _is_variable(seen, n)}
                own = given.keys() & scope.keys()
                told = _Told(command, given, frozenset(own))
                self._told.setdefault(package, {})[command.key] = told

    def _seen(self, command: Command, scope: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the names in a statement stand for. It has told nothing where what its function
        imports is not loaded."""
        return ChainMap(_loaded(command), dict(scope), self._live)

    def tops(self, commands: Iterable[Command], scope: Mapping[str, Any] = _NOTHING) -> set[str]:
        """The packages that statements tell something."""
        seen = ((each, self._seen(each, scope)) for each in commands)
        return {package for each, names in seen if (package := self._package(each, names))}

    def missing(self, commands: Iterable[Command], scope: Mapping[str, Any] = _NOTHING) -> set[str]:
        """The packages that statements have told what nobody can tell them again: a name in it
        stands for nothing, or for something else, once their code has ended."""
        return self.tops(
            [each for each in commands if not _is_whole(each, self._seen(each, scope))], scope
        )

    def version(self, package: str) -> str:
        """That of all that a package was told."""
        told = self._told.get(package)
        if not told:
            return FIRST
        parts = sorted(self._settled(package, key).version for key in told)
        return blake3.blake3("\n".join(parts).encode()).hexdigest(8)

    def _settled(self, package: str, key: str) -> _Told:
        """One with its version: of what it was given as that was when it was first asked for, since
        what a library holds changes as it works."""
        found = self._told[package][key]
        if not found.version:
            own = found.own
            given = (f"{n} {self._of(n, v, own)}" for n, v in sorted(found.given.items()))
            found = replace(found, version="\n".join([found.command.source, *given]))
            self._told[package][key] = found
        return found

    def _of(self, name: str, value: object, own: Collection[str]) -> str:
        """The version of what a name stood for; its type, where it has stood for it too briefly."""
        if name in own:
            return self._version_of(value)
        there = self._live.get(name) is value
        return self._version(name) if there else looking.full_name(type(value))

    def again(self, commands: Iterable[Command], scope: Mapping[str, Any] = _NOTHING) -> list[str]:
        """Carry out once more those statements that do not hold now; what failed, with why."""
        failed = []
        for command in commands:
            said = ".".join(command.chain)
            try:
                within = {**scope, **_imported(command)}
                seen = self._seen(command, within)
                package = self._package(command, seen)
                if not package or self._holds(package, command, seen):
                    continue
                if other := sorted(command.rebound):
                    failed.append(f"{said} (what {', '.join(other)} was is no longer known)")
                    self.note([command], scope)  # assumed, so that nothing runs without it
                    continue
                self._carry_out(command, within)
            except BaseException as error:  # of any kind: it is the library's own code
                if not own_failure(error):
                    raise
                failed.append(f"{said} ({type(error).__name__}: {error})")
            else:
                self.note([command], scope)
        return failed

    def _carry_out(self, command: Command, scope: Mapping[str, Any]) -> None:
        """As the body of a function whose variables are the scope, so that a function which is made
        in it finds these whenever it is called."""
        own = sorted({*command.names, command.chain[0]} & scope.keys())
        made: dict[str, Any] = {}
        body = textwrap.indent(command.source, "    ")
        code = ast.parse(f"def tell({', '.join(own)}):\n{body}")
        exec(compile(code, "<told again>", "exec"), self._live, made)
        made["tell"](*(scope[name] for name in own))

    def _holds(self, package: str, command: Command, seen: Mapping[str, Any]) -> bool:
        told = self._told.get(package, {}).get(command.key)
        return (
            told is not None
            and told.command == command
            and all(seen.get(n) is value for n, value in told.given.items())
        )

    # -- whose it is -----------------------------------------------------------------------

    def _package(self, command: Command, seen: Mapping[str, Any]) -> str:
        """The package that a statement tells something; empty where that is none, or its settings
        are kept otherwise."""
        if any(not self._home(chain, seen) for chain in command.calls):
            return ""
        if command.chain[-1] in PATCHES:
            home = module_of(_patch(command.chain[:-1], seen))
        else:
            home = self._home(command.chain, seen)
        top = home.partition(".")[0]
        if not top or top in _KEPT_OTHERWISE:
            return ""
        if top == "numpy" and not command.chain[-1].startswith("seterr"):
            return ""  # the others are kept otherwise
        return "" if command.key.endswith(" =") and _is_of_module(command.chain, seen) else top

    def _home(self, chain: Chain, seen: Mapping[str, Any]) -> str:
        """The module that what a chain begins with is from, if that is a library's."""
        root = seen.get(chain[0]) if chain else None
        if is_a(root, types.ModuleType):
            home = str(vars(root).get("__name__"))
        elif is_class(root):
            home = module_of(root)
        elif is_a(root, types.FunctionType, types.BuiltinFunctionType, types.MethodType):
            home = str(getattr(root, "__module__", ""))
        else:
            home = (held.place(root) or ("",))[0]
        return "" if home in ("", "__main__") or self._owns(home) else home

    def used(self, values: Iterable[object]) -> set[str]:
        """Of the packages that were told something, those that code uses which has these values."""
        return packages_of(values) & self._told.keys() if self._told else set()


def _imported(command: Command) -> dict[str, Any]:
    """What the import statements of a statement's function bring."""
    found: dict[str, Any] = {}
    if command.imports:
        exec(command.imports, found)
        del found["__builtins__"]
    return found


def _loaded(command: Command) -> dict[str, Any]:
    """The same, as far as it is loaded."""
    names = analyse(ast.parse(command.imports)).imports if command.imports else ()
    if any(name.partition(".")[0] not in sys.modules for name in names):
        return {}
    try:
        return _imported(command)
    except BaseException as error:  # of any kind: it is a module's own code
        if not own_failure(error):
            raise
        return {}


def _patch(chain: Chain, seen: Mapping[str, Any]) -> type:
    """The class of what a chain names, or makes where that is called, if that is a patch: it has a
    beginning and an end, for a block and for a function too. A thread has not, nor has a bar of
    progress."""
    at: object = seen.get(chain[0])
    for name in chain[1:]:
        if not is_a(at, types.ModuleType):
            return object
        at = vars(at).get(name)
    if is_a(at, types.FunctionType):  # one that makes it is known by what it says that it returns
        at = _returned(at)
    kind: type = at if is_class(at) else type(at)
    has = {name for each in mro_of(kind) for name in vars(each)}
    return kind if has >= _OF_PATCHES else object


_OF_PATCHES = {"start", "stop", "__enter__", "__exit__", "__call__"}


def _returned(function: Any) -> object:
    """The class of what a function says that it returns."""
    found = function.__annotations__.get("return")
    return (
        getattr(sys.modules.get(function.__module__), found, None) if type(found) is str else found
    )


def _is_of_module(chain: Chain, seen: Mapping[str, Any]) -> bool:
    """Whether the last of a chain is a variable of a module or class: those are looked at."""
    at: Any = seen.get(chain[0])
    for name in chain[1:-1]:
        at = getattr(at, name, None)
    return is_a(at, types.ModuleType) or is_class(at)


def _is_variable(seen: Mapping[str, Any], name: str) -> bool:
    found = seen.get(name)
    return name in seen and not (is_a(found, types.ModuleType) or is_class(found))


def _is_whole(command: Command, seen: Mapping[str, Any]) -> bool:
    """Whether all names of a statement still stand for what they did in it."""
    there = (n in seen or hasattr(builtins, n) for n in command.names)
    return not command.rebound and all(there)


def packages_of(values: Iterable[object]) -> set[str]:
    """The packages that these values come from: modules, functions, objects of their classes."""
    return {module.partition(".")[0] for value in values for module in _modules(value)}


def _modules(value: object) -> Iterator[str]:
    if is_a(value, types.ModuleType):
        yield str(vars(value).get("__name__"))
    elif is_a(value, types.FunctionType, types.BuiltinFunctionType):
        yield str(getattr(value, "__module__", ""))
    else:
        for kind in mro_of(value if is_class(value) else type(value)):
            yield module_of(kind)
