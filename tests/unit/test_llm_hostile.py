"""Whatever a server sends, a step gets what it would get without duranb, and it is recorded, or the
history says why it is not."""

from __future__ import annotations

import gc
import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from duranb import llm
from duranb.engine.flows import Flow, Pause, run
from duranb.engine.retry import LONGEST_ASKED, Policy
from duranb.errors import Unrecorded
from duranb.llm import reading
from duranb.llm.endpoints import recognise
from duranb.llm.exchange import Header, encode
from duranb.llm.tape import Tape
from duranb.record.events import Usage
from duranb.record.kinds import Kind
from duranb.record.model import CallStatus, Cause
from duranb.text import waits
from duranb.timelines.html import timeline_html
from duranb.views import log, show, status
from tests.servers.clients import NEW, Ask, with_httpx
from tests.servers.hostile import ANSWERS, hostile
from tests.servers.steps import Notebook

ASK: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "read"}]}
LIMIT = 1 << 20
"""Bytes of an answer that are recorded, in these tests."""
ENOUGH = 2 * LIMIT
"""Bytes after which a caller stops reading."""

LIBRARIES: dict[str, Ask] = {**NEW, "httpx": with_httpx}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with hostile() as found:
        yield found


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    monkeypatch.setattr("duranb.llm.decoding.LONGEST_ANSWER", LIMIT)
    opened = Notebook(tmp_path)
    yield opened
    opened.close()


def outcome(ask: Ask, url: str) -> tuple[str, str]:
    """What a caller sees: the body's size and digest, or which error."""
    body = bytearray()
    try:
        for piece in ask(url, ASK):
            body += piece
            if len(body) >= ENOUGH:
                return "endless", ""
    except Exception as error:  # of any kind: that is what is compared
        return "failed", type(error).__name__
    return str(len(body)), hashlib.sha256(body).hexdigest()


@pytest.fixture(autouse=True)
def nothing_is_collected_in_between() -> Iterator[None]:
    """What earlier tests left is finalized before, and not in the middle of a recursion that is as
    deep as Python lets it be: a finalizer would fail there."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_hostile_answer_is_as_without_duranb_and_is_in_the_history(
    library: str, notebook: Notebook, address: str
) -> None:
    """The step sees the same bytes, or the same error. Its call is recorded, and replays as it was,
    or is in the history as failed; what was too long is said. The views show all of it, and the
    store opens again."""
    ask = LIBRARIES[library]
    session = notebook.session
    for name in ANSWERS:
        url = f"{address}/{name}/v1/chat/completions".replace(" ", "%20")
        llm.uninstall()
        plain = outcome(ask, url)
        llm.install()
        with notebook.step(name) as step:
            got = outcome(ask, url)
        assert got == plain, name
        assert got[1] not in ("RecursionError", "MemoryError"), name
        [call] = session.history.calls_of(step.execution)
        assert call.kind is Kind.LLM
        left = [way.how for way in session.history.executions[step.execution].unrecorded]
        if call.response:
            with notebook.step(name, strict=True):
                assert outcome(ask, url) == plain, name
        if call.status is not CallStatus.COMPLETED:
            assert call.status is CallStatus.FAILED and call.error is not None
        too_long = isinstance(call.error and call.error.type, str) and left == ["too long"]
        assert too_long == (call.error is not None and call.error.type == "AnswerTooLong"), name
        assert too_long or got[0] != "endless", name
    shown(notebook)
    notebook.reopen()
    shown(notebook)


def shown(notebook: Notebook) -> None:
    """All views, of all that is recorded."""
    session = notebook.session
    history = session.history
    assert status.view(history).text() and log.view(history, session.events()).text()
    assert timeline_html(history, session.artifacts, "hostile")
    for call in history.calls.values():
        assert len(show.view(history, call.step, session.artifacts).text()) < 20_000
        if call.response:
            assert notebook.described(call)["status"] == call.http_status
    assert session.query("SELECT count(*) FROM calls")[1][0][0] == len(history.calls)


@pytest.mark.parametrize("depth", [300, 700, 200_000])
def test_a_deeply_nested_request_is_sent_and_recorded(
    depth: int, notebook: Notebook, address: str
) -> None:
    """What a request nests deeper than anybody looks into it is sent, recorded and replayed; a
    strict replay refuses another one by name."""
    deep = (
        b'{"model": "m", "api_key": "k", "messages": '
        + b'[{"token": ' * depth
        + b"1"
        + b"}]" * depth
        + b"}"
    )
    url = f"{address}/NUL/v1/chat/completions"
    with notebook.step(), httpx2.Client() as http:
        http.post(url, content=deep)
    [call] = notebook.calls()
    assert call.kind is Kind.LLM
    with notebook.step(strict=True), httpx2.Client() as http:
        assert http.post(url, content=deep).json()
        with pytest.raises(Unrecorded):
            http.post(url, content=deep.replace(b"1", b"2"))
    shown(notebook)


def test_a_large_answer_comes_whole_by_every_library(notebook: Notebook, address: str) -> None:
    """An answer of a megabyte is passed on and recorded, however its library holds it."""
    for name, ask in LIBRARIES.items():
        with notebook.step(name):
            assert outcome(ask, f"{address}/long%20model/v1/chat/completions")[0] == "1000137"
    assert len(notebook.calls()) == len(LIBRARIES)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(st.characters(codec="utf-8"), max_size=5),
)
NAMES = st.sampled_from(
    [
        "choices",
        "message",
        "content",
        "delta",
        "usage",
        "prompt_tokens",
        "completion_tokens",
        "input_tokens",
        "output_tokens",
        "model",
        "error",
        "type",
        "text",
        "index",
        "tool_calls",
        "function",
        "arguments",
        "output",
        "data",
        "embedding",
        "candidates",
        "parts",
        "usageMetadata",
        "promptTokenCount",
        "status",
        "response",
        "summary",
        "input",
        "name",
        "finish_reason",
    ]
)
JSON = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4)
)
PATHS = [
    "v1/chat/completions",
    "v1/completions",
    "v1/responses",
    "v1/embeddings",
    "v1/messages",
    "m:generateContent",
    "m:batchEmbedContents",
    "model/m/converse",
    "v1/moderations",
]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PATHS), st.dictionaries(NAMES, JSON, max_size=5), st.booleans(), st.data())
def test_any_answer_can_be_read(
    path: str, answer: Any, streamed: bool, data: st.DataObject
) -> None:
    """Whatever stands where in an answer, its usage is counts, and all of it can be shown; bytes
    that are changed at random are no worse."""
    body = json.dumps(answer).encode()
    body = b"data: " + body + b"\n\nevent: x\ndata: " + body + b"\n\n" if streamed else body
    for at in data.draw(st.lists(st.integers(0, len(body) - 1), max_size=2)):
        body = body[:at] + data.draw(st.binary(max_size=2)) + body[at + 1 :]
    kind = "text/event-stream" if streamed else "application/json"
    url = f"http://127.0.0.1:9/{path}"
    endpoint = recognise("POST", f"/{path}", {"messages": []})
    assert endpoint is not None
    found = reading.read(endpoint, url, answer, kind, body)
    if found.usage is not None:
        told = msgspec.json.decode(msgspec.json.encode(found.usage), type=Usage)
        assert told == found.usage
        assert min(told.input_tokens, told.output_tokens, told.cached_tokens, told.cost) >= 0
        assert told.input_tokens < 2**60
    assert len(found.preview) <= reading.PREVIEW
    request = json.dumps(answer).encode()
    header = Header(
        method="POST",
        url=url,
        headers=[("content-type", kind)],
        request_kept=len(request),
        chunks=[len(body)],
    )
    assert (
        reading.describe(b"".join(map(bytes, encode(header, request, [body]))))["request"]
        is not None
    )


class Notes:
    """Counts what a tape journals."""

    def __init__(self) -> None:
        self.told = 0

    def complete(self, pieces: Sequence[bytes]) -> Flow[None]:
        """Whole."""
        self.told += 1
        yield Pause(0)

    def fail(self, error: Exception) -> None:
        """No answer."""
        self.told += 1

    abandon = complete


LINES = st.sampled_from(
    [
        b"data: ",
        b"data: [DONE]",
        b"event: error",
        b"\n",
        b"\r\n",
        b"\n\n",
        b'{"type": "message_stop"}',
    ]
) | st.binary(max_size=9)


@settings(max_examples=100, deadline=None)
@given(st.lists(LINES, max_size=30).map(b"".join), st.integers(1, 9), st.booleans(), st.booleans())
def test_any_stream_gets_through_whole(
    body: bytes, size: int, as_it_came: bool, holds_reason: bool
) -> None:
    """Every byte is passed on, in order, and the tape says once what became of the answer."""
    notes = Notes()
    tape = Tape(
        notes,  # type: ignore[arg-type]
        bytes,
        events=True,
        ends_silently=False,
        as_it_came=as_it_came,
        holds_reason=holds_reason,
    )
    passed = []
    for at in range(0, len(body), size):
        passed += run(tape.feed(body[at : at + size]))
    passed += run(tape.end())
    assert b"".join(passed) == body
    assert notes.told == 1


@given(st.text(max_size=70) | st.integers(0, 10**70).map(str) | st.floats().map(str))
def test_any_pause_that_is_asked_for_is_a_number_of_seconds(text: str) -> None:
    """Nothing in a header can make anybody fail, or wait for ever."""
    assert 0 <= waits.seconds(text) < math.inf
    assert 0 <= (waits.asked_for(lambda name: text) or 0) < math.inf


def test_no_server_makes_a_step_wait_for_a_year() -> None:
    """Between attempts, what a server asks for is waited for up to an hour."""

    class Refused(Exception):
        response = SimpleNamespace(headers={"retry-after": "31536000"})

    assert Policy(retries=3).wait(Refused(), Cause.TRANSPORT, 1) == LONGEST_ASKED


def test_a_span_is_read_in_no_time() -> None:
    """A header of nothing but digits is no span, and nobody tries to find one in it."""
    assert waits.seconds("9" * 100_000) == 0
    assert waits.seconds("1m30.5s") == 90.5
    assert waits.seconds("250ms") == 0.25
