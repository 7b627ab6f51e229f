"""Runs of an exported notebook: start them, look at them, answer them."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import msgspec
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDReusePolicy

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
    told: dict[str, Any] = {
        "plan": json.loads(dump(plan)),
        "parameters": parameters_of(plan, parameters or {}),
    }
    if on_failure:
        told["on_failure"] = on_failure
    if heartbeat is not None:
        told["heartbeat"] = heartbeat
    if continue_after is not None:
        told["continue_after"] = continue_after
    handle: WorkflowHandle[Any, dict[str, Any]] = await client.start_workflow(
        Notebook.run,
        told,
        id=identifier,
        task_queue=queue or queue_of(plan),
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        static_summary=plan.title or plan.notebook,
    )
    return handle
