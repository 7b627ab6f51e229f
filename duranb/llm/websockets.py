"""Realtime and websocket APIs are no exchanges of requests and answers: say so, once."""

from __future__ import annotations

import functools
import warnings
from types import ModuleType
from typing import Any

import wrapt

from duranb.engine.context import current


class _State:
    watching = False
    said = False


def say(host: str) -> None:
    """Warn, once in this process, that a step talks through a connection nobody records."""
    if _State.said:
        return
    _State.said = True
    warnings.warn(
        f"duranb: a step opened a websocket to {host}. Realtime connections are not recorded: "
        "what goes through them is sent, and paid for, again whenever the step runs. Put their "
        "outcome in a step of its own, or use the model's HTTP API.",
        UserWarning,
        stacklevel=4,
    )


def watch() -> None:
    """Notice connections made with the ``websockets`` package, which the realtime SDKs use."""
    if not _State.watching:
        _State.watching = True
        wrapt.register_post_import_hook(_watch_function, "websockets.sync.client")
        wrapt.register_post_import_hook(_watch_class, "websockets.asyncio.client")


def _noticed(uri: Any) -> None:
    if current() is not None:
        say(str(uri).partition("://")[2].partition("/")[0])


def _watch_function(module: ModuleType) -> None:
    found: Any = module
    connect = found.connect

    @functools.wraps(connect)
    def noticing(uri: Any, *arguments: Any, **options: Any) -> Any:
        _noticed(uri)
        return connect(uri, *arguments, **options)

    found.connect = noticing


def _watch_class(module: ModuleType) -> None:
    cls: Any = module.connect
    begin = cls.__init__

    @functools.wraps(begin)
    def noticing(self: Any, uri: Any, *arguments: Any, **options: Any) -> None:
        _noticed(uri)
        begin(self, uri, *arguments, **options)

    cls.__init__ = noticing
