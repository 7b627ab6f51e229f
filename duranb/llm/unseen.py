"""HTTP libraries whose requests are not journaled: say so, once for each."""

from __future__ import annotations

import functools
import warnings
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import wrapt

from duranb.engine.context import current, in_effect

_said: set[str] = set()
_watched: set[str] = set()


def watch() -> None:
    """Notice requests that steps send with ``requests`` or ``aiohttp``."""
    for library, home, cls, method, at in _LIBRARIES:
        if library not in _watched:
            _watched.add(library)
            look = functools.partial(_look, library, cls, method, at)
            wrapt.register_post_import_hook(look, home)


_LIBRARIES = (
    ("requests", "requests.sessions", "Session", "send", 0),
    ("aiohttp", "aiohttp.client", "ClientSession", "_request", 1),
)
"""The library, where the method is that all its requests go through, and which of its arguments is
the request or its URL."""


def _look(library: str, cls: str, method: str, at: int, module: ModuleType) -> None:
    kind = getattr(module, cls)
    send = getattr(kind, method)

    @functools.wraps(send)
    def noticing(self: Any, *arguments: Any, **options: Any) -> Any:
        if current() is not None and not in_effect() and library not in _said:
            where = arguments[at] if len(arguments) > at else ""
            _say(library, str(getattr(where, "url", where)))
        return send(self, *arguments, **options)

    setattr(kind, method, noticing)


def _say(library: str, url: str) -> None:
    _said.add(library)
    warnings.warn(
        f"duranb: a step sent a request to {urlsplit(url).hostname or 'a server'} with {library}, "
        "which is not recorded: it is sent, and paid for, again whenever the step runs. Use the "
        "SDK's httpx transport where it has one, or send it inside of duranb.call(…).",
        UserWarning,
        stacklevel=3,
    )
