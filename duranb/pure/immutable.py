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
from typing import Any

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


def is_atom(value: object) -> bool:
    """Whether a value has nothing inside that could change."""
    return type(value) in ATOMS or isinstance(value, types.ModuleType)


def is_immutable(value: Any) -> bool:
    """Whether a value itself cannot change; what it holds may."""
    kind = type(value)
    if kind in _SHALLOW:
        return True
    if isinstance(value, (type, enum.Enum, types.ModuleType)):
        return True
    module = kind.__module__
    if module.startswith("numpy"):
        numpy = sys.modules["numpy"]
        return isinstance(value, (numpy.generic, numpy.dtype, numpy.ufunc))
    if module.startswith("pandas"):
        return kind.__name__.endswith(("Index", "Dtype", "Timestamp", "Timedelta", "Period"))
    return module == "torch" and kind.__name__ in ("dtype", "device", "Size", "layout")
