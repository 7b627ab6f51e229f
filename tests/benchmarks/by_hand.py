"""The graph of :mod:`tests.benchmarks.bench_temporal` written by hand, and its worker."""

from __future__ import annotations

import asyncio
import os
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker


@activity.defn
def increment(x: int) -> int:
    """A node by hand."""
    return x + 1


@activity.defn
def ask(x: int) -> int:
    """The same with a call."""
    request = urllib.request.Request(os.environ["MODEL_SERVER"] + "/v1/any", str(x).encode())
    with urllib.request.urlopen(request) as reply:
        return x + len(reply.read()) // 10_000 + 1


@workflow.defn
class Chain:
    """The graph by hand."""

    @workflow.run
    async def run(self, nodes: int, name: str) -> int:
        """Run one after the other."""
        x = 0
        for _ in range(nodes):
            x = await workflow.execute_activity(
                name,
                x,
                start_to_close_timeout=timedelta(minutes=1),
                heartbeat_timeout=timedelta(seconds=10),
            )
        return x


async def main() -> None:
    """Work until killed."""
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    with ThreadPoolExecutor(8) as pool:
        worker = Worker(
            client,
            task_queue="by-hand",
            workflows=[Chain],
            activities=[increment, ask],
            activity_executor=pool,
        )
        async with worker:
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
