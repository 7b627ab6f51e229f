"""Generators, futures and tasks that have ended are stored with their outcome; others are not."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from duranb.values import codec
from duranb.values.target import Target
from tests.unit.test_state import Kernel


def in_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test that awaits."""

    @functools.wraps(test)
    def run() -> None:
        asyncio.run(test())

    return run


async def answer(value: Any) -> Any:
    """What a task does."""
    await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value


async def words() -> AsyncIterator[str]:
    """A stream."""
    yield "a"


def stored(**values: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """Why values cannot be stored, and what the others come back as."""
    kernel = Kernel()
    kernel.live.update(values)
    kernel.namespace.touched(None)
    why: dict[str, str] = {}
    found: dict[str, Any] = {}
    for name, binding in kernel.namespace.sync().changed.items():
        if binding.why:
            why[name] = binding.why
        else:
            loaded = codec.load(kernel.artifacts, binding.artifact, Target({}))
            found[name] = loaded[name]
    return why, found


@in_loop
async def test_what_has_ended_comes_back_with_its_outcome() -> None:
    """A generator gives nothing more, a task has its result, its error or was cancelled, and what
    awaits it does not wait. That of the code that runs stays the current one."""
    stream, generator = words(), (n for n in range(2))
    assert [word async for word in stream] == ["a"] and list(generator) == [0, 1]
    waited = answer(1)
    await waited
    told = asyncio.get_running_loop().create_future()
    told.set_result(5)
    tasks = [
        asyncio.create_task(answer([1]), name="mine"),
        asyncio.create_task(answer(ValueError("no"))),
        asyncio.create_task(asyncio.sleep(60)),
    ]
    tasks[2].cancel()
    await asyncio.wait(tasks)
    one, failed, cancelled = tasks
    me = asyncio.current_task()
    why, found = stored(
        stream=stream,
        generator=generator,
        waited=waited,
        told=told,
        one=one,
        failed=failed,
        cancelled=cancelled,
    )
    assert not why
    assert asyncio.current_task() is me
    assert list(found["generator"]) == [] and found["generator"].__name__ == generator.__name__
    assert [word async for word in found["stream"]] == []
    with pytest.raises(RuntimeError, match="already awaited"):
        await found["waited"]
    assert type(found["one"]) is asyncio.Task and found["one"].get_name() == "mine"
    assert await found["one"] == [1] and await found["told"] == 5
    assert await asyncio.gather(found["one"], found["told"]) == [[1], 5]
    with pytest.raises(ValueError, match="no"):
        await found["failed"]
    assert found["cancelled"].cancelled()
    with pytest.raises(ValueError, match="no"):
        failed.result()


@in_loop
async def test_what_has_not_ended_is_not_stored() -> None:
    """It lives in its frame or its loop; one that has given something has not ended."""
    begun = (n for n in range(2))
    next(begun)
    pending = asyncio.create_task(asyncio.sleep(60))
    waited, stream = answer(1), words()
    why, found = stored(begun=begun, pending=pending, waited=waited, stream=stream)
    pending.cancel()
    waited.close()
    await stream.aclose()
    assert not found and all("it has not ended" in text for text in why.values())
    assert set(why) == {"begun", "pending", "waited", "stream"}


@in_loop
async def test_the_task_of_the_cell_has_ended_when_it_comes_back() -> None:
    """What ran in it may hold it still."""
    why, found = stored(host=asyncio.current_task())
    assert not why and found["host"].done() and found["host"].result() is None


@in_loop
async def test_how_many_tasks_there_were_before_is_no_part_of_one() -> None:
    """A task that was given no name has the version of one with the same outcome."""
    versions = set()
    for _ in range(2):
        kernel = Kernel()
        kernel.live["task"] = asyncio.create_task(answer(7))
        await kernel.live["task"]
        kernel.namespace.touched(None)
        versions.add(kernel.namespace.sync().changed["task"].version)
    assert len(versions) == 1
