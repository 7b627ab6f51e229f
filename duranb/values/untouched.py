"""Instances whose dict is made once somebody asks for it.

``functools.partial``, errors and streams in memory say ``None`` of their attributes when they are
pickled, and ``{}`` once something has looked at ``vars()`` of them. To look is no change: an empty
dict is told as none.
"""

from __future__ import annotations

import functools
import io
from typing import Any

_KINDS = (functools.partial, BaseException, io.BytesIO, io.StringIO)

_STATE = 2
"""Where a reduction has the state."""


def reduced(obj: Any) -> Any:
    """What ``__reduce_ex__`` says of an instance, but for an empty dict."""
    found = obj.__reduce_ex__(5)
    if not issubclass(type(obj), _KINDS) or type(found) is not tuple or len(found) <= _STATE:
        return found
    make, arguments, state, *rest = found
    if type(state) is dict and not state:
        return (make, arguments, None, *rest) if any(rest) else (make, arguments)
    if type(state) is tuple and state and type(state[-1]) is dict and not state[-1]:
        return (make, arguments, (*state[:-1], None), *rest)
    return found


def reduction(obj: Any) -> tuple[Any, ...] | None:
    """How such an instance is pickled when somebody has looked at it; None for every other."""
    kind = type(obj)
    if not issubclass(kind, _KINDS):
        return None
    found = reduced(obj)
    return found if type(found) is tuple else None
