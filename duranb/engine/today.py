"""The function that the notebook has today in the place of one that was kept.

Results are stored with the function that made them. Whoever runs that again has mended it since:
under its name there is another one, or under that of the class that it is a method of.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any, TypeVar

from duranb.code.looking import is_a, qualname_of

T = TypeVar("T")


def of_today(fn: T) -> T:
    """The one under the same name where ``fn`` is from: itself if there is none. A partial and a
    method keep what they are bound to. Anything but a function is what it is."""
    found: Any = fn
    if isinstance(fn, functools.partial):
        found = functools.partial(of_today(fn.func), *fn.args, **fn.keywords)
    elif isinstance(fn, types.MethodType):
        inner = _of_class(fn.__self__, fn.__func__.__name__, fn.__func__)
        found = types.MethodType(inner, fn.__self__)
    elif (home := _globals(fn)) is not None:
        known = home.get(getattr(fn, "__qualname__", ""))
        found = known if callable(known) and not isinstance(known, type) else fn
    elif callable(fn) and not isinstance(fn, type):
        call = vars(type(fn)).get("__call__")
        if isinstance(call, types.FunctionType):
            inner = _of_class(fn, "__call__", call)
            found = fn if inner is call else types.MethodType(inner, fn)
    today: T = found
    return today


def name_of_today(fn: Callable[..., Any]) -> str:
    """The name under which the notebook may have another one; empty where there is none."""
    if isinstance(fn, functools.partial):
        return name_of_today(fn.func)
    if isinstance(fn, types.MethodType):
        return qualname_of(_class(fn.__self__))
    if _globals(fn) is not None:
        name: str = getattr(fn, "__qualname__", "")
        return name
    return qualname_of(type(fn))


def _globals(fn: object) -> dict[str, Any] | None:
    """Where a function is from, or what it wraps (as ``functools.lru_cache`` does)."""
    inner = fn
    while not isinstance(inner, types.FunctionType):
        if is_a(inner, types.MethodType, type, functools.partial):
            return None
        inner = getattr(inner, "__wrapped__", None)
        if inner is None:
            return None
    return inner.__globals__


def _class(bound: Any) -> type:
    return bound if isinstance(bound, type) else type(bound)


def _of_class(bound: Any, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function that the class of an object, or one it is built upon, has today."""
    for cls in _class(bound).__mro__:
        if vars(cls).get(name) is None:
            continue
        today = getattr(function, "__globals__", {}).get(qualname_of(cls))
        found = vars(today).get(name) if isinstance(today, type) else None
        found = getattr(found, "__func__", found)
        return found if isinstance(found, types.FunctionType) else function
    return function
