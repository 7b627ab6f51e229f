"""What stands for a stored value until it is needed.

Before code runs, the names it could use are loaded (:meth:`Namespace.need`), so that it meets the
values themselves. Whatever comes by another way (a widget's callback, a thread, an inspector) meets
this: it loads on first use, and passes everything on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import wrapt


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

    _self_used = False  # asking a proxy for what it does not have itself would load the value

    def __new__(cls, load: Callable[[], Any]) -> Pending:
        made: Pending = super().__new__(cls, load, interface=_Everything)
        return made

    def __init__(self, load: Callable[[], Any]) -> None:
        super().__init__(self._once(load), interface=_Everything)

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
    return type(name, (Pending,), {"__module__": module or "builtins", "__qualname__": name})


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
