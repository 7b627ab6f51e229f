"""Modules that are imported before anybody asks for them, and given to whoever does.

What imports one of them finds it made, with the modules that it imports itself, one after the other
and in their order: hooks on imports are told of each, and until then there is none of them.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from itertools import accumulate
from types import ModuleType
from typing import Any


class Readied(MetaPathFinder, Loader):
    """Import modules, those that are installed, and put them away; it gives each away once.

    Those that are ``anew`` run once more when they are imported."""

    def __init__(self, names: Iterable[str], *, anew: Collection[str] = ()) -> None:
        before = set(sys.modules)
        self._uses: dict[str, list[str]] = defaultdict(list)
        self._made: dict[str, str] = {}
        with self._noted():
            for name in names:
                if importlib.util.find_spec(name.partition(".")[0]):
                    importlib.import_module(name)
        made = [name for name in sys.modules if name not in before]
        put_away = {name: sys.modules.pop(name) for name in made}
        self._modules = {name: module for name, module in put_away.items() if name not in anew}
        self._instead: dict[str, dict[str, Any]] = defaultdict(dict)
        for name, module in put_away.items():
            parent, _, child = name.rpartition(".")
            if parent in before:
                delattr(sys.modules[parent], child)
            elif parent in put_away:
                found = vars(put_away[parent]).get(child, module)
                self._instead[parent] |= {} if found is module else {child: found}
        sys.meta_path.insert(0, self)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Note which module imports which, and which C extension makes modules without a spec."""
        importing, calling = builtins.__import__, importlib.import_module

        def noting(name: str, *given: Any, **named: Any) -> ModuleType:
            told = {
                **dict(zip(("globals", "locals", "fromlist", "level"), given, strict=False)),
                **named,
            }
            whose, level = told.get("globals") or {}, told.get("level", 0)
            whole = "." * level + name
            if level:
                whole = importlib.util.resolve_name(whole, whose["__package__"])
            before = set(sys.modules)
            try:
                return importing(name, *given, **named)
            finally:  # of one that fails, its package may be there
                names = [whole, *(f"{whole}.{each}" for each in told.get("fromlist") or ())]
                self._uses[whose.get("__name__", "")] += names
                self._note_made(whole, before)

        def calling_for(name: str, package: str | None = None) -> ModuleType:
            whole = importlib.util.resolve_name(name, package)
            self._uses[sys._getframe(1).f_globals.get("__name__", "")].append(whole)
            return calling(name, package)

        builtins.__import__, importlib.import_module = noting, calling_for
        try:
            yield
        finally:
            builtins.__import__, importlib.import_module = importing, calling

    def _note_made(self, by: str, before: set[str]) -> None:
        for name in sys.modules.keys() - before:
            if sys.modules[name].__spec__ is None:
                self._made.setdefault(name, by)  # the innermost that sees it is the first to end

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """That of a module which was put away."""
        if name not in self._modules:
            return None
        return importlib.util.spec_from_loader(name, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module, as it was made."""
        module = self._modules.pop(spec.name)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Import what it has imported."""
        assert module.__spec__ is not None
        name, module.__spec__ = module.__spec__.name, module.__spec__.loader_state
        # Other threads import others at the same time.
        for made in [each for each in list(self._modules) if self._made.get(each) == name]:
            if (ready := self._modules.pop(made, None)) is not None:
                sys.modules[made] = ready
        for used in self._uses[name]:
            for whole in accumulate(used.split("."), "{}.{}".format):
                if whole in self._modules:
                    importlib.import_module(whole)
        vars(module).update(self._instead[name])  # what has the name of a module that it imported
