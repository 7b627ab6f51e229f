"""The journal: places, replays, and what each kind of call asks of it."""

from __future__ import annotations

import asyncio
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

import duranb
from duranb.engine import context, inbox
from duranb.engine.claim import describe
from duranb.engine.runtime import active, using
from duranb.errors import UsageError, Waiting
from duranb.record import events as e
from duranb.record.kinds import Kind
from duranb.record.model import CallStatus, Status
from tests.engine.world import Model, World


def test_the_nth_identical_call_has_the_nth_answer(world: World, model: Model) -> None:
    """Each keeps its own, over a restart; one more is made."""
    with world.inside("s"):
        first = [world_ask() for _ in range(3)]
    world.start()
    with world.inside("s"):
        assert [world_ask() for _ in range(3)] == first
        assert len(model.paid) == 3
        world_ask()
    assert len(model.paid) == 4


def world_ask(prompt: str = "a") -> str:
    """Ask the model of the world that runs."""
    from tests.engine.world import ask

    return ask(prompt)


@pytest.mark.parametrize("count", [1, 5, 50])
def test_a_freed_place_is_claimed_next(world: World, count: int) -> None:
    """The lowest free place first, whichever order they are freed in."""
    with world.inside("s") as step:
        claims = [step.journal.claim(Kind.LLM, "k", "ask") for _ in range(count)]
        assert [c.place for c in claims if c] == list(range(count))
        shuffled = [c for c in claims if c]
        random.Random(1).shuffle(shuffled)
        for claim in shuffled:
            claim.release()
        again = [step.journal.claim(Kind.LLM, "k", "ask") for _ in range(count)]
        assert [c.place for c in again if c] == list(range(count))


def test_places_are_shared_out_among_threads(world: World) -> None:
    """Sixteen threads that ask the same get sixteen places."""
    with world.inside("s") as step:
        found: list[int] = []

        def claim() -> None:
            made = step.journal.claim(Kind.LLM, "k", "ask")
            assert made is not None
            found.append(made.place)

        threads = [threading.Thread(target=claim) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == list(range(16))


@pytest.mark.parametrize("kind", [k for k in Kind if k is not Kind.UNKNOWN])
def test_a_kind_is_recorded_by_its_name(world: World, kind: Kind) -> None:
    """And read back as itself."""
    with world.inside("s") as step:
        claim = step.journal.claim(kind, kind.key("k"), "name")
        assert claim is not None
        for receipt in claim.complete(value=1):
            receipt.wait()
    assert [c.kind for c in world.calls()] == [kind]
    assert Kind(kind.value) is kind


def test_a_kind_of_a_later_version_is_none_in_particular() -> None:
    """It has no traits, and breaks nothing."""
    assert Kind("hologram") is Kind.UNKNOWN
    assert not Kind("hologram").traits.effect


@pytest.mark.parametrize("kind", [k for k in Kind if k is not Kind.UNKNOWN])
def test_fresh_makes_anew_what_its_kind_allows(world: World, kind: Kind) -> None:
    """All but effects."""
    for fresh in (False, True):
        with world.inside("s", fresh=fresh) as step:
            claim = step.journal.claim(kind, kind.key("k"), "name")
            assert claim is not None
            assert claim.settled is (fresh and not kind.traits.fresh)
            if not claim.settled:
                for receipt in claim.complete(value=1):
                    receipt.wait()


@pytest.mark.parametrize("kind", [k for k in Kind if k is not Kind.UNKNOWN])
def test_what_an_undone_step_makes_again(world: World, kind: Kind) -> None:
    """Requests and questions; answers that were paid for are kept."""
    with world.inside("s") as step:
        claim = step.journal.claim(kind, kind.key("k"), "name")
        assert claim is not None
        for receipt in claim.complete(value=1):
            receipt.wait()
        number = step.execution
    world.runtime.record(e.ExecutionCompensated(execution=number, by=number))
    with world.inside("s") as step:
        again = step.journal.claim(kind, kind.key("k"), "name")
        assert again is not None
        assert again.settled is not kind.traits.again


def test_a_call_knows_what_made_it(world: World) -> None:
    """The body is scope 0; each task, thread and pool item has a number of its own."""
    world.plain(
        "import asyncio\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "async def two(n):\n    return await aask(n), await aask(n)\n"
    )
    source = (
        "a = await aask('body')\n"
        "b = await asyncio.gather(two('one'), two('two'))\n"
        "with ThreadPoolExecutor(1) as pool: c = list(pool.map(ask, ['x', 'y']))"
    )
    world.cell("s", source)
    scopes = {c.name: c.scope for c in world.calls()}
    assert scopes["ask body"] == 0
    assert len({scopes[f"ask {n}"] for n in ("body", "one", "two", "x", "y")}) == 5
    assert len({c.scope for c in world.calls() if c.name == "ask one"}) == 1


def test_a_cancelled_call_frees_its_place(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made again by whoever asks next, in the same place."""
    delays = iter([3600.0, 0.0])  # the first has no answer when it is cancelled
    monkeypatch.setattr(Model, "delay", property(lambda _: next(delays)), raising=False)
    world.plain("import asyncio")
    source = (
        "t = asyncio.create_task(aask('a'))\nawait asyncio.sleep(0.005)\nt.cancel()\n"
        "await asyncio.sleep(0)\nt = None\ny = await aask('a')"
    )
    world.cell("s", source)
    assert [c.occurrence for c in world.calls()] == [0]


def test_a_failed_call_is_in_the_history(world: World, model: Model) -> None:
    """With its error, and it answers nothing."""
    model.answers["a"] = [ConnectionResetError("gone"), "fine"]
    world.cell("s --backoff 0", "y = ask('a')")
    assert [c.status for c in world.calls()] == [CallStatus.FAILED, CallStatus.COMPLETED]
    assert world.calls()[0].error == e.ErrorInfo(type="ConnectionResetError", message="gone")


def test_an_error_is_told_without_its_secrets() -> None:
    """Credentials in URLs do not reach the history."""
    error = describe(KeyError("https://x.example/?api_key=sk-12345678901234567890"))
    assert "sk-1234" not in error.message


def test_a_rejected_answer_is_never_replayed(world: World, model: Model) -> None:
    """Not by this execution, nor by a later one."""
    model.answers["a"] = ["bad", "good"]
    body = "y = ask('a')\nif y == 'bad': raise duranb.Reject('bad')"
    world.cell("s --backoff 0", body)
    world.start()
    world.cell("s --always", body)
    assert world.live["y"] == "good"
    assert model.paid == ["a", "a"]


def test_replayed_calls_are_counted(world: World) -> None:
    """Those of earlier executions only."""
    world.cell("s", "y = ask('a')")
    world.cell("s", "y = ask('a') + ask('b')")
    assert len(world.last("s").served) == 1
    assert world.history.ledger(world.last("s").id).saved_calls == 1


def test_branches_of_one_process_can_hold_many_runtimes() -> None:
    """The active runtime is that of the context, else of the process."""
    one, two = World(), World()
    assert active() is two.runtime
    with using(one.runtime):
        assert active() is one.runtime
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(active).result() is two.runtime
    two.runtime.close()
    assert active() is None


def test_two_runtimes_at_once_keep_their_calls_apart() -> None:
    """Two notebooks run side by side on one loop, each over its own store."""
    worlds = [World(), World()]
    for world in worlds:
        world.plain("import asyncio")

    async def main() -> None:
        body = (
            "await asyncio.sleep(0)\ny = await aask('a')\nawait asyncio.sleep(0)\nz = duranb.now()"
        )
        await asyncio.gather(*(world.acell("s", body) for world in worlds))

    asyncio.run(main())
    for world in worlds:
        assert [c.kind for c in world.calls()] == [Kind.LLM, Kind.VALUE]


def test_code_of_a_closed_runtime_is_outside(world: World) -> None:
    """A task that outlives its session records nothing."""
    with world.inside("s"):
        assert context.current() is not None
        world.runtime.close()
        assert context.current() is None


def test_a_thread_that_was_there_before_belongs_to_the_cell(world: World) -> None:
    """It has no context of the step's, but the cell that runs is known."""
    go, done = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(60)
        world_ask("x")
        done.set()

    threading.Thread(target=work).start()
    with world.inside("s"):
        go.set()
        done.wait(60)
    assert [c.name for c in world.calls("s")] == ["ask x"]


def test_context_tells_where_code_runs(world: World) -> None:
    """Run, branch, step, execution, attempt and key; None outside."""
    assert duranb.context() is None
    world.cell("s", "y = duranb.context()")
    where = world.live["y"]
    assert (where.run, where.branch, where.step, where.attempt) == ("run", "main", "s", 1)
    assert where.idempotency_key.startswith("duranb-")


# -- values --------------------------------------------------------------------------------------

VALUES = ["duranb.now()", "duranb.uuid4()", "duranb.random()"]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("restarted", [False, True], ids=["here", "restarted"])
def test_a_value_is_the_same_when_the_step_resumes(
    world: World, value: str, restarted: bool
) -> None:
    """It is recorded, so what was made of it stays true."""
    world.plain("import duranb\nkept = None")
    with pytest.raises(KeyError):
        world.cell("s", f"got = {value}\nraise KeyError()")
    first = world.live["got"]
    if restarted:
        world.start()
        world.plain("import duranb")
    world.cell("s", f"got = {value}")
    assert world.live["got"] == first


@pytest.mark.parametrize("value", VALUES)
def test_values_in_a_loop_differ(world: World, value: str) -> None:
    """The n-th is the n-th, also when the step resumes."""
    with pytest.raises(KeyError):
        world.cell("s", f"got = [{value} for _ in range(20)]\nraise KeyError()")
    first = world.live["got"]
    assert len(set(first)) == 20
    world.cell("s", f"got = [{value} for _ in range(20)]")
    assert world.live["got"] == first


def test_outside_of_steps_a_value_is_just_one() -> None:
    """Nothing is recorded."""
    assert duranb.now().tzinfo is UTC
    assert isinstance(duranb.now(), datetime)
    assert 0 <= duranb.random() < 1


# -- questions -----------------------------------------------------------------------------------

ASK = "y = duranb.ask('Go?')"


def test_a_question_without_an_answer_waits(world: World) -> None:
    """The step stops waiting, and says how to answer."""
    with pytest.raises(
        Waiting, match=r"waits for an answer to question 1[\s\S]*answer NOTEBOOK 1 VALUE"
    ):
        world.cell("s", ASK)
    assert world.last("s").status is Status.WAITING
    assert world.calls()[0].preview == "Go?"


ANSWERS = [True, 3, ["a"], "yes", None, {"a": 1}]


@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
def test_an_answer_lets_the_step_go_on(world: World, answer: object) -> None:
    """It is durable, and the question is not asked again."""
    with pytest.raises(Waiting):
        world.cell("s", ASK)
    world.runtime.record(e.Answered(call=1, value=answer))
    world.cell("s", ASK)
    assert world.live["y"] == answer
    assert [c.status for c in world.calls()] == [CallStatus.COMPLETED]


@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
def test_an_answer_can_be_posted_by_another_process(
    world: World, tmp_path: Path, answer: object
) -> None:
    """It is found where the runtime's inbox is, and removed once it is recorded."""
    world.runtime.inbox = tmp_path
    with pytest.raises(Waiting):
        world.cell("s", ASK)
    inbox.post_answer(tmp_path, world.runtime.history, e.Answered(call=1, value=answer))
    world.cell("s", ASK)
    assert world.live["y"] == answer
    assert not list((tmp_path / inbox.ANSWERS).iterdir())


TYPED = {"yes": "yes", "3": 3, "true": True, '["a"]': ["a"], "": "later", "{": "{"}


@pytest.mark.parametrize("typed", TYPED, ids=repr)
def test_somebody_at_the_keyboard_is_prompted(world: World, typed: str) -> None:
    """JSON arrives as values, all else as text; nothing typed means the default."""
    world.runtime.settings.headless = False
    world.runtime.settings.prompt = lambda question: typed
    world.cell("s", "y = duranb.ask('Go?', default='later')")
    assert world.live["y"] == TYPED[typed]


def test_without_anybody_the_default_is_the_answer(world: World) -> None:
    """Where there is one."""
    world.cell("s", "y = duranb.ask('Go?', default=1)")
    assert world.live["y"] == 1


def test_what_came_before_a_question_is_not_paid_again(world: World, model: Model) -> None:
    """Answering it goes on from there."""
    with pytest.raises(Waiting):
        world.cell("s", f"t = ask('a')\n{ASK}")
    world.runtime.record(e.Answered(call=2, value=True))
    world.cell("s", f"t = ask('a')\n{ASK}")
    assert model.paid == ["a"]


def test_the_question_keeps_its_number(world: World) -> None:
    """However often the step is run before it is answered."""
    for _ in range(3):
        with pytest.raises(Waiting, match="question 1:"):
            world.cell("s", ASK)
    assert len(world.calls()) == 1


def test_code_that_swallows_the_wait_does_not_complete(world: World) -> None:
    """The step waits all the same."""
    with pytest.raises(Waiting):
        world.cell("s", f"try:\n  {ASK}\nexcept Exception:\n  y = None")


def test_a_question_belongs_into_a_step() -> None:
    """Outside of one it is refused, with the remedy."""
    with pytest.raises(UsageError, match="%%durable"):
        duranb.ask("Go?")


def test_what_a_step_waits_for_is_known_however_often_it_was_run(world: World) -> None:
    """The question belongs to the execution that asked first, and the later ones wait for it too;
    once it is answered nobody waits."""
    for _ in range(2):
        with pytest.raises(Waiting):
            world.cell("s", ASK)
    latest = world.last("s").id
    assert [c.preview for c in world.history.waits_for(latest)] == ["Go?"]
    world.runtime.record(e.Answered(call=1, value=True))
    assert not world.history.waits_for(latest)
