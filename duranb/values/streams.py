"""What a kernel prints to, ``sys.stdout`` and ``sys.stderr``, where a variable keeps it.

``before = sys.stdout`` is the stream of this kernel, and that of the next one after a restart.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from duranb.code.looking import module_of, name_of


def reduction(obj: Any) -> tuple[Any, ...] | None:
    """How such a stream is pickled; None for any other value. Raises TypeError for a handler of a
    logger that prints there: the logger has one of its own after a restart."""
    kind = type(obj)
    if name_of(kind) == "OutStream" and module_of(kind) == "ipykernel.iostream":
        return next(((standard, (n,)) for n in _NAMES if getattr(sys, n) is obj), None)
    if kind is logging.StreamHandler and _is_attached(obj):
        raise TypeError("cannot pickle a handler of a logger")
    return None


_NAMES = ("stdout", "stderr")


def standard(name: str) -> Any:
    """What is printed to by now."""
    return getattr(sys, name)


def _is_attached(handler: logging.Handler) -> bool:
    loggers = [logging.root, *list(logging.Logger.manager.loggerDict.values())]
    return any(handler in getattr(each, "handlers", ()) for each in loggers)
