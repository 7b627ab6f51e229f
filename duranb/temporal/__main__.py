"""``python -m duranb.temporal``: a worker, and what starts, shows and answers runs.

Where Temporal is comes from its own configuration (``TEMPORAL_ADDRESS``, ``TEMPORAL_NAMESPACE``,
``TEMPORAL_API_KEY``, TLS, or a profile in its file); the bucket from ``--bucket`` or
``DURANB_BUCKET``; the key that workers share from ``DURANB_KEY``.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import click

from duranb.errors import DuranbError
from duranb.temporal import runs, worker
from duranb.temporal.workflow import COMPENSATE, Notebook
from duranb.terminal import tame
from duranb.text import given as typed

FOLDER = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
QUEUE = click.option("--queue", default="", help="Task queue; by default the notebook's name.")


@click.group(help=__doc__)
def main() -> None:
    """The commands below."""


@main.command("worker")
@FOLDER
@QUEUE
@click.option("--bucket", envvar="DURANB_BUCKET", required=True, help="A folder, s3://…, gs://…")
@click.option("--at-once", default=worker.AT_ONCE, show_default=True, help="Nodes at once.")
def work(folder: Path, queue: str, bucket: str, at_once: int) -> None:
    """Run nodes of the export in FOLDER until SIGTERM."""

    async def go() -> None:
        await worker.work(await runs.connected(), folder, bucket, queue=queue, at_once=at_once)

    asyncio.run(go())


@main.command()
@FOLDER
@click.argument("run")
@click.option("-p", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter; JSON.")
@click.option("--on-failure", type=click.Choice([COMPENSATE]), default=None)
@click.option("--heartbeat", type=float, help="Seconds after which a silent worker is dead.")
@click.option("--wait", is_flag=True, help="Wait for its end, and show its result.")
@QUEUE
def start(
    folder: Path,
    run: str,
    parameters: tuple[str, ...],
    on_failure: str | None,
    heartbeat: float | None,
    wait: bool,
    queue: str,
) -> None:
    """Start RUN (a name of your choice) of the export in FOLDER."""
    given = {}
    for each in parameters:
        name, found, value = each.partition("=")
        if not found:
            raise click.UsageError(f"-p {each}: it takes NAME=VALUE")
        given[name] = typed.value(value)

    async def go() -> Any:
        handle = await runs.start(
            await runs.connected(),
            folder,
            run,
            given,
            queue=queue,
            on_failure=on_failure or "",
            heartbeat=heartbeat,
        )
        return await handle.result() if wait else f"started {run}"

    _show(asyncio.run(go()))


@main.command()
@click.argument("run")
def status(run: str) -> None:
    """How far RUN is, what it asks, and what it cost so far."""

    async def go() -> Any:
        return await (await runs.connected()).get_workflow_handle(run).query(Notebook.status)

    _show(asyncio.run(go()))


@main.command()
@click.argument("run")
@click.argument("question")
@click.argument("value")
def answer(run: str, question: str, value: str) -> None:
    """Answer QUESTION of RUN (see status) with VALUE: JSON, or else text."""

    async def go() -> Any:
        handle = (await runs.connected()).get_workflow_handle(run)
        return await handle.execute_update(Notebook.answer, args=[question, typed.value(value)])

    _show(asyncio.run(go()))


def _show(found: Any) -> None:
    print(tame(found) if isinstance(found, str) else json.dumps(found, indent=2))


if __name__ == "__main__":
    try:
        main(prog_name="python -m duranb.temporal")
    except DuranbError as error:
        print(f"duranb: {tame(error.message)}", file=sys.stderr)
        runs.end(1)
    except SystemExit as end:
        runs.end(end.code if isinstance(end.code, int) else 1)
