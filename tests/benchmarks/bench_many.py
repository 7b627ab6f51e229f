"""Many documents: what ``duranb.map`` adds to each, how near it comes to a server's limit, and what
it keeps in memory.

``python -m tests.benchmarks.bench_many [COUNT]``. CPU times are those of this process; the server
is one of its own. ``python -m tests.benchmarks.bench_many memory [COUNT]`` says what the process
takes while 200,000 items pass through it, one after the other.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import psutil

import duranb
from tests.servers.process import LimitedServer

WORKERS = 16

IDLE = 40
"""Seconds after which an idle store has closed its database."""


class Documents:
    """What is done with each: one request to the model."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/v1/chat/completions"
        self._client = httpx2.Client(timeout=30)

    def about(self, document: str) -> str:
        """What the model says."""
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": document}]}
        reply = self._client.post(self._url, json=body).raise_for_status()
        return str(reply.json()["choices"][0]["message"]["content"])


def measured(label: str, count: int, work: Callable[[], Any]) -> float:
    """Do it, and say what CPU time it took for each item; that in milliseconds."""
    began, cpu = time.monotonic(), time.process_time()
    work()
    spent = (time.process_time() - cpu) / count * 1000
    print(f"{label:42} {spent:6.2f} ms CPU an item, {time.monotonic() - began:6.1f} s in all")
    return spent


def main(count: int) -> None:
    """All of it."""
    with LimitedServer() as server, tempfile.TemporaryDirectory() as folder:
        about = Documents(server.url).about
        names = [f"document {n}" for n in range(count)]

        def pool() -> None:
            with ThreadPoolExecutor(WORKERS) as threads:
                list(threads.map(about, names))

        @duranb.step(always=True)
        def pooled() -> None:
            pool()

        @duranb.step(always=True)
        def mapped(first: int) -> Any:
            return len(duranb.map(about, names[first:], workers=WORKERS))

        @duranb.step(always=True)
        def computed(many: int) -> Any:
            return len(duranb.map(len, map(str, range(many)), workers=WORKERS))

        @duranb.step(always=True)
        def limited() -> Any:
            texts = [f"limited {n}" for n in range(1500)]
            return len(duranb.map(about, texts, workers=WORKERS, retries=8))

        plain = measured("a thread pool, nothing durable", count, pool)
        with duranb.durable(Path(folder) / "bench.py"):
            recorded = measured("the same in a step: calls recorded", count, pooled)
            many = measured("duranb.map: items and calls recorded", count, lambda: mapped(0))
            measured("duranb.map: served from the journal", count, lambda: mapped(0))
            print(
                f"added by map: {many - recorded:.2f} ms; by all: {many - plain:.2f} ms CPU an item"
            )
            server.configure(per_second=100, burst=20, delay=0.02)
            limited()
            stats = server.stats
            best = (1500 - 20) / 100
            refused = stats["statuses"].get("429", 0) / 1500
            print(
                f"limit: {stats['seconds'] / best:.3f} times the best time, {refused:.1%} refused"
            )
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            measured("100,000 items without calls", 100_000, lambda: computed(100_000))
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            print(f"memory: {grown / 100_000 * 1024:.0f} bytes an item more, the history included")


def resident() -> int:
    """What this process takes now, in MB."""
    return psutil.Process().memory_info().rss >> 20


def memory(count: int) -> None:
    """What the process takes after each tenth of the items."""

    def about(item: str) -> int:
        number = int(item)
        if number % (count // 10) == 0:
            print(f"{number:>9,} items: {resident()} MB", flush=True)
        return number

    @duranb.step(always=True)
    def passed() -> int:
        return sum(1 for _ in duranb.map(about, map(str, range(count)), workers=WORKERS))

    with tempfile.TemporaryDirectory() as folder, duranb.durable(Path(folder) / "bench.py"):
        passed()
        print(f"{count:>9,} items: {resident()} MB")
        time.sleep(IDLE)
        print(f"{IDLE} idle seconds later: {resident()} MB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["memory"]:
        memory(int(sys.argv[2]) if len(sys.argv) > 2 else 200_000)
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
