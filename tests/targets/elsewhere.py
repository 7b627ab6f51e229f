"""A run of an exported notebook in a process of its own, with no cluster: ``python -m
tests.targets.elsewhere workers EXPORT BUCKET RUN PARAMETERS [NODES]`` carries its nodes out one
after the other, as workers do; ``graph FILE PARAMETERS [ANSWER]`` is LangGraph."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duranb
from duranb import llm
from duranb.store.buckets import open_bucket
from duranb.temporal.board import Board
from duranb.temporal.modules import Steps
from duranb.temporal.node import Nodes, Order
from duranb.temporal.runs import parameters_of
from duranb.temporal.worker import load_plan


def execute(fn: Callable[..., Any], arguments: list[Any]) -> Any:
    """What a function of ``steps.py`` returns."""
    found = fn(*arguments)
    return asyncio.run(found) if inspect.iscoroutine(found) else found


def workers(folder: Path, bucket: str, run: str, parameters: dict[str, Any], most: int) -> None:
    """Carry out the first ``most`` nodes."""
    llm.install()
    plan = load_plan(folder)
    given = {f":{n}": [[-1, {"json": v}]] for n, v in parameters_of(plan, parameters).items()}
    board = Board(plan, {"versions": given})
    nodes = Nodes(open_bucket(bucket), Steps(folder / "steps.py"))
    for node in plan.nodes[:most]:
        takes, random = board.begin(node), board.random(node) if node.draws else ""
        order = Order(run, node, plan.sources[node.name], takes, random, epoch=1)
        done = nodes.run(order, execute)
        board.finish(node, done.values, done.random)


def graph(file: Path, parameters: dict[str, Any], answer: str) -> None:
    """Run an exported graph, with its threads in its own store."""
    from langgraph.types import Command

    from duranb.langgraph import DuckDBSaver

    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    config: Any = {"configurable": {"thread_id": "1"}}
    with duranb.durable(file, headless=True):
        compiled = module.builder.compile(checkpointer=DuckDBSaver())
        compiled.invoke(parameters, config)
        if answer:
            compiled.invoke(Command(resume=answer), config)


if __name__ == "__main__":
    kind, where, *words = sys.argv[1:]
    if kind == "graph":
        graph(Path(where), json.loads(words[0]), words[1] if words[1:] else "")
    else:
        bucket, run, given = words[:3]
        workers(Path(where), bucket, run, json.loads(given), int(words[3]) if words[3:] else 99)
