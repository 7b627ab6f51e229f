"""Where a value is better kept: in the log, or in a file of its own; and what recording costs.

``python -m tests.benchmarks.bench_store`` stores and reads values of growing size both ways, in
turns, and prints medians in milliseconds, and what each way adds to the disk. It is what
``duranb.store.store.INLINE`` was set by.

``python -m tests.benchmarks.bench_store calls N FOLDER`` records so many calls of 1.5 KB in two
stores in turns, of which one does not fill its database meanwhile: the difference of their worst
commits is what filling costs those who record. A third way hands as many bytes to a bare thread
that writes and syncs them: what is late there is the machine's doing. Then it reads some back,
closes and opens.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

from duranb.record import events as e
from duranb.record.events import RunStarted
from duranb.record.kinds import Kind
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
    start = time.perf_counter()
    assert bytes(store.get(digest)) == data
    return stored * 1e3, (time.perf_counter() - start) * 1e3


def disk(folder: Path) -> int:
    """Bytes that a closed store takes."""
    return sum(f.stat().st_blocks * 512 for f in folder.rglob("*") if f.is_file())


def main() -> None:
    """Print the table of sizes."""
    print("| KiB | log: store ms | file: store ms | log: read ms | file: read ms "
          "| log: KiB on disk | file: KiB on disk |\n|---|---|---|---|---|---|---|")  # fmt: skip
    for kib in KIB:
        times: dict[str, list[tuple[float, float]]] = {"log": [], "file": []}
        used: dict[str, float] = {}
        with tempfile.TemporaryDirectory() as folder:
            os.environ["DURANB_HOME"] = folder
            stores = {way: Store.open(Path(folder) / way) for way in times}
            for _ in range(ROUNDS):
                for way, store in stores.items():
                    with patch.object(module, "INLINE", (1 << 30) if way == "log" else 0):
                        times[way].append(one(store, kib * 1024))
            for way, store in stores.items():
                store.close()
                used[way] = disk(Path(folder) / way) / ROUNDS / 1024
        (rs, rr), (fs, fr) = (
            [statistics.median(column) for column in zip(*times[way], strict=True)]
            for way in ("log", "file")
        )
        print(f"| {kib} | {rs:.2f} | {fs:.2f} | {rr:.2f} | {fr:.2f} "
              f"| {used['log']:.0f} | {used['file']:.0f} |", flush=True)  # fmt: skip


def call(number: int, response: str) -> e.CallCompleted:
    """A model's answer as it is recorded."""
    return e.CallCompleted(
        call=number,
        execution=1,
        attempt=1,
        step="step",
        key="k" * 64,
        occurrence=number,
        kind=Kind.LLM,
        name="chat",
        response=response,
        started=number,
        usage=e.Usage(model="m", input_tokens=3, output_tokens=4),
        status=200,
        preview="p" * 80,
    )


def calls(count: int, folder: Path) -> None:
    """Print what recording, reading back and opening cost."""
    os.environ["DURANB_HOME"] = str(folder)
    stores = {way: Store.open(folder / way) for way in ("filled", "not filled")}
    stores["not filled"]._filler.news = lambda: None  # type: ignore[method-assign]
    took: dict[str, list[tuple[float, float]]] = {way: [] for way in (*stores, "a bare thread")}
    digests = []
    bare = ThreadPoolExecutor(1)
    file = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT)
    for store in stores.values():
        folding = store.fold()
        store.listeners.append(lambda found, to=folding: [to.apply(x) for x in found] and None)
        store.append(e.RunStarted(run="r"), begun()).wait()
    for number in range(1, count + 1):
        data = os.urandom(1500)
        for way in took:
            wall, cpu = time.perf_counter(), time.process_time()
            if way in stores:
                digest = stores[way].put([data])
                stores[way].append(call(number, digest)).wait()
            else:
                bare.submit(synced, file, data).result()
            took[way].append((time.perf_counter() - wall, time.process_time() - cpu))
        digests.append(digest)
    bare.shutdown()
    os.close(file)
    for way, found in took.items():
        walls, cpus = (sorted(x * 1e3 for x in column) for column in zip(*found, strict=True))
        late, busy = (sum(x > 20 for x in column) for column in (walls, cpus))
        print(f"{way}: median {walls[count // 2]:.2f} ms, 99 % {walls[count * 99 // 100]:.2f} ms, "
              f"worst {walls[-1]:.1f} ms, {late} above 20 ms; of the process's CPU worst "
              f"{cpus[-1]:.1f} ms, {busy} above 20 ms")  # fmt: skip
    store = stores["filled"]
    picked = random.sample(digests, min(5000, count))
    start = time.thread_time()
    for digest in picked:
        store.get(digest)
    print(f"read: {(time.thread_time() - start) / len(picked) * 1e6:.1f} µs CPU")
    start = time.process_time()
    store.query("SELECT 1")
    print(f"catch up: {time.process_time() - start:.2f} s CPU")
    store.close()
    for file in sorted(p for p in (folder / "filled").rglob("*") if p.is_file()):
        print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB")
    start = time.process_time()
    again = Store.open(folder / "filled")
    print(f"open and fold: {(time.process_time() - start) / (2 * count) * 1e6:.1f} µs CPU an event")
    again.close()


def synced(file: int, data: bytes) -> None:
    """Write to the end of a file, and sync it."""
    os.write(file, data)
    os.fsync(file)


def begun() -> e.ExecutionStarted:
    """The step that makes the calls."""
    return e.ExecutionStarted(execution=1, step="step", run="r", branch="main")


if __name__ == "__main__":
    if sys.argv[1:2] == ["calls"]:
        calls(int(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
