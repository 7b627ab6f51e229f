"""A replay offline meets the failures that the recorded run had met, so that code which goes on by
another way does so again."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

import aiohttp
import httpx2
import openai
import pytest
import requests
import urllib3

from duranb.errors import Unrecorded
from duranb.llm import refusals
from duranb.llm.exchange import Header
from duranb.text.known import KNOWN
from tests.servers.process import CountingServer
from tests.servers.steps import Notebook, another_attempt

ASK: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}

Seen = tuple[int, bytes]


def with_httpx(url: str) -> Seen:
    answer = httpx2.post(url, json=ASK)
    return answer.status_code, answer.content


def with_httpx_stream(url: str) -> Seen:
    with httpx2.stream("POST", url, json=ASK) as answer:
        return answer.status_code, b"".join(answer.iter_raw())


def with_async_httpx_stream(url: str) -> Seen:
    async def ask() -> Seen:
        async with httpx2.AsyncClient() as client, client.stream("POST", url, json=ASK) as answer:
            return answer.status_code, await answer.aread()

    return asyncio.run(ask())


def with_requests(url: str) -> Seen:
    answer = requests.post(url, json=ASK, timeout=60)
    return answer.status_code, answer.content


def with_requests_stream(url: str) -> Seen:
    with requests.post(url, json=ASK, stream=True, timeout=60) as answer:
        return answer.status_code, b"".join(answer.iter_content(None))


def with_urllib3(url: str) -> Seen:
    answer = urllib3.request("POST", url, json=ASK, retries=False)
    return answer.status, answer.data


def with_urllib(url: str) -> Seen:
    asked = Request(url, json.dumps(ASK).encode(), {"Content-Type": "application/json"})
    try:
        with urlopen(asked) as answer:
            return answer.status, answer.read()
    except urllib3.exceptions.HTTPError:
        raise
    except Exception as error:
        if not hasattr(error, "code"):
            raise
        return error.code, error.read()  # type: ignore[attr-defined]


def with_aiohttp(url: str) -> Seen:
    async def ask() -> Seen:
        async with aiohttp.ClientSession() as session, session.post(url, json=ASK) as answer:
            return answer.status, await answer.read()

    return asyncio.run(ask())


ASKED = [
    with_httpx,
    with_httpx_stream,
    with_async_httpx_stream,
    with_requests,
    with_requests_stream,
    with_urllib3,
    with_urllib,
    with_aiohttp,
]

each_library = pytest.mark.parametrize("ask", ASKED, ids=lambda ask: ask.__name__)

Ask = Callable[[str], Seen]


def nobody() -> str:
    """A URL where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1/chat/completions"


def raised(ask: Ask, url: str) -> Exception:
    """What a request ends with."""
    try:
        ask(url)
    except Exception as error:  # of any kind: each library has its own
        return error
    raise AssertionError("somebody answered")


@each_library
def test_a_refusal_is_met_again(ask: Ask, notebook: Notebook, server: CountingServer) -> None:
    """With its status and its body, and whoever saw it live saw all of it."""
    server.configure(each=["500"])
    for path in ("/v1/chat/completions", "/tool"):
        with notebook.step():
            status, said = ask(server.url + path)
        assert status == 500 and b"scheduled 500" in said
        sent = server.count
        with notebook.step(strict=True):
            assert ask(server.url + path) == (status, said)
        assert server.count == sent
        with notebook.step():
            ask(server.url + path)
        assert server.count == sent + 1, "a failure answered a live request"


@each_library
def test_no_answer_is_met_again(ask: Ask, notebook: Notebook) -> None:
    """As the error that the library raises, whatever happens at that address by now."""
    url = nobody()
    with notebook.step():
        live = raised(ask, url)
    with notebook.step(strict=True):
        again = raised(ask, url)
    assert not isinstance(again, Unrecorded)
    assert isinstance(live, type(again))


def test_a_fallback_is_taken_again(
    notebook: Notebook, client: openai.OpenAI, server: CountingServer
) -> None:
    """The SDK's own retries meet one failure each, and then the code asks another model."""
    bodies: list[object] = []
    tried = client.with_options(max_retries=2)

    def ask() -> str:
        try:
            found = tried.chat.completions.create(**ASK)
        except openai.InternalServerError as error:
            bodies.append(error.body)
            found = tried.chat.completions.create(**{**ASK, "model": "gpt-4o"})
        return str(found.choices[0].message.content)

    server.configure(schedule={"1": "500", "2": "500", "3": "500"})
    with notebook.step():
        told = ask()
    assert server.count == 4
    for _ in range(2):
        with notebook.step(strict=True) as step:
            assert ask() == told
            assert len(step.journal.replayed) == 1
    assert server.count == 4
    assert bodies == [{"message": "scheduled 500", "type": "scheduled"}] * 3


def test_one_more_try_than_recorded_is_refused(
    notebook: Notebook, client: openai.OpenAI, server: CountingServer
) -> None:
    """A failure stands for one try: nobody knows what another one would have met."""
    server.configure(each=["500"])
    with notebook.step(), pytest.raises(openai.InternalServerError):
        client.chat.completions.create(**ASK)
    with notebook.step(strict=True):
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(**ASK)
        with pytest.raises(Unrecorded):
            client.chat.completions.create(**ASK)


def test_what_answered_in_the_end_answers(
    notebook: Notebook, client: openai.OpenAI, server: CountingServer
) -> None:
    """Failures that were tried again are not waited for once more, in whichever attempt."""
    server.configure(schedule={"1": "500", "2": "500"})
    with notebook.step() as step:
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(**ASK)
        with another_attempt(step):
            client.with_options(max_retries=1).chat.completions.create(**ASK)
    with notebook.step(strict=True):
        client.chat.completions.create(**ASK)


def test_identical_requests_meet_a_failure_each(
    notebook: Notebook, client: openai.OpenAI, server: CountingServer
) -> None:
    """Of several that were made at once, as many fail and as many are answered as had been."""

    def seen() -> list[str]:
        async def ask(ai: openai.AsyncOpenAI) -> str:
            try:
                found = await ai.chat.completions.create(**ASK)
            except openai.InternalServerError:
                return "failed"
            return str(found.choices[0].message.content)

        async def all_of_them() -> list[str]:
            async with openai.AsyncOpenAI(
                base_url=f"{server.url}/v1", api_key="k", max_retries=0
            ) as ai:
                return await asyncio.gather(*(ask(ai) for _ in range(4)))

        return sorted(asyncio.run(all_of_them()))

    server.configure(schedule={"2": "500"})
    with notebook.step():
        live = seen()
    assert live.count("failed") == 1
    with notebook.step(strict=True):
        assert seen() == live


def test_a_kept_refusal_does_not_name_the_key_that_it_was_shown() -> None:
    """Many a server says which key it does not know."""
    KNOWN.learn("sk-secret-1234567890", "a key")
    header = Header(method="POST", url="http://x", headers=[("content-length", "0"), ("a", "b")])
    body = b'{"error": "no such key: sk-secret-1234567890"}'
    kept, said = refusals.as_kept(header, body)
    assert b"sk-secret" not in said and b"no such key" in said
    assert kept.headers == [("a", "b"), ("content-length", str(len(said)))]
