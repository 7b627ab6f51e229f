"""What each cell of a notebook reads and writes, observed while it runs as plain Python.

The names it looks up are seen by a dict of globals that notes them (in functions too), those it
mentions by its syntax tree, and what it writes by the portrait of the namespace before and after.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import random
import sys
import types
from typing import Any

import numpy as np

from tests.peers.oracle.portrait import portraits

RANDOM = "random numbers"
"""Stands for the state of the generators that a whole process shares."""


class Noting(dict[str, Any]):
    """Globals that note which names are looked up."""

    reads: set[str]

    def __getitem__(self, name: str) -> Any:
        self.reads.add(name)
        return super().__getitem__(name)


def trace(cells: list[str]) -> list[dict[str, list[str]]]:
    """The names each cell reads and writes, up to the first cell that raises."""
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    live = Noting(vars(main), __builtins__=builtins, display=print)
    live.reads = set()
    found: list[dict[str, list[str]]] = []
    before, chance = portraits(live), _chance()
    for source in cells:
        live.reads = set()
        bound = dict(live)
        failed = _run(source, live)
        reads = live.reads & (live.keys() | before.keys())
        reads |= _with_called(_mentioned(source), {**bound, **live})
        after = portraits(live)
        writes = {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}
        # What is changed in place is read, be it through another name.
        reads |= {n for n in writes if n in bound and n in live and live.get(n) is bound[n]}
        if _chance() != chance:
            chance = _chance()
            writes.add(RANDOM)
            reads.add(RANDOM)
        found.append({"reads": sorted(reads), "writes": sorted(writes | _bound(source))})
        before = after
        if failed:
            break
    return found


def _run(source: str, live: dict[str, Any]) -> bool:
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(compile(source, "<cell>", "exec"), live)
        except Exception:
            return True
    return False


def _mentioned(source: str) -> set[str]:
    """The names that a cell loads or deletes."""
    names = (n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name))
    return {n.id for n in names if not isinstance(n.ctx, ast.Store)}


def _with_called(names: set[str], values: dict[str, Any]) -> set[str]:
    """These names and those that the functions among their values mention: whoever holds a
    function may call it, and depends on what it reads then."""
    found: set[str] = set()
    new = set(names)
    while new:
        found |= new
        functions = [v for n in new if type(v := values.get(n)) is types.FunctionType]
        new = {n for f in functions for n in _loaded(f.__code__)} & values.keys() - found
    return found


def _loaded(code: types.CodeType) -> set[str]:
    """The names that code and the functions in it mention."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return set(code.co_names).union(*map(_loaded, inner))


def _bound(source: str) -> set[str]:
    """Names that the cell's own statements bind, be it to what they were."""
    found = set()
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(a.asname or a.name).split(".")[0] for a in node.names}
        else:
            names = (n for n in ast.walk(node) if isinstance(n, ast.Name))
            found |= {n.id for n in names if not isinstance(n.ctx, ast.Load)}
    return found


def _chance() -> object:
    kind, keys, *rest = np.random.get_state()  # type: ignore[misc]
    return random.getstate(), kind, bytes(keys.data), rest  # type: ignore[attr-defined]


def depending(
    cells: list[str],
    changed: set[str],
    traces: list[dict[str, dict[str, list[str]]]],
) -> set[str]:
    """The cells (by name, in order) that may run again: those changed, and all that read what one
    of these writes or wrote. A cell that does not run again and binds a name makes it clean."""
    dirty: set[str] = set()
    found = set()
    for cell in cells:
        reads = {n for t in traces for n in t.get(cell, {}).get("reads", ())}
        writes = {n for t in traces for n in t.get(cell, {}).get("writes", ())}
        if cell in changed or reads & dirty:
            found.add(cell)
            dirty |= writes
        else:
            dirty -= writes
    return found


__all__ = ["RANDOM", "depending", "trace"]
