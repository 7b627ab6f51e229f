"""Every way into the real SDKs is recorded once, and replays to an equal result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pydantic
import pytest

from tests.servers.process import CountingServer
from tests.servers.steps import Notebook


class Verdict(pydantic.BaseModel):
    """What `.parse` is to make of an answer."""

    title: str
    score: int


ASK = [{"role": "user", "content": "please read this"}]
CHAT: dict[str, Any] = {"model": "gpt-4o-mini", "messages": ASK}
USAGE = {"stream_options": {"include_usage": True}}
TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
    },
}
TOOLS: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "user", "content": "use the tool"}],
    "tools": [TOOL],
}
CLAUDE: dict[str, Any] = {"model": "claude-haiku-5-5", "max_tokens": 50, "messages": ASK}
EMBED: dict[str, Any] = {"model": "text-embedding-3-small", "input": ["one", "two"]}
RESPOND: dict[str, Any] = {"model": "gpt-4o-mini", "input": "please read this"}


def plain(value: Any) -> Any:
    """A result as data that can be compared."""
    if hasattr(value, "model_dump"):
        return value.model_dump(warnings=False)
    return [plain(each) for each in value] if isinstance(value, list) else value


def chat_streamed_helper(c: openai.OpenAI) -> Any:
    with c.chat.completions.stream(**CHAT) as stream:
        kinds = [event.type for event in stream]
        return kinds, plain(stream.get_final_completion())


def chat_streaming_response(c: openai.OpenAI) -> Any:
    with c.chat.completions.with_streaming_response.create(**CHAT) as response:
        return [response.status_code, b"".join(response.iter_bytes())]


def chat_raw(c: openai.OpenAI) -> Any:
    raw = c.chat.completions.with_raw_response.create(**CHAT)
    return [raw.headers["x-request-id"], raw.http_response.elapsed > type(raw.elapsed)(0), raw.text]


def responses_streamed_helper(c: openai.OpenAI) -> Any:
    with c.responses.stream(**RESPOND) as stream:
        return [event.type for event in stream], plain(stream.get_final_response())


OPENAI: dict[str, Callable[[openai.OpenAI], Any]] = {
    "chat": lambda c: c.chat.completions.create(**CHAT),
    "chat raw": chat_raw,
    "chat parse": lambda c: c.chat.completions.parse(**CHAT, response_format=Verdict),
    "chat stream": lambda c: list(c.chat.completions.create(**CHAT, stream=True)),
    "chat stream usage": lambda c: list(c.chat.completions.create(**CHAT, stream=True, **USAGE)),
    "chat stream helper": chat_streamed_helper,
    "chat streaming response": chat_streaming_response,
    "chat tools": lambda c: c.chat.completions.create(**TOOLS),
    "chat tools stream": lambda c: list(c.chat.completions.create(**TOOLS, stream=True)),
    "responses": lambda c: c.responses.create(**RESPOND),
    "responses parse": lambda c: c.responses.parse(**RESPOND, text_format=Verdict).output_parsed,
    "responses stream": lambda c: list(c.responses.create(**RESPOND, stream=True)),
    "responses stream helper": responses_streamed_helper,
    "embeddings": lambda c: c.embeddings.create(**EMBED),
    "embeddings floats": lambda c: c.embeddings.create(**EMBED, encoding_format="float"),
    "models": lambda c: list(c.models.list()),
}


async def collected(stream: Any) -> list[Any]:
    return [each async for each in await stream]


async def achat_streamed_helper(c: openai.AsyncOpenAI) -> Any:
    async with c.chat.completions.stream(**CHAT) as stream:
        kinds = [event.type async for event in stream]
        return kinds, plain(await stream.get_final_completion())


async def achat_raw(c: openai.AsyncOpenAI) -> Any:
    raw = await c.chat.completions.with_raw_response.create(**CHAT)
    return [raw.headers["x-request-id"], raw.text]


ASYNC_OPENAI: dict[str, Callable[[openai.AsyncOpenAI], Awaitable[Any]]] = {
    "chat": lambda c: c.chat.completions.create(**CHAT),
    "chat raw": achat_raw,
    "chat parse": lambda c: c.chat.completions.parse(**CHAT, response_format=Verdict),
    "chat stream": lambda c: collected(c.chat.completions.create(**CHAT, stream=True)),
    "chat stream helper": achat_streamed_helper,
    "responses": lambda c: c.responses.create(**RESPOND),
    "responses stream": lambda c: collected(c.responses.create(**RESPOND, stream=True)),
    "embeddings": lambda c: c.embeddings.create(**EMBED),
}


def claude_streamed_helper(c: anthropic.Anthropic) -> Any:
    with c.messages.stream(**CLAUDE) as stream:
        return "".join(stream.text_stream), plain(stream.get_final_message())


ANTHROPIC: dict[str, Callable[[anthropic.Anthropic], Any]] = {
    "messages": lambda c: c.messages.create(**CLAUDE),
    "messages stream": lambda c: list(c.messages.create(**CLAUDE, stream=True)),
    "messages stream helper": claude_streamed_helper,
    "messages raw": lambda c: c.messages.with_raw_response.create(**CLAUDE).http_response.text,
}


def offered(ways: dict[str, Any]) -> list[Any]:
    """The names of ways, of which some came with later versions than the oldest that is taken."""
    client = openai.OpenAI(api_key="none")
    chat = client.chat.completions
    has = {
        "responses": hasattr(client, "responses"),
        "chat parse": hasattr(chat, "parse"),
        "chat stream helper": hasattr(chat, "stream"),
    }
    lacks = [name for name, there in has.items() if not there]
    skip = pytest.mark.skip(f"openai {openai.__version__} has no such method")
    return [pytest.param(w, marks=[skip] if w.startswith(tuple(lacks)) else []) for w in ways]


def twice(notebook: Notebook, server: CountingServer, ask: Callable[[], Any]) -> None:
    """Ask in a step, and again after a restart: an equal result, and nothing reached the server."""
    with notebook.step():
        first = plain(ask())
    assert server.count == 1
    assert len(notebook.calls()) == 1, [c.error for c in notebook.failed]
    notebook.reopen()
    with notebook.step() as step:
        second = plain(ask())
        assert step.journal.replayed == [notebook.calls()[0].id]
    assert second == first
    assert server.count == 1
    assert not notebook.failed


@pytest.mark.parametrize("way", offered(OPENAI))
def test_openai(way: str, notebook: Notebook, server: CountingServer) -> None:
    """Each way of calling the OpenAI client is sent once and then replays."""
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client:
        twice(notebook, server, lambda: OPENAI[way](client))


OLDER = {way: OPENAI[way] for way in ("chat", "chat stream", "chat raw", "responses stream")}


@pytest.mark.parametrize("way", offered(OLDER))
def test_openai_on_the_older_httpx(way: str, notebook: Notebook, server: CountingServer) -> None:
    """The OpenAI client on a client of the older httpx is recorded and replayed as well."""
    with openai.OpenAI(
        base_url=f"{server.url}/v1", api_key="test", http_client=httpx.Client()
    ) as client:
        twice(notebook, server, lambda: OPENAI[way](client))


@pytest.mark.parametrize("way", offered(ASYNC_OPENAI))
def test_async_openai(way: str, notebook: Notebook, server: CountingServer) -> None:
    """Each way of calling the asynchronous OpenAI client is sent once and then replays."""

    async def ask() -> Any:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="test") as client:
            return await ASYNC_OPENAI[way](client)

    twice(notebook, server, lambda: asyncio.run(ask()))


@pytest.mark.parametrize("way", ANTHROPIC)
def test_anthropic(way: str, notebook: Notebook, server: CountingServer) -> None:
    """Each way of calling the Anthropic client is sent once and then replays."""
    with anthropic.Anthropic(base_url=server.url, api_key="test") as client:
        twice(notebook, server, lambda: ANTHROPIC[way](client))


def test_async_anthropic(notebook: Notebook, server: CountingServer) -> None:
    """A stream of the asynchronous Anthropic client is sent once and then replays."""

    async def ask() -> Any:
        async with anthropic.AsyncAnthropic(base_url=server.url, api_key="test") as client:
            return await collected(client.messages.create(**CLAUDE, stream=True))

    twice(notebook, server, lambda: asyncio.run(ask()))


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_bare_http(library: Any, notebook: Notebook, server: CountingServer) -> None:
    """A request without any SDK is recorded; the replayed response is the library's own, whole."""

    def ask() -> Any:
        with library.Client() as client:
            response = client.post(f"{server.url}/anything", json={"a": 1})
        assert type(response) is library.Response
        assert response.request.method == "POST"
        assert response.elapsed.total_seconds() > 0
        assert response.is_closed
        assert response.http_version == "HTTP/1.1"
        response.raise_for_status()
        return [response.status_code, response.reason_phrase, str(response.url), response.json()]

    twice(notebook, server, ask)
    call = notebook.calls()[0]
    assert (call.kind, call.name) == ("http", f"POST {server.url[7:]}/anything")


def test_a_closed_client_still_refuses(notebook: Notebook, server: CountingServer) -> None:
    """A closed client raises on replay as it would have without the journal."""
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="test", max_retries=0)
    with notebook.step():
        client.chat.completions.create(**CHAT)
    client.close()
    refused = (RuntimeError, openai.APIConnectionError)  # as its version says it
    with notebook.step(), pytest.raises(refused) as raised:
        client.chat.completions.create(**CHAT)
    assert "closed" in str(raised.value.__cause__ or raised.value)
