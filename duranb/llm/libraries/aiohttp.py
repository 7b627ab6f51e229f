"""aiohttp: a request begins in ``ClientSession._request``, and leaves through the innermost of its
middlewares, which is ours."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Awaitable, Callable, Sequence
from types import ModuleType
from typing import Any

from duranb.engine.flows import arun
from duranb.llm.flight import SMALL, Head, hop
from duranb.llm.patching import Method, patch
from duranb.llm.sending import Recorded, Sending, listening, lower, on_the_wire
from duranb.llm.tape import Tape
from duranb.record.ways import How

Pull = Callable[[], Awaitable[Sequence[bytes] | None]]
"""What comes next of a body; None at its end."""


def hook(module: ModuleType) -> None:
    """Journal what this library sends. A version without middlewares, or whose payloads do not give
    their bytes (before 3.12.4), is left alone: its connections are named as not recorded."""
    found: Any = module
    # No attribute of the module yet, where importing it was interrupted and is done once more.
    payload = importlib.import_module("aiohttp.payload")
    if hasattr(payload.Payload, "as_bytes"):
        patch(found.ClientSession, "_request", functools.partial(_session, _Library(found)))


class _Library:
    """What is used of aiohttp, with a stream of ours that is one of its own."""

    def __init__(self, module: Any) -> None:
        self.module = module
        multidict: Any = importlib.import_module("multidict")
        self.CIMultiDict, self.CIMultiDictProxy = multidict.CIMultiDict, multidict.CIMultiDictProxy
        self.Reader = type("Reader", (_Reader, module.StreamReader), {})

    def reader(self, loop: Any, pull: Pull, closed: Callable[[], None], *, chunked: bool) -> Any:
        """A body that comes as it is asked for; ``closed`` is called when its reader goes away."""
        protocol = self.module.base_protocol.BaseProtocol(loop)
        # It asks for what it holds, so there is no connection to pause when that is much.
        made = self.Reader(protocol, sys.maxsize // 2, loop=loop)
        made.pull, made.gone = pull, closed
        if chunked:
            made.begin_http_chunk_receiving()
        return made


class _Reader:
    """Mixed with ``StreamReader``, whose methods all wait for more in one place."""

    pull: Pull
    gone: Callable[[], None]

    async def _wait(self, name: str) -> None:
        stream: Any = self
        try:
            pieces = await self.pull()
        except Exception as error:
            stream.set_exception(error)
            raise
        if pieces is None:
            stream.feed_eof()
            return
        for piece in pieces:
            stream.feed_data(piece)
            if stream._http_chunk_splits is not None:
                stream.end_http_chunk_receiving()

    async def read_now(self) -> None:
        """Before anybody asks, if it is small. What goes wrong is raised when somebody does."""
        stream: Any = self
        while stream.total_bytes <= SMALL and not stream.is_eof() and stream.exception() is None:
            try:
                await self._wait("read")
            except Exception:
                return  # it is the stream's exception now

    def set_exception(self, *arguments: Any) -> None:
        """The response was released, or its body broke off."""
        stream: Any = super()
        stream.set_exception(*arguments)
        self.gone()


def _session(library: _Library, original: Method) -> Method:
    async def _request(session: Any, *arguments: Any, **options: Any) -> Any:
        step = listening()
        if step is None:
            return await original(session, *arguments, **options)
        sending = Sending(step)
        own = options.get("middlewares")
        around = session._middlewares if own is None else own
        options["middlewares"] = (*around, functools.partial(_leave, library, sending))
        with sending.under_way(library.module):
            try:
                response = await original(session, *arguments, **options)
            except library.module.ClientResponseError as error:
                headers = [(str(n), str(v)) for n, v in (error.headers or {}).items()]
                if error.status:
                    sending.refused(Head(error.status, error.message, "", headers), b"")
                raise
        decodes = options.get("auto_decompress")
        decodes = session._auto_decompress if decodes is None else decodes
        await _recorded(library, sending, response, decodes=decodes)
        return response

    return _request


async def _leave(library: _Library, sending: Sending, request: Any, handler: Any) -> Any:
    """Send one request, or answer it."""
    if "upgrade" in request.headers:
        sending.step.unrecorded.note(How.WEBSOCKET, request.url.authority)
        return await handler(request)
    content = b""
    if not sending.claimed and request.body:
        content = await request.body.as_bytes()
    sent = lower(list(request.headers.items()))
    recorded = await arun(sending.answer(request.method, str(request.url), sent, content))
    if recorded is None:
        return await handler(request)
    return await _replayed(library, sending, recorded, request)


async def _recorded(library: _Library, sending: Sending, response: Any, *, decodes: bool) -> None:
    """Have the answer taken down while it is read, or now if it is small: many a caller looks at
    the status alone."""
    flight = sending.made
    if flight is None:
        return
    head = Head(
        status=response.status,
        reason=(response.reason or "").encode("utf-8", "surrogateescape").decode("latin-1"),
        version=f"HTTP/{response.version.major}.{response.version.minor}",
        headers=_headers(response),
        accepted=response.request_info.headers.get("Accept-Encoding", ""),
        method=response.method,
        url=str(response.url),
        hops=[
            hop(each.method, str(each.url), each.status, _headers(each))
            for each in response.history
        ],
    )
    if not head.is_answer and (response._body is not None or not flight.reads_at_once(head)):
        flight.refused(head, response._body)
        return
    if response._body is not None:
        await arun(flight.read_already(head, response._body, decoded=decodes))
        return
    live, loop = response.content, response._loop
    tape = flight.tape(head, decoded=decodes)
    chunked = "chunked" in head.header("transfer-encoding").lower()
    response.content = library.reader(
        loop, functools.partial(_next, live, tape), tape.close, chunked=chunked
    )
    if flight.reads_at_once(head):
        await response.content.read_now()


async def _next(live: Any, tape: Tape) -> Sequence[bytes] | None:
    """What a live body gives next, as far as it may be seen by now."""
    try:
        piece = await live.readany()
    except Exception as error:
        tape.cut(error)
        raise
    return await arun(tape.feed(piece)) if piece else await arun(tape.end()) or None


async def _replayed(library: _Library, sending: Sending, recorded: Recorded, request: Any) -> Any:
    """A recorded answer, begun as aiohttp begins one that comes over a connection."""
    http, left = library.module.http, list(reversed(recorded.pieces))
    abandoned = sending.abandoned(recorded)

    async def pull() -> Sequence[bytes] | None:
        return [left.pop()] if left else None

    def closed() -> None:
        if left:
            abandoned()

    sent = [(on_the_wire(name), on_the_wire(value)) for name, value in recorded.headers]
    headers = library.CIMultiDict((_text(name), _text(value)) for name, value in sent)
    chunked = "chunked" in headers.get("transfer-encoding", "").lower()
    body = library.reader(request.loop, pull, closed, chunked=chunked)
    version = http.HttpVersion10 if recorded.version == "HTTP/1.0" else http.HttpVersion11
    message = http.RawResponseMessage(
        version,
        recorded.status,
        _text(on_the_wire(recorded.reason)),
        library.CIMultiDictProxy(headers),
        tuple(sent),
        False,  # the connection need not be closed
        None,
        False,  # no upgrade
        chunked,
    )
    options = {
        "writer": None,
        "continue100": None,
        "timer": request._timer,
        "request_info": request.request_info,
        "traces": request._traces,
        "loop": request.loop,
        "session": request._session,
        "stream_writer": _Unsent,
    }
    takes = inspect.signature(request.response_class.__init__).parameters
    given = {name: value for name, value in options.items() if name in takes}
    response = request.response_class(request.method, request.original_url, **given)
    await response.start(_Connection(message, body))
    return response


def _headers(response: Any) -> list[tuple[str, str]]:
    """As HTTP reads them: aiohttp leaves lone surrogates where they are not UTF-8."""
    return [(n.decode("latin-1"), v.decode("latin-1")) for n, v in response.raw_headers]


def _text(header: bytes) -> str:
    return header.decode("utf-8", "surrogateescape")  # as aiohttp reads them


class _Unsent:
    """The writer of a request that was not sent."""

    output_size = 0


class _Connection:
    """What a response wants of a connection, where there is none."""

    upgraded = False

    def __init__(self, message: Any, body: Any) -> None:
        self.protocol = self
        self._answer = message, body

    async def read(self) -> Any:
        """How the answer begins, and its body."""
        return self._answer

    def release(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is open."""

    def add_callback(self, callback: Callable[[], None]) -> None:
        """It is released already."""
        callback()
