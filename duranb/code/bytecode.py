"""What a code object says: the global names it can touch, and its identity.

Identity is taken from the instructions and not from the source. It is the code that runs, it is
there for lambdas and for what ``exec`` made, and it is the same for a function and for its copy
that was stored and restored, whose source nobody has any more. File name, line numbers, and what
the compiler adds only for the sake of line numbers are left out: of the 6,187 functions in 120
modules of the standard library, 6,180 keep their identity when ``ast.unparse`` lays them out
anew (the others have conditions over several lines).
"""

from __future__ import annotations

import dis
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType

import blake3

from duranb.code.looking import written

MAIN = ("__main__", "__name__")
"""How code says the name of the notebook as a module."""

OPAQUE = frozenset(
    {"testmod", "exec", "eval", "globals", "get_ipython", "builtins", "__builtins__"}
)
"""Global names whose use means: this code can read and write any name."""

OPAQUE_ATTRIBUTES = frozenset(
    {"user_ns", "user_global_ns", "f_globals", "f_locals", "_getframe", "currentframe"}
    | {"__globals__", "get_objects", "get_referrers", "testmod"}
)
"""Attributes that lead to a namespace as a whole."""

_LOADERS = ("import_module", "__import__", "loadTestsFromModule", "loadTestsFromName")
LEADING = frozenset(
    {("unittest", "main")} | {(of, n) for of in ("modules", *_LOADERS) for n in MAIN}
)
"""What follows on what where code has the notebook as a module, or a library that looks for it."""

_SKIPPED = frozenset({"NOP", "EXTENDED_ARG", "CACHE", "RESUME"})
_BETWEEN = _SKIPPED | {"PUSH_NULL", "PRECALL"}
_JUMPS = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)
_CONSTS = frozenset(dis.hasconst)
_LOADS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_STORES = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL"})
_STORES_AT_TOP = _STORES | {"STORE_NAME", "DELETE_NAME"}
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"})
# varargs, varkeywords, generator, coroutine, iterable coroutine, async generator
_TELLING_FLAGS = 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200
_OPTIMIZED = 0x01


@dataclass(frozen=True)
class CodeNames:
    """What a code object, with all code nested in it, can touch.

    ``loads`` and ``stores`` are global names (a deleted one counts as stored); ``imports`` the
    absolute names of modules it imports; ``opaque`` is empty, or says why it could touch any name.
    """

    loads: frozenset[str]
    stores: frozenset[str]
    imports: frozenset[str] = frozenset()
    opaque: str = ""


@lru_cache(maxsize=8192)
def code_names(code: CodeType) -> CodeNames:
    """The global names that ``code`` can touch. Cached: equal code objects are read once."""
    loads: set[str] = set()
    stores: set[str] = set()
    imports: set[str] = set()
    opaque = ""
    # A nested code object without fast locals is a class body: its names are its own.
    stored = _STORES if code.co_flags & _OPTIMIZED else _STORES_AT_TOP
    stack = [code]
    while stack:
        current = stack.pop()
        stack += [c for c in current.co_consts if isinstance(c, CodeType)]
        module, before = "", None
        for each in dis.get_instructions(current):
            if type(each.argval) is str:
                if (before, each.argval) in LEADING:
                    opaque = f"{before} {each.argval}"
                before = each.argval
            elif each.opname not in _BETWEEN:
                before = None
            if each.opname in _LOADS:
                loads.add(each.argval)
            elif each.opname in stored:
                stores.add(each.argval)
            elif each.opname == "IMPORT_NAME":
                module = each.argval
                imports.add(module)
            elif each.opname in _ATTRIBUTES:
                if each.opname == "IMPORT_FROM":
                    imports.add(f"{module}.{each.argval}")
                if each.argval in OPAQUE_ATTRIBUTES:
                    opaque = str(each.argval)
        stored = _STORES
    found = sorted(loads & OPAQUE)
    if "__main__" in imports:
        found.append("import __main__")
    return CodeNames(
        frozenset(loads), frozenset(stores), frozenset(imports), found[0] if found else opaque
    )


@lru_cache(maxsize=8192)
def identity(code: CodeType) -> str:
    """The identity of a code object: 32 hex characters, equal across processes and layouts.

    It differs between minor versions of Python, whose instructions differ.
    """
    return blake3.blake3(repr(_normal(code)).encode()).hexdigest(16)


def _normal(code: CodeType) -> tuple[object, ...]:
    names = dis.Bytecode(code)
    kept: list[dis.Instruction] = []
    index: dict[int, int] = {}
    for each in names:
        index[each.offset] = len(kept)
        if each.opname not in _SKIPPED:
            kept.append(each)

    def at(offset: int) -> int:
        """The place among the kept instructions that an offset leads to, jumps followed."""
        for _ in kept:
            place = index.get(offset, len(kept))
            if place == len(kept) or kept[place].opname != "JUMP_FORWARD":
                return place
            offset = kept[place].argval
        return place

    body: list[object] = []
    for each in kept:
        if each.opcode in _JUMPS:
            body.append((each.opname, at(each.argval)))
        elif each.opcode in _CONSTS:
            body.append((each.opname, token(each.argval)))
        elif isinstance(each.argval, tuple) and each.opname.count("_FAST") == 2:
            # Two instructions that Python 3.13 joins when they stand on one line.
            cut = each.opname.index("_FAST") + len("_FAST")
            parts = (each.opname[:cut], each.opname[cut + 1 :])
            body += [(p, a) for p, a in zip(parts, each.argval, strict=True)]
        else:
            body.append((each.opname, token(each.argval)))
    doc = code.co_consts[0] if code.co_consts and isinstance(code.co_consts[0], str) else None
    return (
        code.co_name,
        (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount),
        code.co_flags & _TELLING_FLAGS,
        code.co_varnames[: code.co_argcount + code.co_kwonlyargcount],
        doc,
        body,
        _guarded(code, index, len(kept)),
    )


def _guarded(code: CodeType, index: dict[int, int], end: int) -> list[tuple[int, ...]]:
    """The ranges under a ``try`` or ``with``: they are no instructions, so they are told apart."""
    found: list[tuple[int, ...]] = []
    for start, stop, target, depth in _exception_table(code.co_exceptiontable):
        place = (index.get(start, end), index.get(stop, end), index.get(target, end), depth)
        if place[0] == place[1]:
            continue  # only NOPs
        if found and found[-1][1] == place[0] and found[-1][2:] == place[2:]:
            place = (found.pop()[0], *place[1:])
        found.append(place)
    return found


def _exception_table(table: bytes) -> list[tuple[int, int, int, int]]:
    """The entries of ``co_exceptiontable``: start, stop, target (offsets) and stack depth.

    Its format is given in CPython's ``Objects/exception_handling_notes.txt``: numbers in groups of
    six bits, highest first, bit 6 says that more follow; four numbers make an entry.
    """
    numbers: list[int] = []
    number = 0
    for byte in table:
        number = number << 6 | byte & 63
        if not byte & 64:
            numbers.append(number)
            number = 0
    quads = zip(*[iter(numbers)] * 4, strict=True)
    return [(s * 2, (s + n) * 2, target * 2, depth) for s, n, target, depth in quads]


def token(value: object) -> object:
    """A constant as something whose ``repr`` is equal for equal constants in every process."""
    if isinstance(value, CodeType):
        return _normal(value)
    if isinstance(value, frozenset):
        return ("frozenset", sorted(repr(token(v)) for v in value))
    if isinstance(value, tuple):
        return tuple(token(v) for v in value)
    if value is None or isinstance(value, (str, int, float, complex, bytes, type(Ellipsis))):
        return (type(value).__name__, written(value))
    return repr(value)
