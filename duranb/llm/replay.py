"""A recorded exchange as the response object that the HTTP library would have given."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from duranb.llm.exchange import Exchange
from duranb.llm.library import Library


def response(
    library: Library,
    client: Any,
    request: Any,
    recorded: Exchange,
    abandoned: Callable[[], None],
) -> Any:
    """An unread ``Response`` for ``request``: its body is a stream of the recorded pieces.

    It is built anew for each call, so no two callers share one. ``abandoned`` is called when it is
    closed before its end.
    """
    header = recorded.header
    hops = []
    for hop in header.hops:
        asked = library.Request(hop.method, hop.url)
        hops.append(library.Response(hop.status, headers=hop.headers, request=asked))
    if header.final_url:
        request = library.Request(header.final_method, header.final_url)
    extensions: dict[str, Any] = {"http_version": header.http_version.encode()}
    if header.reason:
        extensions["reason_phrase"] = header.reason.encode()
    made = library.Response(
        header.status,
        headers=header.headers,
        stream=library.replayed(recorded.chunks(), abandoned),
        request=request,
        extensions=extensions,
        history=hops,
        default_encoding=getattr(client, "_default_encoding", "utf-8"),
    )
    made.elapsed = timedelta(microseconds=header.elapsed)
    return made
