"""Which request is answered from where: identity, occurrences, failures, and what passes by."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from duranb.errors import StoreUnwritable, Unrecorded
from tests.servers.process import CountingServer
from tests.servers.steps import Notebook

ASK: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "read"}]}


def text(answer: Any) -> str:
    return str(answer.choices[0].message.content)


def test_the_nth_identical_request_gets_the_nth_answer(
    notebook: Notebook, client: openai.OpenAI, server: CountingServer
) -> None:
    """Identical requests of a step have answers of their own; only one more is sent."""
    with notebook.step():
        first = [text(client.chat.completions.create(**ASK)) for _ in range(3)]
    assert len(set(first)) == 3
    with notebook.step():
        again = [text(client.chat.completions.create(**ASK)) for _ in range(4)]
    assert again[:3] == first
    assert server.count == 4


def test_another_step_asks_for_itself(
    notebook: Notebook, client: openai.OpenAI, server: CountingServer
) -> None:
    """A step is not answered from another step's journal."""
    with notebook.step("one"):
        client.chat.completions.create(**ASK)
    with notebook.step("two"):
        client.chat.completions.create(**ASK)
    assert server.count == 2


def test_outside_of_steps_nothing_is_recorded(
    notebook: Notebook, client: openai.OpenAI, server: CountingServer
) -> None:
    """Requests outside of steps reach the server each time."""
    answers = {text(client.chat.completions.create(**ASK)) for _ in range(2)}
    assert len(answers) == 2
    assert not notebook.calls()


def test_the_order_of_keys_does_not_matter_but_each_value_does(
    notebook: Notebook, server: CountingServer
) -> None:
    """The same JSON written in another order is the same request; another value is another."""
    with notebook.step(), httpx2.Client() as http:
        http.post(f"{server.url}/x", json={"a": 1, "b": [1, 2]})
    with notebook.step(), httpx2.Client() as http:
        http.post(f"{server.url}/x", content=b'{ "b": [1, 2], "a": 1 }')
        assert server.count == 1
        http.post(f"{server.url}/x", json={"a": 1, "b": [2, 1]})
        http.post(f"{server.url}/x?page=2", json={"a": 1, "b": [1, 2]})
        http.post(f"{server.url}/y", json={"a": 1, "b": [1, 2]})
    assert server.count == 4


def test_which_part_and_form_is_asked_for_counts(
    notebook: Notebook, server: CountingServer
) -> None:
    """Ranges of a file, and forms of a page, are answered each by its own, in any order."""
    asked = [{"range": "bytes=0-9"}, {"range": "bytes=10-19"}, {"accept": "text/html"}, {}]
    seen = []
    for order in (asked, asked[::-1]):
        with notebook.step(), httpx2.Client() as http:
            got = {str(h): http.post(f"{server.url}/x", headers=h, json={}).json() for h in order}
        seen.append(got)
    assert seen[0] == seen[1]
    assert server.count == 4


def test_uploads_are_the_same_whatever_their_boundary(
    notebook: Notebook, server: CountingServer
) -> None:
    """Multipart bodies get a new boundary each time, and are recognised all the same."""
    for _ in range(2):
        with notebook.step(), httpx2.Client() as http:
            http.post(f"{server.url}/upload", files={"file": ("a.txt", b"some text")})
    assert server.count == 1
    with notebook.step(), httpx2.Client() as http:
        http.post(f"{server.url}/upload", files={"file": ("a.txt", b"other text")})
    assert server.count == 2


def test_gather_of_identical_requests_with_retries_loses_no_answer(
    notebook: Notebook, server: CountingServer
) -> None:
    """Identical concurrent requests that fail and are retried still have one answer each, and the
    same ones on replay."""
    server.configure(each=["429", "500", "429"])

    async def ask() -> list[str]:
        async with openai.AsyncOpenAI(
            base_url=f"{server.url}/v1", api_key="test", max_retries=8
        ) as client:
            answers = await asyncio.gather(
                *(client.chat.completions.create(**ASK) for _ in range(8))
            )
            return [text(answer) for answer in answers]

    with notebook.step():
        first = asyncio.run(ask())
    assert len(set(first)) == 8
    assert sorted(call.occurrence for call in notebook.calls()) == list(range(8))
    assert sorted(call.http_status for call in notebook.failed) == [429, 429, 500]
    sent = server.count
    notebook.reopen()
    with notebook.step():
        assert sorted(asyncio.run(ask())) == sorted(first)
    assert server.count == sent == 11


def test_threads_of_a_pool_are_inside_the_step(
    notebook: Notebook, client: openai.OpenAI, server: CountingServer
) -> None:
    """Threads whose context is empty are journaled in the step that runs."""

    def ask(n: int) -> str:
        return text(client.chat.completions.create(**{**ASK, "seed": n % 4}))

    for _ in range(2):
        with notebook.step(), ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(ask, range(16)))) == 16
    assert server.count == 16


def test_failures_pass_through_and_are_noted(
    notebook: Notebook, client: openai.OpenAI, server: CountingServer
) -> None:
    """An error status reaches the caller unchanged, is in the history, and is never served."""
    server.configure(schedule={"1": "429", "2": "500"}, retry_after=7)
    with notebook.step():
        with pytest.raises(openai.RateLimitError) as limited:
            client.chat.completions.create(**ASK)
        assert limited.value.response.headers["retry-after"] == "7"
        assert limited.value.response.json()["error"]["message"] == "scheduled 429"
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(**ASK)
        client.chat.completions.create(**ASK)
    assert [(c.http_status, c.occurrence) for c in notebook.failed] == [(429, 0), (500, 0)]
    assert notebook.failed[0].error is not None
    assert "scheduled 429" in notebook.failed[0].error.message
    assert [c.occurrence for c in notebook.calls()] == [0]
    with notebook.step():
        client.chat.completions.create(**ASK)
    assert server.count == 3


def test_an_error_status_of_any_server_is_no_answer(
    notebook: Notebook, server: CountingServer
) -> None:
    """Whatever stands in it, a response that is no success is not served again; nor is one that
    was asked for as a stream."""
    server.configure(each=["500"])
    with notebook.step(), httpx2.Client() as http:
        assert http.post(f"{server.url}/x", json={}).status_code == 500
        with http.stream("POST", f"{server.url}/y", json={}) as response:
            assert response.status_code == 500
            assert b"scheduled 500" in response.read()
    assert not notebook.calls()
    assert [call.http_status for call in notebook.failed] == [500, 500]


def test_a_broken_connection_is_noted(
    notebook: Notebook, client: openai.OpenAI, server: CountingServer
) -> None:
    """No answer and half an answer are failures of transport; the next try has the same place."""
    server.configure(schedule={"1": "drop", "2": "cut"})
    with notebook.step():
        for _ in range(2):
            with pytest.raises(openai.APIConnectionError):
                client.chat.completions.create(**ASK)
        client.chat.completions.create(**ASK)
    assert [c.http_status for c in notebook.failed] == [0, 200]
    assert [c.occurrence for c in notebook.calls()] == [0]


def test_a_cancelled_request_frees_its_place(notebook: Notebook, server: CountingServer) -> None:
    """A request that is cancelled is no failure of the model's; its place is free again."""
    server.configure(schedule={"1": "slow"})

    async def ask() -> None:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="test") as client:
            task = asyncio.ensure_future(client.chat.completions.create(**ASK))
            while not server.count:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await client.chat.completions.create(**ASK)

    with notebook.step():
        asyncio.run(ask())
    assert not notebook.failed
    assert [c.occurrence for c in notebook.calls()] == [0]


def test_strict_replay_sends_nothing(
    notebook: Notebook, client: openai.OpenAI, server: CountingServer
) -> None:
    """In a strict replay a recorded call is served, and another one is refused unsent."""
    with notebook.step():
        client.chat.completions.create(**ASK)
    with notebook.step(strict=True) as step:
        client.chat.completions.create(**ASK)
        with pytest.raises((Unrecorded, openai.APIConnectionError)):  # as its version says it
            client.chat.completions.create(**{**ASK, "seed": 1})
        assert isinstance(step.journal.stopped, Unrecorded)
        assert "chat gpt-4o-mini" in str(step.journal.stopped)
    assert server.count == 1


def test_an_answer_that_cannot_be_recorded_is_not_paid_for_twice(
    notebook: Notebook, server: CountingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the store cannot be written, even an SDK that retries on any exception sends once."""

    def full(*bodies: object, wait: bool = True) -> None:
        if wait:
            raise StoreUnwritable("the disk is full")

    with notebook.step() as step, anthropic.Anthropic(base_url=server.url, api_key="x") as client:
        monkeypatch.setattr(notebook.session.runtime.store, "append", full)
        with pytest.raises((anthropic.APIConnectionError, StoreUnwritable)):
            client.messages.create(
                model="claude-haiku-5-5",
                max_tokens=9,
                messages=[{"role": "user", "content": "read"}],
            )
        assert isinstance(step.journal.stopped, StoreUnwritable)
        monkeypatch.undo()
    assert server.count == 1


def test_redirects_count_once(notebook: Notebook, server: CountingServer) -> None:
    """A redirected request is one call; its replay knows where it was led."""
    for _ in range(2):
        with notebook.step(), httpx2.Client(follow_redirects=True) as http:
            response = http.get(f"{server.url}/redirect")
            assert str(response.url) == f"{server.url}/v1/models?moved=1"
            assert [hop.status_code for hop in response.history] == [302]
            assert response.json()["object"] == "list"
    assert server.count == 1
    assert len(notebook.calls()) == 1
