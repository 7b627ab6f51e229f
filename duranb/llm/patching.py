"""Methods of other people's classes that carry a hook of ours, and how they get rid of it."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

Method = Callable[..., Any]

_hooked: dict[tuple[type, str], tuple[Method, Method]] = {}
_changing = threading.RLock()


def patch(cls: type, name: str, make: Callable[[Method], Method]) -> None:
    """Put ``make(original)`` in the place of a method, once."""
    with _changing:  # a hook that is hooked would record each request twice
        if (cls, name) in _hooked:
            return
        original = cls.__dict__[name]
        hooked = functools.wraps(original)(make(original))
        _hooked[cls, name] = (original, hooked)
        setattr(cls, name, hooked)


def restore() -> None:
    """Take the hooks out. Where somebody else has wrapped ours, it stays."""
    with _changing:
        for (cls, name), (original, hooked) in list(_hooked.items()):
            if cls.__dict__.get(name) is hooked:
                setattr(cls, name, original)
                del _hooked[cls, name]
