"""The shared module: what it binds, and what its functions do to the rest."""

from __future__ import annotations

from collections.abc import Set

from duranb.export.dynamic import reads_by_text
from duranb.export.statements import Statement


class Shared:
    """The statements that every step can see the results of.

    ``bound`` are the names they bind, ``fixed`` those among them that are no data: imports, and
    the ``definitions`` of functions and classes. ``read_by_functions`` are the names their
    functions read when called: of ``every`` name of the notebook, where one reads by their text.
    Whoever draws from one of the ``generators`` changes it in place.
    """

    def __init__(
        self,
        module: list[Statement],
        generators: Set[str] = frozenset(),
        every: Set[str] = frozenset(),
    ) -> None:
        self._generators = generators
        self._every = every
        self.bound = {n for s in module for n in (s.makes if s.is_definition else s.names.writes)}
        self.fixed = {n for s in module if s.is_import for n in s.names.writes}
        self.definitions = {n for s in module if s.is_definition for n in s.makes}
        self.fixed |= self.definitions
        self.star = {"*" for s in module if s.names.opaque.startswith("from ")}
        self._reads: dict[str, set[str]] = {}
        self._changes: dict[str, set[str]] = {}
        self._rebinds: dict[str, set[str]] = {}
        self.read_by_functions: set[str] = set()
        for statement in module:
            self.add(statement)
        ran = frozenset(n for s in module if not s.is_definition for n in s.names.loads)
        self.bound |= self.rebound_by(ran)

    @property
    def reading(self) -> Set[str]:
        """The names of functions, and of what holds some, that read other variables when used."""
        return self._reads.keys()

    def add(self, statement: Statement) -> None:
        """Take note of what the functions of a statement read and change when they are called."""
        names = statement.names
        later = names.loads - (frozenset() if statement.is_definition else names.reads)
        later |= statement.later
        if reads_by_text(statement.node):
            later |= self._every
        self.read_by_functions |= later
        changed = statement.mutates | statement.called if statement.later else frozenset()
        for name in (*names.writes, *(changed - statement.makes)):
            self._reads.setdefault(name, set()).update(later)
            if statement.is_definition:
                drawn = self._generators & names.loads
                self._changes.setdefault(name, set()).update(statement.mutates | drawn)
                self._rebinds.setdefault(name, set()).update(statement.globals)

    def reached(self, names: frozenset[str]) -> set[str]:
        """What functions read that are called by code which loads ``names``."""
        return {n for called in self._called(names) for n in self._reads[called]}

    def changed_by(self, names: frozenset[str]) -> set[str]:
        """What functions visibly change in place that are called by code which loads ``names``."""
        return {n for called in self._called(names) for n in self._changes.get(called, ())}

    def rebound_by(self, names: frozenset[str]) -> set[str]:
        """The globals that functions assign which are called by code that loads ``names``."""
        return {n for called in self._called(names) for n in self._rebinds.get(called, ())}

    def _called(self, names: frozenset[str]) -> set[str]:
        found: set[str] = set()
        stack = [n for n in names if n in self._reads]
        while stack:
            name = stack.pop()
            if name not in found:
                found.add(name)
                stack += [n for n in self._reads[name] if n in self._reads]
        return found
