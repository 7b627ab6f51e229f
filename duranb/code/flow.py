"""The order of things in a cell: which names are surely assigned at each point.

Branches, loops and handlers are where it matters: a name counts as assigned after them if it is on
every way there.
"""

from __future__ import annotations

import ast
from typing import Any

from duranb.code import scopes
from duranb.code.walker import SIMPLE, Walker, last_name


class _Loop:
    """What is surely assigned where a loop's body ends early, for each place it does."""

    def __init__(self) -> None:
        self.breaks: list[set[str]] = []
        self.continues: list[set[str]] = []


class Flow(Walker):
    """All of a cell's statements: give them to :meth:`block`, then call :meth:`leave`."""

    def __init__(self) -> None:
        super().__init__()
        self.loops: list[_Loop] = []

    def branch(self, start: set[str], body: list[ast.stmt], ends: list[set[str]]) -> None:
        """Walk ``body`` from ``start``; if its end can be reached, add what is assigned there."""
        self.assigned = set(start)
        if self.block(body):
            ends.append(self.assigned)

    def join(self, ends: list[set[str]], otherwise: set[str]) -> bool:
        """Go on from where several branches meet; False if none of them gets there."""
        self.assigned = set.intersection(*ends) if ends else set(otherwise)
        return bool(ends)

    def jump(self, node: ast.Break | ast.Continue) -> bool:
        if self.loops:
            loop = self.loops[-1]
            ends = loop.breaks if isinstance(node, ast.Break) else loop.continues
            ends.append(set(self.assigned))
        return False

    def test(self, node: ast.expr) -> set[str]:
        """Walk a condition; what is assigned if it is true. ``assigned`` is what is if not."""
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
            self.visit(node.values[0])
            sure = set(self.assigned)
            self.visit_all(node.values[1:])
            true, self.assigned = self.assigned, sure
            return true
        self.visit(node)
        return self.assigned

    def if_(self, node: ast.If) -> bool:
        true = self.test(node.test)
        false = self.assigned
        ends: list[set[str]] = []
        self.branch(true, node.body, ends)
        self.branch(false, node.orelse, ends)
        return self.join(ends, false)

    def for_(self, node: ast.For | ast.AsyncFor) -> bool:
        self.visit(node.iter)
        start = set(self.assigned)
        self.visit(node.target)
        return self.loop(node, start, once=_surely_iterates(node.iter), endless=False)

    def while_(self, node: ast.While) -> bool:
        true = self.test(node.test)
        start = set(self.assigned)
        self.assigned = set(true)
        endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
        return self.loop(node, start, once=endless, endless=endless)

    def loop(
        self,
        node: ast.For | ast.AsyncFor | ast.While,
        start: set[str],
        *,
        once: bool,
        endless: bool,
    ) -> bool:
        """``start`` is assigned if the body never runs, which ``once`` rules out."""
        self.loops.append(_Loop())
        made = dict(self.made)
        reached = self.block(node.body)
        loop = self.loops.pop()
        ends = loop.continues + ([self.assigned] if reached else [])
        if ends and made != self.made:
            self.next_round(set.intersection(*ends), made)
        exhausted = set.intersection(*ends) if once and ends else start
        after = loop.breaks
        if not endless:
            self.branch(exhausted, node.orelse, after)
        return self.join(after, start)

    def next_round(self, assigned: set[str], made: dict[str, set[str]]) -> None:
        """Functions made in a loop's body may be called above, when it begins anew."""
        self.assigned = assigned
        for name in self.loads & self.made.keys():
            if self.made[name] != made.get(name):
                self.need(name)

    def try_(self, node: Any) -> bool:
        start = set(self.assigned)
        ends: list[set[str]] = []
        if self.block(node.body) and self.block(node.orelse):
            ends.append(self.assigned)
        for handler in node.handlers:
            self.assigned = set(start)
            if handler.type is not None:
                self.visit(handler.type)
            if handler.name:
                self.assigned.add(handler.name)
            reached = self.block(handler.body)
            if handler.name:
                self.delete(handler.name)
            if reached:
                ends.append(self.assigned)
        reached = self.join(ends, start)
        if not node.finalbody:
            return reached
        after = self.assigned
        self.assigned = set(start)
        finished = self.block(node.finalbody)
        self.assigned |= after
        return reached and finished

    def with_(self, node: ast.With | ast.AsyncWith) -> bool:
        for item in node.items:
            self.visit(item.context_expr)
            self.visit_all([item.optional_vars])
        start = set(self.assigned)
        reached = self.block(node.body)
        if any(last_name(i.context_expr) == "suppress" for i in node.items):
            self.assigned = start
            return True
        return reached

    def match(self, node: ast.Match) -> bool:
        self.visit(node.subject)
        start = self.assigned
        ends: list[set[str]] = []
        for case in node.cases:
            self.assigned = set(start)
            self.visit(case.pattern)
            if case.guard is not None:
                self.visit(case.guard)
            self.branch(self.assigned, case.body, ends)
        last = node.cases[-1]
        wildcard = isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None
        if not wildcard or last.guard is not None:
            ends.append(set(start))
        return self.join(ends, start)

    def pattern(self, node: ast.AST) -> None:
        self.visit_all(ast.iter_child_nodes(node))
        for name in scopes.bound_by(node):
            self.bind(name)


def _surely_iterates(node: ast.expr) -> bool:
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return any(not isinstance(e, ast.Starred) for e in node.elts)
    match node:
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(count))]):
            return count > 0
    return False


Flow.handlers = SIMPLE | {
    ast.Break: Flow.jump,
    ast.Continue: Flow.jump,
    ast.If: Flow.if_,
    ast.For: Flow.for_,
    ast.AsyncFor: Flow.for_,
    ast.While: Flow.while_,
    ast.Try: Flow.try_,
    ast.TryStar: Flow.try_,
    ast.With: Flow.with_,
    ast.AsyncWith: Flow.with_,
    ast.Match: Flow.match,
    ast.MatchAs: Flow.pattern,
    ast.MatchStar: Flow.pattern,
    ast.MatchMapping: Flow.pattern,
}
