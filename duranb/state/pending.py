"""What stands for a stored value until it is needed.

Before code runs, the names it could use are loaded (:meth:`Namespace.need`), so that it meets the
values themselves. Whatever comes by another way (a widget's callback, a thread, an inspector) meets
this: it loads on first use, and passes everything on.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import wrapt

from duranb.code.looking import own

_DATA = re.compile(r"str|bytes|bytearray|numpy\.ndarray|(pandas|polars|pyarrow)\..*")


def may_hold_code(kind: str) -> bool:
    """Whether looking for code in a value of the type with this qualified name could find some: in
    arrays and tables it is not looked for."""
    return _DATA.fullmatch(kind) is None


def _imported(kind: str) -> object:
    """What a module that is loaded has under a qualified name."""
    module, _, name = kind.rpartition(".")
    return own(sys.modules.get(module or "builtins")).get(name)


class _Everything:
    """The protocols that a proxy only forwards where it is told to."""

    def __call__(self) -> None: ...
    def __iter__(self) -> None: ...
    def __next__(self) -> None: ...
    def __aiter__(self) -> None: ...
    def __anext__(self) -> None: ...
    def __await__(self) -> None: ...


class Pending(wrapt.LazyObjectProxy[Any]):
    """A value that ``load`` gives, once."""

    _self_kind = ""
    _self_used = False  # asking a proxy for what it does not have itself would load the value

    def __new__(cls, load: Callable[[], Any]) -> Pending:
        made: Pending = super().__new__(cls, load, interface=_Everything)
        return made

    def __init__(self, load: Callable[[], Any]) -> None:
        super().__init__(self._once(load), interface=_Everything)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """The value's class. That of an array or a table is known without loading it: IPython asks
        for the class of what a line begins with before any hook has seen the cell."""
        kind = type(self)._self_kind
        found: Any = None if may_hold_code(kind) else _imported(kind)
        return type(self.__wrapped__) if found is None else found

    def _once(self, load: Callable[[], Any]) -> Callable[[], Any]:
        def once() -> Any:
            value = load()
            self._self_used = True
            return value

        return once


def lazily(load: Callable[[], Any], kind: str) -> Pending:
    """A value of the type with this qualified name, to be loaded. What looks at its own type, as
    ``%whos`` and ``?`` do, reads the value's."""
    return _named(kind)(load)


@lru_cache(maxsize=256)
def _named(kind: str) -> type[Pending]:
    module, _, name = kind.rpartition(".")
    named = {"__module__": module or "builtins", "__qualname__": name, "_self_kind": kind}
    return type(name, (Pending,), named)


def is_pending(value: object) -> bool:
    """Whether a value is one of these; loads nothing."""
    return issubclass(type(value), Pending)


def is_used(value: object) -> bool:
    """Whether something used a pending value: it may have been changed since."""
    return is_pending(value) and bool(value._self_used)  # type: ignore[attr-defined]


def itself(value: Any) -> Any:
    """The value that a pending one stands for."""
    return value.__wrapped__


def same(value: Any) -> Any:
    """What a pickled pending value is loaded by: it is stored as what it stands for."""
    return value
