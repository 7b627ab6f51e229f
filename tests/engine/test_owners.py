"""A call belongs to what made it: who is to blame for an answer, and what is left of an attempt."""

from __future__ import annotations

import threading

import pytest

from duranb.record.model import CallStatus
from tests.engine.world import Model, World

HEAD = """
import asyncio, json, threading
from concurrent.futures import ThreadPoolExecutor
def read(n):
    return json.loads(ask(n))
async def aread(n):
    return json.loads(await aask(n))
"""

WAYS = {
    "a loop": "got = [read(n) for n in range(40)]",
    "a loop in the cell": (
        "got = []\nfor n in range(40):\n    text = ask(n)\n    got.append(json.loads(text))"
    ),
    "threads": "with ThreadPoolExecutor(8) as pool: got = list(pool.map(read, range(40)))",
    "futures": (
        "with ThreadPoolExecutor(8) as pool:\n"
        "    got = [f.result() for f in [pool.submit(read, n) for n in range(40)]]"
    ),
    "asyncio.gather": "got = await asyncio.gather(*(aread(n) for n in range(40)))",
    "tasks": ("got = [await t for t in [asyncio.create_task(aread(n)) for n in range(40)]]"),
    "a task group": (
        "async with asyncio.TaskGroup() as group:\n"
        "    tasks = [group.create_task(aread(n)) for n in range(40)]\n"
        "got = [t.result() for t in tasks]"
    ),
    "to_thread": "got = await asyncio.gather(*(asyncio.to_thread(read, n) for n in range(40)))",
    "asked first, parsed later": (
        "texts = [ask(n) for n in range(40)]\ngot = [json.loads(text) for text in texts]"
    ),
    "gathered first, parsed later": (
        "texts = await asyncio.gather(*(aask(n) for n in range(40)))\n"
        "got = [json.loads(text) for text in texts]"
    ),
    "a semaphore": (
        "lock = asyncio.Semaphore(4)\n"
        "async def one(n):\n    async with lock: return await aread(n)\n"
        "got = await asyncio.gather(*(one(n) for n in range(40)))\ndel lock"
    ),
    "as completed": (
        "got = sorted([await t for t in asyncio.as_completed([aread(n) for n in range(40)])])"
    ),
}


class Held:
    """A thread that waits at its beginning until it is let, and is then waited for. In this module,
    not in the notebook."""

    gates = {n: (threading.Event(), threading.Event()) for n in (1, 2)}

    def __init__(self, number: int) -> None:
        self._go, self._done = self.gates[number]

    def __enter__(self) -> None:
        self._go.wait(60)

    def __exit__(self, *error: object) -> None:
        self._done.set()

    @classmethod
    def let(cls, number: int) -> None:
        """The thread with that number goes on, to its end."""
        go, done = cls.gates[number]
        go.set()
        assert done.wait(60)


@pytest.mark.parametrize("way", WAYS)
def test_one_bad_answer_among_40_is_made_anew_alone(world: World, model: Model, way: str) -> None:
    """Whatever makes the calls, the answer that could not be parsed is rejected and asked for
    again, and no other one: 41 are paid for."""
    model.delay = 0.0 if "later" in way or "loop" in way else 0.0005
    model.answers = {str(n): [str(n)] for n in range(40)}
    model.answers["17"] = ["not JSON", "17"]
    world.plain(HEAD)
    world.cell("read_all --backoff 0", WAYS[way])
    assert world.live["got"] == list(range(40))
    assert len(model.paid) == 41
    rejected = [c for c in world.calls() if c.status is CallStatus.REJECTED]
    assert [c.name for c in rejected] == ["ask 17"]


CROWDS = {
    "gather": "got = await asyncio.gather(*(one(n) for n in range(200)))",
    "tasks": "got = [await t for t in [asyncio.create_task(one(n)) for n in range(200)]]",
    "a task group": (
        "async with asyncio.TaskGroup() as group:\n"
        "    tasks = [group.create_task(one(n)) for n in range(200)]\n"
        "got = [t.result() for t in tasks]\ndel tasks, group"
    ),
}


@pytest.mark.parametrize("way", CROWDS)
def test_a_crowd_that_fails_here_and_there_is_paid_for_once(
    world: World, model: Model, way: str
) -> None:
    """200 calls, 8 at once, of which 4 fail once: what an attempt that failed had begun is not made
    again by the next one, so 200 answers are paid for."""
    model.delay = 0.0002
    failed = [ConnectionResetError("500")]
    for n in (3, 50, 120, 199):
        model.answers[str(n)] = [*failed, f"{n}!"]
    world.plain(
        "import asyncio\ngate = None\n"
        "async def one(n):\n    async with gate: return await aask(n)\n"
    )
    source = f"gate = asyncio.Semaphore(8)\n{CROWDS[way]}\ngate = None"
    world.cell("read_all --backoff 0 --retries 6", source)
    assert len(world.live["got"]) == 200
    answered = [c for c in world.calls() if c.response]
    cancelled = 8 * 4 if way == "a task group" else 0  # it cancels its tasks itself
    assert len(answered) == 200
    assert len(model.paid) <= 200 + 4 + cancelled


def test_a_task_of_a_failed_attempt_makes_no_more_calls(world: World, model: Model) -> None:
    """A task that was left behind is cancelled at its next call, and takes no place of the next
    attempt."""
    model.answers["bad"] = [ConnectionResetError("500"), "fine"]
    world.plain(
        "import asyncio\nleft = None\n"
        "async def later():\n"
        "    await asyncio.sleep(0.02)\n"
        "    return await aask('late')\n"
    )
    world.cell(
        "crowd --backoff 0",
        "left = asyncio.create_task(later())\ngot = await aask('bad')\nleft = await left",
    )
    assert model.paid.count("late") == 1
    assert world.live["left"] == "late 1"


def test_a_thread_of_a_failed_attempt_makes_no_more_calls(world: World, model: Model) -> None:
    """A thread cannot be cancelled, but what it asks for after its attempt failed is not sent."""
    model.answers["bad"] = [ConnectionResetError("500"), "fine"]
    world.plain("import threading\nfrom tests.engine.test_owners import Held\n")
    world.plain("def work(n):\n    with Held(n): ask('late')\n")
    world.cell(
        "crowd --backoff 0",
        "n = duranb.context().attempt\n"
        "thread = threading.Thread(target=work, args=(n,), daemon=True)\n"
        "thread.start()\n"
        "if n == 2: Held.let(1)\n"
        "got = ask('bad')\n"
        "Held.let(n)\ndel thread",
    )
    assert model.paid == ["bad", "bad", "late"]


def test_a_late_answer_of_a_failed_attempt_is_kept(world: World, model: Model) -> None:
    """A call that is on its way when its attempt fails is waited for, and the next attempt is
    answered from it."""
    model.delay = 0.01
    model.answers["bad"] = [ConnectionResetError("500"), "fine"]
    world.plain("import asyncio\nasync def slow():\n    return await aask('slow')\n")
    world.cell(
        "crowd --backoff 0",
        "slowly = asyncio.create_task(slow())\n"
        "await asyncio.sleep(0.005)\n"
        "got = await aask('bad'), await slowly\ndel slowly",
    )
    assert model.paid.count("slow") == 1
