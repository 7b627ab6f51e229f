"""How a provider's batch API is asked: what it says of waiting counts, and no answer is endless."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from duranb.engine import flows
from duranb.llm.batches import providers
from duranb.llm.batches.batch import Batch
from duranb.llm.batches.providers import Lost, Place, Refused, Wire

LINES = b'{"a": 1}\n\n{"b": 2}\r\n{"c": 3}'


class Handler(http.server.BaseHTTPRequestHandler):
    """``/lines``, and what asks to be left alone."""

    def do_GET(self) -> None:
        """Answer."""
        if self.path == "/busy":
            self.send_response(429)
            self.send_header("Retry-After", "50")
            body = b'{"error": {"message": "too many"}}'
        else:
            self.send_response(200)
            body = LINES
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Be quiet."""


@pytest.fixture
def wire() -> Iterator[Wire]:
    """To a server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    made = Wire(place(None, f"http://127.0.0.1:{server.server_port}"))
    yield made
    made.close()
    server.shutdown()
    thread.join()
    server.server_close()


def place(provider: Any, base: str) -> Place:
    """Where it is."""
    return Place(provider, base, "/v1", "m", 1, {})


def test_lines_are_given_one_by_one(wire: Wire) -> None:
    """Without empty ones, and with the last, which has no end."""
    assert [line.strip() for line in wire.lines("/lines")] == [
        b'{"a": 1}',
        b'{"b": 2}',
        b'{"c": 3}',
    ]


def test_an_endless_line_is_left(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a server sends, no more than a bound of it is held."""
    monkeypatch.setattr(providers, "LONGEST_LINE", 4)
    with pytest.raises(Lost, match="more than 4 bytes"):
        list(wire.lines("/lines"))


def test_how_long_to_wait_is_told(wire: Wire) -> None:
    """A refusal says it, and what the server said."""
    with pytest.raises(Refused, match="too many") as told:
        wire.ask("GET", "/busy")
    assert (told.value.status, told.value.wait) == (429, 50.0)


def test_it_is_left_alone_for_as_long_as_it_asks() -> None:
    """The next look at a batch is not before that."""

    def state(*_: Any) -> None:
        raise Refused(429, "too many", 50.0)

    step: Any = SimpleNamespace(step="s")
    batch = Batch(step, None, place(SimpleNamespace(state=state), "http://x"), "tag")
    try:
        batch.id = "batch_1"
        flows.run(batch.look())
        assert batch.due > 30 and batch.trouble == "too many"
    finally:
        batch.close()
