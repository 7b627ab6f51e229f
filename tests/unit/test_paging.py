"""A long history takes little memory: what is on record is read again where it is asked for."""

from __future__ import annotations

import tracemalloc
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from duranb.errors import StoreDamaged
from duranb.record import calls
from duranb.record.events import (
    Binding,
    CallCompleted,
    CallFailed,
    CallIntended,
    CallRejected,
    ErrorInfo,
    EventBody,
    ExecutionStarted,
    OfCall,
    RunStarted,
    Usage,
)
from duranb.record.fold import Fold
from duranb.record.history import History
from duranb.record.model import Call
from duranb.record.numbers import Numbers
from duranb.store import Store, StoreView, store_path
from duranb.store.memory import MemoryStore
from duranb.store.paths import LOG
from duranb.store.segments import HEAD_SIZE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a store lies, of a user with a key of their own."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    return store_path(tmp_path / "many.ipynb")


BEGUN = (
    RunStarted(run="r"),
    ExecutionStarted(execution=1, step="many", run="r", branch="main"),
)


def item(number: int) -> CallCompleted:
    """An item of a map that completed."""
    return CallCompleted(
        call=number,
        execution=1,
        attempt=1,
        step="many",
        key=f"key {number}",
        occurrence=0,
        kind="map",
        name=f"about[{number}]",
        item=f"item {number}",
        result=Binding(artifact=f"{number:064x}", version=f"{number:032x}", type="str", size=9),
        made_of=[number],
        preview=f"document {number}",
    )


def answer(number: int, usd: float = 0.25) -> CallCompleted:
    """A call that a model answered."""
    usage = Usage(model="m", input_tokens=2, output_tokens=3, cost=usd, priced=True)
    return CallCompleted(
        call=number,
        execution=1,
        attempt=1,
        step="many",
        key=f"asked {number % 7}",
        occurrence=number // 7,
        kind="llm",
        name="m",
        response=f"{number:064x}",
        usage=usage,
    )


def some_of_each(many: int) -> list[EventBody]:
    """Calls of several kinds, of which some failed, were rejected, or are still on their way."""
    found: list[EventBody] = []
    for number in range(1, many + 1):
        told = answer(number)
        about = {f: getattr(told, f) for f in OfCall.__struct_fields__}
        if number % 11 == 0:
            about["kind"] = "effect" if number % 2 else "llm"
            found.append(CallIntended(**about, preview="once"))
        if number % 13 == 0:
            found.append(CallFailed(**about, error=ErrorInfo(type="E", message="m"), status=500))
        elif number % 22:
            found.append(told)
        if number % 17 == 0 and number % 22:
            found.append(CallRejected(call=number, reason="no good"))
    return found


def filled(folder: Path, *bodies: EventBody) -> Store:
    """A store with these events, all durable."""
    store = Store.open(folder)
    for body in bodies:
        store.append(body)
    store.flush()
    return store


def said(history: History) -> tuple[object, ...]:
    """All that a history says of its calls."""
    return (
        {number: {**_plain(call)} for number, call in history.calls.items()},
        [_plain(call) for call in history.calls.latest()],
        len(history.calls),
        history.ledger(1),
        [_plain(call) for call in history.calls_of(1)],
        [_plain(call) for call in history.intended_calls_of(1)],
        [_plain(call) for key in range(7) for call in history.asked("many", f"asked {key}")],
        [history.occurrences("many", f"asked {key}") for key in range(8)],
    )


def _plain(call: Call) -> dict[str, object]:
    """A call without the times of its events, which differ from store to store."""
    return {f: getattr(call, f) for f in call.__struct_fields__ if f not in ("started", "ended")}


@pytest.mark.parametrize("lately", [1, 2048])
def test_a_paged_history_says_what_one_in_memory_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch, lately: int
) -> None:
    """Whether calls are held or read again makes no difference to any question about them: while
    they are made, after the store was opened again, and for whoever looks from outside."""
    monkeypatch.setattr(calls, "LATELY", lately)
    bodies = [*BEGUN, *some_of_each(400)]
    held = MemoryStore()
    held.append(*bodies)
    expected = said(Fold(held.events()).history)

    store = filled(folder, *bodies)
    live = Fold()
    live.history.calls.reader = store.fold().history.calls.reader
    for event in store.events():
        live.apply(event)
    assert said(live.history) == expected
    store.close()
    again = Store.open(folder)
    assert said(again.fold().history) == expected
    again.close()
    with StoreView.open(folder) as view:
        history = view.history()
    assert history.calls[21].key == "asked 0"  # after it was closed too


def test_opening_many_items_takes_few_bytes_for_each(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an open store holds of a finished item does not depend on what the item says."""
    monkeypatch.setattr(calls, "LATELY", 1)
    many = 5000
    filled(folder, *BEGUN, *map(item, range(1, many + 1))).close()
    StoreView.open(folder).close()  # what is imported is not counted
    tracemalloc.start()
    try:
        view = StoreView.open(folder)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(view.history().calls) == many
    assert view.history().calls[many].preview == f"document {many}"
    assert taken / many < 100
    view.close()


def test_a_log_that_was_changed_under_an_open_store_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that cannot be read any more is a damaged log, not a call that never was."""
    monkeypatch.setattr(calls, "LATELY", 1)
    filled(folder, *BEGUN, item(1), item(2)).close()
    with StoreView.open(folder) as view:
        history = view.history()
        [log] = (folder / LOG).iterdir()
        data = bytearray(log.read_bytes())
        data[HEAD_SIZE:] = bytes(len(data) - HEAD_SIZE)
        log.write_bytes(data)
        with pytest.raises(StoreDamaged, match=log.name):
            history.calls[1]
        assert 1 in history.calls


def test_ids_that_are_none_cost_nothing(folder: Path) -> None:
    """In a history that anybody may have written ids may be anything: what cannot be one is left
    out, and those far apart take no room for all in between."""
    far = [item(number * 1_000_000) for number in range(1, 200)]
    none = [item(-1), item(1 << 70)]
    filled(folder, *BEGUN, item(1), *none, *far).close()
    tracemalloc.start()
    try:
        view = StoreView.open(folder)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    history = view.history()
    assert taken < 8 << 20
    assert list(history.calls) == [1, *(each.call for each in far)]
    assert len(history.unread) == len(none) and history.next_id("call") == far[-1].call + 1
    view.close()


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=600))
def test_numbers_are_a_multiset_by_hash(entries: list[tuple[int, int]]) -> None:
    """Each hash gives its numbers in the order in which they were added, and no others, though
    hashes and numbers look the same, and however many hashes end in the same bits."""
    found, expected = Numbers(), defaultdict(list)
    for key, number in entries:
        spread = key << 58 if key % 2 else key
        found.add(spread, number)
        expected[spread].append(number)
    assert {key: found.get(key) for key in expected} == expected
    assert len(found) == len(entries) and sorted(found.numbers()) == sorted(n for _, n in entries)
    assert 1 << 63 not in found and all(key in found for key in expected)
