"""Whole notebooks: every cell durable, beside the same cells plain.

``make bench``, or ``python -m tests.benchmarks.bench_notebooks [--rounds 3] [NAME …]``. In each
round a notebook is run in three fresh kernels one after the other: plain, durable for the first
time, and durable once more, restored. Times are from the first cell to the end of the last, the
best of all rounds: wall time, and the kernel's CPU time. What starting a kernel takes is left out
(``bench_start`` has it). The agent's model, a server of this program, takes 0.3 s for each answer.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.benchmarks.realistic import NEEDS, NOTEBOOKS
from tests.kernel.harness import Kernel
from tests.servers.process import CountingServer

WAYS = ("plain", "first", "restored")

THINKS = 0.3
"""Seconds that the model takes for an answer."""


@dataclass(frozen=True)
class Took:
    """Seconds of one run of a notebook."""

    wall: float
    cpu: float


def durable(cells: list[str]) -> list[str]:
    """The notebook with every cell but the first a step."""
    return cells[:1] + [f"%%durable cell_{i}\n{c}" for i, c in enumerate(cells[1:], 1)]


def run(notebook: Path, cells: list[str], way: str) -> Took:
    """Run all cells in a fresh kernel. ``way`` is one of WAYS."""
    kernel = Kernel(notebook).start(extension=way != "plain")
    try:
        process = psutil.Process(kernel.pid)
        before, start = process.cpu_times(), time.perf_counter()
        for cell in cells if way == "plain" else durable(cells):
            result = kernel.run(cell, timeout=120)
            assert result.error is None, f"{cell}\n{result.text}"
            restored = cell.startswith("%%durable") and "restored" in result.notices
            assert restored == (way == "restored" and cell.startswith("%%durable")), cell
        wall, after = time.perf_counter() - start, process.cpu_times()
    finally:
        kernel.stop()
    return Took(wall, after.user + after.system - before.user - before.system)


def measure(cells: list[str], rounds: int) -> dict[str, Took]:
    """The best wall and CPU time of each way."""
    found: dict[str, list[Took]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["DURANB_HOME"] = f"{folder}/home"
            for way in WAYS:
                found[way].append(run(Path(folder) / "bench.ipynb", cells, way))
    return {
        way: Took(min(t.wall for t in took), min(t.cpu for t in took))
        for way, took in found.items()
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("notebooks", nargs="*", default=list(NOTEBOOKS))
    given = parser.parse_args()
    with CountingServer() as server:
        server.configure(delay=THINKS)
        os.environ["MODEL_SERVER"] = server.url
        table(given.notebooks, given.rounds)


def table(notebooks: list[str], rounds: int) -> None:
    """A line for each notebook."""
    print("| notebook | cells | plain s | first | restored | CPU: plain s | first | restored |")
    print("|---|---|---|---|---|---|---|---|")
    for name in notebooks:
        if importlib.util.find_spec(NEEDS.get(name, "numpy")) is None:
            print(f"| {name} | {NEEDS[name]} is not installed |")
            continue
        took = measure(NOTEBOOKS[name], rounds)
        plain, first, restored = (took[way] for way in WAYS)
        print(
            f"| {name} | {len(NOTEBOOKS[name])} "
            f"| {plain.wall:.2f} | {first.wall / plain.wall:.2f} "
            f"| {restored.wall / plain.wall:.2f} "
            f"| {plain.cpu:.2f} | {first.cpu / plain.cpu:.2f} | {restored.cpu / plain.cpu:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
