"""Where a value is better kept: in the database's row, or in a file of its own.

``python -m tests.benchmarks.bench_store`` stores and reads values of growing size both ways, in
turns, and prints medians in milliseconds, and what each way adds to the disk. It is what
``duranb.store.store.INLINE`` was set by.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from duranb.record.events import RunStarted
from duranb.store import Store, store as module

KIB = (1, 4, 8, 16, 32, 64, 128, 256, 1024)
ROUNDS = 30


def one(store: Store, size: int) -> tuple[float, float]:
    """Milliseconds to make one value durable with an event, and to read it back."""
    data = os.urandom(size)
    start = time.perf_counter()
    digest = store.put([data])
    store.append(RunStarted(run="r")).wait()
    stored = time.perf_counter() - start
    store.query("SELECT 1")  # has the database take over what the journal holds
    start = time.perf_counter()
    assert bytes(store.get(digest)) == data
    return stored * 1e3, (time.perf_counter() - start) * 1e3


def disk(folder: Path) -> int:
    """Bytes that a closed store takes."""
    return sum(f.stat().st_blocks * 512 for f in folder.rglob("*") if f.is_file())


def main() -> None:
    """Print the table."""
    print("| KiB | row: store ms | file: store ms | row: read ms | file: read ms "
          "| row: KiB on disk | file: KiB on disk |\n|---|---|---|---|---|---|---|")  # fmt: skip
    for kib in KIB:
        times: dict[str, list[tuple[float, float]]] = {"row": [], "file": []}
        used: dict[str, float] = {}
        with tempfile.TemporaryDirectory() as folder:
            os.environ["DURANB_HOME"] = folder
            stores = {way: Store.open(Path(folder) / way) for way in times}
            for _ in range(ROUNDS):
                for way, store in stores.items():
                    with patch.object(module, "INLINE", (1 << 30) if way == "row" else 0):
                        times[way].append(one(store, kib * 1024))
            for way, store in stores.items():
                store.close()
                used[way] = disk(Path(folder) / way) / ROUNDS / 1024
        (rs, rr), (fs, fr) = (
            [statistics.median(column) for column in zip(*times[way], strict=True)]
            for way in ("row", "file")
        )
        print(f"| {kib} | {rs:.2f} | {fs:.2f} | {rr:.2f} | {fr:.2f} "
              f"| {used['row']:.0f} | {used['file']:.0f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
