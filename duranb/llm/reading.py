"""What a recorded exchange says: usage, cost, messages. Nothing here touches the wire.

An answer of a shape that nobody here knows is still recorded and replayed in full; it only has
fewer words and no price.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import msgspec

from duranb.llm import guesses, prices, sse
from duranb.llm.endpoints import LONGEST_MODEL, Endpoint, model_asked, recognise
from duranb.llm.exchange import Exchange, decode
from duranb.llm.shapes import SHAPES, Said, Shape, Tokens
from duranb.llm.shapes.common import count, loaded, record, string
from duranb.record.artifacts import Buffer
from duranb.record.events import Usage
from duranb.text.known import KNOWN

_log = logging.getLogger(__name__)

PREVIEW = 120
"""Characters of an answer that the timeline shows in its row."""

LONGEST_TEXT = 60_000
"""Characters of a body of unknown shape that are shown."""


UNREADABLE = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What looking into an answer of any content may raise."""


@dataclass(frozen=True)
class Reading:
    """An answer as it is read when it is recorded.

    ``failure`` is what the answer says went wrong, when it is an error that came with status 200;
    ``unfit`` says why it must not be stored.
    """

    usage: Usage | None = None
    preview: str = ""
    failure: str = ""
    unfit: str = ""


def read(
    endpoint: Endpoint | None,
    url: str,
    asked: Any,
    content_type: str,
    body: bytes,
    share: float = 1.0,
) -> Reading:
    """Usage, cost and preview of an answer, whose request had the JSON body ``asked``; ``share`` is
    what its batch costs of the usual price."""
    if endpoint is None:
        return Reading(preview=_excerpt(_plain(content_type, body)))
    try:
        return _read(endpoint, url, asked, content_type, body, share)
    except UNREADABLE as error:
        # Whatever a server sent, it answered: what cannot be read is recorded all the same.
        _log.warning("an answer of %s could not be read: %s", url, error)
        return Reading(preview=_excerpt(_plain(content_type, body)))


def _read(
    endpoint: Endpoint, url: str, asked: Any, content_type: str, body: bytes, share: float
) -> Reading:
    shape = SHAPES.get(endpoint.shape)
    answer = _answer(shape, content_type, body)
    if failure := _failure(answer):
        return Reading(failure=failure)
    tokens = shape.tokens(answer) if shape else _any_tokens(answer)
    model = tokens.model[:LONGEST_MODEL] or model_asked(urlsplit(url).path, asked)
    if model != tokens.model:
        tokens = replace(tokens, model=model)
    provider = shape.provider if shape else ""
    cost = prices.cost_of(tokens, url, provider, share)
    said = shape.answered(answer) if shape else []
    told = _told(said)
    guessed = Tokens()
    if record(answer).get("status") in _BEGUN:
        cost = 0.0
    elif shape and not (tokens.input or tokens.output):
        guessed = guesses.of_exchange(tokens.model, asked, told)
    usage = Usage(
        model=tokens.model,
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cached_tokens=tokens.cached,
        cost=cost or 0.0,
        priced=cost is not None,
        guessed_tokens=guessed.input + guessed.output,
        guessed_cost=prices.cost_of(guessed, url, provider, share) or 0.0,
    )
    masked = KNOWN.masked_text(told)
    if masked is not told:
        kept = _answer(shape, content_type, KNOWN.masked(body))
        if shape is None or _told(shape.answered(kept)) != masked:  # a stream has it in pieces
            return Reading(usage, unfit="passed on, but it spells out a credential: not recorded")
    return Reading(usage=usage, preview=_excerpt(_spoken(said) or _plain(content_type, body, said)))


def _told(said: list[Said]) -> str:
    return "\n".join(each.text for each in said)


_BEGUN = ("queued", "in_progress")
"""Statuses of an answer that is still being made: its bill comes with a later one."""


def describe(data: Buffer) -> dict[str, Any]:
    """A recorded exchange for people: what was asked and what was answered, as JSON-able data.

    ``request`` and ``response`` are lists of ``{"role", "text"}`` (tool calls and reasoning are
    messages of their own), ``text`` is the answer's text alone, ``settings`` the request's other
    plain fields, ``elapsed`` seconds. Nothing is unpickled. Raises
    :class:`duranb.errors.StoreDamaged` for bytes that are no exchange.
    """
    found = decode(data)
    header = found.header
    body = loaded(bytes(found.request))
    path = urlsplit(header.url).path
    endpoint = recognise(header.method, path, body)
    shape = SHAPES.get(endpoint.shape) if endpoint else None
    asked, answered, model = _conversation(found, shape, body)
    return {
        "method": header.method,
        "url": header.url,
        "status": header.status,
        "model": model or model_asked(path, body),
        "streamed": header.streamed,
        "elapsed": header.elapsed / 1e6,
        "request": [msgspec.to_builtins(said) for said in asked],
        "response": [msgspec.to_builtins(said) for said in answered],
        "text": _spoken(answered),
        "settings": {
            name: value
            for name, value in record(body).items()
            if isinstance(value, (int, float, bool)) or (name == "model")
        },
    }


def _conversation(
    found: Exchange, shape: Shape | None, body: Any
) -> tuple[list[Said], list[Said], str]:
    header = found.header
    content = found.plain
    kind = header.response_header("content-type")
    if shape is not None:
        try:
            answer = _answer(shape, kind, content)
            asked, answered = shape.asked(body), shape.answered(answer)
            if asked or answered:
                return asked, answered, shape.tokens(answer).model
        except UNREADABLE as error:
            _log.warning("a recorded answer of %s could not be read: %s", header.url, error)
    sent = _plain(header.content_type, bytes(found.request))
    if header.request_size > header.request_kept:
        sent = f"[{header.request_size:,} bytes of {header.content_type}]"
    asked = [Said("request", sent)] if sent else []
    return asked, [Said("response", _plain(kind, content)[:LONGEST_TEXT])], ""


def _answer(shape: Shape | None, content_type: str, body: bytes) -> Any:
    """The decoded answer; of a stream, what the API would have answered without streaming."""
    if content_type.startswith("text/event-stream"):
        events = _events(body)
        return shape.fold(events) if shape else next((x for x in reversed(events) if x), None)
    if body[:1] not in (b"{", b"["):
        return None
    answer = shape.load(body) if shape else loaded(body)
    return shape.fold(answer) if shape and isinstance(answer, list) else answer


def _events(body: bytes) -> list[Any]:
    found = sse.payloads(body)
    try:  # one array decodes in half the time of its items
        events: list[Any] = msgspec.json.decode(b"[" + b",".join(found) + b"]")
    except (msgspec.DecodeError, RecursionError):
        events = [loaded(data) for data in found]  # some event is not JSON
    return events


def _failure(answer: Any) -> str:
    """What a whole answer says went wrong. Some gateways report errors with status 200."""
    found = record(answer)
    error = found.get("error")
    if not error or (found.get("status") != "failed" and found.keys() & {"choices", "output"}):
        return ""
    return (string(record(error).get("message")) or string(error) or str(error))[:500]


def _any_tokens(answer: Any) -> Tokens:
    """The usual names, for shapes that are not read otherwise."""
    usage = record(record(answer).get("usage"))
    counts = {
        ours: count(usage[theirs])
        for ours, names in _USUAL.items()
        for theirs in names
        if count(usage.get(theirs))
    }
    return Tokens(model=string(record(answer).get("model")), **counts)


_USUAL = {
    "input": ("prompt_tokens", "input_tokens", "inputTokens"),
    "output": ("completion_tokens", "output_tokens", "outputTokens"),
}


def _spoken(said: list[Said]) -> str:
    """The text of an answer; when there is only a tool call or an embedding, that."""
    quiet = ("reasoning", "tool call")
    return "\n".join(each.text for each in said if each.role not in quiet)


def _plain(content_type: str, body: bytes, said: list[Said] | None = None) -> str:
    """A body as text, or what it is when it is not text."""
    if said:
        return "\n".join(each.text for each in said)
    kind = content_type.partition(";")[0].strip()
    if not body:
        return ""
    if kind.startswith(("text/", "application/json")) or kind.endswith(("+json", "json", "xml")):
        return body[: LONGEST_TEXT * 4].decode("utf-8", "replace")
    if kind == "application/x-www-form-urlencoded":
        return body.decode("ascii", "replace")
    return f"[{len(body):,} bytes of {kind or 'unknown type'}]"


def _excerpt(text: str) -> str:
    words = " ".join(text[: PREVIEW * 8].split())
    return words if len(words) <= PREVIEW else words[: PREVIEW - 1] + "…"
