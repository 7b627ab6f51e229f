"""One request of a step, from its place in the journal to its answer or its failure."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from duranb.engine.context import StepContext
from duranb.engine.flows import Flow
from duranb.engine.journal import Claim
from duranb.errors import StoreError
from duranb.llm import nearest, passage, prices, private, reading, replay
from duranb.llm.decoding import decoder
from duranb.llm.exchange import LONGEST_REQUEST, Header, Hop, decode, encode
from duranb.llm.identity import Asked, identify
from duranb.llm.library import Library
from duranb.llm.passage import Passage
from duranb.llm.tape import Tape
from duranb.record.events import Usage
from duranb.text.credentials import public_url

_MARKED = frozenset({"chat", "completion", "responses", "messages"})
"""Shapes whose streams say when their answer is over; without it they were cut."""

_STREAMS = ("text/event-stream", "application/x-ndjson", "application/vnd.amazon.eventstream")


class Flight:
    """A request that the journal has given a place to. Journals what its :class:`Tape` finds."""

    def __init__(self, library: Library, step: StepContext, claim: Claim, asked: Asked) -> None:
        self._library = library
        self._step = step
        self._claim = claim
        self._asked = asked
        self._clock = time.perf_counter()
        self._header: Header | None = None
        self._landed = False
        self._passage = Passage(step, claim, asked) if asked.kind.traits.answer else None

    @classmethod
    def take(cls, library: Library, step: StepContext, request: Any) -> Flight | None:
        """Claim a place for ``request``, whose body has been read; None: let it pass untouched.

        Raises :class:`duranb.errors.Unrecorded` in a strict replay.
        """
        url = request.url
        asked = identify(
            request.method,
            str(url),
            url.raw_path,
            url.netloc.decode("ascii"),
            request.headers,
            request.content,
        )
        if asked is None:
            return None
        claim = step.journal.claim(
            asked.kind, asked.key, asked.name, lambda: nearest.difference(step, asked)
        )
        if claim is None:
            return None
        if not claim.settled and asked.endpoint is not None:
            prices.warm()
        elif claim.settled and asked.endpoint is not None and claim.recorded is not None:
            passage.replayed(claim.recorded.usage)
        return cls(library, step, claim, asked)

    @property
    def recorded(self) -> bool:
        """Whether the journal has the answer."""
        return self._claim.settled

    def replay(self, client: Any, request: Any) -> Any:
        """The recorded answer as an unread response."""
        recorded = decode(self._claim.response())
        return replay.response(self._library, client, request, recorded, self.release)

    def admitted(self) -> Flow[None]:
        """Wait until limits and budgets let the request go: to be done before it is sent. Raises
        what :meth:`Passage.enter` does."""
        if self._passage is not None:
            try:
                yield from self._passage.enter()
            except BaseException:
                self.release()
                raise

    def heard(self, status: int, header: Callable[[str], str]) -> None:
        """The server has begun to answer."""
        if self._passage is not None:
            self._passage.heard(status, header)

    # -- the answer on its way -------------------------------------------------------------

    def refused(self, response: Any) -> None:
        """The server answered with a status that is no answer; free the place."""
        detail = f": {_error_text(response.content)}" if response.is_stream_consumed else ""
        status, reason = response.status_code, response.reason_phrase
        self._fail(
            self._library.HTTPStatusError(
                f"{status} {reason}{detail}", request=response.request, response=response
            ),
            status,
        )

    def broke(self, error: BaseException) -> None:
        """Sending raised. An interrupt or a cancellation says nothing about the call."""
        if isinstance(error, Exception):
            self._fail(error)
        else:
            self.release()

    def tape(self, response: Any) -> Tape:
        """What takes the answer down while the caller reads it."""
        headers = response.headers
        content_type = headers.get("content-type", "")
        decode_piece = decoder(
            headers.get("content-encoding", ""),
            response.request.headers.get("accept-encoding", ""),
        )
        self._header = self._head(response, decoded=decode_piece is not None)
        endpoint = self._asked.endpoint
        shape = endpoint.shape if endpoint else ""
        return Tape(
            self,
            decode_piece or bytes,
            events=content_type.startswith("text/event-stream") and decode_piece is not None,
            ends_silently=shape not in _MARKED,
            holds_reason=bool(shape) and not _asks_for_several(self._asked.body),
        )

    def read_already(self, response: Any) -> Flow[None]:
        """A response hook of the client has read the body before anybody else could."""
        self._header = self._head(response, decoded=True)
        yield from self.complete([response.content])

    def _head(self, response: Any, *, decoded: bool) -> Header:
        headers = private.public_headers(response.headers.multi_items())
        if decoded and "content-encoding" in response.headers:
            gone = ("content-encoding", "content-length")
            headers = [(name, value) for name, value in headers if name.lower() not in gone]
        request, hops = response.request, response.history
        return Header(
            method=self._asked.method,
            url=self._asked.url,
            final_url=public_url(str(request.url)) if hops else "",
            final_method=request.method if hops else "",
            content_type=self._asked.content_type,
            request_size=len(self._asked.content),
            request_kept=len(self._kept),
            status=response.status_code,
            reason=response.reason_phrase,
            http_version=response.http_version,
            headers=headers,
            streamed=response.headers.get("content-type", "").startswith(_STREAMS),
            hops=[
                Hop(
                    method=hop.request.method,
                    url=public_url(str(hop.request.url)),
                    status=hop.status_code,
                    headers=private.public_headers(hop.headers.multi_items()),
                )
                for hop in hops
            ],
        )

    @functools.cached_property
    def _kept(self) -> bytes:
        """The request's body as it is stored: without credentials, and not if it is huge."""
        asked = self._asked
        content = private.public_body(asked.content_type, asked.content, asked.body)
        return content if len(content) <= LONGEST_REQUEST else b""

    # -- what becomes of it (the journal of a Tape) ----------------------------------------

    def complete(self, pieces: Sequence[bytes]) -> Flow[None]:
        """The answer is whole: read it, and make it durable before anybody sees its end.

        Raises :class:`duranb.errors.StoreError`, and stops the step: its answer would be lost, and
        an SDK that takes any exception for a hiccup of the network would ask, and pay, again.
        """
        assert self._header is not None
        header = msgspec.structs.replace(
            self._header,
            chunks=[len(piece) for piece in pieces],
            elapsed=int((time.perf_counter() - self._clock) * 1e6),
        )
        body = b"".join(pieces)
        if self._asked.endpoint is None and private.grants(body):
            self._fail(PermissionError("passed on, but it hands out a token: not recorded"))
            return
        found = reading.read(
            self._asked.endpoint,
            self._asked.url,
            self._asked.body,
            header.response_header("content-type"),
            body,
        )
        if found.failure:
            self._fail(RuntimeError(f"the model reported: {found.failure}"), header.status)
            return
        self._land(found.usage, made=True)
        try:
            yield from self._claim.complete(
                response=encode(header, self._kept, pieces),
                usage=found.usage,
                status=header.status,
                streamed=header.streamed,
                preview=found.preview,
            )
        except StoreError as error:
            self._claim.release()
            raise self._step.journal.stop(error) from None

    def fail(self, error: Exception) -> None:
        """The answer was cut, or turned out to be none."""
        self._fail(error, self._header.status if self._header else 0)

    def release(self) -> None:
        """Nobody waits for the answer any more: nothing is recorded. Does nothing once it landed:
        by then the place may be somebody else's."""
        if not self._landed:
            self._land(None, made=False)
            self._claim.release()

    def _land(self, usage: Usage | None, *, made: bool) -> None:
        self._landed = True
        if self._passage is not None:
            self._passage.end(usage, made=made)

    def _fail(self, error: BaseException, status: int = 0) -> None:
        self._land(None, made=False)
        self._claim.fail(error, status)


def _asks_for_several(body: Any) -> bool:
    """Whether answers come side by side in one stream: one of them may end before the others."""
    asked = body if isinstance(body, dict) else {}
    config = asked.get("generationConfig")
    several = config.get("candidateCount") if isinstance(config, dict) else asked.get("n")
    return several not in (None, 1)


def _error_text(content: bytes) -> str:
    try:
        body = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return content[:200].decode("utf-8", "replace")
    found = body.get("error", body) if isinstance(body, dict) else body
    told = found.get("message", found) if isinstance(found, dict) else found
    return str(told)[:500]
