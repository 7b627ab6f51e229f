"""urllib3, which requests and botocore send with as well.

A request begins in ``PoolManager.urlopen``, or in that of a connection pool where it is used alone;
each redirect leaves through a pool.
"""

from __future__ import annotations

import functools
import http.client
import inspect
import io
from types import ModuleType
from typing import Any

from duranb.engine.flows import run
from duranb.llm.flight import Flight, Head, hop
from duranb.llm.libraries import wire
from duranb.llm.patching import Method, patch
from duranb.llm.sending import Recorded, Sending, leaving, listening, lower


def hook(module: ModuleType) -> None:
    """Journal what this library sends."""
    found: Any = module
    patch(found.PoolManager, "urlopen", functools.partial(_manager, found.exceptions))
    patch(found.HTTPConnectionPool, "urlopen", functools.partial(_pool, found))


def _manager(errors: ModuleType, original: Method) -> Method:
    signature = inspect.signature(original)

    def urlopen(*arguments: Any, **options: Any) -> Any:
        step = listening()
        if step is None:
            return original(*arguments, **options)
        given = signature.bind(*arguments, **options).arguments
        sending = Sending(step)
        with sending.under_way(errors):
            answer = original(*arguments, **options)
        decodes = given.get("kw", {}).get("decode_content", True)
        return _recorded(sending, given["method"], given["url"], answer, decodes)

    return urlopen


def _pool(module: Any, original: Method) -> Method:
    signature = inspect.signature(original)

    def urlopen(*arguments: Any, **options: Any) -> Any:
        step, sending = listening(), leaving()
        if step is None and sending is None:
            return original(*arguments, **options)
        bound = signature.bind(*arguments, **options)
        given = bound.arguments
        if sending is not None:
            return _leave(module, sending, original, bound)
        assert step is not None
        sending = Sending(step, whole=True)
        with sending.under_way(module.exceptions):
            answer = _leave(module, sending, original, bound)
        decodes = given.get("decode_content", True)
        return _recorded(sending, given["method"], given["url"], answer, decodes)

    return urlopen


def _leave(module: Any, sending: Sending, original: Method, bound: inspect.BoundArguments) -> Any:
    """Send one request, or answer it."""
    bound.apply_defaults()
    given = bound.arguments
    pool, method, url = given["self"], given["method"], given["url"]
    if url.startswith("/"):
        host = pool.host.strip("[]")
        host = f"[{host}]" if ":" in host else host
        url = (
            f"{pool.scheme}://{host}:{pool.port}{url}"
            if pool.port
            else f"{pool.scheme}://{host}{url}"
        )
    headers = given["headers"] if given["headers"] is not None else pool.headers
    if not sending.claimed:
        given["body"], content = read_body(given["body"], chunked=given["chunked"])
    else:
        content = b""
    recorded = run(sending.answer(method, url, lower(list((headers or {}).items())), content))
    if recorded is None:
        return original(*bound.args, **bound.kwargs)
    return _replayed(module, sending, recorded, given)


def read_body(body: Any, *, chunked: bool = False) -> tuple[Any, bytes]:
    """A request's body that has been read, to be sent and to be looked at."""
    if body is None:
        return body, b""
    if isinstance(body, str):
        return body, body.encode("utf-8", "surrogateescape")
    if isinstance(body, (bytes, bytearray, memoryview)):
        return body, bytes(body)
    if hasattr(body, "read"):
        content = body.read()
        content = content.encode("utf-8") if isinstance(content, str) else content
        return io.BytesIO(content), content
    pieces = [piece.encode() if isinstance(piece, str) else bytes(piece) for piece in body]
    return (pieces if chunked else b"".join(pieces)), b"".join(pieces)


def _replayed(module: Any, sending: Sending, recorded: Recorded, given: dict[str, Any]) -> Any:
    method = given["method"]
    body = wire.replayed(recorded, method, sending.abandoned(recorded))
    retries = module.util.Retry.from_int(
        given["retries"], redirect=given["redirect"], default=given["self"].retries
    )
    options = {
        "version_string": recorded.version,
        "request_url": recorded.url or given["url"],
    }
    takes = inspect.signature(module.response.HTTPResponse).parameters
    return module.response.HTTPResponse(
        body=body,
        headers=module.response.HTTPHeaderDict(recorded.headers),
        status=recorded.status,
        version=body.version,
        reason=body.reason,
        preload_content=given["preload_content"],
        decode_content=given["decode_content"],
        original_response=body,
        msg=body.msg,
        retries=retries,
        request_method=method,
        **{name: value for name, value in options.items() if name in takes},
    )


def _recorded(sending: Sending, method: str, url: str, answer: Any, decodes: bool) -> Any:
    """The answer, recorded or on its way to be."""
    flight = sending.made
    if flight is None:
        return answer
    head = head_of(answer, method, url)
    read = answer._body is not None or answer.isclosed()
    if not head.is_answer and not (read or flight.reads_at_once(head)):
        flight.refused(head)
    elif read:
        run(flight.read_already(head, answer.data or b"", decoded=bool(decodes)))
    else:
        tee(answer, flight, head, method, at_once=not head.is_answer)
    return answer


def head_of(answer: Any, method: str, url: str) -> Head:
    """How an answer of urllib3's begins. Its own redirects are in its ``retries``."""
    followed = [each for each in getattr(answer.retries, "history", ()) if each.redirect_location]
    hops = []
    for each in followed:
        location = [("location", each.redirect_location)]
        hops.append(hop(each.method or "GET", each.url or "", each.status or 302, location))
    return Head(
        status=answer.status,
        reason=answer.reason or "",
        version=getattr(answer, "version_string", "") or "HTTP/1.1",
        headers=list(answer.headers.items()),
        accepted=decodes(answer),
        method=method,
        url=followed[-1].redirect_location if followed else url,
        hops=hops,
    )


def decodes(answer: Any) -> str:
    """The content encodings that a response of urllib3's undoes."""
    return ", ".join(getattr(answer, "CONTENT_DECODERS", ()))


def tee(answer: Any, flight: Flight, head: Head, method: str, *, at_once: bool) -> None:
    """Have the body of a response taken down while it is read, or now."""
    live = answer._fp
    tape = flight.tape(head, as_it_came=True)
    if not isinstance(live, http.client.HTTPResponse):  # an adapter's own: it may be anything
        content = live.read() if live is not None else b""
        answer._fp = io.BytesIO(content)
        run(flight.read_already(head, content, decoded=False))
        return
    answer._fp = answer._original_response = wire.teed(live, tape, method, at_once=at_once)
