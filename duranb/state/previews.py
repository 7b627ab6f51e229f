"""One line about a value, for people. Never runs a large repr."""

from __future__ import annotations

import itertools
import reprlib
from typing import Any

from duranb.code.looking import (
    dict_of,
    full_name,
    is_a,
    module_of,
    mro_of,
    name_of,
    own_failure,
    qualname_of,
    storable,
    written,
)
from duranb.text.known import KNOWN

LONGEST = 200


class _Repr(reprlib.Repr):
    def repr_int(self, x: int, level: int) -> str:
        """An int of any size. (Python refuses to write one of thousands of digits.)"""
        text = written(x)
        return text if len(text) <= self.maxlong else f"{text[:18]}...{text[-19:]}"

    def repr_str(self, x: str, level: int) -> str:
        """A text without the secrets that are known, of which cutting it would leave the ends."""
        ends = x if len(x) <= _ENDS else f"{x[:_ENDS]}…{x[-_ENDS:]}"
        return super().repr_str(KNOWN.masked_text(ends), level)

    def repr_dict(self, x: Any, level: int) -> str:
        """The first items of a dict: of thousands, not in order of all their keys."""
        first = dict(itertools.islice(dict.items(x), self.maxdict))
        text = super().repr_dict(first, level)
        whole = level <= 0 or len(first) == dict.__len__(x)
        return text if whole else f"{text[:-1]}, {self.fillvalue}}}"

    def repr_instance(self, x: Any, level: int) -> str:
        """One of Python's own kinds of dict is not written out to show the first of its items."""
        kind = type(x)
        if issubclass(kind, dict) and module_of(kind) == "collections":
            return f"{name_of(kind)}({self.repr_dict(x, level)})"
        return super().repr_instance(_Said(KNOWN.masked_text(repr(x))), level)


class _Said:
    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


_ENDS = 4000


_repr = _Repr()
_repr.maxstring = _repr.maxother = 80
_repr.maxdict = _repr.maxlist = _repr.maxset = _repr.maxtuple = 4
_repr.maxlevel = 3


def preview(value: Any) -> str:
    """At most 200 characters; shape and type for arrays and frames."""
    try:
        text = _shaped(value) or _repr.repr(value)
    except BaseException as error:  # a repr of somebody else's: what it raises is the preview
        if not own_failure(error):
            raise
        text = f"<{name_of(type(value))}: repr raised {name_of(type(error))}>"
    return storable(" ".join(text.split())[:LONGEST])


def _shaped(value: Any) -> str:
    if not any("shape" in dict_of(kind) for kind in mro_of(type(value))):
        return ""
    shape = value.shape
    if not is_a(shape, tuple):
        return ""
    size = " x ".join(str(n) for n in shape)
    dtype = getattr(value, "dtype", None)
    columns = getattr(value, "columns", None)
    if columns is not None:
        names = ", ".join(str(c) for c in list(columns[:6]))
        more = ", …" if len(columns) > 6 else ""
        return f"{name_of(type(value))} {size}: {names}{more}"
    return f"{name_of(type(value))} {size}{f' {dtype}' if dtype is not None else ''}"


def type_name(value: object) -> str:
    """The qualified name of a value's type; builtins and notebook types without a module."""
    kind = type(value)
    if module_of(kind) in ("builtins", "__main__"):
        return qualname_of(kind)
    return full_name(kind)
