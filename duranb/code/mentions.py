"""What a code object mentions beside its variables: attributes of modules, and the environment.

``helper.COUNT`` is a chain of names from a global one on. As with the names themselves, it is the
instructions that tell, and not the source.
"""

from __future__ import annotations

import ast
import dis
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from types import CodeType

Chain = tuple[str, ...]

_GLOBALS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_BETWEEN = frozenset({"COPY", "NOP", "CACHE", "EXTENDED_ARG", "PUSH_NULL", "RESUME", "PRECALL"})
_SETS = frozenset({"STORE_ATTR", "DELETE_ATTR"})
_BY_TEXT = frozenset({"getattr", "setattr", "delattr", "vars"})
_ENVIRONMENT = frozenset({"environ", "getenv"})
_NEAR = 3
"""Instructions between ``os.environ`` and the name that is looked up there, at most."""


@dataclass(frozen=True)
class Mentions:
    """What a code object, with all code nested in it, mentions.

    ``chains`` are the global names it loads, each with the attributes it loads of them, one of the
    other; ``sets`` those whose last attribute it sets. ``attributes`` are all that it loads or sets
    of anything, ``imports`` the absolute names of the modules it imports, with what it imports from
    them. ``environment`` are the variables of the environment that it reads, as far as their
    names are written there. ``by_text`` says that it reaches attributes whose names are not.
    ``first`` are the chains, and the variables of the environment as ``("$", NAME)``, that a cell
    sets before it does anything else. ``annotates`` says that a cell has annotations, and that a
    ``from __future__ import annotations`` of a cell above decides on what they are.
    """

    chains: frozenset[Chain] = frozenset()
    sets: frozenset[Chain] = frozenset()
    attributes: frozenset[str] = frozenset()
    imports: frozenset[str] = frozenset()
    environment: frozenset[str] = frozenset()
    by_text: bool = False
    first: frozenset[Chain] = frozenset()
    annotates: bool = False


NONE = Mentions()


def of_cell(tree: ast.Module) -> Mentions:
    """Those of a cell, as its syntax tree; none where it does not compile, and so never runs."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        code = compile(tree, "<cell>", "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return NONE
    return replace(of_code(code), first=frozenset(_first(tree)), annotates=_annotates(tree))


def _annotates(tree: ast.Module) -> bool:
    future = (n for n in tree.body if isinstance(n, ast.ImportFrom) and n.module == "__future__")
    if any(alias.name == "annotations" for node in future for alias in node.names):
        return False
    return any(
        isinstance(node, ast.AnnAssign)
        or getattr(node, "annotation", None) is not None
        or getattr(node, "returns", None) is not None
        for node in ast.walk(tree)
    )


def _first(tree: ast.Module) -> Iterator[Chain]:
    for statement in tree.body:
        match statement:
            case ast.Import() | ast.ImportFrom():
                continue
            case ast.Assign([ast.Attribute() as target], ast.Constant()):
                chain = chain_of(target)
            case ast.Assign([ast.Subscript(of, ast.Constant(str(name)))], ast.Constant()):
                chain = ("$", name) if chain_of(of)[-1:] == ("environ",) else ()
            case _:
                return
        if not chain:
            return
        yield chain


def chain_of(node: ast.AST) -> Chain:
    """The names of ``a.b.c``; empty for what is no such chain."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else ()


@lru_cache(maxsize=8192)
def of_code(code: CodeType) -> Mentions:
    """Those of a code object. Cached: equal code objects are read once."""
    found = _Reading()
    stack = [code]
    while stack:
        current = stack.pop()
        stack += [c for c in current.co_consts if isinstance(c, CodeType)]
        found.read([i for i in dis.get_instructions(current) if i.opname not in _BETWEEN])
    return Mentions(
        frozenset(found.chains),
        frozenset(found.sets),
        frozenset(found.attributes),
        frozenset(found.imports),
        frozenset(found.environment),
        bool(found.attributes & {"__dict__"}) or any(c[0] in _BY_TEXT for c in found.chains),
    )


class _Reading:
    def __init__(self) -> None:
        self.chains: set[Chain] = set()
        self.sets: set[Chain] = set()
        self.attributes: set[str] = set()
        self.imports: set[str] = set()
        self.environment: set[str] = set()

    def read(self, code: list[dis.Instruction]) -> None:
        """Read the instructions of one code object, without those that only stand between."""
        chain: Chain = ()
        module = ""
        for at, each in enumerate(code):
            longer = bool(chain) and each.opname in _ATTRIBUTES
            if each.opname in _ATTRIBUTES or each.opname in _SETS:
                self.attributes.add(each.argval)
            if each.opname == "IMPORT_NAME":
                module = each.argval
                self.imports.add(module)
            elif each.opname == "IMPORT_FROM":
                self.imports.add(f"{module}.{each.argval}")
            if chain and each.opname in _SETS:
                self.sets.add((*chain, each.argval))
            if chain and not longer:
                self.chains.add(chain)
            if each.opname in _GLOBALS:
                chain = (each.argval,)
            else:
                chain = (*chain, each.argval) if longer else ()
            if (longer or each.opname in _GLOBALS) and each.argval in _ENVIRONMENT:
                self._environment(code, at)
        if chain:
            self.chains.add(chain)

    def _environment(self, code: list[dis.Instruction], at: int) -> None:
        """The name that is looked up in what instruction ``at`` loads."""
        after = code[at + 1 : at + 1 + _NEAR]
        if after and after[0].opname == "CONTAINS_OP":
            self._add(code[max(0, at - _NEAR) : at])
            return
        for each, following in zip(after, code[at + 2 : at + 3 + _NEAR], strict=False):
            if each.opname == "LOAD_CONST":
                if following.opname not in ("STORE_SUBSCR", "DELETE_SUBSCR"):
                    self._add([each])
                return

    def _add(self, code: list[dis.Instruction]) -> None:
        texts = (i.argval for i in reversed(code) if i.opname == "LOAD_CONST")
        self.environment.update([t for t in texts if type(t) is str][:1])


@lru_cache(maxsize=8192)
def given_globals(code: CodeType) -> frozenset[str]:
    """The globals that a function binds to what it is given: ``global mode; mode = value``. What it
    makes itself the first time, and keeps, is none."""
    found: set[str] = set()
    arguments = set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    before = ""
    for each in dis.get_instructions(code):
        if each.opname in _BETWEEN:
            continue
        if each.opname == "STORE_GLOBAL" and before in arguments:
            found.add(each.argval)
        before = each.argval if each.opname.startswith("LOAD_FAST") else ""
    return frozenset(found)
