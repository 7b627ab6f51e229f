"""One request of a step, from its place in the journal to its answer or its failure."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from duranb.engine import budgets, scopes
from duranb.engine.claim import Claim
from duranb.engine.context import StepContext
from duranb.engine.flows import Flow, run
from duranb.engine.lasting import Lasting
from duranb.engine.rounds import PutOff
from duranb.errors import AnswerTooLong, BatchFailed, StoreError
from duranb.llm import decoding, nearest, prices, private, reading, refusals
from duranb.llm.batches.desk import BatchDesk
from duranb.llm.batches.providers import SHARE
from duranb.llm.decoding import decoder
from duranb.llm.exchange import LONGEST_REQUEST, Exchange, Header, Hop, decode, encode
from duranb.llm.identity import Asked, identify
from duranb.llm.passage import Passage
from duranb.llm.refusals import HTTPStatusError
from duranb.llm.tape import Tape
from duranb.record.artifacts import Buffer
from duranb.record.events import ErrorInfo, Usage
from duranb.record.ways import How
from duranb.text.credentials import public_url
from duranb.text.known import KNOWN

_MARKED = frozenset({"chat", "completion", "responses", "messages"})
"""Shapes whose streams say when their answer is over; without it they were cut."""

_STREAMS = ("text/event-stream", "application/x-ndjson", "application/vnd.amazon.eventstream")


_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change nothing, by HTTP's own rules."""

SMALL = 1024 * 1024
"""Bytes of an answer that may as well be read at once."""


@dataclass(frozen=True)
class Head:
    """How an answer begins, whichever library has read it.

    ``method`` and ``url`` are those of the request that it answers, where redirects (``hops``) led
    to another one than was asked first. ``accepted`` is the ``Accept-Encoding`` that was sent.
    """

    status: int
    reason: str
    version: str
    headers: Sequence[tuple[str, str]]
    accepted: str = ""
    method: str = ""
    url: str = ""
    hops: Sequence[Hop] = ()

    def header(self, name: str) -> str:
        """The value of a header (``name`` in lower case), or an empty string."""
        return self._by_name.get(name, "")

    @functools.cached_property
    def _by_name(self) -> dict[str, str]:
        """The first of each name."""
        return {name.lower(): value for name, value in reversed(self.headers)}

    @property
    def is_answer(self) -> bool:
        """Whether the server has answered. A redirect that is not followed is an answer too."""
        location = self.header("location")
        return self.status < 400 and (not location or location == public_url(location))


def hop(method: str, url: str, status: int, headers: Sequence[tuple[str, str]]) -> Hop:
    """A redirect that was followed, without its credentials."""
    kept = private.public_headers(headers, url)
    return Hop(method=method, url=public_url(url), status=status, headers=kept)


class Flight:
    """A request that the journal has given a place to. Journals what its :class:`Tape` finds."""

    def __init__(
        self, step: StepContext, claim: Claim, asked: Asked, headers: Mapping[str, str]
    ) -> None:
        self._step = step
        self._headers = headers
        self._share = 1.0
        self._claim = claim
        self._asked = asked
        self._clock = time.perf_counter()
        self._header: Header | None = None
        self._landed = claim.failure is not None
        self._refused: HTTPStatusError | None = None
        self._lasting = Lasting(lambda: next(claim.intend()))
        self._passage = Passage(step, claim, asked) if asked.kind.traits.answer else None

    @classmethod
    def take(
        cls,
        step: StepContext,
        method: str,
        url: str,
        target: bytes,
        host: str,
        headers: Mapping[str, str],
        content: bytes,
    ) -> Flight | None:
        """Claim a place for a request (see :func:`duranb.llm.identity.identify`); None: let it pass
        untouched.

        Raises :class:`duranb.errors.Unrecorded` in a strict replay.
        """
        asked = identify(method, url, target, host, headers, content)
        if asked is None:
            return None
        claim = step.journal.claim(
            asked.kind, asked.key, asked.name, lambda: nearest.difference(step, asked)
        )
        if claim is None:
            return None
        if not claim.settled and asked.endpoint is not None:
            prices.warm()
        elif claim.recorded is not None and asked.endpoint is not None and not claim.failure:
            budgets.replayed(budgets.in_force(), claim.recorded)
        return cls(step, claim, asked, headers)

    @property
    def recorded(self) -> bool:
        """Whether the journal has the answer."""
        return self._claim.settled and self.broken is None

    @property
    def broken(self) -> ErrorInfo | None:
        """The recorded error, where there was no answer and there is to be none again."""
        failed = self._claim.failure
        return failed.error if failed is not None and not failed.response else None

    @functools.cached_property
    def exchange(self) -> Exchange:
        """The recorded answer."""
        return decode(self._claim.response())

    def reads_at_once(self, head: Head) -> bool:
        """Whether an answer may be read before its caller asks for it, so that it is recorded even
        if that never happens: it is small, or it is of no use in parts, as what a refusal says."""
        kind = head.header("content-type").partition(";")[0].strip().lower()
        if kind.startswith(_STREAMS):
            return False
        length = head.header("content-length")
        if self._asked.method == "HEAD" or head.status in (204, 304):
            return True
        if length.isdecimal():
            return len(length) < 10 and int(length) <= SMALL
        return (self._asked.endpoint is None or not head.is_answer) and kind == "application/json"

    def admitted(self) -> Flow[None]:
        """Wait until limits and budgets let the request go: to be done before it is sent. It is not
        to be sent where it is ``recorded`` then. Raises where it is ``broken``; what
        :meth:`Passage.enter` and :meth:`BatchDesk.answer` do; and
        :class:`duranb.errors.StoreError`."""
        try:
            if self.broken is not None:
                raise refusals.met_again(self.broken)
            if self._passage is not None:
                if not (yield from self._batched(self._passage)):
                    yield from self._passage.enter()
                    self._lasts()
            elif self._asked.method not in _SAFE:
                yield from self._begun()
        except BaseException:
            self.release()
            raise

    def _begun(self) -> Flow[None]:
        """The request may change something: it is durable that it is about to be sent. Where one
        was, and nobody knows how it ended, this one is named as sent again."""
        if self._claim.recorded is None:
            yield from self._claim.intend()
        else:
            self._step.unrecorded.note(How.AGAIN, self._asked.name)

    def _batched(self, passage: Passage) -> Flow[bool]:
        """Whether a batch has the answer, in a map that asks for it: it is recorded by now."""
        desk = scopes.desk()
        if not isinstance(desk, BatchDesk):
            return False
        line = yield from desk.answer(self._claim, self._asked, passage, self._headers)
        if line is None:
            return False
        self._share = SHARE
        headers = [("content-type", "application/json"), *line.headers]
        yield from self.read_already(Head(line.status, "OK", "HTTP/1.1", headers), line.body)
        self._claim.take_in()
        if not self._claim.settled:
            self._claim.attempt.refused = BatchFailed("its answer in the batch is an error", 500)
            raise PutOff
        return True

    def _lasts(self) -> None:
        """The request may take long, and its process may die meanwhile. Where that has happened,
        this one is named as sent again."""
        before = self._claim.recorded
        if before is None:
            self._lasting.begin()
        elif before.execution in self._step.runtime.history.running:
            self._claim.disregard()  # it is on its way somewhere else, for somebody else
        else:
            self._step.unrecorded.note(How.AGAIN, self._asked.name)

    def _heard(self, head: Head) -> None:
        """The server has begun to answer."""
        if self._passage is not None:
            self._passage.heard(head.status, head.header)

    # -- the answer on its way -------------------------------------------------------------

    def refused(self, head: Head, content: bytes | None = None) -> None:
        """The server answered with a status that is no answer; free the place. ``content`` is what
        it said, with its content encoding undone, where that is known."""
        if content is not None and len(content) <= SMALL:
            run(self.read_already(head, content))
            return
        self._heard(head)
        self._fail(HTTPStatusError(f"{head.status} {head.reason}"), head.status)

    def broke(self, error: BaseException) -> None:
        """Sending raised. An interrupt or a cancellation says nothing about the call."""
        if isinstance(error, Exception):
            self._fail(error)
        else:
            self.release()

    def tape(self, head: Head, *, as_it_came: bool = False, decoded: bool = False) -> Tape:
        """What takes the answer down while the caller reads it; ``as_it_came`` where the caller is
        given its bytes without their content encoding undone, ``decoded`` where the library has
        undone it before they come here."""
        self._heard(head)
        encoding = head.header("content-encoding")
        decoded = decoded and decoding.known(encoding, head.accepted)
        decode_piece = bytes if decoded else decoder(encoding, head.accepted)
        self._begins(head, decoded=decode_piece is not None and not as_it_came)
        content_type = head.header("content-type")
        endpoint = self._asked.endpoint
        shape = endpoint.shape if endpoint else ""
        return Tape(
            self,
            decode_piece or bytes,
            events=content_type.startswith("text/event-stream") and decode_piece is not None,
            ends_silently=shape not in _MARKED,
            holds_reason=bool(shape) and not _asks_for_several(self._asked.body),
            as_it_came=as_it_came,
        )

    def read_already(self, head: Head, content: bytes, *, decoded: bool = True) -> Flow[None]:
        """The body was read before anybody could take it down (a response hook of the client did);
        ``decoded`` where its caller has seen it with its content encoding undone."""
        self._heard(head)
        undone = decoding.known(head.header("content-encoding"), head.accepted)
        self._begins(head, decoded=decoded and undone)
        if len(content) > decoding.LONGEST_ANSWER:
            self.fail(decoding.too_long())
            return
        yield from self.complete([content] if content else [])

    def _begins(self, head: Head, *, decoded: bool) -> None:
        """What is known of an answer, or of a refusal, before its body."""
        self._header = self._head(head, decoded=decoded)
        if not head.is_answer:
            self._refused = HTTPStatusError(f"{head.status} {head.reason}")

    def _head(self, head: Head, *, decoded: bool) -> Header:
        headers = private.public_headers(head.headers, self._asked.url)
        if decoded and self._asked.method != "HEAD" and head.header("content-encoding"):
            gone = ("content-encoding", "content-length")
            headers = [(name, value) for name, value in headers if name.lower() not in gone]
        return Header(
            method=self._asked.method,
            url=self._asked.url,
            final_url=public_url(head.url) if head.hops else "",
            final_method=head.method if head.hops else "",
            content_type=self._asked.content_type,
            request_size=len(self._asked.content),
            request_kept=len(self._kept),
            status=head.status,
            reason=head.reason,
            http_version=head.version,
            headers=headers,
            streamed=head.header("content-type").startswith(_STREAMS),
            hops=list(head.hops),
        )

    @functools.cached_property
    def _kept(self) -> bytes:
        """The request's body as it is stored: without credentials, and not where it is too large,
        or nested too deeply, to be looked through."""
        asked = self._asked
        content = asked.content
        try:
            if asked.may_hold:
                content = private.public_body(asked.content_type, content, asked.body)
        except RecursionError:  # nested too deeply to be searched for credentials
            return b""
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
        encoding = header.response_header("content-encoding")
        body = decoding.whole(encoding, b"".join(pieces))
        KNOWN.look_around()
        if self._refused is not None:
            self._keep_refusal(self._refused, header, body)
            return
        if self._asked.endpoint is None and (secret := _secret_in(body)):
            self._fail(PermissionError(f"passed on, but {secret}: not recorded"))
            return
        if self._asked.endpoint is None and KNOWN.find(body):
            self._fail(PermissionError("passed on, but it holds a credential: not recorded"))
            return
        found = reading.read(
            self._asked.endpoint,
            self._asked.url,
            self._asked.body,
            header.response_header("content-type"),
            body,
            self._share,
        )
        if found.failure:
            self._fail(RuntimeError(f"the model reported: {found.failure}"), header.status)
            return
        self._land(found.usage, made=True)
        if found.unfit:
            self._claim.fail(PermissionError(found.unfit), header.status)
            return
        if encoding and KNOWN.find(body):  # where it is compressed, nobody would find it
            kept = decoding.packed(encoding, KNOWN.masked(body))
            if kept is None:
                told = f"passed on, but it holds a credential in {encoding}: not recorded"
                self._claim.fail(PermissionError(told), header.status)
                return
            header, pieces = msgspec.structs.replace(header, chunks=[len(kept)]), [kept]
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

    def _keep_refusal(self, error: HTTPStatusError, header: Header, body: bytes) -> None:
        """What the server said when it refused: a replay meets it again."""
        header, said = refusals.as_kept(header, body)
        response = () if _secret_in(said) else encode(header, self._kept, [said])
        self._fail(refusals.in_words(str(error), said), header.status, response)

    def fail(self, error: Exception) -> None:
        """The answer was cut, or turned out to be none, or was too long to be recorded."""
        if isinstance(error, AnswerTooLong):
            self._step.unrecorded.note(How.TOO_LONG, urlsplit(self._asked.url).netloc)
            self._is_paid_for()
        self._fail(self._refused or error, self._header.status if self._header else 0)

    def abandon(self) -> None:
        """Its caller reads no further: it was sent, and will be again."""
        if self._refused is not None:
            self.fail(self._refused)
            return
        self._step.unrecorded.note(How.UNREAD, urlsplit(self._asked.url).netloc, gone=True)
        self._is_paid_for()
        self.release()

    def _is_paid_for(self) -> None:
        """The model has answered, and nobody will read how many tokens that took."""
        if self._passage is not None and not self._landed:
            self._passage.pay_expected()

    def release(self) -> None:
        """Nobody waits for the answer any more: nothing is recorded. Does nothing once it landed:
        by then the place may be somebody else's."""
        if self._landed:
            return
        if self._land(None, made=False):  # it is in the history as one that is on its way
            self._claim.fail(asyncio.CancelledError("nobody waited for its answer any more"))
        else:
            self._claim.release()

    def _land(self, usage: Usage | None, *, made: bool) -> bool:
        """It is over; whether the history has it as one that is on its way."""
        self._landed = True
        if self._passage is not None:
            self._passage.end(usage, made=made)
        return self._lasting.over()

    def _fail(self, error: BaseException, status: int = 0, response: Sequence[Buffer] = ()) -> None:
        self._land(None, made=False)
        self._claim.fail(error, status, response=response)


def _asks_for_several(body: Any) -> bool:
    """Whether answers come side by side in one stream: one of them may end before the others."""
    asked = body if isinstance(body, dict) else {}
    config = asked.get("generationConfig")
    several = config.get("candidateCount") if isinstance(config, dict) else asked.get("n")
    return several not in (None, 1)


def _secret_in(body: bytes) -> str:
    """Why an answer that is no model's must not be kept, or nothing."""
    try:
        return "it hands out a token" if private.grants(body) else ""
    except RecursionError:
        return "it is nested too deeply to be searched for tokens"
