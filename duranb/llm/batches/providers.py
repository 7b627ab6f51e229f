"""What a provider's batch API has to be able to do, and the requests by which it is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
import xxhash

from duranb.engine import ways
from duranb.llm.endpoints import model_asked
from duranb.llm.identity import Asked
from duranb.text import waits

TIMEOUT = 120.0
"""Seconds that a provider may take for one answer. A batch of 60 MB has to arrive in them."""

FULL = 64 * 1024 * 1024
"""Bytes of requests that are collected before they are submitted, where that many are taken."""

SHARE = 0.5
"""What a batch costs of the usual price, where the list of prices does not say."""


LONGEST_LINE = 256 * 1024 * 1024
"""Bytes of one answer in a file of them."""

_HOPS = 10
"""Redirects that are followed."""

JSON = {"content-type": "application/json"}
"""Headers of a request whose body is JSON."""


class Refused(Exception):
    """The provider answered with a status that is no answer. ``wait`` are the seconds that it asks
    to be left alone for, 0 where it does not say."""

    def __init__(self, status: int, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.wait = wait

    @property
    def passes(self) -> bool:
        """Whether the same may be answered later."""
        return self.is_unsure or self.status == 429

    @property
    def is_unsure(self) -> bool:
        """Whether nobody can tell by it if the request was carried out: a gateway may have given up
        on an answer that came later, or have sent it twice."""
        return self.status in (408, 409) or self.status >= 500


class Lost(Exception):
    """There was no answer: nobody knows whether the request arrived."""


class NotYet(Exception):
    """Whether a batch was submitted can be told only later."""


@dataclass(frozen=True)
class Place:
    """Where requests go that can be in one batch. ``base`` is the URL below which the API is, with
    a query that goes with each of its requests, if there is one; ``path`` is what is asked there.
    ``account`` tells the senders apart, whose ``headers`` hold their credentials, and are never
    stored."""

    provider: Provider
    base: str
    path: str
    model: str
    account: int
    headers: Mapping[str, str] = field(compare=False, repr=False)

    @property
    def host(self) -> str:
        """For people."""
        return urlsplit(self.base).netloc


@dataclass(frozen=True)
class State:
    """How far a batch is: ``done`` of ``total`` requests. ``failure`` says why a whole batch came
    to nothing."""

    ended: bool
    done: int = 0
    total: int = 0
    failure: str = ""


@dataclass(frozen=True)
class Line:
    """What became of one request: an answer with its ``body`` as JSON, or why there is none.

    ``id`` is the one that it was submitted with. ``status`` is the HTTP status that it would have
    had by itself; 408 for one that was not made in time.
    """

    id: str
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    failure: str = ""


class Provider(Protocol):
    """A batch API. Its methods block; each may raise :class:`Refused` and :class:`Lost`.

    ``most`` requests are taken in one batch, and ``largest`` bytes of them. ``tag`` names a batch,
    and begins the id of each of its requests (``TAG-NUMBER``), so that it can be found again.
    """

    most: int
    largest: int

    def place(self, asked: Asked) -> tuple[str, str] | None:
        """``base`` and ``path`` of a request that could be in a batch; None for any other."""

    def prepare(self, wire: Wire, place: Place, tag: str, requests: Mapping[str, bytes]) -> bytes:
        """What :meth:`submit` sends, of request bodies by their ids. Twice is as good as once."""

    def submit(self, wire: Wire, prepared: bytes) -> str:
        """Submit a batch, with a single request; its id."""

    def find(self, wire: Wire, tag: str, count: int, since: float) -> str:
        """The id of the batch with this tag and so many requests that was submitted after
        ``since`` (seconds since the epoch), empty where there is none. Raises :class:`NotYet`."""

    def state(self, wire: Wire, batch: str) -> State:
        """How far it is."""

    def results(self, wire: Wire, batch: str) -> Iterator[bytes]:
        """What became of its requests, in any order, a line for each."""

    def line(self, raw: bytes) -> Line:
        """What one of these lines says."""


_OWN = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "idempotency-key",
        "transfer-encoding",
    }
)
"""Headers that belong to one request."""


def place_of(providers: list[Provider], asked: Asked, headers: Mapping[str, str]) -> Place | None:
    """Where a request could be batched, or None. Its sender's headers say whose the batch is."""
    for provider in providers:
        found = provider.place(asked)
        if found is not None:
            break
    else:
        return None
    sent = {name.lower(): value for name, value in headers.items()}
    kept = {
        name: value
        for name, value in sent.items()
        if name not in _OWN and not name.startswith("x-stainless-")
    }
    model = model_asked(urlsplit(asked.url).path, asked.body)
    account = xxhash.xxh3_64_intdigest("\0".join(f"{n}: {kept[n]}" for n in sorted(kept)).encode())
    return Place(provider, *found, model, account, kept)


class Wire:
    """HTTP to one batch API, with the headers of whose batch it is. What is sent is no call of the
    step's. Closed when nobody needs it any more."""

    def __init__(self, place: Place) -> None:
        # It is the one HTTP client that is sure to be here, with the user's proxies in force.
        from openai import DefaultHttpxClient

        self.place = place
        self._base, _, self._query = place.base.partition("?")
        self._headers = dict(place.headers)
        self._client: Any = DefaultHttpxClient(timeout=TIMEOUT)

    def close(self) -> None:
        """Let go of its connections."""
        self._client.close()

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """The JSON that a path answers. ``options`` are those of httpx. Raises :class:`Lost` for
        what is none."""
        content = self._sent(method, path, options)
        try:
            return msgspec.json.decode(content)
        except (msgspec.DecodeError, RecursionError) as error:
            raise Lost(f"{path} was answered with what is no JSON: {error}") from error

    def lines(self, url: str) -> Iterator[bytes]:
        """The lines of a file, at a path or a URL, as they arrive. Raises :class:`Lost` where one
        is endless."""
        rest = b""
        for piece in self._received("GET", url, {}):
            *whole, rest = (rest + piece).split(b"\n")
            if len(rest) > LONGEST_LINE:
                raise Lost(f"a line of the answers has more than {LONGEST_LINE:,} bytes")
            yield from filter(bytes.strip, whole)
        if rest.strip():
            yield rest

    def _sent(self, method: str, path: str, options: dict[str, Any]) -> bytes:
        return b"".join(self._received(method, path, options))

    def _received(self, method: str, path: str, options: dict[str, Any]) -> Iterator[bytes]:
        """The pieces of an answer."""
        url = path
        if "://" not in path:
            joint = "&" if "?" in path else "?"
            url = f"{self._base}{path}{self._query and joint + self._query}"
        headers = {**self._headers, **options.pop("headers", {})}
        if not self._is_here(url):
            headers = {}
        answer = None
        try:
            with ways.part_of(ways.Recorded()):
                request = self._client.build_request(method, url, headers=headers, **options)
                answer = self._followed(self._send(request))
                if answer.status_code >= 400:
                    answer.read()
            if answer.status_code < 400:
                yield from answer.iter_bytes()
        except Exception as error:  # of any kind: each transport has its own
            raise Lost(f"{type(error).__name__}: {error}") from error
        finally:
            if answer is not None:
                answer.close()
        if (status := answer.status_code) >= 400:
            wait = waits.asked_for(lambda name: answer.headers.get(name, ""))
            raise Refused(status, told_in(answer.content) or f"status {status}", wait or 0.0)

    def _send(self, request: Any) -> Any:
        return self._client.send(request, stream=True, follow_redirects=False)

    def _is_here(self, url: str) -> bool:
        """Whether a URL is of the API itself. Credentials are for whom they were given."""
        here, there = urlsplit(self._base), urlsplit(url)
        return (here.scheme, here.netloc) == (there.scheme, there.netloc)

    def _followed(self, answer: Any) -> Any:
        """What an answer leads to. An HTTP client takes along all headers but the one that is
        called Authorization, wherever it is sent to."""
        for _ in range(_HOPS):
            following = answer.next_request
            if following is None:
                break
            if not self._is_here(str(following.url)):
                for name in self._headers:
                    following.headers.pop(name, None)
            answer.close()
            answer = self._send(following)
        return answer


def once(seen: set[str], page: str) -> str:
    """The name of a list's next page. Raises :class:`Lost` for one that was there before: the list
    would never end."""
    if page in seen:
        raise Lost("its list of batches has no end")
    seen.add(page)
    return page


def told_in(content: bytes) -> str:
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        return content[:200].decode("utf-8", "replace")
    return message_of(body.get("error", body) if isinstance(body, dict) else body)


def message_of(error: Any) -> str:
    """What an error in a provider's JSON says."""
    if isinstance(error, dict):
        inner = error.get("error")
        if isinstance(inner, dict):
            return message_of(inner)
        return str(error.get("message") or error.get("code") or error)[:500]
    return "" if error is None else str(error)[:500]


def on_one_line(body: bytes) -> bytes:
    """A JSON body without line breaks between its parts."""
    if b"\n" not in body and b"\r" not in body:
        return body
    return msgspec.json.encode(msgspec.json.decode(body))
