"""A cell that notes what it binds, where the namespace cannot show it.

``x = 1`` where ``x`` was 1 leaves no trace, and on another way through the cell it may not happen.
So at each place where the cell's own code binds or deletes such a name, it is put into a dict.
Functions and classes are left as they are: they outlive the cell.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from typing import Any, TypeVar

from duranb.code import scopes

NOTES = "__duranb_noted__"
"""The name under which a cell's code finds the dict that it notes names in."""

_Node = TypeVar("_Node", bound=ast.AST)

_LEFT_ALONE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def noting(body: list[ast.stmt], names: Collection[str]) -> list[ast.stmt]:
    """These statements, noting where they bind or delete one of ``names``."""
    return _Noting(names).block(body) if names else body


class _Noting:
    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for node in body:
            notes = self._statements(_bound(node), node)
            if isinstance(node, ast.Delete):  # where there was nothing to delete, it is gone too
                found += [*notes, self.inside(node)]
            else:
                found += [self.inside(node), *notes]
        return found

    def inside(self, node: Any) -> Any:
        """What takes the node's place."""
        if not isinstance(node, ast.AST) or isinstance(node, _LEFT_ALONE):
            return node
        for field, value in ast.iter_fields(node):
            if not isinstance(value, list):
                setattr(node, field, self.inside(value))
            elif value and isinstance(value[0], ast.stmt):
                setattr(node, field, self.block(value))
            else:
                value[:] = [self.inside(each) for each in value]
        match node:
            case ast.For() | ast.AsyncFor():
                node.body[:0] = self._statements(_names([node.target]), node.target)
            case ast.With() | ast.AsyncWith():
                targets = [item.optional_vars for item in node.items if item.optional_vars]
                node.body[:0] = self._statements(_names(targets), node.items[-1].context_expr)
            case ast.ExceptHandler(name=str(name)):
                node.body[:0] = self._statements([name], node)
            case ast.match_case(pattern=pattern, guard=guard):
                captured = [n for part in ast.walk(pattern) for n in scopes.bound_by(part)]
                if guard is None:
                    node.body[:0] = self._statements(captured, pattern)
                else:  # it is tried with the names bound, and may send on to the next case
                    node.guard = self._among([*self._expressions(captured), guard], -1, guard)
            case ast.NamedExpr():
                return self._among([node, *self._expressions(_names([node.target]))], 0, node)
        return node

    def _wanted(self, names: Iterable[str]) -> list[str]:
        return sorted({*names} & {*self._names})

    def _statements(self, names: Iterable[str], at: ast.AST) -> list[ast.Assign]:
        notes = ast.Name(NOTES, ast.Load())
        places = [ast.Subscript(notes, ast.Constant(n), ast.Store()) for n in self._wanted(names)]
        return [_at(at, ast.Assign([place], ast.Constant(True))) for place in places]

    def _expressions(self, names: Iterable[str]) -> list[ast.expr]:
        note = ast.Attribute(ast.Name(NOTES, ast.Load()), "setdefault", ast.Load())
        wanted = self._wanted(names)
        return [ast.Call(note, [ast.Constant(n), ast.Constant(True)], []) for n in wanted]

    @staticmethod
    def _among(values: list[ast.expr], number: int, at: ast.expr) -> ast.expr:
        """The value of one of these expressions, all of which are evaluated."""
        if len(values) == 1:
            return values[0]
        all_of_them = ast.Tuple(values, ast.Load())
        return _at(at, ast.Subscript(all_of_them, ast.Constant(number), ast.Load()))


def _at(place: ast.AST, node: _Node) -> _Node:
    return ast.fix_missing_locations(ast.copy_location(node, place))


def _bound(node: ast.stmt) -> list[str]:
    """What a statement binds or deletes when it has run; not what its parts do."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Import() | ast.ImportFrom():
            return scopes.imported(node)[0]
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            return _names(targets)
        case ast.AugAssign(target=target):
            return _names([target])
        case ast.AnnAssign(target=target, value=ast.expr()):
            return _names([target])
        case _ if hasattr(ast, "TypeAlias") and isinstance(node, ast.TypeAlias):
            return _names([node.name])
    return []


def _names(targets: Iterable[ast.expr]) -> list[str]:
    found = (n for target in targets for n in ast.walk(target))
    return [n.id for n in found if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)]
