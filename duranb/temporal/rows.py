"""Rows of parameters sent to a cluster: a workflow for each, by an identifier that follows from the
notebook and the row, so that sending them again finds those that are there.

The journals of a row go by that identifier too. A row that failed is begun again over them: what it
had done is restored, and its calls are answered from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from duranb.plan import Plan
from duranb.runner import headless
from duranb.runner.over import Ended, Outcome, Row
from duranb.temporal import runs
from duranb.temporal.worker import queue_of
from duranb.temporal.workflow import Notebook

AT_ONCE = 20
"""Rows that the server is asked about, or to begin, at once."""

WATCHED = 200
"""Rows whose ends are waited for at once; the others are looked at when some of them have ended."""

LOOKS = 5.0
"""Seconds between two looks at whether a row waits for an answer."""

Handle = WorkflowHandle[Any, dict[str, Any]]


def identifier(name: str, row: Row, code: str) -> str:
    """The identifier of a row's workflow: ``name`` is the notebook's, ``code`` the digest of its
    cells, of which another one is another workflow."""
    return f"{name}-{row.run}-{code[:8]}"


async def over(
    client: Client,
    plan: Plan,
    rows: Sequence[Row],
    *,
    name: str,
    code: str,
    wanted: Sequence[str] | None = None,
    on_failure: str = "",
    queue: str = "",
    ended: Ended = lambda outcome, before: None,
) -> dict[str, Outcome]:
    """Have a plan carried out once for each row; what came out, by the row's run.

    A row that is done, or under way, is not begun again; one that failed is. It returns when each
    is done, has failed, or waits for an answer: those go on over there. ``ended`` is told of each,
    and whether it had been done before. Raises :class:`duranb.errors.UsageError` for a row with a
    parameter that the plan has not, before anything is begun.
    """
    told = {row.run: runs.told(plan, dict(row.parameters), on_failure=on_failure) for row in rows}
    at_once, watched = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(WATCHED)
    outcomes: dict[str, Outcome] = {}

    async def one(row: Row) -> None:
        named = identifier(name, row, code)
        given = {**told[row.run], "run": named, "wanted": None if wanted is None else [*wanted]}
        async with at_once:
            handle, before = await _begun(client, plan, named, given, queue)
        async with watched:
            outcome = await _outcome(handle, row, code, wanted, at_once)
        outcomes[row.run] = outcome
        ended(outcome, before)

    async with asyncio.TaskGroup() as group:
        for row in rows:
            group.create_task(one(row))
    return outcomes


async def _begun(
    client: Client, plan: Plan, named: str, given: dict[str, Any], queue: str
) -> tuple[Handle, bool]:
    """A row's workflow, begun unless it is there; and whether it was done already."""
    try:
        handle: Handle = await client.start_workflow(
            Notebook.run,
            given,
            id=named,
            task_queue=queue or queue_of(plan),
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            static_summary=plan.title or plan.notebook,
        )
    except WorkflowAlreadyStartedError:
        found: Handle = client.get_workflow_handle_for(Notebook.run, named)
        status = (await found.describe()).status
        return found, status is WorkflowExecutionStatus.COMPLETED
    return handle, False


async def _outcome(
    handle: Handle,
    row: Row,
    code: str,
    wanted: Sequence[str] | None,
    at_once: asyncio.Semaphore,
) -> Outcome:
    """What came of a row, once it has ended or waits for an answer."""
    ending = asyncio.ensure_future(handle.result())
    try:
        while not ending.done():
            await asyncio.wait([ending], timeout=LOOKS)
            if not ending.done():
                async with at_once:
                    status = await _status(handle)
                if status.get("questions"):
                    asked = "; ".join(f"{n}: {q['text']}" for n, q in status["questions"].items())
                    said = f"waits: {asked} (python -m duranb.temporal answer {handle.id} …)"
                    return _made(row, code, wanted, headless.WAITING, status, error=said)
        result = await ending
    except WorkflowFailureError as failed:
        status = await _status(handle)
        said = str(getattr(failed.cause, "message", "") or failed.cause or failed)
        return _made(row, code, wanted, headless.FAILED, status, error=said)
    finally:
        ending.cancel()
    values, untold = result.get("told", {}), dict(result.get("untold", {}))
    for name in wanted or ():
        if name not in values:
            untold.setdefault(name, "the row was done for other results")
    said = "; ".join(f"{n} is not in the table: {why}" for n, why in untold.items())
    return _made(row, code, wanted, headless.DONE, result, values=values, error=said)


async def _status(handle: Handle) -> dict[str, Any]:
    """How far it is, as a worker tells; nothing where none answers just now."""
    try:
        return await handle.query(Notebook.status)
    except RPCError:
        return {}


def _made(
    row: Row,
    code: str,
    wanted: Sequence[str] | None,
    ended: int,
    sums: Mapping[str, Any],
    **more: Any,
) -> Outcome:
    return Outcome(
        run=row.run,
        code=code,
        exit=ended,
        wanted=None if wanted is None else tuple(wanted),
        calls=sums.get("calls", 0),
        tokens=sums.get("tokens", 0),
        cost=sums.get("cost", 0.0),
        unpriced=sums.get("unpriced", 0),
        **more,
    )
