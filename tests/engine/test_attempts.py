"""Attempts: what is tried again, after which wait, from which state, and how it ends."""

from __future__ import annotations

import asyncio
import json
import random

import pytest

import duranb
from duranb import errors
from duranb.engine import flows
from duranb.errors import StoreUnwritable, Unrecorded, UsageError, ValidationFailed
from duranb.record.model import CallStatus, Cause, Origin, Status
from tests.engine.world import Model, World

TRANSPORT = ["ConnectionResetError()", "TimeoutError()", "ConnectionRefusedError()"]
CODE = ["KeyError(1)", "ValueError()", "ZeroDivisionError()", "duranb.errors.UsageError('no')"]
CONTENT = ["duranb.Reject('no')", "json.JSONDecodeError('no', '', 0)"]
FAIL_ONCE = """
tries.append(1)
t = ask('a')
if len(tries) == 1:
    raise {error}
y = t
"""


@pytest.fixture(autouse=True)
def _tries(world: World) -> list[int]:
    """How often a body was tried, where no rollback reaches it."""
    Tries.found = []
    world.plain("import duranb.errors, json\nfrom tests.engine.test_attempts import Tries")
    return Tries.found


class Tries:
    """Counts in this module, not in the notebook."""

    found: list[int] = []

    @classmethod
    def count(cls) -> int:
        """One more; how many there are."""
        cls.found.append(1)
        return len(cls.found)


def failing(error: str, *, times: int = 1, before: str = "") -> str:
    """A body that asks, and fails ``times`` times."""
    return f"n = Tries.count()\n{before}t = ask('a')\nif n <= {times}: raise {error}\ny = n"


@pytest.mark.parametrize("error", TRANSPORT)
def test_transport_keeps_what_was_paid(world: World, model: Model, error: str) -> None:
    """It is tried again, and the call that came back is not made again."""
    world.cell("s --backoff 0", failing(error))
    assert world.live["y"] == 2
    assert model.paid == ["a"]
    assert [a.cause for a in world.last("s").attempts] == [Cause.TRANSPORT, None]


@pytest.mark.parametrize("error", CONTENT)
def test_content_is_asked_anew(world: World, model: Model, error: str) -> None:
    """The answer is rejected and asked for again."""
    world.cell("s --backoff 0", failing(error))
    assert model.paid == ["a", "a"]
    assert [c.status for c in world.calls()] == [CallStatus.REJECTED, CallStatus.COMPLETED]
    assert [a.cause for a in world.last("s").attempts] == [Cause.CONTENT, None]


@pytest.mark.parametrize("error", CODE)
def test_code_is_not_tried_again(world: World, model: Model, error: str) -> None:
    """The user mends the cell, and pays for nothing again."""
    with pytest.raises((KeyError, ValueError, ZeroDivisionError, UsageError)):
        world.cell("s --backoff 0", failing(error))
    assert world.last("s").status is Status.FAILED
    world.cell("s", "n = Tries.count()\nt = ask('a')\ny = t")
    assert world.live["y"] == "a 1"
    assert model.paid == ["a"]
    assert world.last("s").origin is Origin.RESUMED


@pytest.mark.parametrize("error", CONTENT)
def test_content_without_an_answer_is_code(world: World, error: str) -> None:
    """An attempt that asked nothing has no content to reject."""
    with pytest.raises((duranb.Reject, json.JSONDecodeError)):
        world.cell("s --backoff 0", f"Tries.count()\nraise {error}")
    assert len(Tries.found) == 1
    assert world.last("s").attempts[0].cause is Cause.CODE


@pytest.mark.parametrize("retries", [0, 1, 2, 5])
def test_retries_count_the_attempts_after_the_first(world: World, retries: int) -> None:
    """``--retries N`` makes N + 1 attempts at most."""
    with pytest.raises(TimeoutError):
        world.cell(f"s --backoff 0 --retries {retries}", failing("TimeoutError()", times=99))
    assert len(Tries.found) == retries + 1
    assert len(world.last("s").attempts) == retries + 1


def test_retry_on_overrides_the_cause(world: World) -> None:
    """``--retry-on`` names what is tried again although it is code."""
    world.cell("s --backoff 0 --retry-on KeyError", failing("KeyError(1)"))
    assert world.live["y"] == 2


def test_no_retry_on_overrides_the_cause(world: World) -> None:
    """``--no-retry-on`` names what is not."""
    with pytest.raises(TimeoutError):
        world.cell("s --backoff 0 --no-retry-on TimeoutError", failing("TimeoutError()"))
    assert len(Tries.found) == 1


@pytest.mark.parametrize("ending", ["KeyboardInterrupt()", "SystemExit()"])
def test_an_interrupt_ends_it(world: World, ending: str) -> None:
    """Neither Ctrl-C nor an exit is tried again."""
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        world.cell("s --backoff 0", failing(ending))
    assert len(Tries.found) == 1


def test_an_interrupted_step_is_cancelled(world: World) -> None:
    """Its status says so, and its paid calls are kept."""
    with pytest.raises(KeyboardInterrupt):
        world.cell("s", failing("KeyboardInterrupt()"))
    assert world.last("s").status is Status.CANCELLED
    world.cell("s", failing("KeyError()", times=0))
    assert world.model.paid == ["a"]


CHANGES = {
    "a list": ("x = [1]", "x.append(2)", [1]),
    "a dict": ("x = {1: 1}", "x.clear()", {1: 1}),
    "a set": ("x = {1}", "x.add(2)", {1}),
    "bound anew": ("x = 1", "x = 2", 1),
    "nested": ("x = {'a': []}", "x['a'].append(1)", {"a": []}),
}


@pytest.mark.parametrize("how", CHANGES)
def test_a_retried_attempt_starts_clean(world: World, how: str) -> None:
    """What an attempt changed is put back before the next one."""
    before, change, clean = CHANGES[how]
    world.plain(before)
    body = f"n = Tries.count()\nseen = repr(x)\n{change}\nif n == 1: raise TimeoutError()\ny = seen"
    world.cell("s --backoff 0", body)
    assert world.live["y"] == repr(clean)


def test_new_names_of_a_failed_attempt_are_gone(world: World) -> None:
    """A name that an attempt bound is not there in the next one."""
    body = (
        "n = Tries.count()\nthere = 'new' in globals()\nnew = 1\n"
        "if n == 1: raise TimeoutError()\ny = there"
    )
    world.cell("s --backoff 0", body)
    assert world.live["y"] is False


def test_the_random_state_is_put_back(world: World) -> None:
    """A retried attempt draws what the first one drew."""
    world.plain("import random\nrandom.seed(3)\nfirst = random.Random(3).random()")
    body = "n = Tries.count()\ny = random.random()\nif n == 1: raise TimeoutError()"
    world.cell("s --backoff 0", body)
    assert world.live["y"] == world.live["first"]


def test_a_step_that_failed_leaves_its_variables(world: World) -> None:
    """As a plain cell does; and its next run starts clean."""
    world.plain("x = [1]")
    with pytest.raises(KeyError):
        world.cell("s", "x.append(2)\nleft = 5\nraise KeyError()")
    assert (world.live["x"], world.live["left"]) == ([1, 2], 5)
    world.cell("s", "x.append(3)\ny = 1")
    assert world.live["x"] == [1, 3]
    assert "left" not in world.live


def test_what_the_user_changed_since_is_not_put_back(world: World) -> None:
    """Only what the failed step left and nobody touched is undone."""
    with pytest.raises(KeyError):
        world.cell("s", "a = 1\nb = 1\nraise KeyError()")
    world.plain("a = 9")
    world.cell("s", "y = 1")
    assert world.live["a"] == 9
    assert "b" not in world.live


SHARED = {
    "bound anew": ("x = [1]; y = [x]", "x.append(2)", "y = 5", "(x, y)", ([1], 5)),
    "changed": ("x = [1]; y = [x, 3]", "x.append(2)", "y[1] = 4", "(x, y[1])", ([1], 4)),
    "a view": (
        "import numpy\nx = numpy.zeros(3); y = x[:2]; z = x[:2]",
        "x[2] = 9",
        "y = 5",
        "(x.tolist(), y, numpy.shares_memory(x, z))",
        ([0, 0, 0], 5, True),
    ),
    "seeded anew": (
        "import random; x = [1]; random.seed(1)",
        "x.append(random.random())",
        "random.seed(2)",
        "(x, random.random())",
        ([1], random.Random(2).random()),
    ),
}


@pytest.mark.parametrize("how", SHARED)
@pytest.mark.parametrize("restarted", [False, True], ids=["here", "restarted"])
def test_a_clean_start_leaves_alone_what_is_of_others(
    world: World, how: str, restarted: bool
) -> None:
    """What shared state with what the failed step had changed, and was bound or changed since,
    stays; what still shares goes on to share."""
    before, change, since, look, there = SHARED[how]
    world.plain(before)
    with pytest.raises(KeyError):
        world.cell("s", f"{change}\nraise KeyError()")
    world.plain(since)
    if restarted:
        world.runtime.failed.clear()  # what is known of it is what is recorded
    world.cell("s", "done = 1")
    assert eval(look, world.live) == there


def test_after_a_restart_it_starts_clean_too(world: World) -> None:
    """What a failed step left behind is recorded, and undone by the next process."""
    world.plain("x = [1]")
    with pytest.raises(KeyError):
        world.cell("s", "x.append(2)\nraise KeyError()")
    assert world.last("s").left


VALIDATORS = {"a wrong value": "y > 10", "a false one": "False", "an empty one": "[]"}


@pytest.mark.parametrize("how", VALIDATORS)
def test_a_failed_validator_asks_again(world: World, model: Model, how: str) -> None:
    """``--validate`` rejects the latest answer until it holds, or there is no attempt left."""
    with pytest.raises(ValidationFailed, match="'s'"):
        world.cell(f"s --backoff 0 --retries 1 --validate '{VALIDATORS[how]}'", "y = len(ask('a'))")
    assert len(model.paid) == 2


def test_a_validator_that_holds(world: World, model: Model) -> None:
    """Then the step is complete at once."""
    world.cell("s --validate 'y == 3'", "y = len(ask('a'))")
    assert model.paid == ["a"]


def test_a_validator_that_raises_is_the_users_to_mend(world: World, model: Model) -> None:
    """Nothing is rejected, nothing is paid again."""
    with pytest.raises(UsageError, match="validator of step 's'"):
        world.cell("s --validate 'nope > 1'", "y = ask('a')")
    world.cell("s --validate 'y'", "y = ask('a')")
    assert model.paid == ["a"]


def test_each_retry_is_said_once(world: World) -> None:
    """One quiet line for each, with the cause and the wait."""
    world.cell("s --backoff 0", failing("TimeoutError('slow')", times=2))
    assert len(world.notices) == 2
    assert "attempt 1 of 4 failed (transport: TimeoutError: slow)" in world.notices[0]


def test_a_content_retry_says_that_it_asks_again(world: World) -> None:
    """It does not wait."""
    world.cell("s", failing("duranb.Reject('no')"))
    assert world.notices[0].endswith("asking again")


def test_a_wait_is_recorded(world: World) -> None:
    """The history knows how long each pause was; the last attempt has none."""
    world.cell("s --backoff 0.001", failing("TimeoutError()"))
    waits = [a.wait for a in world.last("s").attempts]
    assert 0 < waits[0] < 0.1
    assert waits[1] == -1


GROUPS = {
    "all transport": ("[TimeoutError(), ConnectionResetError()]", 2),
    "mixed": ("[TimeoutError(), KeyError()]", 1),
}


@pytest.mark.parametrize("how", GROUPS)
def test_a_group_of_errors_has_a_cause_if_all_have_the_same(world: World, how: str) -> None:
    """Otherwise it is code."""
    errors_, tries = GROUPS[how]
    body = failing(f"ExceptionGroup('several', {errors_})")
    if tries == 1:
        with pytest.raises(ExceptionGroup):
            world.cell("s --backoff 0", body)
    else:
        world.cell("s --backoff 0", body)
    assert len(Tries.found) == tries


ASYNC = {
    "transport": ("TimeoutError()", 2, ["a"]),
    "content": ("duranb.Reject()", 2, ["a", "a"]),
}


@pytest.mark.parametrize("how", ASYNC)
def test_async_bodies_are_tried_again(world: World, model: Model, how: str) -> None:
    """A cell that awaits has the same attempts."""
    error, tries, paid = ASYNC[how]
    body = f"n = Tries.count()\nt = await aask('a')\nif n == 1: raise {error}\ny = n"
    world.cell("s --backoff 0", body)
    assert world.live["y"] == tries
    assert model.paid == paid


def test_a_cancelled_async_step_is_cancelled(world: World) -> None:
    """Cancelling its task ends the step, and is no reason to try again."""

    async def main() -> None:
        body = "import asyncio\nTries.count()\nawait asyncio.sleep(9)\ny = 1"
        task = asyncio.create_task(world.acell("s", body))
        while not Tries.found:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert world.last("s").status is Status.CANCELLED
    assert len(Tries.found) == 1


@pytest.mark.parametrize("colour", ["time.sleep(9)", "await asyncio.sleep(9)"])
def test_a_timeout_is_transport(world: World, colour: str) -> None:
    """``--timeout`` ends an attempt that takes too long, and another one follows."""
    body = f"import asyncio, time\nn = Tries.count()\nif n == 1: {colour}\ny = n"
    world.cell("s --timeout 0.2 --backoff 0 --retries 50", body)  # a busy machine takes long, too
    assert world.live["y"] >= 2
    assert world.last("s").attempts[0].error is not None
    assert world.last("s").attempts[0].error.type == "StepTimeout"


def test_an_answer_that_cannot_be_recorded_stops_the_step(world: World, model: Model) -> None:
    """A full disk: the step fails, and code that swallows the error does not go on paying."""
    body = "try:\n  a = ask('a')\nexcept Exception:\n  a = ask('b')\ny = 1"
    world.store.failing = StoreUnwritable("the disk is full")
    with pytest.raises(StoreUnwritable):
        world.cell("s", body)
    world.store.failing = None


def test_a_completion_that_cannot_be_recorded_fails(world: World) -> None:
    """What is not durable is not complete."""
    world.cell("s", "y = 1")
    world.store.failing = StoreUnwritable("the disk is full")
    with pytest.raises(StoreUnwritable):
        world.cell("t", "z = 1")
    world.store.failing = None
    world.runtime.flush()
    assert world.last("t").status is Status.FAILED


def test_a_strict_replay_is_answered_from_the_journal(world: World, model: Model) -> None:
    """Every body runs, and nothing is sent."""
    world.cell("s", "y = ask('a')")
    world.start(strict=True)
    world.cell("s", "y = ask('a')")
    assert world.live["y"] == "a 1"
    assert model.paid == ["a"]


@pytest.mark.parametrize("swallowed", [False, True])
def test_a_strict_replay_refuses_what_was_not_recorded(
    world: World, model: Model, swallowed: bool
) -> None:
    """Even if the code swallows it."""
    world.cell("s", "y = ask('a')")
    world.start(strict=True)
    body = "try:\n  y = ask('b')\nexcept Exception:\n  y = 0" if swallowed else "y = ask('b')"
    with pytest.raises(Unrecorded, match="never recorded: ask b"):
        world.cell("s", body)
    assert model.paid == ["a"]


def test_a_strict_replay_does_not_wait(world: World) -> None:
    """A retry that was recorded is gone through at once."""
    world.cell("s --backoff 0", failing("TimeoutError()"))
    world.start(strict=True)
    Tries.found = []
    world.plain("from tests.engine.test_attempts import Tries")
    world.cell("s --backoff 99", failing("TimeoutError()"))
    assert world.last("s").attempts[0].wait == 0.0


def test_errors_are_one_tree() -> None:
    """Whatever duranb raises can be caught as one."""
    found = [getattr(errors, name) for name in errors.__all__]
    assert all(issubclass(kind, errors.DuranbError) for kind in found)


# -- flows: one implementation, two drivers ------------------------------------------------------


def _flow(log: list[str]) -> flows.Flow[str]:
    try:
        got = yield flows.Act(lambda: "x")
        log.append(got)
        yield flows.Pause(0)
        return "done"
    finally:
        log.append("ended")


def _async_flow(log: list[str]) -> flows.Flow[str]:
    async def act() -> str:
        return "x"

    got = yield flows.Act(act)
    log.append(got)
    yield flows.Pause(0)
    return "done"


def test_a_flow_runs_in_a_thread() -> None:
    """Its outcomes are sent back in, and its return value comes out."""
    log: list[str] = []
    assert flows.run(_flow(log)) == "done"
    assert log == ["x", "ended"]


def test_a_flow_runs_on_a_loop() -> None:
    """The same, awaited."""
    log: list[str] = []
    assert asyncio.run(flows.arun(_async_flow(log))) == "done"
    assert log == ["x"]


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_an_error_is_thrown_into_the_flow(colour: str) -> None:
    """It sees what its act raised, and may handle it."""

    def fail() -> str:
        raise KeyError(1)

    async def afail() -> str:
        raise KeyError(1)

    def flow() -> flows.Flow[str]:
        try:
            yield flows.Act(fail if colour == "sync" else afail)
        except KeyError:
            return "handled"
        return "missed"

    made = flow()
    assert (flows.run(made) if colour == "sync" else asyncio.run(flows.arun(made))) == "handled"


def test_a_cancellation_reaches_the_flow() -> None:
    """So that it can put things right, and it stays one."""
    seen: list[str] = []

    def flow() -> flows.Flow[None]:
        try:
            yield flows.Pause(9)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main() -> None:
        task = asyncio.create_task(flows.arun(flow()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["cancelled"]
