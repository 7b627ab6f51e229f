"""fastmcp: transports that start a server's process, as pydantic-ai's MCP toolsets hold them.

A transport keeps its process, and the task that talks to it, for the next session; another one
starts a process of its own when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from duranb.state.adapters import secrets
from duranb.state.factory import Factory
from duranb.text.called import is_secret_field

_MADE_OF = ("command", "args", "cwd", "keep_alive", "log_file")


def _transport(transport: Any) -> dict[str, Any]:
    env = transport.env or {}
    keys = {name: value for name, value in env.items() if is_secret_field(name)}
    settings = {name: getattr(transport, name) for name in _MADE_OF}
    settings["env"] = {n: v for n, v in env.items() if n not in keys} if env else transport.env
    public = {n: v for n, v in vars(transport).items() if not n.startswith("_")}
    return {
        "kind": type(transport),
        "settings": settings,
        "more": {n: v for n, v in public.items() if n not in settings},
        "keys": {name: secrets.where(value) for name, value in keys.items()},
    }


def _transport_again(
    kind: Any, settings: dict[str, Any], more: dict[str, Any], keys: dict[str, list[str]]
) -> Any:
    if keys:
        settings = settings | {
            "env": settings["env"] | {name: secrets.again(found) for name, found in keys.items()}
        }
    made = kind.__new__(kind)
    base = import_module("fastmcp.client.transports.stdio").StdioTransport
    base.__init__(made, **settings)
    vars(made).update(more)
    return made


FACTORIES = {
    "fastmcp.client.transports.stdio.StdioTransport": Factory(
        _transport, _transport_again, derived=True, unversioned=frozenset({"keys"})
    ),
}
