"""urllib.request: a request begins in ``OpenerDirector.open``, and leaves through ``do_open`` of
the handlers for HTTP and HTTPS."""

from __future__ import annotations

import functools
import http.client
import io
import urllib.error
from types import ModuleType
from typing import Any
from urllib.error import HTTPError

from duranb.engine.flows import run
from duranb.llm.flight import Head, hop
from duranb.llm.libraries import wire
from duranb.llm.libraries.urllib3 import read_body
from duranb.llm.patching import Method, patch
from duranb.llm.sending import REDIRECTS, Sending, leaving, listening, lower


def hook(module: ModuleType) -> None:
    """Journal what this library sends."""
    found: Any = module
    patch(found.OpenerDirector, "open", functools.partial(_opener, urllib.error))
    patch(found.AbstractHTTPHandler, "do_open", _handler)


def _opener(errors: ModuleType, original: Method) -> Method:
    def opened(*arguments: Any, **options: Any) -> Any:
        step = listening()
        if step is None:
            return original(*arguments, **options)
        sending = Sending(step)
        with sending.under_way(errors):
            try:
                response = original(*arguments, **options)
            except HTTPError as error:
                _refused(sending, error)
                raise
        return _recorded(sending, response)

    return opened


def _refused(sending: Sending, error: HTTPError) -> None:
    """Keep what the server said, if it is short, without taking it from whoever looks at it."""
    flight = sending.made
    head = Head(error.code, str(error.reason), "", error.headers.items())
    said = None
    if flight is not None and error.fp is not None and flight.reads_at_once(head):
        said = error.fp.read()
        error.fp = error.file = io.BytesIO(said)
    sending.refused(head, said)


def _handler(original: Method) -> Method:
    def do_open(handler: Any, http_class: Any, request: Any, **options: Any) -> Any:
        sending = leaving()
        if sending is None:
            return original(handler, http_class, request, **options)
        content = b""
        if not sending.claimed:
            chunked = request.has_header("Transfer-encoding")
            body, content = read_body(request.data, chunked=chunked)
            if body is not request.data:
                request.data = body
        sent = lower([*request.headers.items(), *request.unredirected_hdrs.items()])
        method = request.get_method()
        recorded = run(sending.answer(method, request.full_url, sent, content))
        if recorded is None:
            response = original(handler, http_class, request, **options)
            if response.status in REDIRECTS:
                headers = response.headers.items()
                sending.hops.append(hop(method, request.full_url, response.status, headers))
            return response
        response = wire.replayed(recorded, method, sending.abandoned(recorded))
        return _dressed(response, request.full_url)

    return do_open


def _dressed(response: Any, url: str) -> Any:
    """As ``do_open`` leaves a response: code that uses urllib expects the reason in ``msg``."""
    response.url, response.msg = url, response.reason
    return response


def _recorded(sending: Sending, response: Any) -> Any:
    """The response, recorded or on its way to be."""
    flight = sending.made
    if flight is None or not isinstance(response, http.client.HTTPResponse):
        return response
    status, url = response.status, response.geturl()
    method = response._method  # type: ignore[attr-defined]
    hops = sending.hops[:-1] if status in REDIRECTS else sending.hops
    head = Head(
        status=status,
        reason=response.reason,
        version="HTTP/1.0" if response.version == 10 else "HTTP/1.1",
        headers=response.headers.items(),
        accepted="br, zstd",
        method=method,
        url=url,
        hops=hops,
    )
    if not head.is_answer:
        flight.refused(head)
        return response
    at_once = flight.reads_at_once(head)
    tape = flight.tape(head, as_it_came=True)
    return _dressed(wire.teed(response, tape, method, at_once=at_once), url)
