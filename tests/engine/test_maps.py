"""One function over many items: each is recorded, retried and rejected by itself."""

from __future__ import annotations

import asyncio
import functools
import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import duranb
from duranb.engine.items import Pace
from duranb.engine.jobs import Job, Results
from duranb.errors import ItemFailed, Unrecorded, UsageError
from duranb.record.kinds import Kind
from duranb.record.model import CallStatus, Status
from duranb.record.ways import sentence
from duranb.state import aside
from duranb.values.description import describe
from duranb.values.differing import differences
from tests.engine.world import Model, World, aask

HEAD = """
import asyncio, json
def read(n): return json.loads(ask(n))
async def aread(n): return json.loads(await aask(n))
"""


class Killed(BaseException):
    """The process is gone."""


WAYS = {
    "plain": "got = duranb.map(read, range(40), backoff=0)",
    "awaited": "got = await duranb.map(aread, range(40), backoff=0)",
    "an async function waited for": "got = duranb.map(aread, range(40), backoff=0).wait()",
    "a plain function awaited": "got = await duranb.map(read, range(40), backoff=0, stream=True)",
    "streamed": "got = [x for x in duranb.map(read, iter(range(40)), backoff=0, stream=True)]",
    "streamed and awaited": "got = [x async for x in duranb.map(aread, range(40), backoff=0)]",
}


@pytest.mark.parametrize("way", WAYS)
def test_one_bad_answer_among_40_items_is_made_anew_alone(
    world: World, model: Model, way: str
) -> None:
    """Whichever way a map is used, results come in order, and an answer that is no good is rejected
    and made anew in its own item, while the step has one attempt."""
    model.delay = 0.0005
    model.answers = {str(n): [str(n)] for n in range(40)}
    model.answers["17"] = ["not JSON", "17"]
    model.answers["23"] = [ConnectionResetError("500"), "23"]
    world.plain(HEAD)
    world.cell("read_all --retries 0", WAYS[way])
    assert world.live["got"] == list(range(40))
    assert len(model.paid) == 42
    rejected = [c for c in world.calls() if c.status is CallStatus.REJECTED]
    assert [c.name for c in rejected] == ["ask 17"]
    assert len(world.last("read_all").attempts) == 1


@pytest.mark.parametrize("died", range(4))
def test_what_completed_before_a_death_is_served(world: World, model: Model, died: int) -> None:
    """A process that dies in the middle of a map goes on item by item: those that completed are
    served without running, and of the others only what is missing is asked."""
    world.plain("ran = []\ndef two(n):\n    ran.append(n)\n    return ask(f'{n}a') + ask(f'{n}b')")
    stop = random.Random(died).randrange(2, 38)
    model.answers[f"{stop}b"] = [Killed(), "late"]
    source = "got = duranb.map(two, range(20), workers=3)"
    if stop < 20:
        with pytest.raises(Killed):
            world.cell("s --ignore ran", source)
    completed = {c.name for c in world.calls() if c.kind is Kind.MAP and c.result is not None}
    paid = list(model.paid)
    world.start()
    world.plain("ran = []\ndef two(n):\n    ran.append(n)\n    return ask(f'{n}a') + ask(f'{n}b')")
    world.cell("s --ignore ran", source)
    assert len(world.live["got"]) == 20
    assert len(world.live["ran"]) == 20 - len(completed)
    again = [p for p in model.paid[len(paid) :] if p in paid]
    assert again == ([f"{stop}b"] if stop < 20 else [])


def test_edited_code_pays_only_for_new_requests(world: World, model: Model) -> None:
    """After an edit of the function the items run again and are answered from the journal; items
    whose request changed are asked, and after an edit of a comment nothing runs at all."""
    world.plain("def f(n): return ask(n)")
    world.cell("s", "got = duranb.map(f, range(10))")
    first = world.live["got"]
    world.plain("def f(n):  # said better\n    return ask(n)")
    world.cell("s", "got = duranb.map(f, range(10), workers=2)")
    assert len(model.paid) == 10 and world.live["got"] == first
    world.plain("def f(n): return ask(n if n < 8 else f'{n} please').upper()")
    world.cell("s", "got = duranb.map(f, range(10))")
    assert model.paid[10:] == ["8 please", "9 please"] or model.paid[10:] == [
        "9 please",
        "8 please",
    ]
    assert world.live["got"][:8] == [x.upper() for x in first[:8]]


def test_only_items_that_are_new_run(world: World, model: Model) -> None:
    """Items are known by what they are: put in another order, with one more among them, only that
    one runs."""
    world.plain("def f(d): return ask(d['text'])")
    world.live["docs"] = [{"text": t} for t in "abc"]
    world.cell("s", "got = duranb.map(f, docs)")
    world.start()
    world.plain("def f(d): return ask(d['text'])")
    world.live["docs"] = [{"text": t} for t in "cxab"]
    world.cell("s", "got = duranb.map(f, docs)")
    assert model.paid[3:] == ["x"]
    assert [x[0] for x in world.live["got"]] == list("cxab")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[ask(n) for n in range(5)]", "duranb.map(ask, range(5))"),
        ("duranb.map(ask, range(5))", "[ask(n) for n in range(5)]"),
        (
            "duranb.map(ask, range(5))",
            "duranb.map(lambda d: ask(d['n']), [{'n': n} for n in range(5)])",
        ),
        (
            "[duranb.call(get, n) for n in range(5)]",
            "duranb.map(lambda n: duranb.call(get, n), range(5))",
        ),
    ],
)
def test_what_was_paid_in_another_form_is_not_paid_again(
    world: World, model: Model, before: str, after: str
) -> None:
    """A loop that becomes a map, a map that becomes a loop, items that are told in another way:
    identical requests and effects are answered from the journal, once each."""
    world.cell("s", f"got = {before}")
    paid = list(model.paid)
    world.cell("s", f"got = {after}")
    assert model.paid == paid and len(set(world.live["got"])) == 5


def test_equal_items_keep_their_own_answers(world: World, model: Model) -> None:
    """Ten samples of one prompt are ten calls; after a death in the middle those that are there
    keep theirs, and the others are new: no answer stands for two items."""
    world.plain("def sample(n): return ask('a poem')")
    model.answers["a poem"] = [
        *(f"poem {n}" for n in range(6)),
        Killed(),
        *(f"poem {n}" for n in range(6, 10)),
    ]
    with pytest.raises(Killed):
        world.cell("s", "got = duranb.map(sample, ['same'] * 10, workers=2)")
    world.start()
    world.plain("def sample(n): return ask('a poem')")
    world.cell("s", "got = duranb.map(sample, ['same'] * 10, workers=2)")
    assert sorted(world.live["got"]) == [f"poem {n}" for n in range(10)]
    assert len(model.paid) == 11


def test_failures_are_collected_and_retried_alone(world: World, model: Model) -> None:
    """With on_error="collect" a poisoned item stands as a failure in its place, with its error and
    tries; the results come back whole, and after the mend retry_failed() runs just that one."""
    world.plain("def f(n):\n    got = ask(n)\n    return 1 / (n - 3)")
    world.cell("s", "got = duranb.map(f, range(6), on_error='collect')")
    got = world.live["got"]
    (failure,) = got.failures
    assert (failure.index, failure.item, failure.type, failure.tries) == (
        3,
        3,
        "ZeroDivisionError",
        1,
    )
    assert got[3] is failure and not failure and len(got.succeeded) == 5
    world.start()
    world.plain("def f(n):\n    got = ask(n)\n    return 1 / (n - 3) if n != 3 else 0")
    world.runtime.namespace.restore(world.last("s").outputs)
    (was, _), (now, objects) = (describe({"got": each}) for each in (got, world.live["got"]))
    assert not differences(was, now, now, lambda i, name: aside.asked(objects[i], name))
    world.cell("again", "mended = got.retry_failed()")
    assert world.live["mended"] == [-1 / 3, -0.5, -1, 0, 1, 0.5]
    assert not world.live["mended"].failures and world.live["got"].failures
    assert len(model.paid) == 7


def test_the_first_failure_ends_a_map_and_names_its_item(world: World, model: Model) -> None:
    """By default the error of an item names it, the step fails as code, what was made is kept, and
    no further item begins."""
    model.delay = 0.1
    model.answers["3"] = [ConnectionResetError("gone")]
    world.plain("def f(n): return ask(n)")
    with pytest.raises(
        ItemFailed, match=r"item 3 of the map of f, 3, failed after 2 tries"
    ) as caught:
        world.cell("s", "got = duranb.map(f, range(100), workers=2, retries=1, backoff=0)")
    assert caught.value.index == 3 and isinstance(caught.value.__cause__, ConnectionResetError)
    assert world.last("s").status is Status.FAILED and len(world.last("s").attempts) == 1
    assert len(model.paid) < 20
    paid = len(model.paid)
    model.answers["3"] = ["three"]
    world.cell("s", "got = duranb.map(f, range(5), workers=2)")
    assert world.live["got"][3] == "three" and len(model.paid) <= paid + 2


def test_an_interrupt_stops_the_workers(world: World, model: Model) -> None:
    """What interrupts the map ends it: nothing more is asked, and what was answered is kept."""
    model.answers["5"] = [KeyboardInterrupt()]
    before = {*threading.enumerate()}  # those of other tests' servers may be there
    with pytest.raises(KeyboardInterrupt):
        world.cell("s", "got = duranb.map(ask, range(1000), workers=4)")
    paid = len(model.paid)
    assert paid < 50 and world.last("s").status is Status.CANCELLED
    assert {*threading.enumerate()} - before == set()
    assert len(model.paid) == paid


VALID = ["len(result) > 1", lambda result: len(result) > 1]


@pytest.mark.parametrize("check", VALID)
def test_a_result_that_is_not_valid_is_asked_anew(
    world: World, model: Model, check: str | Callable[[str], bool]
) -> None:
    """validate is an expression or a function; a recorded result must pass the check of today."""
    model.answers["1"] = ["x", "long"]
    world.live["check"] = check
    world.cell("s", "got = duranb.map(ask, [0, 1], validate=check)")
    assert world.live["got"][1] == "long" and len(model.paid) == 3
    model.answers["1"] = ["longer still"]
    world.cell(
        "s", "got = duranb.map(ask, [0, 1], validate='len(result) > 4 or result[0] == \"0\"')"
    )
    assert world.live["got"][1] == "longer still" and len(model.paid) == 4


def test_an_answer_rejected_after_the_map_takes_its_item_with_it(
    world: World, model: Model
) -> None:
    """When the cell finds an item's answer no good later on, that item runs again, alone."""
    model.answers["2"] = ["no JSON", "2"]
    model.answers.update({str(n): [str(n)] for n in (0, 1, 3)})
    world.cell(
        "s", "import json\ntexts = duranb.map(ask, range(4))\ngot = [json.loads(t) for t in texts]"
    )
    assert world.live["got"] == [0, 1, 2, 3] and len(model.paid) == 5


def test_effects_and_values_belong_to_their_item(world: World, model: Model) -> None:
    """After a death each item finds its own random number again, and no effect is done twice."""
    head = "def f(n): return n, duranb.random(), duranb.call(get, f'book {n}'), ask(n)"
    world.plain(head)
    model.answers["7"] = [Killed(), "seven"]
    with pytest.raises(Killed):
        world.cell("s", "got = duranb.map(f, range(8), workers=8)")
    load = world.runtime.namespace.load_value
    drawn = {load(c.result) for c in world.calls() if c.kind is Kind.VALUE and c.result}
    world.start()
    world.plain(head)
    world.cell("s", "got = duranb.map(f, reversed(range(8)), workers=8)")
    booked = [paid for paid in model.paid if paid.startswith("book")]
    assert sorted(booked) == [f"book {n}" for n in range(8)]
    assert {r for _, r, _, _ in world.live["got"]} >= drawn


def test_iterators_are_pulled_when_a_worker_is_free(world: World) -> None:
    """A stream pulls only so far ahead of its reader, from plain and from async iterators."""
    pulled = []

    def numbers() -> Iterator[int]:
        for n in range(10_000):
            pulled.append(n)
            yield n

    stream = duranb.map(lambda n: n * 2, numbers(), workers=2, stream=True)
    with world.inside("s"):
        reader = iter(stream)
        assert [next(reader) for _ in range(3)] == [0, 2, 4]
        reader.close()  # type: ignore[attr-defined]
    assert len(pulled) < 100

    async def later() -> AsyncIterator[int]:
        for n in range(5):
            await asyncio.sleep(0)
            yield n

    async def main() -> Results[int]:
        return await duranb.map(lambda n: n + 1, later(), stream=True)

    assert asyncio.run(main()) == [1, 2, 3, 4, 5]


def test_maps_within_maps(world: World, model: Model) -> None:
    """An item may map itself; what it did is found again whether it or its inner items changed."""
    world.plain(
        "def inner(n): return ask(n)\n"
        "def outer(n): return sum(map(len, duranb.map(inner, [n, n + 100])))"
    )
    world.cell("s", "got = duranb.map(outer, range(4))")
    assert len(model.paid) == 8
    world.plain("def outer(n): return [len(x) for x in duranb.map(inner, [n, n + 100])]")
    world.cell("s", "got = duranb.map(outer, range(5))")
    assert len(model.paid) == 10


def test_gather_runs_different_jobs(world: World, model: Model) -> None:
    """A handful of different functions, plain or async, in order and each recorded by itself."""
    world.plain("async def other(): return await aask('x')")
    world.cell("s", "a, b = await duranb.gather(lambda: ask('y'), other)")
    assert world.live["a"].startswith("y") and world.live["b"].startswith("x")
    world.cell("s", "a, b, c = await duranb.gather(lambda: ask('y'), other, lambda: 3)")
    assert len(model.paid) == 2
    with pytest.raises(UsageError, match="cannot be called"):
        duranb.gather(3)


def test_outside_of_steps_a_map_is_plain(model: Model) -> None:
    """Nothing is recorded, and order, retries and failures are the same."""
    tries: dict[int, int] = {}

    def f(n: int) -> int:
        tries[n] = tries.get(n, 0) + 1
        if n == 2 and tries[n] == 1:
            raise ConnectionResetError
        if n == 3:
            raise duranb.Reject("never good")
        return n

    got = duranb.map(f, range(4), retries=2, backoff=0, on_error="collect")
    assert got[:3] == [0, 1, 2] and got.failures[0].tries == 3 and tries[2] == 2


def test_a_map_that_is_not_begun_says_so() -> None:
    """A job that nobody awaits warns, one that began cannot begin again, and what makes no sense is
    refused."""

    async def f(n: int) -> int:
        return n

    job: Job[int] = duranb.map(f, [1])
    assert "not begun" in repr(job)
    with pytest.warns(RuntimeWarning, match="never begun"):
        del job
    job = duranb.map(f, [1])
    assert job.wait() == [1]
    with pytest.raises(UsageError, match="begun already"):
        job.wait()
    for wrong in ({"workers": 0}, {"retries": -1}, {"rate": 0}, {"on_error": "ignore"}):
        with pytest.raises(UsageError):
            duranb.map(f, [1], **wrong)  # type: ignore[call-overload]


def test_a_strict_replay_runs_the_items(world: World, model: Model) -> None:
    """Offline the function runs for each item, answered from the journal, and a request that was
    never recorded is refused."""
    world.plain("def f(n): return ask(n)")
    world.cell("s", "got = duranb.map(f, range(3))")
    world.start(strict=True)
    world.plain("ran = 0\ndef f(n):\n    global ran\n    ran += 1\n    return ask(n)")
    world.cell("s", "got = duranb.map(f, range(3))")
    assert world.live["ran"] == 3 and len(model.paid) == 3
    with pytest.raises(Unrecorded):
        world.cell("s", "got = duranb.map(f, range(4))")


def test_a_rate_holds_the_workers() -> None:
    """At most ``rate`` tries begin in a second, whatever the number of workers."""
    pace = Pace(0.01)
    waits = [pace.wait() for _ in range(5)]
    assert waits == pytest.approx([0, 100, 200, 300, 400], abs=50)
    assert Pace(None).wait() == 0.0


def test_the_tries_of_an_sdk_are_the_items_tries(world: World, model: Model) -> None:
    """A client that tries again by itself uses up the tries of its item, and all are told."""
    model.answers["x"] = [ConnectionResetError("gone")]
    world.plain(
        "def thrice(n):\n"
        "    for left in (2, 1, 0):\n"
        "        try:\n            return ask(n)\n"
        "        except ConnectionError:\n            if not left: raise\n"
    )
    world.cell("s", "got = duranb.map(thrice, ['x'], retries=4, backoff=0, on_error='collect')")
    assert len(model.paid) == 6 and world.live["got"].failures[0].tries == 6


def test_each_item_has_an_idempotency_key_of_its_own(world: World) -> None:
    """What an item is told to identify itself by is no other item's, and the same after a
    restart."""
    world.plain("def key(n): return duranb.context().idempotency_key")
    world.cell("s", "got = duranb.map(key, range(5))")
    first = world.live["got"]
    world.start()
    world.plain("def key(n):\n    again = 1\n    return duranb.context().idempotency_key")
    world.cell("s", "got = duranb.map(key, range(5))")
    assert len(set(first)) == 5 and world.live["got"] == first


def test_a_map_that_is_cancelled_ends(world: World, model: Model) -> None:
    """What cancels the code that awaits a map ends its items: those that make no call at once."""

    async def main() -> None:
        async def item(n: int) -> str:
            if n % 2:
                await asyncio.sleep(3600)
            return await aask(n)

        with world.inside("s"):
            task = asyncio.create_task(_all(duranb.map(item, range(100), workers=4)))
            while not model.paid:
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    model.delay = 0.005
    asyncio.run(main())
    assert 0 < len(model.paid) < 10
    answered = [c for c in world.calls() if c.response]
    assert len(answered) == len(model.paid), "what was on its way is recorded"


async def _all(job: Job[str]) -> Results[str]:
    return await job


def test_the_record_says_which_item_failed(world: World, model: Model) -> None:
    """Like those that did not: also of a try that was followed by another, and after a restart."""
    world.plain("def f(text):\n    return len(text) / text.count('a')")
    world.cell("s", "got = duranb.map(f, ['ab', 'cd'], on_error='collect')")
    for _ in range(2):
        calls = [c for c in world.runtime.history.calls.values() if c.kind is Kind.MAP]
        assert {(c.status.value, c.preview) for c in calls} == {
            ("completed", "'ab'"),
            ("failed", "'cd'"),
        }
        world.start()


def test_an_item_without_content_needs_a_key(world: World) -> None:
    """What nobody could know again (a generator) is refused, unless a key says which one it is;
    with a key, only that one tells items apart."""
    world.plain(
        "def f(each): return sum(each)\ndef parts(): return [(n for n in [k]) for k in (1, 2)]"
    )
    with pytest.raises(UsageError, match="item 0 of the map of f, a generator, shows no content"):
        world.cell("s", "got = duranb.map(f, parts())")
    world.cell("s", "got = duranb.map(f, parts(), key=lambda each: each.gi_frame.f_lineno)")
    assert world.live["got"] == [1, 2]
    world.cell("s", "got = duranb.map(len, ['a', 'bb'], key=lambda each: 'one')\nmore = 1")
    assert world.live["got"] == [1, 2]


def test_different_items_with_one_key_are_told(world: World) -> None:
    """They are told apart by their order only, so that each may be given another's result once that
    changes: it is said. Equal ones may have one key."""
    cell = "got = duranb.map(len, {}, key=lambda each: each[0])"
    world.cell("s", cell.format("['ab', 'ab', 'b']"))
    assert not world.last("s").unrecorded
    world.cell("s", cell.format("['ab', 'ab', 'abc', 'b']"))
    told = sentence("s", world.last("s").unrecorded)
    assert "1 item of the map of len with the key of another one" in told


@pytest.mark.parametrize(
    "options",
    [{"workers": "4"}, {"workers": 2.5}, {"retries": None}, {"rate": "fast"}, {"backoff": "1"}],
)
def test_what_a_map_takes_is_said(options: dict[str, Any]) -> None:
    """An option of another type is named before anything runs; so is what cannot be called."""
    (name,) = options
    with pytest.raises(UsageError, match=f"duranb.map: {name} is .*: it takes"):
        duranb.map(str, [1], **options)

    def each(n: int) -> Iterator[int]:
        yield n

    for lazy in (each, functools.partial(each)):
        with pytest.raises(UsageError, match="each is a generator function"):
            duranb.map(lazy, [1])
    with pytest.raises(UsageError, match="each is a generator function"):
        duranb.gather(functools.partial(each, 1))
    for check, message in (
        ("result >", "validate is 'result >': invalid syntax"),
        ("result > least", "knows no least: give it a function of the result"),
        (True, "validate is True: it takes a function of the result"),
    ):
        with pytest.raises(UsageError, match=message):
            duranb.map(str, [1], validate=check)  # type: ignore[call-overload]
    assert duranb.map(str, [1], validate="all(c.isdigit() for c in result)") == ["1"]
    with pytest.raises(UsageError, match=r"duranb\.map: 5 cannot be called"):
        duranb.map(5, [1])  # type: ignore[call-overload]
