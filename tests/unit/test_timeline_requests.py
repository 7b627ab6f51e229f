"""What the front end asks, and what it is told."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import pytest

from duranb.record import events as e
from duranb.timelines import push
from duranb.timelines.kernel import carrier
from duranb.timelines.model import Model, Update
from duranb.timelines.protocol import Deed
from duranb.timelines.requests import Requests
from tests.browser import story
from tests.browser.fakes import Host


class Asker:
    """Asks and keeps the replies; deeds wait until they are let go."""

    def __init__(self, folder: Path) -> None:
        self.host = Host(story.agent(), folder)
        self.model = Model(self.host.history, self.host.lock)
        self.waiting: list[tuple[Deed, Future[str]]] = []
        self.requests = Requests(self.host, self.model, self._carry_out)
        self.replies: list[dict[str, Any]] = []

    def _carry_out(self, deed: Deed) -> Future[str]:
        done: Future[str] = Future()
        self.waiting.append((deed, done))
        return done

    def ask(self, verb: str, **body: Any) -> dict[str, Any]:
        """The reply as the front end gets it; empty while there is none."""
        self.replies.clear()
        self.requests.answer({"id": "7", "verb": verb, **body}, self.replies.append)
        return msgspec.json.decode(msgspec.json.encode(self.replies[0])) if self.replies else {}

    def let_go(self) -> dict[str, Any]:
        """Let the kernel carry out what waits for it."""
        deed, done = self.waiting.pop()

        async def carry() -> None:
            try:
                done.set_result(await deed())
            except Exception as error:
                done.set_exception(error)

        asyncio.run(carry())
        return self.replies[0]


@pytest.fixture
def asker(tmp_path: Path) -> Asker:
    """Somebody who asks about the licence agent."""
    return Asker(tmp_path)


def test_reply_carries_the_id_of_its_request(asker: Asker) -> None:
    """The front end finds the request that a reply answers by its id."""
    reply = asker.ask("rows", since=-1)
    assert reply["id"] == "7"
    assert reply["result"]["count"] == 19


def test_plan_shows_and_does_nothing(asker: Asker) -> None:
    """A plan is title, lines and warnings; nothing was done yet."""
    asker.host.warnings = ("one effect stays",)
    reply = asker.ask("preview", do="rewind", arguments={"step": "draft@10", "before": True})
    assert reply["result"]["title"] == "rewind it"
    assert "'before': True" in reply["result"]["lines"][0]
    assert reply["result"]["warnings"] == ["one effect stays"]
    assert asker.host.done == []


def test_deed_waits_for_the_kernel(asker: Asker) -> None:
    """What changes the notebook is answered only when the kernel has carried it out."""
    assert asker.ask("apply", do="fork", arguments={"name": "b", "at": "draft@10"}) == {}
    assert asker.host.done == []
    assert asker.let_go() == {"id": "7", "result": "fork was done"}
    assert asker.host.done == [("fork", {"name": "b", "at": "draft@10"})]


def test_deed_is_not_done_when_it_would_now_do_more_harm(asker: Asker) -> None:
    """A warning that was not there when the user confirmed stops the deed."""
    asker.ask("apply", do="rewind", arguments={"step": "draft"}, warnings=[])
    asker.host.warnings = ("a ticket stays filed",)
    reply = asker.let_go()
    assert "nothing was done" in reply["error"]
    assert "a ticket stays filed" in reply["error"]
    assert asker.host.done == []


def test_deed_that_waits_can_be_withdrawn(asker: Asker) -> None:
    """Cancelling what waits for a running cell keeps it from ever being done."""
    asker.ask("apply", do="rewind", arguments={"step": "draft"}, token="t")
    assert asker.ask("withdraw", token="t")["result"] is True
    asker.let_go()
    assert "nothing was done" in asker.replies[-1]["error"]
    assert asker.host.done == []


def test_deed_that_has_begun_cannot_be_withdrawn(asker: Asker) -> None:
    """Cancelling says so when it is too late."""
    asker.ask("apply", do="rewind", arguments={"step": "draft"}, token="t")
    asker.let_go()
    assert asker.ask("withdraw", token="t")["result"] is False


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"verb": "explode"}, "no request 'explode'"),
        ({"verb": "preview", "do": "gc"}, "does not do 'gc'"),
        ({"verb": "preview", "do": "rewind", "arguments": {"depth": 3}}, "depth"),
        ({"verb": "detail", "execution": 999}, "999"),
        ({"verb": "call", "call": 999}, "no call 999"),
        ({"verb": "detail", "execution": "x"}, "ValueError"),
    ],
)
def test_bad_requests_get_a_sentence(asker: Asker, body: dict[str, Any], said: str) -> None:
    """Whatever is asked, there is an answer; a wrong request's says what is wrong."""
    verb = body.pop("verb")
    assert said in asker.ask(verb, **body)["error"]


def test_answer_reaches_the_session(asker: Asker) -> None:
    """The answer to a question arrives as the value that was sent."""
    assert (
        asker.ask("act", do="answer", arguments={"number": 3, "value": {"ok": True}})["result"]
        == "answered question 3"
    )
    assert asker.host.answered == {3: {"ok": True}}


def test_deed_runs_between_cells() -> None:
    """In a kernel a deed takes the lock under which cells run, on the main thread's loop."""
    order: list[str] = []

    async def main() -> None:
        class Kernel:
            _main_asyncio_lock = asyncio.Lock()
            io_loop = type("Loop", (), {"asyncio_loop": asyncio.get_running_loop()})

        async def deed() -> str:
            order.append(f"deed on {threading.current_thread().name}")
            return "done"

        async with Kernel._main_asyncio_lock:
            future: list[Future[str]] = []
            asking = threading.Thread(target=lambda: future.append(carrier(Kernel)(deed)))
            asking.start()
            asking.join()
            await asyncio.sleep(0.05)
            order.append("cell ends")
        assert await asyncio.wrap_future(future[0]) == "done"

    asyncio.run(main())
    assert order == ["cell ends", "deed on MainThread"]


def test_pusher_sends_what_is_new_and_says_when_all_is_settled(
    asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a start, each batch of events is pushed once, from the event before it."""
    monkeypatch.setattr(push, "LEAST_PAUSE", 0.0)
    updates: list[Update] = []
    pushed, settled = threading.Event(), threading.Event()

    def send(update: Update) -> None:
        updates.append(update)
        pushed.set()

    pusher = push.Pusher(asker.model, send, settled.set)
    asker.host.subscribe(pusher.notify)
    known = asker.model.since(-1).seq
    pusher.start(known)
    asker.host.tell(e.ExecutionStarted(execution=60, step="s", run="r", branch="main"))
    assert pushed.wait(10)
    assert updates[0].since == known
    assert [row.id for row in updates[0].rows] == [60]
    assert not settled.is_set()
    asker.host.tell(e.ExecutionEnded(execution=60, status="cancelled", attempts=1))
    assert settled.wait(10)
    pusher.close()
