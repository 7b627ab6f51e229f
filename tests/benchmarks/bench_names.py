"""Thousands of variables: a cell that makes them, and the same cell restored.

``make bench``, or ``python -m tests.benchmarks.bench_names [--names 4000]``. Restoring is to be
linear in names, and faster than running.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from tests.kernel.harness import Kernel

MADE = {"numbers": "v{0} = {0}", "lists": "v{0} = [{0}]"}


def seconds(notebook: Path, cell: str, *, extension: bool = True) -> float:
    """How long a cell takes in a fresh kernel."""
    kernel = Kernel(notebook).start(extension=extension)
    try:
        kernel.run("None")
        start = time.perf_counter()
        result = kernel.run(cell, timeout=300)
        assert result.error is None, result.text
        return time.perf_counter() - start
    finally:
        kernel.stop()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--names", type=int, default=4000)
    given = parser.parse_args()
    print("| variables | plain s | durable s | restored s |\n|---|---|---|---|")
    for count in (given.names // 4, given.names):
        for kind, statement in MADE.items():
            folder = Path(tempfile.mkdtemp())
            os.environ["DURANB_HOME"] = str(folder / "home")
            body = "\n".join(statement.format(i) for i in range(count))
            plain = seconds(folder / "plain.ipynb", body, extension=False)
            first, restored = (
                seconds(folder / "durable.ipynb", f"%%durable b\n{body}") for _ in range(2)
            )
            print(f"| {count} {kind} | {plain:.2f} | {first:.2f} | {restored:.2f} |")


if __name__ == "__main__":
    main()
