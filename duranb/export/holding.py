"""Which variables may hold functions, or objects of classes, that read other variables when used.

``sim = Sim()`` holds the methods of ``Sim``, ``table["f"] = f`` puts a function into ``table``: a
node that takes ``sim`` or ``table`` can call these, and they read variables of the module as they
are then.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from duranb.export.shared import Shared
from duranb.export.statements import Statement


class Holding:
    """Worked out from all statements of a notebook; what only ``shared`` knows to be read counts.

    Which of two values a name has where is not looked at: one that may hold a function anywhere
    may do so everywhere.
    """

    def __init__(self, code: Sequence[Statement], shared: Shared) -> None:
        self._shared = shared
        self._made: dict[str, list[ast.stmt]] = {}
        for statement in code:
            for name in statement.makes:
                self._made.setdefault(name, []).append(statement.node)
        self._held: dict[str, set[str]] = {}
        found = -1
        while found != (found := sum(map(len, self._held.values()))):
            for statement in code:
                self._add(statement)

    def of(self, names: Iterable[str]) -> frozenset[str]:
        """These names, and those of functions and classes that their values may hold; those, too,
        that a function finds where it looks: ``TABLE[name]`` in ``call(name)``."""
        found: set[str] = set()
        new = set(names)
        while new:
            found |= new
            read = self._shared.reached(frozenset(new))
            new = read.union(*(self._held.get(n, ()) for n in new)) - found
        return frozenset(found)

    def _add(self, statement: Statement) -> None:
        given = set(statement.makes) if statement.is_definition else self._in(statement.node, ())
        if not given:
            return
        targets = set() if statement.makes else statement.gives
        targets = targets | statement.mutates | self._shared.changed_by(statement.names.loads)
        targets |= statement.decorators
        for name in targets - statement.makes:
            self._held.setdefault(name, set()).update(given)

    def _in(self, node: ast.AST, inside: tuple[str, ...]) -> set[str]:
        """What the values that some code works with may hold."""
        called = {
            id(n.func) for n in ast.walk(node) if isinstance(n, ast.Call) and _is_name(n.func)
        }
        found: set[str] = set()
        for each in ast.walk(node):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load):
                name = each.id
                if name in self._made and id(each) in called:
                    found |= self._given_by(name, inside)
                else:
                    found |= {name} & self._shared.reading | self._held.get(name, set())
        return found

    def _given_by(self, name: str, inside: tuple[str, ...]) -> set[str]:
        """What a call of a function, or of a class, may give."""
        if name in inside:
            return set()
        found: set[str] = set()
        for node in self._made[name]:
            if isinstance(node, ast.ClassDef) or _makes_functions(node):
                found.add(name)
            if not isinstance(node, ast.ClassDef):
                found |= self._in(node, (*inside, name))
        return found


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Name)


def _makes_functions(node: ast.stmt) -> bool:
    return any(isinstance(n, _LATER) for n in ast.walk(node) if n is not node)


_LATER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.GeneratorExp)
