"""requests: a request begins in ``Session.send``, and leaves by urllib3."""

from __future__ import annotations

import functools
from datetime import timedelta
from types import ModuleType
from typing import Any

from duranb.engine.flows import run
from duranb.llm.flight import Head, hop
from duranb.llm.libraries import urllib3
from duranb.llm.patching import Method, patch
from duranb.llm.sending import Sending, listening


def hook(module: ModuleType) -> None:
    """Journal what this library sends."""
    found: Any = module
    patch(found.Session, "send", functools.partial(_session, found.exceptions))


def _session(errors: ModuleType, original: Method) -> Method:
    def send(session: Any, request: Any, **options: Any) -> Any:
        step = listening()
        if step is None:
            return original(session, request, **options)
        sending = Sending(step)
        with sending.under_way(errors):
            response = original(session, request, **options)
        _recorded(sending, response)
        return response

    return send


def _recorded(sending: Sending, response: Any) -> None:
    if sending.flight is not None and sending.flight.recorded:
        response.elapsed = timedelta(microseconds=sending.flight.exchange.header.elapsed)
    flight = sending.made
    if flight is None:
        return
    head = _head(response)
    read = response._content_consumed
    if not head.is_answer and (read or not flight.reads_at_once(head)):
        flight.refused(head, response.content or b"" if read else None)
    elif read:
        run(flight.read_already(head, response.content or b""))
    else:
        method = response.request.method
        urllib3.tee(response.raw, flight, head, method, at_once=not head.is_answer)


def _head(response: Any) -> Head:
    raw, request = response.raw, response.request
    return Head(
        status=response.status_code,
        reason=response.reason or "",
        version=getattr(raw, "version_string", "") or "HTTP/1.1",
        headers=_headers(response),
        accepted=urllib3.decodes(raw),
        method=request.method,
        url=response.url,
        hops=[
            hop(each.request.method, each.url, each.status_code, _headers(each))
            for each in response.history
        ],
    )


def _headers(response: Any) -> list[tuple[str, str]]:
    """Those of the response that urllib3 has read, where several of a name are several."""
    return list((getattr(response.raw, "headers", None) or response.headers).items())
