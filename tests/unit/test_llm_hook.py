"""The hook itself: where it sits, what it leaves alone, and what it never stores."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import httpx2
import openai
import pytest

from duranb import llm
from duranb.engine.claim import describe
from duranb.text.credentials import public_fields, public_text
from tests.servers.process import CountingServer
from tests.servers.steps import Notebook

ASK: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "read"}]}
PROMPT: dict[str, Any] = {"contents": [{"parts": [{"text": "read"}]}]}


def test_response_hooks_may_read_the_body(notebook: Notebook, server: CountingServer) -> None:
    """A client whose response hook reads the body is recorded as any other."""
    seen: list[bytes] = []

    def look(response: httpx2.Response) -> None:
        seen.append(response.read())

    server.configure(gzip=True)
    for _ in range(2):
        with notebook.step(), httpx2.Client(event_hooks={"response": [look]}) as http:
            assert http.post(f"{server.url}/x", json={}).content == seen[0]
    assert server.count == 1


def test_response_hooks_see_what_comes_from_the_journal(
    notebook: Notebook, server: CountingServer
) -> None:
    """A client's response hooks, in which its code may count, are shown a recorded answer as they
    were shown the answer; its request hooks, which prepare what is sent, are not called."""
    seen: list[str] = []

    async def look(response: httpx2.Response) -> None:
        seen.append(f"{response.status_code} {response.url.path}")

    async def prepare(request: httpx2.Request) -> None:
        seen.append(request.method)

    async def ask() -> None:
        hooks: Any = {"request": [prepare], "response": [look]}
        async with httpx2.AsyncClient(event_hooks=hooks, follow_redirects=True) as http:
            await http.get(f"{server.url}/redirect")

    for _ in range(2):
        with notebook.step():
            asyncio.run(ask())
    led = ["302 /redirect", "200 /v1/models"]
    assert seen == ["GET", led[0], "GET", led[1], *led]


def test_a_response_hook_that_raises_on_replay_frees_the_place(
    notebook: Notebook, server: CountingServer
) -> None:
    """What a hook refuses, the next identical request finds again."""
    strict: list[bool] = []

    def check(response: httpx2.Response) -> None:
        response.read()
        if strict:
            strict.clear()
            raise ValueError("refused")

    with notebook.step(), httpx2.Client() as http:
        http.post(f"{server.url}/x", json={})
    with notebook.step(), httpx2.Client(event_hooks={"response": [check]}) as http:
        strict.append(True)
        with pytest.raises(ValueError, match="refused"):
            http.post(f"{server.url}/x", json={})
        http.post(f"{server.url}/x", json={})
    assert server.count == 1


def test_what_an_auth_flow_sends_is_part_of_the_request(
    notebook: Notebook, server: CountingServer
) -> None:
    """Requests that a client makes while it sends one are not journaled on their own."""

    class Token(httpx2.Auth):
        def auth_flow(self, request: httpx2.Request) -> Iterator[httpx2.Request]:
            with httpx2.Client() as inner:
                inner.post(f"{server.url}/whoami", json={})
            yield request

    with notebook.step(), httpx2.Client(auth=Token()) as http:
        http.post(f"{server.url}/x", json={})
    assert server.count == 2
    assert [call.name.rpartition("/")[2] for call in notebook.calls()] == ["x"]


def test_credentials_are_never_stored(
    notebook: Notebook, client: openai.OpenAI, server: CountingServer
) -> None:
    """No key of a header, a URL, a body, a cookie or a granted token is in the store."""
    gemini = f"{server.url}/v1beta/models/gemini-2.5-flash:generateContent?key=url-secret"
    with notebook.step(), httpx2.Client(auth=("user", "header-secret")) as http:
        client.chat.completions.create(**ASK)
        http.post(gemini, json=PROMPT)
        http.post(f"{server.url}/x?api_key=query-secret", json={"api_key": "body-secret"})
        http.post(f"{server.url}/oauth/token", data={"grant_type": "client_credentials"})
    calls = notebook.calls()
    assert len(calls) == 3
    stored = b"".join(notebook.stored(call) for call in calls)
    assert b"secret" not in stored
    with notebook.step(), httpx2.Client() as http:
        http.post(gemini.replace("url-secret", "rotated"), json=PROMPT)
    assert server.count == 3


def test_credentials_are_found_wherever_apis_put_them(
    notebook: Notebook, server: CountingServer
) -> None:
    """Deep in a body (a tool server's token), in forms and parts, in a path, in the URL that an
    exception tells, and in a login's answer, which is passed on and not recorded."""
    tools = [{"type": "mcp", "authorization": "a-secret", "headers": {"X-Api-Key": "b-secret"}}]
    server.configure(schedule={"5": "500"})
    with notebook.step() as step, httpx2.Client() as http:
        http.post(f"{server.url}/v1/responses", json={"model": "m", "input": "i", "tools": tools})
        http.post(f"{server.url}/form", data={"user": "me", "password": "c-secret"})
        http.post(f"{server.url}/parts", files={"f": b"x"}, data={"api_key": "d-secret"})
        http.post(f"{server.url}/bot123:e-secret/sendMessage?access_key=f-secret", json={})
        with pytest.raises(httpx2.HTTPStatusError, match="g-secret") as refused:
            http.post(f"{server.url}/x?key=g-secret&page=1", json={}).raise_for_status()
        assert http.post(f"{server.url}/login", json={}).json() == {"access_token": "h-secret"}
    told = describe(refused.value).message
    assert "/x?key=***&page=1'" in told
    calls = notebook.calls()
    assert [call.name.rpartition("/")[2] for call in calls][1:] == ["form", "parts", "sendMessage"]
    stored = b"".join([*map(notebook.stored, calls), *(repr(c).encode() for c in calls)])
    assert b"secret" not in stored
    assert b"user=me" in stored
    assert "not recorded" in str(notebook.failed[-1].error)
    assert step.journal.stopped is None


def test_a_body_without_credentials_is_kept_as_it_was_sent() -> None:
    """What only looks like a credential (a limit on tokens, a schema) is nothing to hide."""
    body = {"max_tokens": 3, "messages": [{"tool": {"password": {"type": "string"}}}], "key": "a"}
    assert public_fields(body) is body
    assert public_text("see https://example.com/a?page=2#key for more") == (
        "see https://example.com/a?page=2#key for more"
    )
    assert public_text("postgresql://me:secret@host/db is gone") == "postgresql://host/db is gone"


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/v1/traces", {}, {"spans": []}),
        ("/mcp", {"accept": "application/json, text/event-stream"}, {"jsonrpc": "2.0"}),
        ("/mcp", {"mcp-session-id": "1"}, {"jsonrpc": "2.0"}),
    ],
    ids=["telemetry", "mcp", "mcp session"],
)
def test_some_requests_are_none_of_the_journals_business(
    path: str,
    headers: dict[str, str],
    body: dict[str, Any],
    notebook: Notebook,
    server: CountingServer,
) -> None:
    """Telemetry and protocol sessions pass untouched, in a strict replay as well."""
    with notebook.step(strict=True), httpx2.Client() as http:
        assert http.post(f"{server.url}{path}", json=body, headers=headers).is_success
    assert server.count == 1
    assert not notebook.calls()


def test_hooks_go_in_and_out_cleanly(
    notebook: Notebook, client: openai.OpenAI, server: CountingServer
) -> None:
    """Installing twice hooks once; uninstalling puts back what was there, and stops listening."""
    hooked = httpx2.Client.send
    llm.install()
    assert httpx2.Client.send is hooked
    llm.uninstall()
    assert httpx2.Client.send is not hooked
    assert httpx2.Client.send.__module__.startswith("httpx2")
    with notebook.step():
        client.chat.completions.create(**ASK)
    assert not notebook.calls()
    llm.install()
    with notebook.step():
        client.chat.completions.create(**ASK)
    assert len(notebook.calls()) == 1


def test_a_hook_on_top_of_ours_survives_uninstalling(
    notebook: Notebook,
    client: openai.OpenAI,
    server: CountingServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where somebody wrapped our hook, theirs stays, and ours does nothing until it is back."""
    made: Any = client._client
    library: Any = httpx2.Client if isinstance(made, httpx2.Client) else httpx.Client
    ours = library.send
    seen = []

    def theirs(self: Any, request: Any, **options: Any) -> Any:
        seen.append(request.url.path)
        return ours(self, request, **options)

    with monkeypatch.context() as patched:
        patched.setattr(library, "send", theirs)
        llm.uninstall()
        assert library.send is theirs
        with notebook.step():
            client.chat.completions.create(**ASK)
        assert not notebook.calls()
        llm.install()
        with notebook.step():
            client.chat.completions.create(**ASK)
    assert len(notebook.calls()) == 1
    assert len(seen) == 2


def test_libraries_imported_later_are_hooked_and_nothing_is_imported_early() -> None:
    """Installing imports no HTTP library and no price list; one that comes later is hooked."""
    script = (
        "import sys; from duranb import llm; llm.install()\n"
        "assert not {'httpx', 'httpx2', 'genai_prices'} & set(sys.modules)\n"
        "import httpx, httpx2\n"
        "for library in (httpx, httpx2):\n"
        "    for client in (library.Client, library.AsyncClient):\n"
        "        assert client.send.__wrapped__.__module__.startswith(library.__name__)\n"
        "llm.uninstall()\n"
        "assert not hasattr(httpx.Client.send, '__wrapped__')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
