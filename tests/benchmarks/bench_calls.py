"""What the journal adds to an LLM call: plain, outside of steps, recorded and replayed.

``python -m tests.benchmarks.bench_calls`` prints medians in milliseconds and the differences to the
plain call of the same run; ``pytest -m bench`` runs it as a test and checks the aims.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from duranb import llm
from tests.servers.process import CountingServer
from tests.servers.steps import Notebook

ROUNDS = 300
ASK: dict[str, Any] = {"model": "gpt-4o-mini"}

Call = Callable[[int], object]


def measure(call: Call, first: int = 0) -> list[float]:
    """Milliseconds of each call; every call asks something else."""
    took = []
    for n in range(first, first + ROUNDS):
        start = time.perf_counter()
        call(n)
        took.append((time.perf_counter() - start) * 1000)
    return took


def calls(client: openai.OpenAI) -> dict[str, Call]:
    """The calls that are measured."""

    def chat(n: int) -> object:
        messages: Any = [{"role": "user", "content": f"document {n}"}]
        return client.chat.completions.create(**ASK, messages=messages)

    def stream(n: int) -> object:
        messages: Any = [{"role": "user", "content": f"document {n}"}]
        return list(client.chat.completions.create(**ASK, messages=messages, stream=True))

    return {"chat": chat, "stream": stream}


def run() -> dict[str, dict[str, float]]:
    """Medians in milliseconds, by call and by way."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder, CountingServer() as server:
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="x") as client:
            for name, call in calls(client).items():
                measure(call)
                took = {"plain": measure(call)}
                notebook = Notebook(Path(folder) / name)
                took["outside a step"] = measure(call)
                with notebook.step(name):
                    call(-1)  # loads the price list
                    took["recorded"] = measure(call)
                with notebook.step(name):
                    took["replayed"] = measure(call)
                notebook.close()
                llm.uninstall()
                took["plain"] += measure(call)
                found[name] = {way: statistics.median(times) for way, times in took.items()}
    return found


def table(found: dict[str, dict[str, float]]) -> str:
    """The medians, with the difference to the plain call and the ratio to it."""
    lines = [f"{'call':8} {'way':16} {'ms':>8} {'added':>8} {'ratio':>7}"]
    for name, ways in found.items():
        for way, median in ways.items():
            added, ratio = median - ways["plain"], median / ways["plain"]
            lines.append(f"{name:8} {way:16} {median:8.3f} {added:+8.3f} {ratio:7.2f}")
    return "\n".join(lines)


@pytest.mark.timeout(120)
def test_calls_cost_little() -> None:
    """A recorded call costs at most a millisecond more than a plain one, a replayed one at most
    half a millisecond in all more than nothing but the SDK's own work."""
    found = run()
    print("\n" + table(found))
    for ways in found.values():
        assert ways["recorded"] - ways["plain"] <= 1.0
        assert ways["replayed"] - ways["plain"] <= 0.5


if __name__ == "__main__":
    print(table(run()))
