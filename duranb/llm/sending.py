"""A request of a step on its way, from where a library is asked for it to the answer.

A library follows redirects and tries again by itself; all of that is one request, recorded once,
under what was asked first. So the hooks of most libraries are pairs: the outer one, where the
request begins, makes a :class:`Sending`, and the inner one, where a request leaves for the wire,
is answered by it. The library's own code between the two runs on a replay as well: what it makes of
an answer (its response object, the history of redirects, what its hooks see) is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from urllib.parse import urlsplit

from duranb.engine import ways
from duranb.engine.context import StepContext, current
from duranb.engine.flows import Flow
from duranb.llm import refusals
from duranb.llm.exchange import Hop
from duranb.llm.flight import Flight, Head

Headers = Sequence[tuple[str, str]]

_DEFAULT_PORTS = {"http": 80, "https": 443}


REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Hooks:
    """Whether requests of steps are listened to."""

    installed = False


@dataclass(frozen=True)
class Recorded:
    """A recorded answer, or a redirect on the way to it. ``pieces`` is the body as it came;
    ``url`` is set where redirects led to another one than was asked."""

    status: int
    reason: str
    version: str
    headers: Headers
    pieces: list[bytes]
    final: bool
    url: str = ""


class Sending(ways.Recorded):
    """One request of a step while it is sent. ``hops`` are the redirects that were followed, for
    the inner hook of a library whose response does not know them. ``whole``: the library follows
    redirects below its inner hook, which is asked once."""

    def __init__(self, step: StepContext, *, whole: bool = False) -> None:
        self.step = step
        self.flight: Flight | None = None
        self.claimed = False
        self.hops: list[Hop] = []
        self._whole = whole
        self._recorded: list[Recorded] = []

    def answer(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes
    ) -> Flow[Recorded | None]:
        """What is recorded for a request that is about to leave: the next redirect, or the answer.
        None when it has to be sent. The first one that leaves is the one that claims a place.

        ``headers`` must look names up in lower case. Raises :class:`duranb.errors.Unrecorded` in a
        strict replay, and what :meth:`Flight.admitted` does.
        """
        if not self.claimed:
            self.claimed = True
            self.flight = Flight.take(self.step, method, url, *_parts(url), headers, content)
            if self.flight is not None and self.flight.recorded:
                self._recorded = _steps(self.flight)[-1 if self._whole else 0 :]
            elif self.flight is not None:
                flight = self.flight
                if flight.broken is None:  # whoever is told sees why
                    self.flight = None
                yield from flight.admitted()
                self.flight = flight
                if flight.recorded:
                    self._recorded = _steps(flight)
        if not self._recorded:
            return None
        # The last one stays: a library may try a whole answer again.
        return self._recorded.pop(0) if len(self._recorded) > 1 else self._recorded[0]

    def abandoned(self, recorded: Recorded) -> Callable[[], None]:
        """What is to be called when a recorded answer is closed before its end."""
        assert self.flight is not None
        return self.flight.release if recorded.final else lambda: None

    def refused(self, head: Head, said: bytes | None = None) -> None:
        """The library has raised its error for an answer that is none: it is about this request,
        and no transport's. ``said`` is the body, where it is known."""
        if (flight := self.made) is not None:
            flight.refused(head, said)
            self.flight = None

    @contextmanager
    def under_way(self, errors: ModuleType) -> Iterator[None]:
        """While the library, which has these ``errors``, sends it. What it raises is what became of
        the request; on a replay that is what it had raised."""
        try:
            with ways.part_of(self):
                yield
        except BaseException as error:
            if self.flight is not None and self.flight.broken is not None:
                raise refusals.met_again(self.flight.broken, errors) from error
            if self.flight is not None:
                self.flight.broke(error)
            raise

    @property
    def made(self) -> Flight | None:
        """Where the answer is to be recorded: None where it was recorded already, and for what is
        none of the journal's business."""
        return None if self.flight is None or self.flight.recorded else self.flight


def listening() -> StepContext | None:
    """The step whose request begins here; None when it is to pass untouched, because no step runs
    or it is part of something that is recorded as a whole."""
    if not Hooks.installed or ways.around() is not None:
        return None
    return current()


def leaving() -> Sending | None:
    """The request that this code is sending, or None."""
    found = ways.around()
    return found if isinstance(found, Sending) else None


def lower(headers: Headers) -> dict[str, str]:
    """Headers by their names in lower case."""
    return {name.lower(): value for name, value in headers}


def on_the_wire(header: str) -> bytes:
    """A header as bytes: HTTP's own encoding is Latin-1, and some libraries have read UTF-8."""
    try:
        return header.encode("latin-1")
    except UnicodeEncodeError:
        return header.encode("utf-8", "surrogateescape")


def _parts(url: str) -> tuple[bytes, str]:
    """Path and query as they are sent, and the host with its port if that is not the scheme's."""
    split = urlsplit(url)
    path = (split.path or "/") + (f"?{split.query}" if split.query else "")
    host = split.hostname or ""
    host = f"[{host}]" if ":" in host else host
    if split.port is not None and split.port != _DEFAULT_PORTS.get(split.scheme):
        host = f"{host}:{split.port}"
    return path.encode("utf-8", "replace"), host


def _without_body(headers: Headers) -> Headers:
    """What a redirect says beside where it leads to is not recorded."""
    gone = ("content-length", "content-encoding", "transfer-encoding")
    return [*((n, v) for n, v in headers if n.lower() not in gone), ("Content-Length", "0")]


def _steps(flight: Flight) -> list[Recorded]:
    exchange = flight.exchange
    header = exchange.header
    hops = [
        Recorded(h.status, "", "HTTP/1.1", _without_body(h.headers), [], final=False)
        for h in header.hops
    ]
    version, reason = header.http_version, header.reason
    pieces, headers, url = exchange.chunks(), header.headers, header.final_url
    return [*hops, Recorded(header.status, reason, version, headers, pieces, final=True, url=url)]
