"""The stand-in speaks the API as clients expect it, and keeps a journal of what reached it."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from duranb.demo.embedding import embed
from duranb.demo.journal import Journal, Request, digest, read_journal
from duranb.demo.mishaps import Mishap, mishap
from duranb.demo.process import is_standin, start_standin
from duranb.demo.standin import Server

LICENCE = (
    "<licence>Permission is hereby granted, free of charge, to any person obtaining a copy. The "
    "above copyright notice and this permission notice shall be included.</licence>"
)
FINDINGS = [
    {"package": "one", "licence": "MIT AND Apache-2.0"},
    {"package": "two", "licence": "MIT"},
]
TOOL: dict[str, Any] = {
    "name": "declared_licence",
    "parameters": {
        "type": "object",
        "properties": {"package": {"type": "string"}},
        "required": ["package"],
    },
}
JSON: Any = {"type": "json_object"}

Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts stand-ins in this process, with the journal ``journal`` in the test's folder."""
    servers: list[tuple[Server, threading.Thread]] = []

    def begin(**options: Any) -> Server:
        journal = Journal(tmp_path / "journal")
        server = Server(0, journal, **{"calm": True, "pace": 0.0, **options})
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return server

    yield begin
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()
        server.journal.close()


@pytest.fixture
def client(start: Start) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=start().url, api_key="x", max_retries=0) as made:
        yield made


def asked(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def test_a_licence_is_read_as_json(client: openai.OpenAI) -> None:
    """A text between <licence> tags comes back as findings, and who read it is said plainly."""
    answer = client.chat.completions.create(
        model="gpt-4o-mini", messages=asked(LICENCE), response_format=JSON
    )
    said = json.loads(answer.choices[0].message.content or "")
    assert said["licence"] == "MIT"
    assert {c["name"] for c in said["obligations"]} == {"attribution", "licence text"}
    assert "no language model" in said["reader"]
    assert answer.model == "gpt-4o-mini"


def test_usage_follows_the_length(client: openai.OpenAI) -> None:
    """Four characters of what was sent are a token."""
    answer = client.chat.completions.create(model="m", messages=asked("x" * 4000))
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 1000
    assert answer.usage.total_tokens == 1000 + answer.usage.completion_tokens


def test_a_stream_says_what_a_whole_answer_says(client: openai.OpenAI) -> None:
    """The pieces add up to the unstreamed answer, with the same usage at the end."""
    whole = client.chat.completions.create(model="m", messages=asked(LICENCE))
    parts = list(
        client.chat.completions.create(
            model="m",
            messages=asked(LICENCE),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(p.choices[0].delta.content or "" for p in parts if p.choices)
    assert text == whole.choices[0].message.content
    assert len(parts) > 5
    assert parts[-1].usage == whole.usage


def test_a_request_without_a_licence_is_told_what_this_is(client: openai.OpenAI) -> None:
    """To anything else it says that it is a stand-in."""
    answer = client.chat.completions.create(model="m", messages=asked("Hello?"))
    assert "local stand-in" in (answer.choices[0].message.content or "")


def test_findings_are_reconciled_with_a_tool(client: openai.OpenAI) -> None:
    """It calls the tool for each finding, then compares what the tool said with the reading."""
    tools: list[Any] = [{"type": "function", "function": TOOL}]
    messages = asked(f"Compare.\n<findings>{json.dumps(FINDINGS)}</findings>")
    first = client.chat.completions.create(model="m", messages=messages, tools=tools)
    calls: list[Any] = list(first.choices[0].message.tool_calls or [])
    assert first.choices[0].finish_reason == "tool_calls"
    assert [json.loads(c.function.arguments)["package"] for c in calls] == ["one", "two"]
    messages.append(first.choices[0].message)
    for call in calls:
        told = json.dumps({"declared": "MIT License"})
        messages.append({"role": "tool", "tool_call_id": call.id, "content": told})
    second = client.chat.completions.create(
        model="m", messages=messages, tools=tools, response_format=JSON
    )
    verdicts = json.loads(second.choices[0].message.content or "")["verdicts"]
    assert [v["verdict"] for v in verdicts] == ["says more", "agrees"]


later = pytest.mark.skipif(
    not hasattr(openai.OpenAI(api_key="none").chat.completions, "stream"),
    reason="this version of openai has neither streams of chats nor responses",
)


@later
def test_tool_calls_stream(client: openai.OpenAI) -> None:
    """A streamed answer with tool calls assembles to the same calls."""
    tools: list[Any] = [{"type": "function", "function": TOOL}]
    messages = asked(f"<findings>{json.dumps(FINDINGS)}</findings>")
    with client.chat.completions.stream(model="m", messages=messages, tools=tools) as stream:
        calls: list[Any] = stream.get_final_completion().choices[0].message.tool_calls or []
    assert [json.loads(c.function.arguments)["package"] for c in calls] == ["one", "two"]


@later
def test_responses_say_the_same_streamed_and_whole(client: openai.OpenAI) -> None:
    """/v1/responses reads licences too, and its stream ends in the same response."""
    whole = client.responses.create(model="m", input=LICENCE)
    with client.responses.stream(model="m", input=LICENCE) as stream:
        streamed = stream.get_final_response()
    assert "licence: MIT" in whole.output_text
    assert streamed.output_text == whole.output_text
    assert streamed.usage == whole.usage


@later
def test_responses_call_functions(client: openai.OpenAI) -> None:
    """Function calls go out as items, and their outputs come back as items."""
    tools: list[Any] = [{"type": "function", "strict": False, **TOOL}]
    question = f"Compare.\n<findings>{json.dumps(FINDINGS[1:])}</findings>"
    first = client.responses.create(model="m", input=question, tools=tools)
    (call,) = [item for item in first.output if item.type == "function_call"]
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "Apache-2.0"}
    items: list[Any] = [{"role": "user", "content": question}, call.model_dump(), output]
    second = client.responses.create(model="m", input=items, tools=tools)
    assert "differs" in second.output_text


def test_embeddings_are_the_same_everywhere(client: openai.OpenAI) -> None:
    """Equal texts get equal unit vectors, through base64 as well; similar ones lie closer."""
    texts = ["the MIT licence", "the MIT licence text", "green apples fall"]
    data = client.embeddings.create(model="text-embedding-3-small", input=texts).data
    near, similar, far = (d.embedding for d in data)
    assert near == pytest.approx(embed(texts[0]), abs=1e-6)
    assert sum(x * x for x in near) == pytest.approx(1.0, abs=1e-5)

    def likeness(other: list[float]) -> float:
        return sum(a * b for a, b in zip(near, other, strict=True))

    assert likeness(similar) > 0.5 > likeness(far)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("chat/completions", {"model": "m"}),
        ("chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
        ("responses", {"model": "m", "input": []}),
        ("embeddings", {"model": "m", "input": 7}),
        ("embeddings", {"model": "m", "input": "x", "dimensions": 0}),
    ],
)
def test_a_bad_request_is_refused(client: openai.OpenAI, path: str, body: dict[str, Any]) -> None:
    """What the API would not take, it does not take either, and says why."""
    with pytest.raises(openai.BadRequestError, match=r"has to be|missing"):
        client.post(f"/{path}", body=body, cast_to=object)


def test_things_go_wrong_on_schedule(start: Start, tmp_path: Path) -> None:
    """The same requests are refused, broken and delayed each time, and the journal says which."""
    server = start(calm=False)
    statuses = {}
    with openai.OpenAI(base_url=server.url, api_key="x", max_retries=0) as client:
        for number in range(1, 31):
            try:
                client.chat.completions.create(model="m", messages=asked(str(number)))
            except openai.APIStatusError as error:
                statuses[number] = (error.status_code, error.response.headers.get("retry-after"))
    assert statuses == {6: (429, "1"), 17: (500, None), 19: (429, "1")}
    journal = read_journal(tmp_path / "journal")
    while not all(r.ended for r in journal):  # the last answer is out, and not noted yet
        threading.Event().wait(0.02)
        journal = read_journal(tmp_path / "journal")
    fates = {r.number: r.fate for r in journal if r.fate != Mishap.NONE}
    assert fates == {6: "rate limited", 17: "failed", 19: "rate limited", 27: "slow"}
    assert all(r.answered is (r.fate in (Mishap.NONE, Mishap.SLOW)) for r in journal)


def test_the_schedule_has_every_mishap() -> None:
    """A run of the tutorial meets all that can go wrong."""
    assert {mishap(n) for n in range(1, 50)} == set(Mishap)


def test_an_answer_nobody_waited_for_was_not_sent(start: Start, tmp_path: Path) -> None:
    """A client that gave up has not been billed: the journal tells it from one that got all."""
    server = start(pace=2.0)
    host, port = server.server_address[:2]
    connection = http.client.HTTPConnection(str(host), int(port))
    body = json.dumps({"model": "m", "messages": asked("x")})
    connection.request("POST", "/v1/chat/completions", body)
    connection.close()
    while not (seen := read_journal(tmp_path / "journal")) or not seen[0].ended:
        threading.Event().wait(0.02)
    assert [(r.sent, r.answered) for r in seen] == [(False, False)]


def test_a_stream_that_the_client_ends_at_done_was_sent(
    client: openai.OpenAI, tmp_path: Path
) -> None:
    """Clients hang up at the last event: that answer was delivered, and is billed."""
    for _ in client.chat.completions.create(model="m", messages=asked("x"), stream=True):
        pass
    while not (seen := read_journal(tmp_path / "journal"))[0].ended:
        threading.Event().wait(0.02)
    assert seen[0].answered


def test_the_journal_is_served(client: openai.OpenAI) -> None:
    """GET /__journal shows what reached the server, and is not counted itself."""
    client.chat.completions.create(model="m", messages=asked("x"))
    url = str(client.base_url).replace("/v1/", "/__journal")
    for _ in range(2):
        with urllib.request.urlopen(url) as reply:
            shown = json.load(reply)
    assert shown["total"] == 1
    assert shown["requests"][0]["path"] == "/v1/chat/completions"


def test_equal_questions_have_equal_digests() -> None:
    """The order of keys means nothing; the path and every value do."""
    one = digest("/v1/x", {"model": "m", "input": "a"})
    assert one == digest("/v1/x", {"input": "a", "model": "m"})
    assert one != digest("/v1/y", {"model": "m", "input": "a"})
    assert one != digest("/v1/x", {"model": "m", "input": "b"})


def test_the_journal_survives_a_kill(tmp_path: Path) -> None:
    """A line cut short by a kill is passed over, and numbers go on after it."""
    file = tmp_path / "journal"
    journal = Journal(file)
    journal.begin("/v1/x", {"model": "m"}, lambda number: "ok")
    journal.end(1, status=200, sent=True, read=3, written=4)
    journal.close()
    with file.open("a") as torn:
        torn.write('{"number": 2, "at"')
    again = Journal(file)
    again.begin("/v1/x", {"model": "m"}, lambda number: "ok")
    again.close()
    first, second = read_journal(file)
    assert (first.number, first.answered, first.read, first.written) == (1, True, 3, 4)
    assert (second.number, second.answered) == (2, False)


def test_a_notebook_finds_its_standin_again(tmp_path: Path) -> None:
    """A second start finds the one that runs, if both are calm or neither is; after its end it
    comes back at its address, and its journal goes on."""
    first = start_standin(tmp_path, calm=True, pace=0.0)
    try:
        with openai.OpenAI(base_url=first.url, api_key="x") as client:
            client.chat.completions.create(model="m", messages=asked("x"))
        assert start_standin(tmp_path, calm=True) == first
        other = start_standin(tmp_path)
        other.stop()
        assert other.url != first.url
        first.stop()
        second = start_standin(tmp_path, calm=True)
    finally:
        first.stop()
    assert is_standin(second.url)
    second.stop()
    assert not is_standin(second.url)
    assert second.url == first.url
    assert second.pid != first.pid
    assert [r.number for r in second.requests()] == [1]
    assert isinstance(second.requests()[0], Request)
