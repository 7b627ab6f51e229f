"""The port: every store behind it keeps the same promises."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from duranb.errors import StoreUnwritable, Superseded
from duranb.record.events import Answered, ArtifactStored
from duranb.store import MemoryStore, Port, Store


@pytest.fixture(params=["disk", "memory"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Port]:
    """An open store of each kind."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    if request.param == "memory":
        yield MemoryStore()
        return
    made = Store.open(tmp_path / "store")
    yield made
    made.close()


def answers(store: Port) -> list[int]:
    """The calls that were answered, in the order of the events."""
    return [x.body.call for x in store.events() if isinstance(x.body, Answered)]


def test_a_receipt_gives_the_number_of_the_last_event(store: Port) -> None:
    """Who waits knows where the history ends, and can rely on it in the next append."""
    last = store.append(Answered(call=1, value=1), Answered(call=2, value=2)).wait()
    assert [x.seq for x in store.events()][-1] == last
    assert store.append(Answered(call=3, value=3), expected=last).wait() == last + 1
    assert [x.seq for x in store.events(after=last)] == [last + 1]


def test_an_append_that_relies_on_an_older_end_is_refused(store: Port) -> None:
    """Nothing of it is written, and what comes after it goes on."""
    last = store.append(Answered(call=1, value=1)).wait()
    store.append(Answered(call=2, value=2)).wait()
    with pytest.raises(Superseded, match=f"not at {last}"):
        store.append(Answered(call=3, value=3), expected=last).wait()
    store.append(Answered(call=4, value=4)).wait()
    assert answers(store) == [1, 2, 4]


def test_artifacts_are_there_before_and_after_the_append(store: Port) -> None:
    """What was put is read back at once, and a copy can be written to."""
    digest = store.put([b"ab", b"c"])
    assert bytes(store.get(digest)) == b"abc"
    store.append(Answered(call=1, value=digest)).wait()
    copy = store.copy(digest)
    copy[0] = ord("x")
    assert bytes(store.get(digest)) == b"abc"


def test_listeners_hear_in_order_before_the_caller_goes_on(store: Port) -> None:
    """They may read artifacts: nothing that reads waits for what writes."""
    heard: list[object] = []
    store.listeners.append(
        lambda events: heard.extend(
            bytes(store.get(x.body.value)) for x in events if isinstance(x.body, Answered)
        )
    )
    for number in range(3):
        digest = store.put([b"%d" % number])
        store.append(Answered(call=number, value=digest)).wait()
        store.put([os.urandom(10)])
    assert heard == [b"0", b"1", b"2"]


def test_tasks_of_one_loop_await_together(store: Port) -> None:
    """Receipts are awaited on an event loop, and each is durable when it is passed."""

    async def one(number: int) -> None:
        await store.append(Answered(call=number, value=number))
        assert number in answers(store)

    async def all_of_them() -> None:
        await asyncio.gather(*[one(number) for number in range(40)])

    asyncio.run(all_of_them())
    assert sorted(answers(store)) == list(range(40))


def test_a_receipt_can_be_waited_for_more_than_once(store: Port) -> None:
    """In threads and on loops, before and after it was settled."""
    receipt = store.append(Answered(call=1, value=1))

    async def twice() -> list[int]:
        async def once() -> int:
            return await receipt

        return await asyncio.gather(once(), once())

    first, second = asyncio.run(twice())
    assert first == second == receipt.wait() == receipt.wait()


def test_memory_plays_a_disk_that_is_full() -> None:
    """What is waited for raises and is not written; what nobody waits for is written later."""
    store = MemoryStore()
    store.failing = StoreUnwritable("the disk is full")
    store.append(Answered(call=1, value=1))
    with pytest.raises(StoreUnwritable):
        store.append(Answered(call=2, value=2)).wait()
    assert answers(store) == []
    store.failing = None
    store.append(Answered(call=3, value=3)).wait()
    assert answers(store) == [1, 3]
    assert not any(isinstance(x.body, ArtifactStored) for x in store.events())
