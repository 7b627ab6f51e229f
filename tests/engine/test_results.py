"""What a map gives: its failures, what is run again of them, and what is shown meanwhile."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from duranb.engine.items import Failure, Pace
from duranb.engine.progress import Paced, Progress
from duranb.errors import ItemFailed
from tests.engine.world import Model, World


def test_a_failure_that_a_function_returns_is_a_result(world: World, model: Model) -> None:
    """A map within a map may give its failure back: that is no failure of the outer map's, and
    what is retried of that takes its own place."""
    model.answers["bad"] = [ValueError("no")]
    world.plain(
        "def f(n):\n    if n == 4: 1 / len(ask('four')[4:-2])\n"
        "    return duranb.map(ask, ['bad' if n == 3 else n], on_error='collect')[0]"
    )
    model.answers["four"] = ["four"]
    world.cell("s", "got = duranb.map(f, range(5), on_error='collect')")
    got = world.live["got"]
    assert [f.index for f in got.failures] == [4] and len(got.succeeded) == 4
    assert isinstance(got[3], Failure) and got[3] in got.succeeded
    world.plain("def f(n): return 'mended'")
    world.cell("again", "mended = got.retry_failed()")
    assert world.live["mended"] == [*got[:4], "mended"] and not world.live["mended"].failures


MENDS = {
    "a function": ("def f(n): return 1 / n", "def f(n): return n", "f"),
    "what it reads": ("zero = 0\ndef f(n): return 1 / (n + zero)", "zero = 1", "f"),
    "what a lambda reads": ("zero = 0", "zero = 1", "lambda n: 1 / (n + zero)"),
    "a function in a partial": (
        "import functools\ndef g(a, n): return a / n\nf = functools.partial(g, 1)",
        "def g(a, n): return n",
        "f",
    ),
    "a decorated function": (
        "import functools\n@functools.lru_cache\ndef f(n): return 1 / n",
        "@functools.lru_cache\ndef f(n): return n",
        "f",
    ),
    "a method": (
        "class A:\n    def f(self, n): return 1 / n\na = A()",
        "class A:\n    def f(self, n): return n",
        "a.f",
    ),
    "a method of a base": (
        "class B:\n    def f(self, n): return 1 / n\nclass A(B): pass\na = A()",
        "class B:\n    def f(self, n): return n",
        "a.f",
    ),
    "an object": (
        "class A:\n    def __call__(self, n): return 1 / n\na = A()",
        "class A:\n    def __call__(self, n): return n",
        "a",
    ),
    "a check": (
        "def ok(result): return result\ndef f(n): return n",
        "def ok(result): return True",
        "f, validate=ok, backoff=0, retries=0",
    ),
}


@pytest.mark.parametrize("what", MENDS)
def test_what_failed_runs_with_what_was_mended(world: World, what: str) -> None:
    """retry_failed() takes what the notebook has now. The cell that calls it runs again after a
    mend, though its own code and the results that it reads are what they were."""
    head, mend, fn = MENDS[what]
    fn, _, options = fn.partition(", ") if not fn.startswith("lambda") else (fn, "", "")
    world.plain(head)
    told = f", {options}" if options else ""
    world.cell("s", f"got = duranb.map({fn}, [0, 1], on_error='collect'{told})")
    world.cell("again", "mended = got.retry_failed()")
    assert len(world.live["mended"].failures) == 1
    world.plain(mend)
    world.cell("again", "mended = got.retry_failed()")
    assert not world.live["mended"].failures
    restored = world.last("again")
    world.cell("again", "mended = got.retry_failed()")
    assert world.last("again").of == restored.id


def test_items_that_are_served_wait_for_no_rate(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rate is for what is done: what was done already is there at once."""
    waits: list[float] = []

    def wait(pace: Pace) -> float:
        waits.append(0.0)
        return 0.0

    monkeypatch.setattr(Pace, "wait", wait)
    world.plain("def f(n): return n")
    world.cell("s", "got = duranb.map(f, range(5), rate=2)")
    assert len(waits) == 5
    world.cell("s", "got = duranb.map(f, range(6), rate=2)")
    assert len(waits) == 6 and world.live["got"] == list(range(6))


@pytest.mark.parametrize("way", ["duranb.map(item, [0, 1])", "await duranb.map(aitem, [0, 1])"])
def test_a_map_that_waits_for_calls_to_end_says_so(world: World, way: str) -> None:
    """Stop, or an item that failed for good, ends a map once the calls on their way have ended:
    somebody who looks sees what is waited for, at once."""
    shown, begun, said = threading.Event(), threading.Event(), list[str]()

    def show(progress: Progress, first: bool) -> None:
        said.append(progress.waiting)
        if progress.waiting:
            shown.set()

    def item(n: int) -> None:
        if n:
            begun.set()
            assert shown.wait(60)
        begun.wait(60)
        raise ValueError("no")

    async def aitem(n: int) -> None:
        await asyncio.shield(asyncio.to_thread(item, n))

    world.start(display=lambda: Paced(show))
    world.live |= {"item": item, "aitem": aitem}
    with pytest.raises(ItemFailed):
        world.cell("s", way)
    assert "stopping: calls on their way are waited for" in said and shown.is_set()


@pytest.mark.parametrize("way", ["await duranb.map(item, [1])", "duranb.map(item, [1]).wait()"])
def test_how_far_a_map_is_shows_before_its_first_item_has_ended(world: World, way: str) -> None:
    """Where all that goes on takes long, somebody who looks sees that it goes on."""
    shown = threading.Event()

    class Shown:
        def update(self, progress: Progress) -> None:
            if not progress.done and progress.seconds > 0.3:
                shown.set()

    async def item(n: int) -> int:
        assert await asyncio.to_thread(shown.wait, 60)
        return n

    world.start(display=Shown)
    world.live["item"] = item
    world.cell("s", f"got = {way}")
    found: Any = world.live["got"]
    assert found == [1]
