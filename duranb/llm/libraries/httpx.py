"""httpx and httpx2: the same classes under two roofs, and we must use those of the right one.

The hook is in ``Client.send`` and ``AsyncClient.send``, where the request is there in full.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any

from duranb.engine import watch, ways
from duranb.engine.context import StepContext
from duranb.engine.flows import Act, Flow, arun, run
from duranb.llm import mcp, private, refusals
from duranb.llm.flight import Flight, Head, hop
from duranb.llm.libraries.httpx_streams import AsyncTee, Replayed, SyncTee
from duranb.llm.patching import Method, patch
from duranb.llm.sending import Headers, listening, on_the_wire
from duranb.record.events import ErrorInfo
from duranb.record.ways import How


@dataclass(frozen=True)
class Library:
    """What is used of an HTTP library. ``tee``, ``async_tee`` and ``replayed`` are our streams as
    streams of this library, which tells them by their base classes."""

    module: ModuleType
    Request: Any
    Response: Any
    sync_stream: Any
    async_stream: Any
    tee: Any
    async_tee: Any
    replayed: Any

    @classmethod
    def of(cls, module: ModuleType) -> Library:
        """The library that ``module`` is."""
        found: Any = module
        sync, awaited = found.SyncByteStream, found.AsyncByteStream
        return cls(
            module,
            Request=found.Request,
            Response=found.Response,
            sync_stream=sync,
            async_stream=awaited,
            tee=type("SyncTee", (SyncTee, sync), {}),
            async_tee=type("AsyncTee", (AsyncTee, awaited), {}),
            replayed=type("Replayed", (Replayed, sync, awaited), {}),
        )


def hook(module: ModuleType) -> None:
    """Journal what this library sends."""
    library = Library.of(module)
    found: Any = module
    # httpx2 can be installed under httpx's name: then both are the same classes.
    patch(found.Client, "send", functools.partial(_sync, library))
    patch(found.AsyncClient, "send", functools.partial(_async, library))


def _sync(library: Library, original: Method) -> Method:
    def send(client: Any, request: Any, *, stream: bool = False, **options: Any) -> Any:
        step = _step_of(client, request, library.sync_stream)
        if step is None:
            with _as_part_of_its_transport():
                return original(client, request, stream=stream, **options)
        send = functools.partial(original, client, request, **options)
        return run(_exchange(library, SYNC, step, client, request, stream, send))

    return send


def _async(library: Library, original: Method) -> Method:
    async def send(client: Any, request: Any, *, stream: bool = False, **options: Any) -> Any:
        step = _step_of(client, request, library.async_stream)
        if step is None:
            with _as_part_of_its_transport():
                return await original(client, request, stream=stream, **options)
        send = functools.partial(original, client, request, **options)
        return await arun(_exchange(library, ASYNC, step, client, request, stream, send))

    return send


@dataclass(frozen=True)
class _Colour:
    """What the methods of sync and of async clients are called."""

    read: str
    close: str
    tee: str


SYNC = _Colour("read", "close", "tee")
ASYNC = _Colour("aread", "aclose", "async_tee")


def _step_of(client: Any, request: Any, stream_type: Any) -> StepContext | None:
    """The step whose request this is; None when it is to pass untouched.

    A closed client and a request of the wrong colour pass: the library refuses them itself.
    """
    if client.is_closed or not isinstance(request.stream, stream_type) or mcp.transports():
        return None
    return listening()


def _as_part_of_its_transport() -> contextlib.AbstractContextManager[object]:
    """What an MCP transport sends is recorded as what it is."""
    return ways.part_of(ways.Recorded()) if mcp.transports() else contextlib.nullcontext()


def _exchange(
    library: Library,
    colour: _Colour,
    step: StepContext,
    client: Any,
    request: Any,
    stream: bool,
    send: Callable[..., Any],
) -> Flow[Any]:
    """A request of a step: its response, from the journal or from ``send``."""
    yield Act(getattr(request, colour.read))
    headers = _by_name(request.headers)
    if "upgrade" in headers:
        watch.note(How.WEBSOCKET, request.url.netloc.decode("ascii"))
        flight = None
    else:
        flight = _take(step, request, headers)
    if flight is None:
        return (yield from _sent(request, functools.partial(send, stream=stream)))
    if flight.broken is not None:
        raise _met_again(library, flight.broken, request)
    if not flight.recorded:
        yield from flight.admitted()
    if flight.recorded:
        response = _replayed(library, client, request, flight)
    else:
        try:
            response = yield from _sent(request, functools.partial(send, stream=True))
        except BaseException as error:
            flight.broke(error)
            raise
    read = Act(getattr(response, colour.read))
    try:
        if flight.recorded:
            yield from _show(client, response)
        elif not (head := _head(response, headers.get("accept-encoding", ""))).is_answer:
            if not stream:
                yield read
            if stream and not response.is_stream_consumed and flight.reads_at_once(head):
                taken = getattr(library, colour.tee)(response.stream, flight.tape(head))
                pieces = yield Act(taken.drain)
                response.stream = library.replayed(pieces, lambda: None)
            else:
                flight.refused(head, response.content if response.is_stream_consumed else None)
            return response
        elif response.is_stream_consumed:
            yield from flight.read_already(head, response.content)
            return response
        else:
            tee = getattr(library, colour.tee)
            response.stream = tee(response.stream, flight.tape(head))
        if not stream:
            yield read
    except BaseException:
        yield Act(getattr(response, colour.close))
        flight.release()
        raise
    return response


def _met_again(library: Library, told: ErrorInfo, request: Any) -> Exception:
    error: Any = refusals.met_again(told, library.module)
    error.request = request
    return error  # type: ignore[no-any-return]


def _sent(request: Any, send: Callable[[], Any]) -> Flow[Any]:
    """Send a request. Whatever its client's auth flow has put into it is known from then on."""
    before, asked = request.headers.raw, [request]
    try:
        # What a client sends while it sends (a token for its auth flow) is part of it.
        with ways.part_of(ways.Recorded()):
            response = yield Act(send)
        asked += [each.request for each in (*response.history, response)]
        return response
    finally:
        for each in asked:
            if each.headers.raw != before:
                private.learn_sent(str(each.url), each.headers)


def _by_name(headers: Any) -> dict[str, str]:
    """Headers by their names in lower case, joined where there are several of one name. To look
    one up in the library's own goes through all of them."""
    raw = headers.raw
    with contextlib.suppress(UnicodeDecodeError):
        found = {name.decode("ascii").lower(): value.decode("ascii") for name, value in raw}
        if len(found) == len(raw):
            return found
    return dict(headers.items())


def _take(step: StepContext, request: Any, headers: Mapping[str, str]) -> Flight | None:
    url = request.url
    host = url.netloc.decode("ascii")
    method, content = request.method, request.content
    return Flight.take(step, method, str(url), url.raw_path, host, headers, content)


def _head(response: Any, accepted: str) -> Head:
    request = response.request
    return Head(
        status=response.status_code,
        reason=response.reason_phrase,
        version=response.http_version,
        headers=_raw(response.headers),
        accepted=accepted,
        method=request.method,
        url=str(request.url) if response.history else "",
        hops=[
            hop(h.request.method, str(h.request.url), h.status_code, _raw(h.headers))
            for h in response.history
        ],
    )


def _raw(headers: Any) -> list[tuple[str, str]]:
    """As they came: their names are in lower case where they are asked for."""
    encoding = headers.encoding
    return [(name.decode(encoding), value.decode(encoding)) for name, value in headers.raw]


def _show(client: Any, response: Any) -> Flow[None]:
    """Show a recorded answer, and the redirects on the way to it, to the client's response hooks,
    which may well be where its code counts or checks. Request hooks prepare what is sent: nothing
    is."""
    with ways.part_of(ways.Recorded()):
        for each in (*response.history, response):
            for look in client.event_hooks["response"]:
                yield Act(functools.partial(look, each))


def _replayed(library: Library, client: Any, request: Any, flight: Flight) -> Any:
    """The recorded answer as an unread ``Response`` for ``request``: its body is a stream of the
    recorded pieces. It is built anew for each call, so no two callers share one."""
    recorded = flight.exchange
    header = recorded.header
    hops = []
    for each in header.hops:
        asked = library.Request(each.method, each.url)
        headers = _bytes(each.headers)
        hops.append(library.Response(each.status, headers=headers, request=asked))
    if header.final_url:
        request = library.Request(header.final_method, header.final_url)
    extensions: dict[str, Any] = {"http_version": header.http_version.encode()}
    if header.reason:
        extensions["reason_phrase"] = header.reason.encode()
    made = library.Response(
        header.status,
        headers=_bytes(header.headers),
        stream=library.replayed(recorded.chunks(), flight.release),
        request=request,
        extensions=extensions,
        history=hops,
        default_encoding=getattr(client, "_default_encoding", "utf-8"),
    )
    made.elapsed = timedelta(microseconds=header.elapsed)
    return made


def _bytes(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(on_the_wire(name), on_the_wire(value)) for name, value in headers]
