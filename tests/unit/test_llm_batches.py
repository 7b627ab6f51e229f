"""Batch mode: the requests of a map's items through a provider's batch API."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

import duranb
from duranb.engine.runtime import active
from duranb.errors import BatchFailed, BudgetExceeded, ItemFailed, UsageError, Waiting
from duranb.llm.batches import batch as batches, desk
from duranb.record.kinds import Kind
from duranb.record.model import CallStatus
from tests.kernel import routes
from tests.servers.process import BatchServer
from tests.servers.steps import Notebook


@pytest.fixture(scope="module")
def server() -> Iterator[BatchServer]:
    """A server with batches."""
    with BatchServer() as made:
        yield made


@pytest.fixture
def notebook(tmp_path: Path, server: BatchServer) -> Iterator[Notebook]:
    """Steps with a store of their own; nothing has reached the server."""
    server.reset()
    opened = Notebook(tmp_path)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    _at_once(monkeypatch)


def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "SETTLING", 0.3)
    monkeypatch.setattr(batches, "_BEGINS", 0.05)
    monkeypatch.setattr(desk, "TICK", 0.05)


class Clients:
    """The SDKs, and Gemini by its own HTTP, at the server."""

    def __init__(self, url: str) -> None:
        import anthropic  # here, or each worker that collects this file would

        self.openai = openai.OpenAI(base_url=f"{url}/v1", api_key="sk-secret", max_retries=0)
        self.awaited = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-secret", max_retries=0)
        self.anthropic = anthropic.Anthropic(base_url=url, api_key="sk-secret", max_retries=0)
        self.azure = openai.AzureOpenAI(
            azure_endpoint=url, api_key="sk-secret", api_version="2024-10-21", max_retries=0
        )
        self.gemini = httpx2.Client(base_url=url, headers={"x-goog-api-key": "sk-secret"})

    def chat(self, text: object) -> str:
        """What OpenAI's says."""
        messages: Any = [{"role": "user", "content": str(text)}]
        made = self.openai.chat.completions.create(
            model="gpt-4o-mini", messages=messages, max_tokens=10
        )
        return str(json.loads(made.choices[0].message.content or "")["about"])

    async def achat(self, text: object) -> str:
        """The same, awaited."""
        messages: Any = [{"role": "user", "content": str(text)}]
        made = await self.awaited.chat.completions.create(model="gpt-4o-mini", messages=messages)
        return str(json.loads(made.choices[0].message.content or "")["about"])

    def deployed(self, text: object) -> str:
        """What Azure's deployment says."""
        messages: Any = [{"role": "user", "content": str(text)}]
        made = self.azure.chat.completions.create(model="batches", messages=messages)
        return str(json.loads(made.choices[0].message.content or "")["about"])

    def generated(self, text: object) -> str:
        """What Gemini's says."""
        asked = {"contents": [{"role": "user", "parts": [{"text": str(text)}]}]}
        path = "/v1beta/models/gemini-2.5-flash:generateContent"
        made = self.gemini.post(path, json=asked).raise_for_status().json()
        return str(json.loads(made["candidates"][0]["content"]["parts"][0]["text"])["about"])

    def message(self, text: object) -> str:
        """What Anthropic's says."""
        made = self.anthropic.messages.create(
            model="claude-3-5-haiku-latest",
            max_tokens=50,
            messages=[{"role": "user", "content": str(text)}],
        )
        block: Any = made.content[0]
        return str(json.loads(block.text)["about"])


@pytest.fixture
def clients(server: BatchServer) -> Iterator[Clients]:
    """The SDKs, and their connections closed."""
    made = Clients(server.url)
    yield made
    for each in (made.openai, made.anthropic, made.azure, made.gemini):
        each.close()


def of_kind(notebook: Notebook, kind: Kind, status: CallStatus = CallStatus.COMPLETED) -> int:
    """The number of calls."""
    return sum(call.kind is kind for call in notebook.calls(status))


def price(notebook: Notebook) -> float:
    """What all answers cost."""
    return sum(call.usage.cost for call in notebook.calls() if call.usage)


WAYS: dict[str, Callable[[Clients, Any], Any]] = {
    "plain": lambda c, n: duranb.map(c.chat, n, batch=True),
    "streamed": lambda c, n: [*duranb.map(c.chat, iter(n), batch=True, stream=True)],
    "awaited": lambda c, n: asyncio.run(_awaited(c, n)),
    "waited for": lambda c, n: duranb.map(c.achat, n, batch=True).wait(),
    "anthropic": lambda c, n: duranb.map(c.message, n, batch=True),
    "azure": lambda c, n: duranb.map(c.deployed, n, batch=True),
    "gemini": lambda c, n: duranb.map(c.generated, n, batch=True),
}


async def _awaited(clients: Clients, items: Any) -> Any:
    return await duranb.map(clients.achat, items, batch=True)


@pytest.mark.parametrize("way", WAYS)
def test_a_batch_answers_all_items_at_half_the_price(
    notebook: Notebook, server: BatchServer, clients: Clients, way: str
) -> None:
    """Whichever way a map is used, the requests of all items are one batch, each is recorded as the
    item's own call at half its price, and a second time nothing is sent at all."""
    server.configure(delay=0.1)
    for _ in range(2):
        with notebook.step():
            assert list(WAYS[way](clients, range(30))) == [str(n) for n in range(30)]
    stats = server.stats
    assert stats["batches"] == 1 and set(stats["submitted"].values()) == {1} and not stats["live"]
    calls = [c for c in notebook.calls() if c.kind is Kind.LLM]
    assert len(calls) == 30 and len({c.item for c in calls}) == 30
    usual = {"anthropic": (20 * 0.8 + 10 * 4.0) / 1e6, "gemini": (20 * 0.3 + 10 * 2.5) / 1e6}
    paid = usual.get(way, (20 * 0.15 + 10 * 0.60) / 1e6)
    assert price(notebook) == pytest.approx(
        0 if way == "azure" else 30 * paid / 2
    )  # no price known
    assert of_kind(notebook, Kind.BATCH) == 1 and of_kind(notebook, Kind.MAP) == 30
    assert b"sk-secret" not in b"".join(f.read_bytes() for f in _files(notebook))


def _files(notebook: Notebook) -> list[Path]:
    return [f for f in notebook.session.runtime.store.path.rglob("*") if f.is_file()]


@pytest.mark.parametrize("sdk", ["chat", "message", "deployed", "generated"])
def test_what_a_batch_uploads_is_not_in_the_store(
    notebook: Notebook,
    server: BatchServer,
    clients: Clients,
    sdk: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A secret in the requests of a batch reaches the provider, and comes back with its answers; no
    byte of it is stored, and a second time all is answered from there."""
    secret = f"canary{secrets.token_hex(14)}"
    monkeypatch.setenv("BATCHED_API_KEY", secret)

    def ask(number: int) -> bool:
        return secret in getattr(clients, sdk)(f"{os.environ['BATCHED_API_KEY']} {number}")

    for _ in range(2):
        with notebook.step():
            assert duranb.map(ask, range(3), batch=True) == [True] * 3
    stats = server.stats
    assert set(stats["submitted"]) == {f"{secret} {n}" for n in range(3)} and not stats["live"]
    stored = b"\0".join(f.read_bytes() for f in _files(notebook))
    assert routes.leaks(stored, [secret]) == set() and b"duranb-batch-" in stored


def test_several_calls_take_several_rounds(
    notebook: Notebook, server: BatchServer, clients: Clients
) -> None:
    """An item runs until its next call, and is answered from the journal up to there; calls that
    are made side by side are in one round."""

    def two(n: int) -> str:
        return clients.chat(f"after {clients.chat(n)}")

    async def pair(n: int) -> list[str]:
        return await asyncio.gather(clients.achat(f"left {n}"), clients.achat(f"right {n}"))

    with notebook.step():
        assert duranb.map(two, range(5), batch=True) == [f"after {n}" for n in range(5)]
        assert server.stats["batches"] == 2
        got = duranb.map(pair, range(5), batch=True).wait()
    assert got == [[f"left {n}", f"right {n}"] for n in range(5)]
    stats = server.stats
    assert stats["batches"] == 3 and len(stats["submitted"]) == 20 and not stats["live"]


def test_what_a_batch_does_not_answer_is_made_live_or_fails(
    notebook: Notebook, server: BatchServer, clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    """A request that a batch rejects or lets expire is made as usual, and said; where nothing else
    will do its item has failed, after as many tries as its cause is worth."""
    server.configure(rejected=["3"], expired=["5"])
    with notebook.step():
        got = duranb.map(clients.chat, range(8), batch=True, on_error="collect")
    assert [f.index for f in got.failures] == [3] and got[5] == "5"
    assert got.failures[0].type == "BadRequestError"
    assert server.stats["live"] == {"3": 1, "5": 1}
    assert "2 calls of the map of Clients.chat went by no batch" in caplog.text
    assert "this text is rejected" in caplog.text and "not made within" in caplog.text
    with notebook.step("only"):
        options: Any = {"batch": "only", "on_error": "collect", "retries": 1, "backoff": 0}
        got = duranb.map(clients.chat, range(8), **options)
    assert [(f.index, f.type, f.tries) for f in got.failures] == [
        (3, "BatchFailed", 1),
        (5, "BatchFailed", 2),
    ]
    stats = server.stats
    assert stats["live"] == {"3": 1, "5": 1} and stats["submitted"]["5"] == 3
    assert not of_kind(notebook, Kind.LLM, CallStatus.INTENDED)


def test_what_no_batch_takes_is_made_live(
    notebook: Notebook, server: BatchServer, clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    """Calls in effects, in steps and maps of their own, and a server without batches: made as
    usual, and said."""

    @duranb.step
    def inner(n: int) -> str:
        return clients.chat(f"in a step {n}")

    def several(n: int) -> str:
        duranb.call(clients.chat, f"in an effect {n}")
        duranb.map(clients.chat, [f"in a map {n}"])
        return inner(n) + clients.chat(n)

    with notebook.step():
        assert len(duranb.map(several, range(3), batch=True)) == 3
    stats = server.stats
    assert len(stats["live"]) == 9 and len(stats["submitted"]) == 3
    assert set(stats["live"].values()) == {1}
    assert "9 calls" in caplog.text and "made in an effect, or" in caplog.text
    server.configure(refusing=404)
    with notebook.step("elsewhere"):
        assert len(duranb.map(clients.chat, ["a", "b"], batch=True)) == 2
    assert server.stats["live"]["a"] == 1 and "no batches here" in caplog.text
    with notebook.step("only"), pytest.raises(ItemFailed, match="BatchFailed"):
        duranb.map(clients.chat, ["c"], batch="only", retries=0)
    server.configure(refusing=0)
    with notebook.step("own"):
        assert len(duranb.map(several, ["x"], batch="only")) == 1


def test_an_answer_that_is_no_good_is_asked_for_in_the_next_round(
    notebook: Notebook, server: BatchServer, clients: Clients
) -> None:
    """It is rejected, and asked for once more, in a batch of its own."""
    server.configure(malformed="2")
    with notebook.step():
        assert duranb.map(clients.chat, range(4), batch=True) == ["0", "1", "2", "3"]
    stats = server.stats
    assert stats["batches"] == 2 and stats["submitted"]["2"] == 2 and not stats["live"]
    assert of_kind(notebook, Kind.LLM, CallStatus.REJECTED) == 1


@pytest.mark.parametrize("ask", ["chat", "message"])
@pytest.mark.parametrize("fate", ["lost", "dropped"])
def test_a_submission_that_nobody_answered_is_looked_for(
    notebook: Notebook, server: BatchServer, clients: Clients, fate: str, ask: str
) -> None:
    """Where the answer was lost the batch is found again; where the submission was, it is sent
    once more. Either way each request is submitted once."""
    server.configure(**{fate: 1})
    with notebook.step():
        assert duranb.map(getattr(clients, ask), range(3), batch=True) == ["0", "1", "2"]
    stats = server.stats
    assert stats["batches"] == 1 and set(stats["submitted"].values()) == {1}


@pytest.mark.parametrize("died", ["submitting", "submitted", "waiting"])
@pytest.mark.parametrize("ask", ["chat", "message"])
def test_another_process_waits_for_what_was_submitted(
    notebook: Notebook,
    server: BatchServer,
    clients: Clients,
    ask: str,
    died: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process that dies before, while or after it submits a batch leaves it to the next one,
    which submits only what never arrived."""

    class Killed(BaseException):
        """The process is gone."""

    def kill(*_: object) -> Any:
        raise Killed

    with monkeypatch.context() as patched:
        if died == "submitting":
            patched.setattr(batches.Batch, "submit", kill)
        elif died == "submitted":
            patched.setattr(batches.Batch, "_known", kill)
        else:
            patched.setattr(batches.Batch, "look", kill)
        with notebook.step(), pytest.raises(Killed):
            duranb.map(getattr(clients, ask), range(6), batch=True)
    assert server.stats["batches"] == (0 if died == "submitting" else 1)
    notebook.reopen()
    with notebook.step():
        got = duranb.map(getattr(clients, ask), range(6), batch=True)
    assert got == [str(n) for n in range(6)]
    stats = server.stats
    assert stats["batches"] == 1 and set(stats["submitted"].values()) == {1} and not stats["live"]


def test_a_headless_run_ends_while_a_batch_takes_long(
    notebook: Notebook, server: BatchServer, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits, says for what, and the next run collects it, with new items in a batch of their
    own."""
    monkeypatch.setattr(desk, "LONGEST", 0.2)
    server.configure(delay=3600)
    runtime = active()
    assert runtime is not None
    runtime.settings.headless = True
    with notebook.step() as step, pytest.raises(Waiting, match=r"batch_1 at 127.*0 of 4 answered"):
        duranb.map(clients.chat, range(4), batch=True)
    (waits,) = [c for c in notebook.calls(CallStatus.INTENDED) if c.kind is Kind.BATCH]
    assert waits.preview.startswith("batch_1 at") and waits.execution == step.execution
    server.configure(delay=0)
    with notebook.step():
        assert duranb.map(clients.chat, range(6), batch=True) == [str(n) for n in range(6)]
    stats = server.stats
    assert stats["batches"] == 2 and set(stats["submitted"].values()) == {1}
    assert not notebook.calls(CallStatus.INTENDED)


@pytest.mark.parametrize("ask", ["chat", "message"])
def test_a_batch_that_never_arrived_is_submitted_with_what_is_still_wanted(
    notebook: Notebook,
    server: BatchServer,
    clients: Clients,
    ask: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fewer items than before: only theirs are submitted, and where the answer to that is lost too
    it is found by what was sent last."""
    server.configure(dropped=1)
    monkeypatch.setattr(batches.Batch, "_find_sent", _killed)
    with notebook.step(), pytest.raises(ZeroDivisionError):
        duranb.map(getattr(clients, ask), range(6), batch=True)
    server.configure(lost=1)
    with notebook.step(), pytest.raises(ZeroDivisionError):
        duranb.map(getattr(clients, ask), range(4), batch=True)
    monkeypatch.undo()
    _at_once(monkeypatch)
    with notebook.step():
        got = duranb.map(getattr(clients, ask), range(6), batch=True)
    assert got == [str(n) for n in range(6)]
    stats = server.stats
    assert set(stats["submitted"].values()) == {1} and len(stats["submitted"]) == 6


def _killed(*_: object) -> None:
    raise ZeroDivisionError


def test_a_batch_that_is_gone_is_made_live(
    notebook: Notebook, server: BatchServer, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider has forgotten it: its requests are made as usual, and nothing waits for it."""
    monkeypatch.setattr(batches.Batch, "look", _killed)
    with notebook.step(), pytest.raises(ZeroDivisionError):
        duranb.map(clients.chat, range(3), batch=True)
    monkeypatch.undo()
    _at_once(monkeypatch)
    server.reset()
    with notebook.step():
        assert duranb.map(clients.chat, range(3), batch=True) == ["0", "1", "2"]
    assert len(server.stats["live"]) == 3 and not notebook.calls(CallStatus.INTENDED)


def test_a_budget_holds_for_what_is_in_a_batch(
    notebook: Notebook, server: BatchServer, clients: Clients
) -> None:
    """What is submitted is reserved at the price in a batch until it is answered; what does not
    fit beside it waits, and then ends the map. With a larger budget it goes on."""
    one = (20 * 0.15 + 10 * 0.60) / 2e6
    with notebook.step(), pytest.raises(BudgetExceeded, match="budget of the map is used up"):
        duranb.map(clients.chat, range(150), batch=True, budget=100 * one)
    assert 90 * one < price(notebook) <= 100.01 * one
    assert 1 < server.stats["batches"] < 20
    assert sum(server.stats["submitted"].values()) == of_kind(notebook, Kind.LLM)
    with notebook.step():
        assert len(duranb.map(clients.chat, range(150), batch=True, budget=1)) == 150
    assert set(server.stats["submitted"].values()) == {1}


def test_an_interrupt_leaves_the_batch_to_the_next_run(
    notebook: Notebook, server: BatchServer, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait can be interrupted at any time."""
    server.configure(delay=3600)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(desk.BatchDesk, "_told", interrupted)
        with notebook.step(), pytest.raises(KeyboardInterrupt):
            duranb.map(clients.chat, range(3), batch=True)
    server.configure(delay=0)
    with notebook.step():
        assert duranb.map(clients.chat, range(3), batch=True) == ["0", "1", "2"]
    assert server.stats["batches"] == 1


def test_many_batches_and_swallowed_waits(
    notebook: Notebook, server: BatchServer, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More requests than one batch takes are several; code that catches everything is not believed
    when it goes on without its answer."""
    monkeypatch.setattr("duranb.llm.batches.openai.OpenAI.most", 10)

    def cautious(n: int) -> str:
        try:
            return clients.chat(n)
        except BaseException:  # of any kind: as careless code does
            return "nothing"

    with notebook.step():
        got = duranb.map(cautious, (n for n in range(35)), batch=True)
    assert got == [str(n) for n in range(35)]
    stats = server.stats
    assert stats["batches"] >= 4 and set(stats["submitted"].values()) == {1}


def test_batches_belong_to_steps() -> None:
    """Outside of steps nothing could be waited for durably, so it is refused."""
    with pytest.raises(UsageError, match="begin the cell with %%durable"):
        duranb.map(str, range(3), batch=True)
    with pytest.raises(UsageError, match='True, False or "only"'):
        duranb.map(str, range(3), batch="live")  # type: ignore[call-overload]


SUBMITTED = {
    "answered with nothing": {"garbled": {}},
    "answered with a list": {"garbled": ["batch_1"]},
    "given up by a gateway": {"taken": 408},
    "in conflict with itself": {"taken": 409},
}


@pytest.mark.parametrize("how", SUBMITTED)
def test_a_submission_is_looked_for_whatever_its_answer_says(
    notebook: Notebook, server: BatchServer, clients: Clients, how: str
) -> None:
    """One that was taken, but whose answer does not say so, is found and not made a second time."""
    server.configure(**SUBMITTED[how])
    with notebook.step():
        assert duranb.map(clients.chat, range(3), batch=True) == ["0", "1", "2"]
    stats = server.stats
    assert stats["batches"] == 1 and set(stats["submitted"].values()) == {1} and not stats["live"]


def test_a_list_of_batches_without_an_end_is_left(
    notebook: Notebook, server: BatchServer, clients: Clients
) -> None:
    """Nobody can tell then whether a submission arrived: it is said, and nothing is sent twice."""
    with notebook.step():
        duranb.map(clients.chat, ["first"], batch=True)
    server.configure(dropped=1, endless=True)
    with notebook.step("next"), pytest.raises(BatchFailed, match="nobody can tell whether"):
        duranb.map(clients.chat, range(3), batch=True)
    assert server.stats["batches"] == 1
    server.configure(endless=False)
    with notebook.step("next"):
        assert duranb.map(clients.chat, range(3), batch=True) == ["0", "1", "2"]
    assert set(server.stats["submitted"].values()) == {1}


@pytest.mark.parametrize(
    ("ask", "harm"),
    [
        *(("chat", harm) for harm in ("cut", "short", "twice", "foreign", "")),
        *(("message", harm) for harm in ("cut", "short", "")),
    ],
)
def test_answers_that_arrive_damaged_are_fetched_again(
    notebook: Notebook, server: BatchServer, clients: Clients, harm: str, ask: str
) -> None:
    """Nothing is submitted or asked a second time, no answer goes to another item, and what says
    nothing about a batch is waited for to say something."""
    server.configure(harms=[harm] * 2 if harm else [], puzzling=2)
    with notebook.step():
        assert duranb.map(getattr(clients, ask), range(4), batch=True) == ["0", "1", "2", "3"]
    stats = server.stats
    assert stats["batches"] == 1 and set(stats["submitted"].values()) == {1} and not stats["live"]
    assert of_kind(notebook, Kind.LLM) == 4


@pytest.mark.parametrize("harm", ["cut", "short", "bodiless"])
def test_an_answer_that_never_comes_is_said(
    notebook: Notebook,
    server: BatchServer,
    clients: Clients,
    caplog: pytest.LogCaptureFixture,
    harm: str,
) -> None:
    """It was made, and paid for: it is not submitted again in silence, but made as usual and said,
    or has failed where nothing else will do."""
    server.configure(harms=[harm] * 50)
    with notebook.step("only"):
        got = duranb.map(clients.chat, range(4), batch="only", on_error="collect", retries=0)
    assert [f.type for f in got.failures] == ["BatchFailed"] and len(got) == 4
    assert set(server.stats["submitted"].values()) == {1}
    with notebook.step():
        got = duranb.map(clients.chat, [f"n{n}" for n in range(4)], batch=True)
    assert got == ["n0", "n1", "n2", "n3"]
    stats = server.stats
    assert stats["batches"] == 2 and set(stats["submitted"].values()) == {1}
    assert [*stats["live"].values()] == [1]
    told = "without a body" if harm == "bodiless" else "3 of its 4 answers are there and whole"
    assert told in caplog.text


@pytest.mark.parametrize("ask", ["chat", "message", "deployed"])
def test_a_key_is_not_taken_along_to_where_answers_have_moved(
    notebook: Notebook, server: BatchServer, clients: Clients, ask: str
) -> None:
    """Whatever its header is called, only the provider itself is told."""
    for each in (clients.openai, clients.anthropic, clients.azure):
        each._custom_headers = {"x-gateway-key": "sk-secret"}
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    server.configure(elsewhere=elsewhere)
    with notebook.step():
        assert duranb.map(getattr(clients, ask), range(2), batch=True) == ["0", "1"]
    keys = server.stats["keys"]
    host = elsewhere.removeprefix("http://")
    assert keys.pop(host) == 0 and sum(keys.values()) > 3
