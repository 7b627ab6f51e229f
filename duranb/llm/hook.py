"""The hook on the wire: ``Client.send`` and ``AsyncClient.send`` of httpx and httpx2.

Every SDK that is built on them passes here exactly once for each try, whatever of its own layers
it was called through, and in clients made before or after the hook went in. Transports would miss
the SDKs that bring their own; methods of the SDKs, their raw, parsing and streaming variants.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import wrapt

from duranb.engine.context import StepContext, current
from duranb.engine.flows import Act, Flow, arun, run
from duranb.llm import mcp, prices, unseen, websockets
from duranb.llm.flight import Flight
from duranb.llm.library import Library

LIBRARIES = ("httpx", "httpx2")

Send = Callable[..., Any]


class _State:
    """Whether we listen, and which classes carry a hook of ours (with what was there before)."""

    installed = False
    awaiting_imports = False
    hooked: dict[type, tuple[Send, Send]] = {}


class _Sending:
    """What a client sends while it sends (a token for its auth flow) is part of that request.

    A task that was started meanwhile inherits the context variable and outlives the request, so
    there is a switch in it.
    """

    on = True


_sending: ContextVar[_Sending | None] = ContextVar("duranb_sending", default=None)


def install() -> None:
    """Journal the HTTP requests of steps from now on. Twice is as good as once.

    Libraries that are imported later are hooked when they are; requests outside of steps pass
    untouched.
    """
    _State.installed = True
    if not _State.awaiting_imports:
        _State.awaiting_imports = True
        for name in LIBRARIES:
            wrapt.register_post_import_hook(_hook, name)
        websockets.watch()
        unseen.watch()
        mcp.watch()
        return
    for name in LIBRARIES:
        if name in sys.modules:
            _hook(sys.modules[name])


def uninstall() -> None:
    """Take the hooks out. Where somebody else has wrapped ours, it stays and does nothing."""
    _State.installed = False
    for cls, (original, hooked) in list(_State.hooked.items()):
        if cls.__dict__.get("send") is hooked:
            cls.send = original  # type: ignore[attr-defined]
            del _State.hooked[cls]


def _hook(module: ModuleType) -> None:
    if not _State.installed:
        return
    library = Library.of(module)
    found: Any = module
    # httpx2 can be installed under httpx's name: then both are the same classes.
    for cls, make in ((found.Client, _sync), (found.AsyncClient, _async)):
        if cls not in _State.hooked:
            original = cls.send
            hooked = make(library, original)
            _State.hooked[cls] = (original, hooked)
            cls.send = hooked
    prices.prepare()


def _sync(library: Library, original: Send) -> Send:
    @functools.wraps(original)
    def send(client: Any, request: Any, *, stream: bool = False, **options: Any) -> Any:
        step = _listening(client, request, library.sync_stream)
        if step is None:
            return original(client, request, stream=stream, **options)
        send = functools.partial(original, client, request, **options)
        return run(_exchange(library, SYNC, step, client, request, stream, send))

    return send


def _async(library: Library, original: Send) -> Send:
    @functools.wraps(original)
    async def send(client: Any, request: Any, *, stream: bool = False, **options: Any) -> Any:
        step = _listening(client, request, library.async_stream)
        if step is None:
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
    flight = Flight.take(library, step, request)
    if flight is None:
        return (yield Act(functools.partial(send, stream=stream)))
    if flight.recorded:
        response = flight.replay(client, request)
    else:
        try:
            with _part_of_this():
                response = yield Act(functools.partial(send, stream=True))
        except BaseException as error:
            flight.broke(error)
            raise
    read = Act(getattr(response, colour.read))
    try:
        if flight.recorded:
            yield from _show(client, response)
        elif not response.is_success:
            if not stream:
                yield read
            flight.refused(response)
            return response
        elif response.is_stream_consumed:
            yield from flight.read_already(response)
            return response
        else:
            tee = getattr(library, colour.tee)
            response.stream = tee(response.stream, flight.tape(response))
        if not stream:
            yield read
    except BaseException:
        yield Act(getattr(response, colour.close))
        flight.release()
        raise
    return response


def _show(client: Any, response: Any) -> Flow[None]:
    """Show a recorded answer, and the redirects on the way to it, to the client's response hooks,
    which may well be where its code counts or checks. Request hooks prepare what is sent: nothing
    is."""
    with _part_of_this():
        for each in (*response.history, response):
            for hook in client.event_hooks["response"]:
                yield Act(functools.partial(hook, each))


def _listening(client: Any, request: Any, stream_type: Any) -> StepContext | None:
    """The step whose request this is; None when it is to pass untouched.

    A closed client and a request of the wrong colour pass: the library refuses them itself.
    """
    if not _State.installed:
        return None
    step = current()
    if step is None:
        return None
    around = _sending.get()
    if around is not None and around.on:
        return None
    if client.is_closed or not isinstance(request.stream, stream_type) or mcp.transports():
        return None
    if "upgrade" in request.headers:
        websockets.say(request.url.host)
        return None
    return step


@contextlib.contextmanager
def _part_of_this() -> Iterator[None]:
    around = _Sending()
    token = _sending.set(around)
    try:
        yield
    finally:
        around.on = False
        _sending.reset(token)
