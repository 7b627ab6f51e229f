"""What a durable cell costs over the same plain cell, and whether that stays so.

``make bench``, or ``python -m tests.benchmarks.bench_cells [--executions 10000]``. One real
kernel; durable and plain cells alternate, so that both see the same machine. Times are round
trips of a client, in milliseconds, medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from tests.kernel.harness import Kernel

NAMES = 200
"""Other small variables in the namespace."""


def timed(kernel: Kernel, code: str) -> float:
    """Milliseconds of a cell's round trip."""
    start = time.perf_counter()
    result = kernel.run(code)
    took = (time.perf_counter() - start) * 1e3
    assert result.error is None, result.text
    return took


def cells(kernel: Kernel, number: int, at: int) -> tuple[float, float, float]:
    """Medians of ``number`` plain, executed and restored tiny cells."""
    plain, durable, restored = [], [], []
    for i in range(at, at + number):
        plain.append(timed(kernel, f"x = {i} + 1"))
        durable.append(timed(kernel, f"%%durable step\nx = {i} + 1"))
        restored.append(timed(kernel, f"%%durable step\nx = {i} + 1"))
    return tuple(map(statistics.median, (plain, durable, restored)))  # type: ignore[return-value]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=2000)
    executions = parser.parse_args().executions
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DURANB_HOME"] = folder
        kernel = Kernel(Path(folder) / "bench.ipynb").start()
        kernel.run("\n".join(f"v{i} = [{i}, 'text']" for i in range(NAMES)))
        cells(kernel, 50, 10**9)  # warm up
        print("| executions so far | plain ms | durable adds ms | restoring adds ms | ratio |")
        print("|---|---|---|---|---|")
        done, sample = 0, 200
        while done < executions:
            plain, durable, restored = cells(kernel, sample, done)
            done += sample
            print(
                f"| {done} | {plain:.2f} | {durable - plain:.2f} | {restored - plain:.2f} "
                f"| {durable / plain:.2f} |",
                flush=True,
            )
            step = max(0, min(done, executions - done - sample))
            for i in range(done, done + step):
                timed(kernel, f"%%durable step\nx = {i} + 1")
            done += step
        kernel.stop()


if __name__ == "__main__":
    main()
