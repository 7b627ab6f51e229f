"""What the journal adds to an LLM call, by openai's client and by each HTTP library: plain, outside
of steps, recorded and replayed.

``python -m tests.benchmarks.bench_calls`` prints medians in milliseconds and the differences to the
plain call of the same run; ``bench_calls cpu`` the CPU time of this process instead. The aims are
1 ms for a recorded call and 0.5 ms for a replayed one.

``python -m tests.benchmarks.bench_calls at-once`` makes 64 at once on an event loop, in blocks that
are plain and recorded in turns, and replays them after the store was opened again. It prints the
process's CPU for each call, and stalls of the loop: how late a task is that wants to run every
millisecond, as wall time and as CPU of the loop's thread. While stalls are measured a call begins
every 5 ms, and 64 wait for the server, or the client alone would stall the loop. Aims: 1.15 times
plain, no stall above 5 ms that a plain run has not, and 0.5 replayed.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import aiohttp
import httpx
import openai
import requests
import urllib3

from duranb import llm
from tests.servers.process import CountingServer
from tests.servers.steps import Notebook

BLOCKS, BLOCK = 15, 20

WAYS = ("plain", "outside a step", "recorded", "replayed")

Call = Callable[[int], object]

clock = time.process_time if sys.argv[1:] == ["cpu"] else time.perf_counter


def measure(call: Call, numbers: range) -> list[float]:
    """Milliseconds of each call; every number asks something else."""
    took = []
    for n in numbers:
        start = clock()
        call(n)
        took.append((clock() - start) * 1000)
    return took


def calls(client: openai.OpenAI) -> dict[str, Call]:
    """The calls that are measured."""
    asked = client.chat.completions.create

    def chat(n: int) -> object:
        messages: Any = [{"role": "user", "content": f"document {n}"}]
        return asked(model="gpt-4o-mini", messages=messages)

    def stream(n: int) -> object:
        messages: Any = [{"role": "user", "content": f"document {n}"}]
        return list(asked(model="gpt-4o-mini", messages=messages, stream=True))

    return {"chat": chat, "stream": stream}


@contextlib.contextmanager
def by_library(url: str) -> Iterator[dict[str, Call]]:
    """The same question, asked with each HTTP library, on a connection that is kept where the
    library keeps one."""

    def body(n: int) -> dict[str, Any]:
        messages = [{"role": "user", "content": f"document {n}"}]
        return {"model": "gpt-4o-mini", "messages": messages}

    kind = {"Content-Type": "application/json"}

    def with_urllib(n: int) -> object:
        with urlopen(Request(url, json.dumps(body(n)).encode(), kind)) as answer:
            return answer.read()

    async def ask(http: aiohttp.ClientSession, n: int) -> object:
        async with http.post(url, json=body(n)) as answer:
            return await answer.read()

    async def opened() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    with (
        httpx.Client() as http,
        requests.Session() as session,
        urllib3.PoolManager() as pools,
        asyncio.Runner() as loop,
    ):
        awaited = loop.run(opened())
        yield {
            "httpx": lambda n: http.post(url, json=body(n)),
            "requests": lambda n: session.post(url, json=body(n)),
            "urllib3": lambda n: pools.request("POST", url, body=json.dumps(body(n)), headers=kind),
            "urllib": with_urllib,
            "aiohttp": lambda n: loop.run(ask(awaited, n)),
        }
        loop.run(awaited.close())


def run() -> dict[str, dict[str, float]]:
    """Medians in milliseconds, by call and by way. The ways take turns, block by block, so that
    what else the machine does meets all of them."""
    found: dict[str, dict[str, float]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        CountingServer() as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="x") as client,
        by_library(f"{server.url}/v1/chat/completions") as libraries,
    ):
        notebook = Notebook(Path(folder))
        for name, call in {**calls(client), **libraries}.items():
            took: dict[str, list[float]] = {way: [] for way in WAYS}
            with notebook.step(name):
                call(-1)  # makes the connection, and loads the price list
            for block in range(BLOCKS):
                numbers = range(block * BLOCK, (block + 1) * BLOCK)
                llm.uninstall()
                took["plain"] += measure(call, numbers)
                llm.install()
                took["outside a step"] += measure(call, numbers)
                for way in ("recorded", "replayed"):
                    with notebook.step(name):
                        took[way] += measure(call, numbers)
            found[name] = {way: statistics.median(times) for way, times in took.items()}
        notebook.close()
        sending = len(WAYS) - 1
        assert server.count == len(found) * (BLOCKS * BLOCK * sending + 1), "a replay was sent"
    return found


def table(found: dict[str, dict[str, float]]) -> str:
    """The medians, with the difference to the plain call and the ratio to it."""
    lines = [f"{'call':8} {'way':16} {'ms':>8} {'added':>8} {'ratio':>7}"]
    for name, ways in found.items():
        for way, median in ways.items():
            added, ratio = median - ways["plain"], median / ways["plain"]
            lines.append(f"{name:8} {way:16} {median:8.3f} {added:+8.3f} {ratio:7.2f}")
    return "\n".join(lines)


AT_ONCE = 64


async def ticking(late: list[tuple[float, float]]) -> None:
    """Note how late each tick is, and how long the thread worked before it, in milliseconds."""
    wall, cpu = time.perf_counter(), time.thread_time()
    while True:
        await asyncio.sleep(0.001)
        now, worked = time.perf_counter(), time.thread_time()
        late.append(((now - wall) * 1e3 - 1, (worked - cpu) * 1e3))
        wall, cpu = now, worked


async def stalls(ask: Callable[[int], Awaitable[object]], numbers: range) -> tuple[float, float]:
    """The longest stall while a call begins every 5 ms, and the most CPU between two ticks."""
    late: list[tuple[float, float]] = []
    ticker = asyncio.create_task(ticking(late))
    under_way = []
    for number in numbers:
        under_way.append(asyncio.ensure_future(ask(number)))
        await asyncio.sleep(0.005)
    await asyncio.gather(*under_way)
    ticker.cancel()
    return max(wall for wall, _ in late), max(cpu for _, cpu in late)


async def cost(ask: Callable[[int], Awaitable[object]], numbers: range) -> float:
    """Milliseconds of the process's CPU for each of some calls at once."""
    start = time.process_time()
    await asyncio.gather(*map(ask, numbers))
    return (time.process_time() - start) / len(numbers) * 1e3


async def at_once(folder: Path) -> None:
    """Measure and print."""
    with CountingServer() as server:
        notebook = Notebook(folder)
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="x") as client:

            async def ask(n: int) -> object:
                messages: Any = [{"role": "user", "content": f"document {n}"}]
                return await client.chat.completions.create(model="gpt-4o-mini", messages=messages)

            async def measured(measure: Callable[..., Awaitable[Any]], first: int) -> Any:
                """Of the same calls, plain and recorded, in turns."""
                found: dict[str, list[Any]] = {"plain": [], "recorded": []}
                for block in range(first, first + BLOCKS + 1):
                    numbers = range(block * AT_ONCE, (block + 1) * AT_ONCE)
                    for way in sorted(found, reverse=bool(block % 2)):
                        if way == "plain":
                            llm.uninstall()
                            found[way].append(await measure(ask, numbers))
                            llm.install()
                        else:
                            with notebook.step("ask"):
                                found[way].append(await measure(ask, numbers))
                return found["plain"][1:], found["recorded"][1:]  # the first block connects

            plain, recorded = map(statistics.median, await measured(cost, 0))
            print(
                f"a call: plain {plain:.2f} ms of CPU, recorded {recorded / plain:.2f} times that"
            )
            server.configure(delay=AT_ONCE * 0.005)
            gc.collect()
            gc.freeze()  # a collection of all that was imported stalls plain runs as well
            for way, found in zip(WAYS[:3:2], await measured(stalls, BLOCKS + 1), strict=True):
                walls, cpus = zip(*found, strict=True)
                print(f"longest stall, {way}: {max(walls):.1f} ms, median of runs "
                      f"{statistics.median(walls):.1f}; of CPU {max(cpus):.1f} and "
                      f"{statistics.median(cpus):.1f}")  # fmt: skip
            notebook.reopen()
            sent, took = server.count, []
            for block in range(BLOCKS + 1):
                with notebook.step("ask"):
                    took.append(await cost(ask, range(block * AT_ONCE, (block + 1) * AT_ONCE)))
            assert server.count == sent, "a replay was sent"
            print(f"replayed after a restart: {statistics.median(took) / plain:.2f} times plain")
        notebook.close()


if __name__ == "__main__":
    if sys.argv[1:] == ["at-once"]:
        with tempfile.TemporaryDirectory() as place:
            asyncio.run(at_once(Path(place)))
    else:
        print(table(run()))
