"""What the journal adds to an LLM call: plain, outside of steps, recorded and replayed.

``python -m tests.benchmarks.bench_calls`` prints medians in milliseconds and the differences to the
plain call of the same run. The aims are 1 ms for a recorded call and 0.5 ms for a replayed one.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai

from duranb import llm
from tests.servers.process import CountingServer
from tests.servers.steps import Notebook

BLOCKS, BLOCK = 15, 20

WAYS = ("plain", "outside a step", "recorded", "replayed")

Call = Callable[[int], object]


def measure(call: Call, numbers: range) -> list[float]:
    """Milliseconds of each call; every number asks something else."""
    took = []
    for n in numbers:
        start = time.perf_counter()
        call(n)
        took.append((time.perf_counter() - start) * 1000)
    return took


def calls(client: openai.OpenAI) -> dict[str, Call]:
    """The calls that are measured."""
    asked = client.chat.completions.create

    def chat(n: int) -> object:
        messages: Any = [{"role": "user", "content": f"document {n}"}]
        return asked(model="gpt-4o-mini", messages=messages)

    def stream(n: int) -> object:
        messages: Any = [{"role": "user", "content": f"document {n}"}]
        return list(asked(model="gpt-4o-mini", messages=messages, stream=True))

    return {"chat": chat, "stream": stream}


def run() -> dict[str, dict[str, float]]:
    """Medians in milliseconds, by call and by way. The ways take turns, block by block, so that
    what else the machine does meets all of them."""
    found: dict[str, dict[str, float]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        CountingServer() as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="x") as client,
    ):
        notebook = Notebook(Path(folder))
        for name, call in calls(client).items():
            took: dict[str, list[float]] = {way: [] for way in WAYS}
            with notebook.step(name):
                call(-1)  # makes the connection, and loads the price list
            for block in range(BLOCKS):
                numbers = range(block * BLOCK, (block + 1) * BLOCK)
                llm.uninstall()
                took["plain"] += measure(call, numbers)
                llm.install()
                took["outside a step"] += measure(call, numbers)
                for way in ("recorded", "replayed"):
                    with notebook.step(name):
                        took[way] += measure(call, numbers)
            found[name] = {way: statistics.median(times) for way, times in took.items()}
        notebook.close()
        sending = len(WAYS) - 1
        assert server.count == len(found) * (BLOCKS * BLOCK * sending + 1), "a replay was sent"
    return found


def table(found: dict[str, dict[str, float]]) -> str:
    """The medians, with the difference to the plain call and the ratio to it."""
    lines = [f"{'call':8} {'way':16} {'ms':>8} {'added':>8} {'ratio':>7}"]
    for name, ways in found.items():
        for way, median in ways.items():
            added, ratio = median - ways["plain"], median / ways["plain"]
            lines.append(f"{name:8} {way:16} {median:8.3f} {added:+8.3f} {ratio:7.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(run()))
