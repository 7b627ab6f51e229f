"""A kernel that replays offline: on a copy of the store, and with no way out.

``DURANB_REPLAY`` names the folder of the copy; ``duranb verify --replay``, ``duranb test`` and the
pytest plugin set it. A kernel that was started without it is like any other.
"""

from __future__ import annotations

import functools
import os
import sys
from types import ModuleType
from typing import Any

import wrapt

from duranb.engine.context import current
from duranb.pure.errors import Unrecorded

STORE = os.environ.pop("DURANB_REPLAY", "")
"""The folder of the store to replay on; empty in a kernel that runs live. It is taken out of the
environment, or every process that a cell starts would replay as well."""

_SDKS = {"openai": ("OpenAI", "AsyncOpenAI"), "anthropic": ("Anthropic", "AsyncAnthropic")}

_HERE = frozenset({"", "localhost"})


def begin() -> None:
    """Let nothing out of this process from now on, and let clients be made without their keys.

    An audit hook sees every connection that Python code opens, whichever library it is for. There
    is no way to take one out again, which is as it should be.
    """
    sys.addaudithook(_look)
    for name in _SDKS:
        wrapt.register_post_import_hook(_without_keys, name)


def _look(event: str, args: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return
    if event == "socket.getaddrinfo":
        host = args[0].decode("ascii", "replace") if isinstance(args[0], bytes) else args[0]
        # A number is looked up nowhere: whoever connects to it is stopped there.
        if host and host not in _HERE and not host.replace(".", "").isdigit() and ":" not in host:
            _refuse(host)
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = args[1] if len(args) > 1 else None
        # Sockets of this machine have a path; Windows makes its own pairs by the loopback.
        if isinstance(address, tuple) and not (
            sys.platform == "win32" and address[0] in ("127.0.0.1", "::1")
        ):
            _refuse(str(address[0]))


def _refuse(host: str) -> None:
    step = current()
    where = f"step {step.step!r}" if step is not None else "a cell that is no step"
    raise Unrecorded(
        f"{where} tried to reach {host}, and a replay is offline. Ask for it through httpx inside "
        "a durable step, and run the notebook live once: then the answer is recorded."
    )


def _without_keys(module: ModuleType) -> None:
    """Give clients that find no key one that nobody will ever see: they refuse to be made, or to
    build a request, without any."""
    variable = f"{module.__name__.upper()}_API_KEY"
    for name in _SDKS[module.__name__]:
        cls: Any = getattr(module, name)
        cls.__init__ = _keyless(cls.__init__, variable)


def _keyless(init: Any, variable: str) -> Any:
    @functools.wraps(init)
    def make(self: Any, *args: Any, **options: Any) -> None:
        if not os.environ.get(variable) and options.get("api_key") is None:
            options["api_key"] = "not-needed"
        init(self, *args, **options)

    return make
