"""Coming back to a lot of state: 4 GB in 200 arrays, a restart, one step that needs 10 MB of it.

``python -m tests.benchmarks.bench_large [--gb 4]`` needs that much free disk and memory. Prints
the seconds from a ready kernel until the step has run, once by *Run All* and once by a rewind, and
how much the kernel's memory grew while one array was stored.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from tests.kernel.harness import Kernel

ARRAYS = 200

MAKE = """%%durable make{i}
v{i} = np.random.default_rng({i}).random({elements})"""

PART = "%%durable part\npart = np.arange({elements} // 2, dtype=float)"

USE = "%%durable use --always\nn = float(part.sum())"


def run(kernel: Kernel, code: str) -> float:
    """Seconds that a cell takes."""
    start = time.perf_counter()
    result = kernel.run(code, timeout=600)
    assert result.error is None, result.text
    return time.perf_counter() - start


def peak(kernel: Kernel) -> int:
    """The most memory the kernel has had, in MB."""
    status = Path(f"/proc/{kernel.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gb", type=float, default=4)
    elements = int(parser.parse_args().gb * 1e9 / 8 / ARRAYS)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DURANB_HOME"] = folder
        kernel = Kernel(Path(folder) / "large.ipynb").start()
        setup = "import numpy as np"
        run(kernel, setup)
        makes = [MAKE.format(i=i, elements=elements) for i in range(ARRAYS)]
        cells = [*makes, PART.format(elements=elements)]
        stored = sum(run(kernel, cell) for cell in cells)
        run(kernel, USE)
        kernel.restart()
        everything = run(kernel, setup) + sum(run(kernel, cell) for cell in cells)
        everything += run(kernel, USE)
        kernel.restart()
        rewound = run(kernel, "%duranb rewind --yes") + run(kernel, USE)
        kernel.restart()
        run(kernel, setup)
        size = 125_000_000  # 1 GB
        run(kernel, f"one = np.ones({size}); one.sum()")
        before = peak(kernel)
        took = run(kernel, "%%durable keep\nkept = one")
        grew = peak(kernel) - before
        kernel.kill()
    print(f"| {ARRAYS} arrays of {elements * 8 / 1e6:.0f} MB | s |\n|---|---|")
    print(f"| made and stored | {stored:.1f} |")
    print(
        f"| restart, Run All, one step uses one of {elements * 4 / 1e6:.0f} MB | {everything:.2f} |"
    )
    print(f"| restart, %duranb rewind, the same step | {rewound:.2f} |")
    print(f"\nStoring an array of 1 GB took {took:.1f} s and {grew} MB of memory beside it.")


if __name__ == "__main__":
    main()
