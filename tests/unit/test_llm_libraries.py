"""The libraries beside httpx: requests, urllib3, urllib and aiohttp are journaled as it is."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.request import Request, urlopen

import aiohttp
import httpx2
import pytest
import requests

from duranb.errors import Unrecorded
from duranb.record.kinds import Kind
from tests.servers.clients import FAILS, JSON, NEW, with_httpx
from tests.servers.process import CountingServer
from tests.servers.steps import Notebook

ASK: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "read"}]}

each_library = pytest.mark.parametrize("library", NEW)


@each_library
def test_what_one_library_recorded_answers_the_others(
    library: str, notebook: Notebook, server: CountingServer
) -> None:
    """A request is the same whichever library sends it: paid for once, read as a model's answer,
    without its credentials; and one that was never recorded is refused in a strict replay."""
    url = f"{server.url}/v1/chat/completions"
    with notebook.step():
        answer = b"".join(NEW[library](url, ASK))
    for name, ask in {**NEW, "httpx": with_httpx}.items():
        with notebook.step(strict=True):
            assert b"".join(ask(url, ASK)) == answer, name
    with notebook.step(strict=True), pytest.raises(Unrecorded, match="never recorded"):
        b"".join(NEW[library](url, {**ASK, "n": 1}))
    assert server.count == 1
    [call] = notebook.calls()
    assert call.kind is Kind.LLM and call.usage and call.usage.output_tokens
    assert b"secret" not in notebook.stored(call)
    assert notebook.described(call)["text"] in answer.decode()


@each_library
def test_a_stream_streams_and_replays_as_a_stream(
    library: str, notebook: Notebook, server: CountingServer
) -> None:
    """The pieces of a stream come one by one, live and from the journal, compressed or not."""
    for gzip in (False, True):
        server.configure(gzip=gzip, chunk_delay=0.01)
        body = {**ASK, "stream": True, "user": str(gzip)}
        url = f"{server.url}/v1/chat/completions"
        with notebook.step():
            live = list(NEW[library](url, body))
        with notebook.step(strict=True):
            replayed = list(NEW[library](url, body))
        assert b"".join(replayed) == b"".join(live)
        assert len(live) > 1 and len(replayed) > 1
        assert notebook.calls()[-1].streamed
    assert server.count == 2


@each_library
def test_what_was_cut_or_refused_is_asked_again(
    library: str, notebook: Notebook, server: CountingServer
) -> None:
    """A stream that breaks off, one that ends too early and an error status are failures, as they
    are to the caller, and the next request is answered anew; then it is recorded."""
    server.configure(schedule={"1": "cut", "2": "end", "3": "500"})
    body, url = {**ASK, "stream": True}, f"{server.url}/v1/chat/completions"
    ask = NEW[library]
    with notebook.step():
        with pytest.raises((*FAILS, aiohttp.ClientError)):
            list(ask(url, body))
        assert b"[DONE]" not in b"".join(ask(url, body))
        with pytest.raises((*FAILS, aiohttp.ClientError)):
            list(ask(url, body))
        whole = b"".join(ask(url, body))
    assert [bool(call.http_status == 500) for call in notebook.failed] == [False, False, True]
    with notebook.step(strict=True):
        assert b"".join(ask(url, body)) == whole
    assert server.count == 4


@pytest.mark.parametrize("library", ["requests", "urllib3", "urllib"])
def test_a_stream_that_nobody_reads_to_its_end_frees_its_place(
    library: str, notebook: Notebook, server: CountingServer
) -> None:
    """What was left half-way is not recorded, and the next identical request takes its place."""
    body, url = {**ASK, "stream": True}, f"{server.url}/v1/chat/completions"
    server.configure(chunk_delay=0.01)
    with notebook.step():
        left = NEW[library](url, body)
        assert next(left)
        left.close()  # type: ignore[attr-defined]
        whole = b"".join(NEW[library](url, body))
    [call] = notebook.calls()
    assert call.occurrence == 0
    with notebook.step(strict=True):
        assert b"".join(NEW[library](url, body)) == whole


def test_an_answer_whose_body_nobody_reads_is_recorded(
    notebook: Notebook, server: CountingServer
) -> None:
    """Code that looks at the status alone has made a request all the same."""

    async def ask() -> None:
        async with aiohttp.ClientSession() as session, session.post(url, json={}) as answer:
            assert answer.ok

    url = f"{server.url}/x"
    for _ in range(2):
        with notebook.step():
            asyncio.run(ask())
        with notebook.step("urllib"):
            urlopen(Request(url, b"{}", JSON)).close()
    assert server.count == 2


def test_what_requests_makes_of_an_answer_is_its_own(
    notebook: Notebook, server: CountingServer
) -> None:
    """On a replay a session's hooks, its history and its response are those of requests, and the
    time that the answer took is the one that was recorded."""
    seen: list[int] = []

    def look(response: requests.Response, **_: Any) -> None:
        seen.append(response.status_code)

    took = []
    for strict in (False, True):
        with notebook.step(strict=strict), requests.Session() as session:
            session.hooks["response"].append(look)
            answer = session.get(f"{server.url}/redirect")
            took.append(answer.elapsed)
            assert [each.status_code for each in answer.history] == [302]
            assert answer.json()["data"] and answer.request.url == answer.url
            assert answer.url.endswith("/v1/models?moved=1")
    assert seen == [302, 200] * 2
    assert took[1].total_seconds() > 0
    assert len(notebook.calls()) == server.count == 1


def test_requests_of_several_tasks_are_told_apart(
    notebook: Notebook, server: CountingServer
) -> None:
    """Requests that are on their way at once each get their own answer, live and replayed."""

    async def ask(session: aiohttp.ClientSession, n: int) -> str:
        url = f"{server.url}/v1/chat/completions"
        async with session.post(url, json={**ASK, "user": str(n)}) as answer:
            found = await answer.json()
        return str(found["choices"][0]["message"]["content"])

    async def ask_all() -> list[str]:
        async with aiohttp.ClientSession() as session:
            return await asyncio.gather(*(ask(session, n) for n in range(8)))

    found = []
    for strict in (False, True):
        with notebook.step(strict=strict):
            found.append(asyncio.run(ask_all()))
    assert found[0] == found[1] and len(set(found[0])) == 8
    assert server.count == 8


def test_a_replayed_answer_names_its_headers_as_they_came(
    notebook: Notebook, server: CountingServer
) -> None:
    """Whoever prints them sees the same."""
    seen = []
    for strict in (False, True):
        with notebook.step(strict=strict), httpx2.Client() as client:
            raw = client.post(f"{server.url}/x", json={}).headers.raw
            seen.append([each for each in raw if each[0] != b"Set-Cookie"])
    assert [n for n, _ in seen[0]] == [n for n, _ in seen[1]] and seen[0][0][0] == b"Server"
