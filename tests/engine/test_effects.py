"""Effects: recorded before and after, done once, in doubt where nobody can know; and their undo."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

import duranb
from duranb.engine import saga
from duranb.errors import InDoubt, Unrecorded, UsageError
from duranb.record import events as e
from duranb.record.kinds import Kind
from duranb.record.model import Call, CallStatus, Execution, Status
from tests.engine.world import World


class Outside:
    """The outside world: what reached it, and what it answers with."""

    done: list[str] = []
    keys: list[str] = []
    error: BaseException | None = None
    failing: set[str] = set()


def send(to: str, text: str = "hi") -> str:
    """An effect."""
    where = duranb.context()
    assert where is not None
    Outside.keys.append(where.idempotency_key)
    Outside.done.append(f"send {to} {text}")
    if Outside.error is not None:
        error, Outside.error = Outside.error, None
        raise error
    return f"receipt {to}"


def unsend(receipt: str, *args: object) -> None:
    """Its undo."""
    if receipt in Outside.failing:
        Outside.failing.discard(receipt)
        raise KeyError(receipt)
    Outside.done.append(f"unsend {receipt}")


async def asend(to: str) -> str:
    """An async effect."""
    await asyncio.sleep(0)
    return send(to)


class Desk:
    """Its tools change it, as agents do."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def unsend(self, receipt: str) -> None:
        """The undo of its tools."""
        Outside.done.append(f"unsend {receipt} by {type(self).__name__}")

    @duranb.tool(compensate=unsend)
    def send(self, to: str) -> str:
        """An effect."""
        self.sent.append(to)
        return send(to)

    @duranb.tool(compensate=unsend)
    async def asend(self, to: str) -> str:
        """An async effect."""
        self.sent.append(to)
        return await asend(to)


HEAD = """
import duranb
from tests.engine.test_effects import Desk, send, unsend, asend
desk = Desk()
"""


@pytest.fixture(autouse=True)
def _outside(world: World) -> Iterator[None]:
    """Nothing has happened yet."""
    Outside.done, Outside.keys, Outside.error, Outside.failing = [], [], None, set()
    saga.functions.clear()
    world.plain(HEAD)
    yield
    saga.functions.clear()


def restart(world: World) -> None:
    """A new process."""
    world.start()
    world.plain(HEAD)


def effects(world: World) -> list[Call]:
    """The effects that are recorded."""
    return [c for c in world.calls() if c.kind is Kind.EFFECT]


FORMS = {
    "a call": "r = duranb.call(send, 'ann')",
    "with a keyword": "r = duranb.call(send, to='ann')",
    "a tool": "r = duranb.tool(send)('ann')",
    "an idempotent call": "r = duranb.call(send, 'ann', idempotent=True)",
    "an awaited call": "r = await duranb.call(asend, 'ann')",
    "a method": "r = desk.send('ann')",
    "an awaited method": "r = await desk.asend('ann')",
    "with its undo": "r = duranb.call(send, 'ann', compensate=unsend)",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("restarted", [False, True], ids=["here", "restarted"])
def test_an_effect_is_done_once(world: World, form: str, restarted: bool) -> None:
    """A step that failed after it gets the recorded result, here and in another process."""
    with pytest.raises(KeyError):
        world.cell("s", f"{FORMS[form]}\nraise KeyError()")
    if restarted:
        restart(world)
    world.cell("s", FORMS[form])
    assert world.live["r"] == "receipt ann"
    assert Outside.done == ["send ann hi"]


@pytest.mark.parametrize("call", ["desk.send", "await desk.asend"])
def test_the_state_of_an_instance_does_not_tell_its_effects_apart(world: World, call: str) -> None:
    """A method that changes its instance is not done again by a process where it is as new."""
    body = f"r = [{call}('ann'), {call}('bob')]"
    with pytest.raises(KeyError):
        world.cell("s", f"{body}\nraise KeyError()")
    restart(world)
    world.cell("s", body)
    assert Outside.done == ["send ann hi", "send bob hi"]


def test_a_coroutine_that_nobody_awaits_is_refused(world: World) -> None:
    """A plain function that only makes one has done nothing: it is not recorded as done."""
    world.plain("def later(): return asend('ann')")
    with pytest.raises(UsageError, match="later returned a coroutine"):
        world.cell("s", "r = duranb.call(later)")
    assert not Outside.done
    assert [c.status for c in effects(world)] == [CallStatus.FAILED]


def test_intent_comes_before_the_deed(world: World) -> None:
    """When the function runs, its intent is durable, with arguments and key."""
    seen: list[Call] = []

    def deed() -> None:
        seen.extend(effects(world))

    with world.inside("s"):
        duranb.call(deed)
    assert [c.status for c in seen] == [CallStatus.INTENDED]
    assert seen[0].idempotency_key.startswith("duranb-")
    assert [c.status for c in effects(world)] == [CallStatus.COMPLETED]


def test_other_arguments_are_another_effect(world: World) -> None:
    """An effect is known by its function and its arguments."""
    world.cell("s", "a = duranb.call(send, 'ann')\nb = duranb.call(send, 'bob')")
    assert len(Outside.done) == 2
    assert len(set(Outside.keys)) == 2


@pytest.mark.parametrize("times", [2, 3, 10])
def test_identical_effects_are_as_many_as_they_are(world: World, times: int) -> None:
    """The n-th is answered from the n-th, and each has a key of its own."""
    body = f"r = [duranb.call(send, 'ann') for _ in range({times})]"
    with pytest.raises(KeyError):
        world.cell("s", f"{body}\nraise KeyError()")
    world.cell("s", body)
    assert len(Outside.done) == len(set(Outside.keys)) == times


def test_another_step_does_it_itself(world: World) -> None:
    """A step is not answered from another step's journal."""
    world.cell("s", "r = duranb.call(send, 'ann')")
    world.cell("t", "q = duranb.call(send, 'ann')")
    assert len(Outside.done) == 2


def test_fresh_does_no_effect_again(world: World) -> None:
    """``--fresh`` asks models anew, but never does an effect a second time."""
    world.cell("s", "r = duranb.call(send, 'ann'), ask('a')")
    world.cell("s --fresh", "r = duranb.call(send, 'ann'), ask('a')")
    assert len(Outside.done) == 1
    assert world.model.paid == ["a", "a"]


def test_a_retry_uses_the_same_key(world: World) -> None:
    """A failure that is known to be one is tried again under the key it began with."""
    Outside.error = ConnectionResetError()
    world.cell("s --backoff 0", "r = duranb.call(send, 'ann', idempotent=True)")
    assert len(Outside.done) == 2
    assert len(set(Outside.keys)) == 1


def test_a_known_failure_is_recorded(world: World) -> None:
    """An error of the function's own says that it did not happen: the next run does it."""
    Outside.error = KeyError("no such address")
    with pytest.raises(KeyError):
        world.cell("s", "r = duranb.call(send, 'ann')")
    assert [c.status for c in effects(world)] == [CallStatus.FAILED]
    world.cell("s", "r = duranb.call(send, 'ann')")
    assert len(Outside.done) == 2


UNKNOWN = [ConnectionResetError(), TimeoutError()]


@pytest.mark.parametrize("error", UNKNOWN, ids=repr)
def test_an_unknown_outcome_is_in_doubt(world: World, error: Exception) -> None:
    """A connection that broke says nothing about whether it happened: never a second time."""
    Outside.error = error
    with pytest.raises(InDoubt, match="resolve s --happened"):
        world.cell("s --backoff 0", "r = duranb.call(send, 'ann')")
    assert world.last("s").status is Status.IN_DOUBT
    with pytest.raises(InDoubt):
        world.cell("s", "r = duranb.call(send, 'ann')")
    assert len(Outside.done) == 1


def test_an_interrupt_leaves_it_in_doubt(world: World) -> None:
    """Ctrl-C in the middle of an effect: the next run asks the user."""
    Outside.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        world.cell("s", "r = duranb.call(send, 'ann')")
    with pytest.raises(InDoubt):
        world.cell("s", "r = duranb.call(send, 'ann')")
    assert len(Outside.done) == 1


def test_an_interrupted_idempotent_effect_runs_again(world: World) -> None:
    """With the same key."""
    Outside.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        world.cell("s", "r = duranb.call(send, 'ann', idempotent=True)")
    world.cell("s", "r = duranb.call(send, 'ann', idempotent=True)")
    assert len(Outside.done) == 2
    assert len(set(Outside.keys)) == 1


def died_inside(world: World, *, idempotent: bool = False) -> None:
    """The process died between intent and outcome."""
    with world.inside("s") as step:
        flow = step.journal.claim(Kind.EFFECT, Kind.EFFECT.key("send", "k"), "send")
        assert flow is not None
        for _ in flow.intend(idempotency_key="duranb-1", idempotent=idempotent, preview="'ann'"):
            pass
        restart(world)


def test_death_inside_an_effect_puts_the_step_in_doubt(world: World) -> None:
    """The next process knows that it cannot know."""
    died_inside(world)
    assert world.last("s").status is Status.IN_DOUBT
    assert effects(world)[0].status is CallStatus.IN_DOUBT


def test_death_inside_an_idempotent_effect_does_not(world: World) -> None:
    """It may simply be done again."""
    died_inside(world, idempotent=True)
    assert world.last("s").status is Status.FAILED


VERDICTS = {"happened": (1, 700), "not-happened": (2, "receipt ann")}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_user_says_what_happened(world: World, verdict: str) -> None:
    """It happened (with this result), or it did not and is done."""
    Outside.error = TimeoutError()
    with pytest.raises(InDoubt):
        world.cell("s", "r = duranb.call(send, 'ann')")
    call = effects(world)[0]
    result = world.runtime.namespace.capture_value(700) if verdict == "happened" else None
    world.runtime.record(e.CallResolved(call=call.id, verdict=verdict, result=result))
    world.cell("s", "r = duranb.call(send, 'ann')")
    assert (len(Outside.done), world.live["r"]) == VERDICTS[verdict]


def test_code_that_swallows_doubt_does_not_complete(world: World) -> None:
    """The step stops in doubt whatever its code makes of the error."""
    Outside.error = TimeoutError()
    body = "try:\n  r = duranb.call(send, 'ann')\nexcept Exception:\n  r = None"
    with pytest.raises(InDoubt):
        world.cell("s", body)


@pytest.mark.parametrize("kind", ["get", "ask"])
def test_inside_an_effect_models_are_journaled_and_requests_are_not(
    world: World, kind: str
) -> None:
    """The effect is the unit that is recorded; but an answer that was paid for is kept."""
    world.plain(f"def work():\n    {kind}('x')\n    return 1")
    world.cell("s", "r = duranb.call(work)")
    kinds = [c.kind for c in world.calls() if c.kind is not Kind.EFFECT]
    assert kinds == ([Kind.LLM] if kind == "ask" else [])


def test_threads_of_an_effect_are_inside_it(world: World) -> None:
    """A request that an effect's thread sends is part of the effect."""
    world.plain(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def work():\n    with ThreadPoolExecutor(1) as p: return p.submit(get, 'x').result()"
    )
    world.cell("s", "r = duranb.call(work)")
    assert [c.kind for c in world.calls()] == [Kind.EFFECT]


def test_outside_of_steps_an_effect_is_a_plain_call(world: World) -> None:
    """Nothing is recorded."""
    assert duranb.call(len, [1]) == 1
    assert not effects(world)


def test_a_strict_replay_does_no_effect(world: World) -> None:
    """Its recorded result stands in; one that was never recorded is refused."""
    world.cell("s", "r = duranb.call(send, 'ann')")
    world.start(strict=True)
    world.plain(HEAD)
    world.cell("s", "r = duranb.call(send, 'ann')")
    with pytest.raises(Unrecorded, match="send"):
        world.cell("s", "r = duranb.call(send, 'bob')")
    with pytest.raises(Unrecorded, match="outside of any step"):
        duranb.call(send, "ann")
    assert Outside.done == ["send ann hi"]


def test_the_difference_to_what_was_recorded_is_said(world: World) -> None:
    """A strict replay that meets other arguments shows the nearest ones."""
    world.cell("s", "r = duranb.call(send, 'ann')")
    world.start(strict=True)
    world.plain(HEAD)
    with pytest.raises(Unrecorded, match=r"ann[\s\S]*anna"):
        world.cell("s", "r = duranb.call(send, 'anna')")


# -- compensation --------------------------------------------------------------------------------


def undone(world: World, step: str) -> Execution:
    """Compensate the latest execution of a step; the compensation."""
    runtime = world.runtime
    return world.history.executions[saga.undo(runtime, [world.last(step)], "wanted")[-1]]


PAY = "r = [duranb.call(send, to, compensate=unsend) for to in ('ann', 'bob', 'cid')]"


def test_effects_are_undone_in_reverse(world: World) -> None:
    """The latest first, each with its own result."""
    world.cell("s", PAY)
    made = undone(world, "s")
    assert Outside.done[3:] == [f"unsend receipt {who}" for who in ("cid", "bob", "ann")]
    assert world.last("s").status is Status.COMPENSATED
    assert made.compensates == world.last("s").id
    assert all(c.status is CallStatus.COMPENSATED for c in world.calls("s"))


def test_a_method_undoes_a_method(world: World) -> None:
    """It is called on the instance, with the result."""
    world.cell("s", "r = desk.send('ann'), await desk.asend('bob')")
    undone(world, "s")
    assert Outside.done[2:] == [f"unsend receipt {who} by Desk" for who in ("bob", "ann")]


def test_what_was_undone_is_done_again(world: World) -> None:
    """A compensated step runs again, and its effects have new keys."""
    world.cell("s", PAY)
    undone(world, "s")
    world.cell("s", PAY)
    assert len([d for d in Outside.done if d.startswith("send")]) == 6
    assert len(set(Outside.keys)) == 6
    assert world.last("s").reason == "its last execution was compensated"


def test_a_failed_undo_stops_the_chain_and_goes_on_later(world: World) -> None:
    """What is undone stays undone; the rest follows when it is mended."""
    world.cell("s", PAY)
    Outside.failing.add("receipt bob")
    with pytest.raises(KeyError) as caught:
        undone(world, "s")
    assert "stopped here" in caught.value.__notes__[0]
    assert world.last("s").status is Status.COMPENSATION_FAILED
    assert Outside.done[3:] == ["unsend receipt cid"]
    undone(world, "s")
    assert Outside.done[3:] == [f"unsend receipt {who}" for who in ("cid", "bob", "ann")]


def test_nothing_is_undone_twice(world: World) -> None:
    """A compensated step says so."""
    world.cell("s", PAY)
    undone(world, "s")
    with pytest.raises(UsageError, match="compensated already"):
        undone(world, "s")


def test_what_nothing_undoes_is_refused(world: World) -> None:
    """With the way to give it an undo."""
    world.cell("s", "r = duranb.call(send, 'ann')")
    with pytest.raises(UsageError, match="nothing undoes step 's'"):
        undone(world, "s")


def test_a_cell_undoes_a_step_with_what_was_recorded(world: World) -> None:
    """It sees the inputs and outputs of the time, not today's variables."""
    world.plain("who = 'ann'\nlog = []")
    world.cell("s", "r = duranb.call(send, who)")
    source = "unsend(r + ' of ' + who)"
    world.runtime.record(e.CompensationRegistered(step="s", source=source))
    world.plain("who = 'bob'\nr = None")
    undone(world, "s")
    assert Outside.done[-1] == "unsend receipt ann of ann"


def test_a_restored_step_is_compensated_with_its_source(world: World) -> None:
    """Executions that were restored from a compensated one are compensated too."""
    world.cell("s", PAY)
    world.cell("s", PAY)
    undone(world, "s")
    assert {x.status for x in world.history.executions_of("s")} == {Status.COMPENSATED}


def test_a_strict_replay_undoes_nothing(world: World) -> None:
    """A compensation carries something out."""
    world.cell("s", PAY)
    world.start(strict=True)
    with pytest.raises(Unrecorded, match="would be undone"):
        undone(world, "s")
