"""One line about a value, for people. Never runs a large repr."""

from __future__ import annotations

import reprlib
from typing import Any

LONGEST = 200

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 80
_repr.maxdict = _repr.maxlist = _repr.maxset = _repr.maxtuple = 4
_repr.maxlevel = 3


def preview(value: Any) -> str:
    """At most 200 characters; shape and type for arrays and frames."""
    try:
        text = _shaped(value) or _repr.repr(value)
    except Exception as error:  # a repr of somebody else's: what it raises is the preview
        text = f"<{type(value).__name__}: repr raised {type(error).__name__}>"
    return " ".join(text.split())[:LONGEST]


def _shaped(value: Any) -> str:
    shape = getattr(type(value), "shape", None) and value.shape
    if not isinstance(shape, tuple):
        return ""
    size = " x ".join(str(n) for n in shape)
    dtype = getattr(value, "dtype", None)
    columns = getattr(value, "columns", None)
    if columns is not None:
        names = ", ".join(str(c) for c in list(columns[:6]))
        more = ", …" if len(columns) > 6 else ""
        return f"{type(value).__name__} {size}: {names}{more}"
    return f"{type(value).__name__} {size}{f' {dtype}' if dtype is not None else ''}"


def type_name(value: object) -> str:
    """The qualified name of a value's type; builtins and notebook types without a module."""
    kind = type(value)
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
