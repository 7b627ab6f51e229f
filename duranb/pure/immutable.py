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

from duranb.pure.looking import is_a, module_name

ATOMS = frozenset({int, float, complex, bool, str, bytes, type(None), type(Ellipsis), range, slice})
"""Types without anything inside."""

_SHALLOW = ATOMS | {
    tuple,  # what is in them is reached on its own
    frozenset,
    type,
    types.ModuleType,
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
    re.Pattern,
}

_KINDS = (type, enum.Enum, types.ModuleType)
_OF_PANDAS = ("Index", "Dtype", "Timestamp", "Timedelta", "Period", "BlockValuesRefs")
"""What of pandas cannot be changed, or is only its note of who looks at some memory."""
_CHANGING = ("Buffer", "File", "Stream", "Reader", "Writer", "Builder")
"""What of pyarrow can be written to: its arrays and tables cannot."""


def is_atom(value: object) -> bool:
    """Whether a value has nothing inside that could change."""
    return type(value) in ATOMS or issubclass(type(value), types.ModuleType)


def is_imported(value: object) -> bool:
    """Whether a value is a module that its name gives again: one that was made at run time holds
    what it holds."""
    return is_a(value, types.ModuleType) and sys.modules.get(module_name(value)) is value


def is_immutable(value: object) -> bool:
    """Whether a value itself cannot change; what it holds may."""
    return is_immutable_kind(type(value))  # never isinstance, which asks the value


def is_immutable_kind(kind: type) -> bool:
    """Whether values of this type themselves cannot change."""
    if kind in _SHALLOW or issubclass(kind, _KINDS):
        return True
    module = kind.__module__
    if module.partition(".")[0] == "numpy":
        numpy = sys.modules["numpy"]
        return issubclass(kind, (numpy.generic, numpy.dtype, numpy.ufunc))
    if module.partition(".")[0] == "pandas":
        return kind.__name__.endswith(_OF_PANDAS)
    if module == "pyarrow.lib":
        return not kind.__name__.endswith(_CHANGING)
    return module == "torch" and kind.__name__ in ("dtype", "device", "Size", "layout")
