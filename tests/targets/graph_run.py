"""Runs an exported LangGraph module in processes that die, with one of LangGraph's checkpointers.

``python -m tests.targets.graph_run MODULE SAVER LIFE…`` forks a process for each LIFE, from one
that has imported what they need, and writes what became of each as JSON: exit code, output, errors.
A LIFE is ``N`` for one that kills itself when so many nodes have ended, ``go on`` for one that goes
on with the thread, and ``again`` for one that runs it from the beginning. SAVER is ``sqlite:FILE``
or ``postgres:CONNINFO``; ``own,`` before it leaves LangGraph's own serializer in place.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import duranb
from duranb.langgraph import Serializer, nodes


@asynccontextmanager
async def saver(which: str) -> AsyncIterator[Any]:
    """LangGraph's own checkpointer."""
    own = which.startswith("own,")
    which = which.removeprefix("own,")
    kind, _, where = which.partition(":")
    if kind == "sqlite":
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

        opened: Any = AsyncSqliteSaver.from_conn_string(where)
    else:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

        opened = AsyncPostgresSaver.from_conn_string(where)
    async with opened as made:
        await made.setup()
        if not own:
            made.serde = Serializer()
        yield made


def imported(file: Path) -> Any:
    """The exported module, under its own name."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def die_after(count: int) -> None:
    """Kill this process once so many nodes have given their values."""
    given, left = nodes._Work.given, [count]

    def counting(self: Any, result: Any) -> dict[str, Any]:
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return given(self, result)

    nodes._Work.given = counting  # type: ignore[method-assign]


async def live(file: str, which: str, life: str) -> None:
    """Run the graph on thread 1."""
    if life.isdigit():
        die_after(int(life))
    module = imported(Path(file))
    config: Any = {"configurable": {"thread_id": "1"}}
    async with saver(which) as checkpointer:
        graph = module.builder.compile(checkpointer=checkpointer)
        with duranb.durable(module.__file__, headless=True):
            begun = (await graph.aget_state(config)).next
            given: Any = None if begun and life == "go on" else {}
            await graph.ainvoke(given, config, durability="sync")


def forked(file: str, which: str, life: str) -> dict[str, Any]:
    """What became of a process."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            code = 1
            try:
                asyncio.run(live(file, which, life))
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return {"code": code, "out": out.read(), "err": err.read()}


def main(file: str, which: str, *lives: str) -> None:
    """See above."""
    import aiosqlite  # noqa: F401 imported once
    import psycopg  # noqa: F401

    print(json.dumps([forked(file, which, life) for life in lives]))


if __name__ == "__main__":
    main(*sys.argv[1:])
