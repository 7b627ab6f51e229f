"""Coming back: a fresh kernel until 50 small steps are restored, and what importing duranb costs.

``python -m tests.benchmarks.bench_start`` prints medians in seconds, beside the same kernel without
duranb. The aims are 2 s and 0.5 s. Then the CPU time of commands of the shell, whose aim is 150 ms
for ``--help`` and 200 ms for what looks; ``python -m tests.benchmarks.bench_start commands`` prints
only that.
"""

from __future__ import annotations

import os
import resource
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


def cpu(*words: str) -> float:
    """Seconds of CPU that a process takes, from its start to its end."""

    def used() -> float:
        sums = resource.getrusage(resource.RUSAGE_CHILDREN)
        return sums.ru_utime + sums.ru_stime

    before = used()
    subprocess.run(words, capture_output=True, check=True)
    return used() - before


def commands() -> None:
    """Print what commands cost, beside an interpreter that does nothing."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DURANB_HOME"] = folder
        script = Path(folder) / "agent.py"
        script.write_text("import duranb\nwith duranb.durable(__file__):\n    pass\n")
        subprocess.run([sys.executable, str(script)], check=True)
        print("| command | CPU s |\n|---|---|")
        for words in (["-c", "pass"], ["--help"], ["replay", "--help"], ["status"], ["log"]):
            said = " ".join(words)
            if said.startswith("-c"):
                line = [sys.executable, *words]
            else:
                line = [sys.executable, "-m", "duranb", *words]
                line += [] if said.endswith("--help") else [str(script)]
            print(f"| {said} | {min(cpu(*line) for _ in range(ROUNDS)):.3f} |")


def main() -> None:
    """Print the tables."""
    if sys.argv[1:] == ["commands"]:
        commands()
        return
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
    print()
    commands()


if __name__ == "__main__":
    main()
