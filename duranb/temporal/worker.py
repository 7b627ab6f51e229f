"""A worker: a process that runs nodes of one exported notebook."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

from duranb import llm, plan
from duranb.plan import Plan
from duranb.store.buckets import open_bucket
from duranb.temporal.activities import Activities
from duranb.temporal.modules import Steps
from duranb.temporal.node import Nodes
from duranb.temporal.workflow import Notebook
from duranb.text import reading

PLAN = "plan.json"
"""The plan's file, in the folder of an export, beside ``steps.py``."""

AT_ONCE = 8
"""Nodes that a worker runs at once, where nothing else is said."""


def load_plan(folder: Path) -> Plan:
    """The plan of an export. Raises :class:`duranb.errors.UsageError` or OSError."""
    return plan.load(reading.regular(folder / PLAN))


def queue_of(exported: Plan) -> str:
    """The task queue of an exported notebook, where nothing else is said."""
    return f"duranb-{Path(exported.notebook).stem or exported.module}"


def activities(folder: Path, bucket: str, at_once: int = AT_ONCE) -> Activities:
    """What a worker of an export runs, for Temporal's own ``Worker``: give it ``.all()`` as
    ``activities`` and :class:`duranb.temporal.workflow.Notebook` among ``workflows``.

    Requests of steps are journaled in this process from now on. Raises
    :class:`duranb.errors.UsageError`, and what importing ``steps.py`` raises.
    """
    llm.install()
    module = load_plan(folder).module
    return Activities(Nodes(open_bucket(bucket), Steps(folder / f"{module}.py", module)), at_once)


async def work(
    client: Client, folder: Path, bucket: str, *, queue: str = "", at_once: int = AT_ONCE
) -> None:
    """Work until the process is told to end (SIGTERM, Ctrl-C); nodes that run then are gone on with
    by other workers."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    worker = Worker(
        client,
        task_queue=queue or queue_of(load_plan(folder)),
        workflows=[Notebook],
        activities=activities(folder, bucket, at_once).all(),
        max_concurrent_activities=at_once,
    )
    async with worker:
        print(f"duranb: working on {worker.task_queue}", flush=True)
        await over.wait()
