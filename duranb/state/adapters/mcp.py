"""MCP: sessions. One is a connection: no other can be made from a record, and the one that is
open stands for it."""

from __future__ import annotations

from typing import Any

from duranb.errors import NotRestorable
from duranb.state.factory import Factory


def _describe(session: Any) -> dict[str, Any]:
    info = getattr(session, "server_info", None)
    return {"server": getattr(info, "name", "")}


def _make(server: str) -> Any:
    raise NotRestorable(
        f"the MCP session with {server or 'a server'} ended with its process: open it again"
    )


def _is_open(session: Any) -> bool:
    """Whoever opened it knows: a closed one says so when it is used."""
    return True


FACTORIES = {"mcp.client.session.ClientSession": Factory(_describe, _make, usable=_is_open)}
