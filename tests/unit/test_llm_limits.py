"""What a request passes before it is sent: limits and budgets, on the wire."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import openai
import pytest

import duranb
from duranb.engine.budgets import Amount, Budget, Limit
from duranb.engine.limits import limiter
from duranb.errors import BudgetExceeded, UsageError
from duranb.llm import passage
from duranb.text import waits
from tests.servers.process import CountingServer, LimitedServer
from tests.servers.steps import Notebook


@pytest.fixture(scope="module")
def limited() -> Iterator[LimitedServer]:
    """A server with limits."""
    with LimitedServer() as made:
        yield made


@pytest.fixture(autouse=True)
def _no_limits() -> Iterator[None]:
    duranb.limits()
    passage._seen.clear()
    yield
    duranb.limits()


class Asking:
    """A function that asks the server, as users write one."""

    def __init__(self, url: str, model: str = "gpt-4o-mini") -> None:
        self._url = f"{url}/v1/chat/completions"
        self._client = httpx2.Client(timeout=300)
        self._model = model

    def body(self, text: object) -> dict[str, Any]:
        """The request's."""
        return {"model": self._model, "messages": [{"role": "user", "content": str(text)}]}

    def close(self) -> None:
        """Let go of its connections."""
        self._client.close()

    def __call__(self, text: object) -> int:
        reply = self._client.post(self._url, json=self.body(text)).raise_for_status()
        return int(reply.json()["usage"]["completion_tokens"])


@pytest.fixture
def ask(limited: LimitedServer) -> Iterator[Asking]:
    """Asks the server's model."""
    made = Asking(limited.url)
    yield made
    made.close()


def spent(notebook: Notebook) -> float:
    """What all calls cost."""
    return sum(call.usage.cost for call in notebook.calls() if call.usage)


def test_a_budget_holds_with_32_calls_at_once(
    notebook: Notebook, limited: LimitedServer, ask: Asking
) -> None:
    """Of answers whose length nobody knows no more is paid than the budget and one call; what was
    made is kept, and with a larger budget the map goes on from there."""
    limited.configure(tokens=400, per_second=0, delay=0.002)
    dearest = 1.5e-4 * 4
    for usd in (0.02, 0.03):
        with notebook.step(), pytest.raises(BudgetExceeded, match="budget of the map is used up"):
            duranb.map(ask, range(1000), workers=32, budget=usd, on_error="collect")
        assert usd - dearest < spent(notebook) <= usd + dearest
    asked = limited.stats["answered"]
    with notebook.step():
        got = duranb.map(ask, range(200), workers=32, budget=1)
    assert len(got) == 200 and limited.stats["answered"] == max(asked, 200)


def test_a_model_without_a_price_has_no_budget_in_dollars(
    notebook: Notebook, limited: LimitedServer, ask: Asking
) -> None:
    """It is refused before it is made, and one in calls is kept to."""
    limited.configure(tokens=10)
    ask._model = "my-own-model"
    with notebook.step(), duranb.budget(usd=1), pytest.raises(UsageError, match="price of chat my"):
        ask("x")
    with notebook.step(), pytest.raises(BudgetExceeded), duranb.budget(calls=2):
        [ask(n) for n in range(5)]
    assert limited.stats["answered"] == 2


@pytest.mark.parametrize("limit", [{"usd": 0.001}, {"tokens": 2000}])
def test_a_budget_holds_for_streams_that_tell_nothing_of_their_tokens(
    notebook: Notebook, server: CountingServer, client: openai.OpenAI, limit: dict[str, Any]
) -> None:
    """What they took is guessed, for the budget alone: their cost is shown as not known. Another
    process, which is answered from the journal, gets as far."""

    def ask(number: int) -> None:
        messages: Any = [{"role": "user", "content": f"Say something of {number}"}]
        for _ in client.chat.completions.create(
            model="gpt-4o-mini", messages=messages, max_tokens=50, stream=True
        ):
            pass

    for _ in range(2):
        with notebook.step(), pytest.raises(BudgetExceeded), duranb.budget(**limit):
            [ask(number) for number in range(300)]
        made = server.count
        assert 10 < made < 200 and len(notebook.calls()) == made
        assert spent(notebook) == 0 and all(call.unpriced for call in notebook.calls())
        notebook.reopen()
    assert server.count == made


@pytest.mark.parametrize("limit", [{"usd": 0.001}, {"tokens": 2000}, {"calls": 20}])
def test_a_budget_holds_for_streams_that_nobody_reads_to_their_end(
    notebook: Notebook, server: CountingServer, client: openai.OpenAI, limit: dict[str, Any]
) -> None:
    """They are paid for all the same: as much as was expected of them."""

    def begin(number: int) -> None:
        messages: Any = [{"role": "user", "content": f"Say something of {number}"}]
        with client.chat.completions.create(
            model="gpt-4o-mini", messages=messages, max_tokens=50, stream=True
        ) as answer:
            next(answer)

    with notebook.step(), pytest.raises(BudgetExceeded), duranb.budget(**limit):
        [begin(number) for number in range(300)]
    assert 10 < server.count < 200


def test_a_call_that_ends_while_another_one_does_is_paid_for() -> None:
    """The garbage collector ends calls at any moment, in the middle of a sum too."""

    class Collected(Amount):
        def plus(self, other: Amount) -> Amount:
            if paid:
                budget.settle(paid.pop(), Amount(calls=1))
            return Amount.plus(self, other)

    paid = [Amount()]
    budget = Budget(Limit(calls=2), "this block", "", Collected())
    budget.settle(Amount(), Amount(calls=1))
    assert budget.spent.calls == 2


def test_a_refusal_holds_back_all_calls_of_its_model(
    notebook: Notebook, limited: LimitedServer, ask: Asking
) -> None:
    """With 16 workers at a limited server few calls are refused, and all come through."""
    limited.configure(per_second=150, burst=20, delay=0.01)
    with notebook.step():
        got = duranb.map(ask, range(400), workers=16)
    assert len(got) == 400
    (gate,) = limiter.gates
    assert gate.refused <= 40 and gate.answered == 400
    assert gate.on_their_way == gate.waiting == 0


def test_waiting_for_a_turn_does_not_block_the_loop(
    notebook: Notebook, limited: LimitedServer, ask: Asking
) -> None:
    """While calls wait for their turn the event loop goes on."""
    limited.configure()
    duranb.limits(requests_per_minute=1200, concurrent=1)

    async def main() -> int:
        turns = 0
        async with httpx2.AsyncClient() as client:
            url = f"{limited.url}/v1/chat/completions"
            posts = (client.post(url, json=ask.body(n)) for n in range(4))
            asked = asyncio.gather(*posts)
            while not asked.done():
                await asyncio.sleep(0)
                turns += 1
            await asked
        return turns

    with notebook.step():
        assert asyncio.run(main()) > 100
    assert limited.stats["answered"] == 4


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "nonsense"}, None),
        ({}, None),
    ],
)
def test_what_a_refusal_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    """Milliseconds, seconds, or nothing."""
    assert waits.asked_for(lambda name: headers.get(name, "")) == seconds


def test_when_a_limit_is_reset() -> None:
    """As durations, numbers and times, by the clock."""
    assert waits.seconds("6m0s") == 360 and waits.seconds("120ms") == 0.12
    assert waits.seconds("1.5") == 1.5 and waits.seconds("what?") == 0
    soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    assert 50 < waits.seconds(soon) <= 60


def test_a_limit_that_is_used_up_is_waited_for(notebook: Notebook) -> None:
    """A header that says that nothing remains pauses the model's calls before one is refused."""
    gate = limiter.of("m")
    made = passage.Passage.__new__(passage.Passage)
    made._gate = gate
    told = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "30s"}
    made.heard(200, lambda name: told.get(name, ""))
    assert gate._slot(0) - gate.clock() > 20
    told = {
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": (datetime.now(UTC) + timedelta(50e-5)).isoformat(),
    }
    made.heard(200, lambda name: told.get(name, ""))
    assert gate._slot(0) - gate.clock() > 35


def _requests(url: str, body: Any) -> int:
    import requests

    return requests.post(url, json=body, timeout=300).status_code


def _urllib3(url: str, body: Any) -> int:
    import urllib3

    with urllib3.PoolManager() as pool:
        return pool.request("POST", url, json=body, retries=False).status


def _urllib(url: str, body: Any) -> int:
    import urllib.request

    asked = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
    asked.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(asked, timeout=300) as reply:
        return int(reply.status)


def _aiohttp(url: str, body: Any) -> int:
    import aiohttp

    async def main() -> int:
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as reply:
            return reply.status

    return asyncio.run(main())


@pytest.mark.parametrize("send", [_requests, _urllib3, _urllib, _aiohttp])
def test_every_library_passes_the_same_gate(
    notebook: Notebook, limited: LimitedServer, ask: Asking, send: Callable[[str, Any], int]
) -> None:
    """A budget of two calls lets two through, a refusal is learned from, and nothing stays on its
    way."""
    limited.configure(per_second=0)
    with notebook.step(), pytest.raises(BudgetExceeded), duranb.budget(calls=2):
        assert [send(ask._url, ask.body(n)) for n in range(3)] == [200] * 3
    assert limited.stats["answered"] == 2
    limited.configure(per_second=0.001, burst=1)
    with notebook.step("refused"), contextlib.suppress(OSError):
        assert {send(ask._url, ask.body(n)) for n in range(2)} == {200, 429}
    (gate,) = limiter.gates
    assert (gate.answered, gate.refused, gate.on_their_way) == (3, 1, 0)
