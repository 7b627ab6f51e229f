"""openai, anthropic: the parts of a client that methods are called on, ``client.messages``.

They hold the client, and wrappers that they make when they are first used: no change of anybody's.
"""

from __future__ import annotations

from typing import Any

from duranb.state.factory import Factory


def _describe(resource: Any) -> dict[str, Any] | None:
    kind = type(resource)
    own = kind.__module__.startswith(("openai.", "anthropic."))
    return {"kind": kind, "client": resource._client} if own else None


def _make(kind: Any, client: Any) -> Any:
    return kind(client)


FACTORIES = {
    f"{package}._resource.{name}": Factory(_describe, _make, open=True, derived=True)
    for package in ("openai", "anthropic")
    for name in ("SyncAPIResource", "AsyncAPIResource")
}
