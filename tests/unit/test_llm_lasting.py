"""A call that takes long is in the history while it is on its way."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import openai
import pytest

from duranb.engine import lasting
from duranb.record.model import CallStatus
from tests.servers.process import CountingServer
from tests.servers.steps import Notebook


def test_a_call_that_lasts_is_in_the_history_while_it_is_on_its_way(
    notebook: Notebook,
    client: openai.OpenAI,
    server: CountingServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever looks sees it, and who asks the same meanwhile, in another execution, asks by himself
    and is told nothing of it."""
    monkeypatch.setattr(lasting, "AFTER", 0.05)
    server.configure(delay=300)
    ask: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "slowly"}]}

    def answer_both() -> None:
        while server.count < 2:
            time.sleep(0.01)
        server.configure(delay=0)

    with ThreadPoolExecutor() as pool, notebook.step() as first:
        asked = pool.submit(lambda: client.chat.completions.create(**ask))
        while not notebook.calls(CallStatus.INTENDED):
            time.sleep(0.01)
        with notebook.step() as second:
            answered = pool.submit(answer_both)
            client.chat.completions.create(**ask)
        asked.result(), answered.result()
    assert not notebook.calls(CallStatus.INTENDED)
    assert len(notebook.calls()) == server.count == 2
    assert not first.unrecorded.end() and not second.unrecorded.end()


def test_a_call_that_nobody_waits_for_any_more_is_not_on_its_way(
    notebook: Notebook, server: CountingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that is cancelled while its call lasts leaves it in the history as failed, and the
    next one that asks the same is told nothing of it."""
    monkeypatch.setattr(lasting, "AFTER", 0.05)

    async def ask() -> None:
        url = f"{server.url}/v1/chat/completions"
        async with httpx2.AsyncClient(timeout=300) as http:
            await http.post(url, json={"model": "m", "messages": []})

    async def give_up() -> None:
        task = asyncio.create_task(ask())
        while not notebook.calls(CallStatus.INTENDED):
            await asyncio.sleep(0.01)
        task.cancel()
        await task

    with notebook.step() as step:
        server.configure(delay=300)
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(give_up())
        server.configure(delay=0)
        asyncio.run(ask())
    assert [call.error.type for call in notebook.failed if call.error] == ["CancelledError"]
    assert len(notebook.calls()) == 1 and not notebook.calls(CallStatus.INTENDED)
    assert not step.unrecorded.end()
