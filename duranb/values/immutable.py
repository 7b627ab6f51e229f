"""Types whose values cannot change: sharing one says nothing."""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import functools
import pathlib
import re
import sys
import types
import uuid

from duranb.code.looking import is_a, module_name, module_of, name_of

ATOMS: frozenset[type] = frozenset(
    {int, float, complex, bool, str, bytes, type(None), type(Ellipsis), range}
)
"""Types without anything inside."""

_PLAIN = {
    datetime.date,
    datetime.datetime,
    datetime.time,
    datetime.timedelta,
    datetime.timezone,
    decimal.Decimal,
    fractions.Fraction,
    uuid.UUID,
    pathlib.PosixPath,
    pathlib.WindowsPath,
    pathlib.PurePosixPath,
    pathlib.PureWindowsPath,
}
_SHALLOW = (
    ATOMS
    | _PLAIN
    | {
        tuple,  # what is in them is reached on its own
        slice,
        frozenset,
        type,
        types.FunctionType,
        types.BuiltinFunctionType,
        types.MethodType,
        types.CodeType,
        types.CellType,
        types.GenericAlias,
        types.MappingProxyType,
        functools.partial,
        property,
        staticmethod,
        classmethod,
        re.Pattern,
    }
)

# By their ids: a class's own hash, which its metaclass may define, is not asked for.
_ATOM_IDS = frozenset(map(id, ATOMS))
_SHALLOW_IDS = frozenset(map(id, _SHALLOW))
_KINDS = (type, enum.Enum)
_OF_PANDAS = ("Index", "Dtype", "Timestamp", "Timedelta", "Period", "BlockValuesRefs")
"""What of pandas cannot be changed, or is only its note of who looks at some memory."""
_CHANGING = ("Buffer", "File", "Stream", "Reader", "Writer", "Builder")
"""What of pyarrow can be written to: its arrays and tables cannot."""


class _Leaves(dict[int, tuple[type, bool]]):
    """By the id of a type, whether it is one of :func:`is_leaf`; asked once for a type."""

    def ask(self, kind: type) -> bool:
        found = module_of(kind)
        leaf = (
            kind in _PLAIN if id(kind) in _SHALLOW_IDS else found.startswith("pandas._libs.tslibs")
        )
        if found == "numpy":
            numpy = sys.modules["numpy"]
            leaf = issubclass(kind, numpy.generic) and not issubclass(kind, numpy.void)
        self[id(kind)] = kind, leaf
        return leaf


_leaves = _Leaves()


def is_leaf(value: object) -> bool:
    """Whether a value is a date, a number or the like of a type that pickles itself well: there may
    be a hundred thousand of them in a column, and nothing about them needs a second look."""
    kind = type(value)
    known = _leaves.get(id(kind))
    return known[1] if known is not None else _leaves.ask(kind)


def is_atom(value: object) -> bool:
    """Whether a value has nothing inside that could change."""
    return id(type(value)) in _ATOM_IDS or is_imported(value)


def is_imported(value: object) -> bool:
    """Whether a value is a module that its name gives again: one that was made at run time holds
    what it holds."""
    return is_a(value, types.ModuleType) and sys.modules.get(module_name(value)) is value


def is_immutable(value: object) -> bool:
    """Whether a value itself cannot change; what it holds may."""
    return is_immutable_kind(type(value)) or is_imported(value)


def is_of_frames(kind: type) -> bool:
    """Whether this is a type of indexes, or of what tells the type of elements."""
    module = module_of(kind).partition(".")[0]
    if module == "pandas":
        return name_of(kind).endswith(("Index", "Dtype"))
    return module == "numpy" and issubclass(kind, sys.modules["numpy"].dtype)


def is_immutable_kind(kind: type) -> bool:
    """Whether values of this type themselves cannot change."""
    if id(kind) in _SHALLOW_IDS or issubclass(kind, _KINDS):
        return True
    module = module_of(kind)
    if module.partition(".")[0] == "numpy":
        numpy = sys.modules["numpy"]
        if issubclass(kind, numpy.void):  # a record of an array, which can be written to
            return False
        return issubclass(kind, (numpy.generic, numpy.dtype, numpy.ufunc))
    if module.partition(".")[0] == "pandas":
        return name_of(kind).endswith(_OF_PANDAS)
    if module == "pyarrow.lib":
        return not name_of(kind).endswith(_CHANGING)
    return module == "torch" and name_of(kind) in ("dtype", "device", "Size", "layout")
