"""Streams pass through as they come, and their end waits until the answer is durable."""

from __future__ import annotations

import asyncio
import itertools
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import httpx2
import openai
import pytest
from hypothesis import given, strategies as st

from duranb.engine.flows import Flow, Pause, run
from duranb.errors import AnswerTooLong
from duranb.llm.decoding import decoder
from duranb.llm.sse import Splitter
from duranb.llm.tape import Tape
from tests.servers import answers
from tests.servers.process import CountingServer
from tests.servers.steps import Notebook, another_attempt

ASK: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "read"}]}
STREAM: dict[str, Any] = {**ASK, "stream": True}
TEXT = "one two three"

BODIES = {
    "chat": ("".join(answers.chat_events(ASK, TEXT)), "[DONE]"),
    "chat crlf": ("".join(answers.chat_events(ASK, TEXT)).replace("\n", "\r\n"), "[DONE]"),
    "responses": (
        "".join(answers.response_events({"model": "m", "input": "i"}, TEXT)),
        "event: response.completed",
    ),
    "messages": ("".join(answers.message_events(ASK, TEXT)), "event: message_stop"),
    "no blank line at the end": (
        "".join(answers.chat_events(ASK, TEXT)).rstrip("\n") + "\n",
        "[DONE]",
    ),
}


class Notes:
    """What a tape journals, in memory; ``shown`` is what the caller had seen by then."""

    def __init__(self) -> None:
        self.passed = b""
        self.shown = b""
        self.completed: list[bytes] = []
        self.failures: list[Exception] = []
        self.released = 0

    def complete(self, pieces: Sequence[bytes]) -> Flow[None]:
        self.completed.append(b"".join(pieces))
        self.shown = self.passed
        yield Pause(0)

    def fail(self, error: Exception) -> None:
        self.failures.append(error)

    def abandon(self) -> None:
        self.released += 1


def cut_up(body: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    return [body[a:b] for a, b in itertools.pairwise(edges)]


@given(kind=st.sampled_from(sorted(BODIES)), cuts=st.lists(st.integers(0, 5000), max_size=40))
def test_the_end_of_a_stream_waits_for_its_record(kind: str, cuts: list[int]) -> None:
    """However a stream is cut up: all of it gets through, in order; what comes before its last
    event gets through at once; and none of the last event does before the record is made."""
    text, marker = BODIES[kind]
    body, end = text.encode(), text.encode().index(marker.encode())
    notes = Notes()
    tape = Tape(notes, bytes, events=True, ends_silently=False)
    at = 0
    for piece in cut_up(body, cuts):
        notes.passed += b"".join(run(tape.feed(piece)))
        at += len(piece)
        if at <= end:
            assert notes.passed == body[:at]
    notes.passed += b"".join(run(tape.end()))
    tape.close()
    assert notes.passed == body
    assert len(notes.completed) == 1
    assert body.startswith(notes.completed[0])
    assert marker.encode() in notes.completed[0]
    assert marker.encode() not in notes.shown
    assert not notes.failures
    assert not notes.released


@given(kind=st.sampled_from(sorted(BODIES)), cuts=st.lists(st.integers(0, 5000), max_size=40))
def test_events_are_found_wherever_they_are_cut(kind: str, cuts: list[int]) -> None:
    """The events of a stream do not depend on the pieces in which it comes."""
    body = BODIES[kind][0].encode()
    whole, piecewise = Splitter(), Splitter()
    events = [event for piece in cut_up(body, cuts) for event in piecewise.feed(piece)]
    assert events == whole.feed(body)
    assert piecewise.rest == whole.rest


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ('data: {"error": {"message": "overloaded"}}\n\n', "overloaded"),
        ('event: error\ndata: {"type": "error", "error": {"message": "no"}}\n\n', "no"),
        ('event: response.failed\ndata: {"type": "response.failed"}\n\n', "response.failed"),
    ],
)
def test_a_stream_that_reports_an_error_is_no_answer(event: str, why: str) -> None:
    """An error inside a stream is noted as a failure, and everything is passed on."""
    notes = Notes()
    tape = Tape(notes, bytes, events=True)
    body = b'data: {"choices": []}\n\n' + event.encode()
    passed = run(tape.feed(body)) + run(tape.feed(b"data: [DONE]\n\n")) + run(tape.end())
    tape.close()
    assert b"".join(passed) == body + b"data: [DONE]\n\n"
    assert why in str(notes.failures[0])
    assert (len(notes.failures), notes.completed, notes.released) == (1, [], 0)


def test_a_marker_that_is_said_is_no_marker() -> None:
    """A model that talks about markers does not end its stream by it."""
    notes = Notes()
    tape = Tape(notes, bytes, events=True)
    said = 'data: {"type": "x", "delta": "[DONE] \\"type\\":\\"message_stop\\" event: error"}\n\n'
    assert b"".join(run(tape.feed(said.encode()))) == said.encode()
    assert (notes.completed, notes.failures) == ([], [])


def test_a_body_that_is_no_event_stream_waits_with_its_newest_piece() -> None:
    """Nobody can tell the last piece of a plain body, so the newest one is held back."""
    notes = Notes()
    tape = Tape(notes, bytes, events=False)
    assert run(tape.feed(b"a")) == []
    assert run(tape.feed(b"b")) == [b"a"]
    assert notes.completed == []
    assert run(tape.end()) == [b"b"]
    assert notes.completed == [b"ab"]


def test_a_download_is_passed_on_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too long to be an answer gets through, is not recorded, and that is noted."""
    monkeypatch.setattr("duranb.llm.decoding.LONGEST_ANSWER", 10)
    notes = Notes()
    tape = Tape(notes, bytes, events=False)
    passed = [piece for _ in range(5) for piece in run(tape.feed(b"12345678"))] + run(tape.end())
    assert b"".join(passed) == b"12345678" * 5
    assert notes.completed == []
    assert "not recorded" in str(notes.failures[0])
    assert isinstance(notes.failures[0], AnswerTooLong)


def _compressors() -> dict[str, Callable[[bytes], bytes]]:
    import brotli
    import zstandard

    return {
        "gzip": lambda data: zlib.compress(data, wbits=zlib.MAX_WBITS | 16),
        "deflate": zlib.compress,
        "bare deflate": lambda data: zlib.compress(data, wbits=-zlib.MAX_WBITS),
        "br": brotli.compress,
        "zstd": zstandard.ZstdCompressor().compress,
    }


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "bare deflate", "br", "zstd"])
def test_encodings_are_undone_piece_by_piece(encoding: str) -> None:
    """Whatever an HTTP client may advertise is decompressed as it comes in, byte by byte."""
    data = BODIES["chat"][0].encode() * 20
    decode = decoder(encoding.removeprefix("bare "), "gzip, deflate, br, zstd")
    assert decode is not None
    packed = _compressors()[encoding](data)
    assert b"".join(decode(packed[at : at + 1]) for at in range(len(packed))) == data


def test_a_codec_that_the_client_lacks_is_left_alone() -> None:
    """A body in an encoding that the client never advertised gets through it as it is, so that is
    what is recorded."""
    assert decoder("zstd", "gzip, deflate") is None
    assert decoder("br", "gzip, deflate") is None
    assert decoder("gzip", "identity") is not None


def url(server: CountingServer) -> str:
    return f"{server.url}/v1/chat/completions"


def test_a_stream_is_seen_while_it_is_made(notebook: Notebook, server: CountingServer) -> None:
    """The first piece of a stream arrives before the server has sent the last."""
    server.configure(chunk_delay=0.05)
    with notebook.step(), httpx2.stream("POST", url(server), json=STREAM) as response:
        pieces = response.iter_raw()
        next(pieces)
        assert not server.journal[0]["sent"]
        list(pieces)
    assert server.journal[0]["sent"]


def test_the_last_piece_is_seen_when_the_call_is_recorded(
    notebook: Notebook, server: CountingServer
) -> None:
    """Whoever sees a stream's end finds its call in the history."""
    with notebook.step(), httpx2.stream("POST", url(server), json=STREAM) as response:
        ended = False
        for piece in response.iter_raw():
            ended = ended or b'"finish_reason": "stop"' in piece
            assert len(notebook.calls()) == ended
        assert ended


@pytest.mark.parametrize("settings", [{}, {"gzip": True}, {"split": 7}, {"split": 7, "gzip": True}])
def test_a_stream_replays_in_the_pieces_in_which_it_came(
    settings: dict[str, Any], notebook: Notebook, server: CountingServer
) -> None:
    """A replayed stream is cut as the recorded one was, whatever encoding it came in."""
    server.configure(**settings)
    seen = []
    for _ in range(2):
        with notebook.step(), httpx2.stream("POST", url(server), json=STREAM) as response:
            seen.append([piece for piece in response.iter_bytes() if piece])
    assert seen[1] == seen[0]
    assert len(seen[0]) > 5
    assert server.count == 1
    assert notebook.calls()[0].streamed


@pytest.mark.parametrize("failure", ["cut", "end", "error"])
def test_half_a_stream_is_never_served(
    failure: str, notebook: Notebook, server: CountingServer
) -> None:
    """A stream that breaks off, ends early or reports an error is noted as failed; its place goes
    to the next try."""
    server.configure(schedule={"1": failure})
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="x") as client:
        with notebook.step():
            stream = client.chat.completions.create(**STREAM)
            if failure == "end":
                assert [c.choices[0].finish_reason for c in stream][-1] is None
            else:
                cut = (openai.APIError, httpx.TransportError)  # as its version says it
                with pytest.raises(cut):
                    list(stream)
            whole = list(client.chat.completions.create(**STREAM))
        with notebook.step():
            assert list(client.chat.completions.create(**STREAM)) == whole
    assert len(notebook.failed) == 1
    assert [c.occurrence for c in notebook.calls()] == [0]
    assert server.count == 2


def test_an_abandoned_stream_leaves_nothing(notebook: Notebook, server: CountingServer) -> None:
    """A stream that the caller stops reading is neither recorded nor a failure, and frees its
    place: live and on replay, so that the same later request finds the same answer."""

    def ask() -> list[Any]:
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="x") as client:
            with client.chat.completions.create(**STREAM) as stream:
                next(stream)
            return list(client.chat.completions.create(**STREAM))

    async def ask_async() -> list[Any]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="x") as client:
            async with await client.chat.completions.create(**STREAM) as stream:
                await anext(stream)
            return [c async for c in await client.chat.completions.create(**STREAM)]

    for name, asking in (("sync", ask), ("async", lambda: asyncio.run(ask_async()))):
        sent = server.count
        with notebook.step(name):
            first = asking()
        assert server.count == sent + 2
        with notebook.step(name):
            assert asking() == first
        assert server.count == sent + 2
    assert not notebook.failed
    assert [c.occurrence for c in notebook.calls()] == [0, 0]


def test_what_an_attempt_left_behind_frees_no_place_of_the_next(
    notebook: Notebook, client: openai.OpenAI, server: CountingServer
) -> None:
    """A stream of an earlier attempt that is closed late (it is garbage collected) does not give
    away a place that the next attempt has: identical requests keep answers of their own."""
    with notebook.step() as step:
        left = client.chat.completions.create(**STREAM)
        next(iter(left))
        with another_attempt(step):
            first = list(client.chat.completions.create(**STREAM))
            left.close()
            assert list(client.chat.completions.create(**STREAM)) != first
    assert [c.occurrence for c in notebook.calls()] == [0, 1]


def test_stopping_at_the_reason_is_enough(notebook: Notebook, server: CountingServer) -> None:
    """A caller that stops at the event which says why the answer ended has paid for all of it, so
    the whole answer is recorded, its marker included."""
    for _ in range(2):
        with notebook.step(), openai.OpenAI(base_url=f"{server.url}/v1", api_key="x") as client:
            for chunk in client.chat.completions.create(**STREAM):
                if chunk.choices[0].finish_reason:
                    break
    assert server.count == 1
    assert b"[DONE]" in notebook.stored(notebook.calls()[0])


def test_streams_in_parallel_keep_apart(notebook: Notebook, server: CountingServer) -> None:
    """Streams that are read alternately are recorded each with its own pieces."""

    async def ask() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="x") as client:

            async def one(seed: int) -> str:
                stream = await client.chat.completions.create(**STREAM, seed=seed)
                return "".join([c.choices[0].delta.content or "" async for c in stream])

            return await asyncio.gather(*(one(n) for n in range(6)))

    server.configure(chunk_delay=0.005)
    with notebook.step():
        first = asyncio.run(ask())
    assert len(set(first)) == 6
    with notebook.step():
        assert asyncio.run(ask()) == first
    assert server.count == 6


def test_gemini_streams_end_without_a_marker(notebook: Notebook, server: CountingServer) -> None:
    """A stream whose API has no marker is complete when its last event gave a reason."""
    path = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse&key=secret"
    body = {"contents": [{"parts": [{"text": "read"}]}]}
    server.configure(split=11)
    for _ in range(2):
        with notebook.step(), httpx2.stream("POST", server.url + path, json=body) as response:
            for piece in response.iter_raw():
                if b"STOP" in piece:
                    assert len(notebook.calls()) == 1
    assert server.count == 1
    call = notebook.calls()[0]
    assert call.name == "generate gemini-2.5-flash"
    assert call.usage is not None
    assert call.usage.priced
