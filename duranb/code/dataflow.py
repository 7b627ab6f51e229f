"""What a cell reads, writes and deletes.

``reads`` decides when a step must run again, so a name belongs to it as soon as there is one way
through the cell on which it is read before the cell itself has assigned it. ``loads`` decides
which variables are looked at after a cell, so it holds every name that anything in it mentions:
``x.append(1)`` and ``x[0] += 1`` load ``x``, and may change it in place.

A function defined in the cell reads its globals when it is called, and it can be called from
where its name is first loaded; until then they may well be assigned.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from duranb.code import scopes
from duranb.code.bytecode import CodeNames, code_names
from duranb.code.deep import deeply
from duranb.code.flow import Flow

__all__ = ["CellNames", "CodeNames", "analyse", "code_names", "is_async"]


@dataclass(frozen=True)
class CellNames:
    """The names of a cell, without builtins being left out.

    ``reads`` may be read before the cell assigns them: its inputs. ``loads`` are all names that
    it loads anywhere, nested functions included. ``writes`` are in order of first assignment;
    ``sure`` are those it binds on every way through it: a function of its own that binds a global
    is taken to be called where the cell makes use of it. ``unset`` are those it may delete before
    it has assigned them. ``imports`` are the absolute names of
    modules it imports. ``opaque`` is empty, or says why the cell could touch any name: then the
    others are only what could be seen. ``blind`` is empty, or says why nobody can tell what such a
    cell reads.
    """

    reads: frozenset[str]
    loads: frozenset[str]
    writes: tuple[str, ...]
    deletes: frozenset[str]
    unset: frozenset[str] = frozenset()
    sure: frozenset[str] = frozenset()
    imports: frozenset[str] = frozenset()
    opaque: str = ""
    blind: str = ""


def analyse(tree: ast.Module) -> CellNames:
    """The names that a cell (its syntax tree, after IPython's transformers) touches."""
    flow = Flow()
    with deeply():
        flow.block(tree.body)
        flow.leave()
    writes = dict.fromkeys([*flow.writes, *sorted(flow.stores)])
    return CellNames(
        reads=frozenset(flow.reads),
        loads=frozenset(flow.loads),
        writes=tuple(writes),
        deletes=frozenset(flow.deletes),
        unset=frozenset(flow.unset),
        sure=frozenset(flow.assigned & flow.writes.keys() | flow.stores - flow.only_defined()),
        imports=frozenset(flow.imports),
        opaque=flow.opaque,
        blind=flow.blind,
    )


def is_async(tree: ast.Module) -> bool:
    """Whether a cell awaits outside of any function of its own."""
    stack: list[ast.AST] = list(tree.body)
    while stack:
        node = stack.pop()
        cls = type(node)
        if cls in _AWAITING or (cls is ast.comprehension and node.is_async):  # type: ignore[attr-defined]
            return True
        if isinstance(node, ast.GeneratorExp):
            stack.append(node.generators[0].iter)  # the rest makes an asynchronous generator
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            stack += [*node.decorator_list, *scopes.defaults(node.args)]
        elif isinstance(node, ast.Lambda):
            stack += scopes.defaults(node.args)
        elif cls not in _LEAVES:
            # Only what belongs to the grammar: whoever formats a traceback may hang a `parent` upon
            # nodes, and a context such as Load is one object in all trees.
            stack += ast.iter_child_nodes(node)
    return False


_AWAITING = frozenset({ast.Await, ast.AsyncFor, ast.AsyncWith})
_LEAVES = frozenset({ast.Name, ast.Constant})
