"""Coming back: a fresh kernel until 50 small steps are restored, and what importing duranb costs.

``python -m tests.benchmarks.bench_start`` prints medians in seconds, beside the same kernel without
duranb. The aims are 2 s and 0.5 s.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.kernel.harness import Kernel

STEPS, ROUNDS = 50, 5

PLAIN = [f"v{i} = [{i}, 'a small value']\nprint(v{i})" for i in range(STEPS)]
DURABLE = [f"%%durable step{i}\n{cell}" for i, cell in enumerate(PLAIN)]


def come_back(kernel: Kernel, cells: list[str], *, extension: bool) -> tuple[float, float]:
    """Seconds until a fresh kernel is ready, and from then until all cells have run."""
    start = time.perf_counter()
    kernel.start(extension=extension)
    ready = time.perf_counter()
    for sent in [kernel.submit(cell) for cell in cells]:
        result = kernel.collect(sent)
        assert result.error is None, result.text
    end = time.perf_counter()
    assert not extension or "nothing ran" in result.notices
    kernel.stop()
    return ready - start, end - ready


def imported(module: str) -> float:
    """Seconds that a fresh interpreter takes to import a module."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(run.stdout)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DURANB_HOME"] = folder
        durable = Kernel(Path(folder) / "durable.ipynb")
        plain = Kernel(Path(folder) / "plain.ipynb")
        durable.start()
        for cell in DURABLE:
            assert durable.run(cell).error is None
        durable.stop()
        took: dict[str, list[tuple[float, float]]] = {"plain": [], "restored": []}
        for _ in range(ROUNDS):
            took["plain"].append(come_back(plain, PLAIN, extension=False))
            took["restored"].append(come_back(durable, DURABLE, extension=True))
    print(f"| {STEPS} cells | kernel ready s | all cells s | together s |\n|---|---|---|---|")
    for name, times in took.items():
        ready, cells = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"| {name} | {ready:.2f} | {cells:.2f} | {ready + cells:.2f} |")
    print("\n| import | s |\n|---|---|")
    for module in ("duranb", "ipykernel.kernelapp", "openai"):
        seconds = statistics.median(imported(module) for _ in range(ROUNDS))
        print(f"| {module} | {seconds:.3f} |")


if __name__ == "__main__":
    main()
