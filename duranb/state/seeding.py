"""Which code seeds a random generator.

A step that draws random numbers depends on where the generators stood, if the notebook put them
there: with another seed it would draw others. In a notebook without seeds every life begins
somewhere else, and that is no reason to run a step again.
"""

from __future__ import annotations

import ast
import re
import types
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from duranb.code.looking import dict_of, is_class, module_of

_SEEDS = re.compile(r"(^|_)(seed|seeds|setstate|set_state|set_rng_state|manual_seed)(_|$)")
_MENTIONED = re.compile(rb"seed|set_?state|set_rng_state")
_PACKAGES = {"random": "random", "numpy": "numpy", "torch": "torch"}


def calls(tree: ast.AST) -> tuple[tuple[str, ...], ...]:
    """The calls in a syntax tree that may seed a generator, as dotted names in parts."""
    found = []
    for node in ast.walk(tree):
        if type(node) is ast.Call:
            parts = _dotted(node.func)
            if parts and _SEEDS.search(parts[-1]):
                found.append(parts)
    return tuple(found)


@cache
def in_file(path: str) -> bool:
    """Whether a script's source seeds a generator anywhere; one that cannot be read does. A file is
    read once in a process: its code is what was loaded."""
    try:
        source = Path(path).read_bytes()
        # To Python, other letters than ASCII's may be the same name.
        may = not source.isascii() or _MENTIONED.search(source)
        return bool(may and calls(ast.parse(source)))
    except (OSError, SyntaxError, ValueError):
        return True


def seeded(
    given: Iterable[tuple[str, ...]], loads: Collection[str] | None, live: Mapping[str, Any]
) -> frozenset[str] | None:
    """The generators (``random``, ``numpy``, ``torch``) that code seeds by these calls, or by the
    notebook's functions among the names it ``loads``; None where it may be any."""
    found: set[str] = set()
    for parts in given:
        generator = _generator(parts, live)
        if generator is None:
            return None
        found.add(generator)
    return None if _function_seeds(loads, live) else frozenset(found)


def _dotted(node: ast.AST) -> tuple[str, ...]:
    parts: list[str] = []
    while type(node) is ast.Attribute:
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if type(node) is ast.Name else "")
    return tuple(reversed(parts))


def _generator(parts: tuple[str, ...], live: Mapping[str, Any]) -> str | None:
    """Whose generator ``np.random.seed`` is, as far as modules tell."""
    value = live.get(parts[0])
    for part in parts[1:]:
        if type(value) is not types.ModuleType:
            return None
        module: types.ModuleType = value
        value = vars(module).get(part)
    for owner in (value, getattr(value, "__self__", None)):
        name = getattr(owner, "__module__", None) or type(owner).__module__
        top = str(name).partition(".")[0]
        if top in _PACKAGES:
            return _PACKAGES[top]
    return None


def _function_seeds(loads: Collection[str] | None, live: Mapping[str, Any]) -> bool:
    """Whether a function of the notebook that is reached by these names mentions a seed."""
    return any(_SEEDS.search(each) for each in mentioned(loads, live))


def mentioned(loads: Collection[str] | None, live: Mapping[str, Any]) -> Iterator[str]:
    """The names that the notebook's functions and classes mention that are reached by the names
    ``loads`` (None: by any)."""
    seen: set[str] = set()
    names = set(live if loads is None else loads)
    while names:
        seen |= names
        more: set[str] = set()
        for name in names:
            for code in _codes(live.get(name)):
                yield from code.co_names
                more.update(code.co_names)
        names = (more & live.keys()) - seen


def _codes(value: object) -> list[types.CodeType]:
    """The code of a notebook's function or class, with what is nested in it."""
    within: Iterable[object] = []
    if is_class(value) and module_of(value) == "__main__":
        within = list(dict_of(value).values())
    elif type(value) is types.FunctionType and value.__module__ == "__main__":
        within = [value]
    stack = [each.__code__ for each in within if type(each) is types.FunctionType]
    found = []
    while stack:
        code = stack.pop()
        found.append(code)
        stack += [c for c in code.co_consts if type(c) is types.CodeType]
    return found
