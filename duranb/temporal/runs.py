"""Runs of an exported notebook: start them, look at them, answer them."""

from __future__ import annotations

import ast
import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDReusePolicy
from temporalio.envconfig import ClientConfig

from duranb.errors import UsageError
from duranb.plan import Plan, dump
from duranb.temporal.worker import load_plan, queue_of
from duranb.temporal.workflow import Notebook


def parameters_of(plan: Plan, given: dict[str, Any]) -> dict[str, Any]:
    """The values that a run begins with: those given, and the notebook's own for the others, so
    that all of its nodes find the same. Raises :class:`UsageError` for a name that is none."""
    known = {p.name: p.default for p in plan.parameters}
    for name in given:
        if name not in known:
            there = ", ".join(known) or "none: tag a cell of the notebook 'parameters'"
            raise UsageError(f"the notebook has no parameter {name!r}; there are: {there}")
    found = {}
    for name, literal in known.items():
        value = ast.literal_eval(literal)
        if msgspec.json.decode(msgspec.json.encode(value)) == value:  # else steps.py has it
            found[name] = value
    return found | given


def told(
    plan: Plan,
    parameters: dict[str, Any] | None = None,
    *,
    on_failure: str = "",
    heartbeat: float | None = None,
    continue_after: int | None = None,
) -> dict[str, Any]:
    """The input of a run of a plan: see :class:`duranb.temporal.workflow.Notebook`. Raises
    :class:`UsageError`."""
    given = {
        "on_failure": on_failure or None,
        "heartbeat": heartbeat,
        "continue_after": continue_after,
    }
    return {
        "plan": json.loads(dump(plan)),
        "parameters": parameters_of(plan, parameters or {}),
        **{name: value for name, value in given.items() if value is not None},
    }


async def start(
    client: Client,
    folder: Path,
    identifier: str,
    parameters: dict[str, Any] | None = None,
    *,
    queue: str = "",
    on_failure: str = "",
    heartbeat: float | None = None,
    continue_after: int | None = None,
) -> WorkflowHandle[Any, dict[str, Any]]:
    """Start a run of an export, under an identifier that no other run has ever had.

    ``on_failure="compensate"`` undoes all that a failed run did. After ``heartbeat`` seconds of
    silence a worker is taken for dead. What the others are see
    :class:`duranb.temporal.workflow.Notebook`.

    Raises :class:`UsageError`, or ``temporalio.exceptions.WorkflowAlreadyStartedError``.
    """
    plan = load_plan(folder)
    given = told(
        plan,
        parameters,
        on_failure=on_failure,
        heartbeat=heartbeat,
        continue_after=continue_after,
    )
    handle: WorkflowHandle[Any, dict[str, Any]] = await client.start_workflow(
        Notebook.run,
        given,
        id=identifier,
        task_queue=queue or queue_of(plan),
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        static_summary=plan.title or plan.notebook,
    )
    return handle


async def connected() -> Client:
    """A connection to where Temporal's own configuration says that it is: the environment
    (``TEMPORAL_ADDRESS``, …), or a profile in its file."""
    config = ClientConfig.load_client_connect_config()
    config.setdefault("target_host", "127.0.0.1:7233")
    return await Client.connect(**config)


def end(code: int) -> NoReturn:
    """End the process here: Temporal's own threads may still run, and Python, when it is being
    finalised, does not bear that."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
