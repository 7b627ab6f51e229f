"""Many rows as columns: a list of objects whose fields are much alike, without repeating itself.

Most of a long list of rows is names of fields, and words that the row before has as well. The front
end undoes this in ``widgets/src/columns.ts``; what a row means is none of the business of either.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec

from duranb.timelines.model import Update


class Same(msgspec.Struct, frozen=True, tag="same"):
    """Every value is this one."""

    value: Any


class Steps(msgspec.Struct, frozen=True, tag="steps"):
    """Whole numbers, each as the difference to the one before it; the first to 0."""

    by: list[int]


class Words(msgspec.Struct, frozen=True, tag="words"):
    """Values of which there are few: each as its place among ``words``."""

    words: list[Any]
    at: list[int]


class Plain(msgspec.Struct, frozen=True, tag="plain"):
    """The values as they are."""

    values: list[Any]


class Lists(msgspec.Struct, frozen=True, tag="lists"):
    """Lists: how long each is, and what is in them all, one after the other."""

    lengths: Column
    items: Column


class Tuples(msgspec.Struct, frozen=True, tag="tuples"):
    """Lists of the same length: a column for each place."""

    places: list[Column]


class Records(msgspec.Struct, frozen=True, tag="records"):
    """Objects: a column for each field. Of those that omit defaults on the wire, a field that is
    left out has its default in all of them."""

    fields: dict[str, Column]


Column = Same | Steps | Words | Plain | Lists | Tuples | Records
"""So many values, of one field of as many rows."""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """An :class:`Update` as it is sent: its ``count`` rows are ``columns``, its other fields are
    ``about`` all of them."""

    count: int
    columns: Column
    about: dict[str, Any]


def sent(update: Update) -> Sent:
    """An update as it is sent."""
    fields = update.__struct_fields__
    about = {name: getattr(update, name) for name in fields if name != "rows"}
    return Sent(count=len(update.rows), columns=column(update.rows), about=about)


LARGE = 64 * 1024
"""Bytes of JSON above which it is packed."""


def packed(data: bytes) -> bytes | None:
    """JSON in zlib's format, which browsers undo by themselves; None where it is not worth it."""
    return zlib.compress(data, 1) if len(data) > LARGE else None


def column(values: Sequence[Any]) -> Column:
    """Values of one type as a column."""
    first = values[0] if values else None
    if isinstance(first, msgspec.Struct):
        return _records(values, first)
    if isinstance(first, (list, tuple)):
        return _lists(values)
    if all(each is first or each == first for each in values) and _alike(values):
        return Same(first)
    if all(type(each) is int for each in values):
        return Steps([b - a for a, b in zip(chain((0,), values), values, strict=False)])
    found: dict[Any, int] = {}
    at = [found.setdefault((type(each), each), len(found)) for each in values]
    if len(found) * 2 > len(values):
        return Plain(list(values))
    return Words([each for _, each in found], at)


def _alike(values: Sequence[Any]) -> bool:
    """Whether equal values are the same ones: True equals 1."""
    return len({type(each) for each in values}) <= 1


def _records(values: Sequence[Any], first: msgspec.Struct) -> Records:
    fields, omits = {}, type(first).__struct_config__.omit_defaults
    for field in msgspec.structs.fields(first):
        made = column([getattr(each, field.name) for each in values])
        if not (omits and isinstance(made, Same) and made.value == field.default):
            fields[field.name] = made
    return Records(fields)


def _lists(values: Sequence[Any]) -> Column:
    lengths = set(map(len, values))
    if isinstance(values[0], tuple) and lengths == {len(values[0])} and _is_mixed(values[0]):
        return Tuples([column([each[i] for each in values]) for i in range(len(values[0]))])
    return Lists(column([len(each) for each in values]), column(list(chain.from_iterable(values))))


def _is_mixed(value: Sequence[Any]) -> bool:
    """Whether what is in a tuple is of several types, each at its place."""
    return len({type(each) for each in value}) > 1
