"""What encryption costs: a small step, a large array, opening a long history; plain and encrypted
in turns, in one run.

Run: python -m tests.benchmarks.bench_encrypted
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from duranb.record.events import Answered
from duranb.store import Store, StoreView, encryption

EVENTS = 200_000
LARGE = 100 << 20
TURNS = 5


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of time, and of processor, that some work takes."""
    at, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - at, time.process_time() - used


def said(what: str, found: dict[str, list[tuple[float, float]]], scale: float, unit: str) -> None:
    """One line: medians, and the ratio of encrypted to plain."""
    (plain, encrypted) = (
        [statistics.median(column) for column in zip(*found[name], strict=True)]
        for name in ("plain", "encrypted")
    )
    print(
        f"{what}: {plain[0] * scale:.2f} → {encrypted[0] * scale:.2f} {unit} "
        f"(processor: {plain[1] * scale:.2f} → {encrypted[1] * scale:.2f})"
    )


def main() -> None:
    """Measure, and print a line for each."""
    os.environ[encryption.KEY] = "5a" * 32
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as temp:
        os.environ["DURANB_HOME"] = f"{temp}/home"
        folders = {}
        for name in ("plain", "encrypted"):
            os.environ[encryption.WANTED] = str(int(name == "encrypted"))
            folders[name] = Path(temp) / name
            Store.open(folders[name]).close()
        os.environ[encryption.WANTED] = "0"
        cells: dict[str, list[tuple[float, float]]] = {name: [] for name in folders}
        puts, gets = ({name: [] for name in folders} for _ in range(2))
        opens: dict[str, list[tuple[float, float]]] = {name: [] for name in folders}
        for turn in range(TURNS):
            for name, folder in folders.items():
                store = Store.open(folder)

                def cell(store: Store = store) -> None:
                    store.put([os.urandom(500)])
                    store.append(*(Answered(call=n, value="x" * 200) for n in range(4))).wait()

                cell()
                cells[name] += [timed(cell) for _ in range(200)]
                data, digests = os.urandom(LARGE), list[str]()

                def put(
                    store: Store = store, data: bytes = data, into: list[str] = digests
                ) -> None:
                    into.append(store.put([memoryview(data)]))
                    store.append(Answered(call=0, value=into[0])).wait()

                def get(store: Store = store, stored: list[str] = digests) -> None:
                    sum(store.get(stored[0])[::4096])

                puts[name].append(timed(put))
                gets[name].append(timed(get))
                if not turn:
                    for first in range(0, EVENTS, 1000):
                        store.append(
                            *(Answered(call=n, value="x" * 200) for n in range(first, first + 1000))
                        ).wait()
                store.close()
        for _ in range(TURNS):
            for name, folder in folders.items():
                opens[name].append(timed(lambda folder=folder: StoreView.open(folder).close()))
    said("a cell's append (4 events, a value of 500 bytes)", cells, 1e3, "ms")
    said("an array of 100 MB, stored", puts, 1e3, "ms")
    said("an array of 100 MB, read", gets, 1e3, "ms")
    said(f"opening a history of {EVENTS:,} events", opens, 1.0, "s")


if __name__ == "__main__":
    main()
