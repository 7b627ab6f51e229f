"""Budgets: what calls may cost, checked before each is made."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any, cast

import pytest

import duranb
from duranb.engine import budgets, context, flows
from duranb.engine.budgets import Amount, Budget, Limit
from duranb.errors import BudgetExceeded, UsageError
from duranb.record import events as e
from duranb.record.events import Usage
from duranb.record.kinds import Kind
from duranb.record.model import Status
from duranb.session.replaying import replay
from duranb.session.session import Session
from duranb.verbs.table import Replay
from duranb.views.status import left
from tests.engine.world import World


@pytest.mark.parametrize("seed", range(100))
def test_a_budget_is_exceeded_by_no_more_than_one_estimate(seed: int) -> None:
    """Of calls whose length nobody knows, 32 at once, the whole costs no more than the budget and
    the error of one estimate; and a call is refused only when one more would not have fitted."""
    chance = random.Random(seed)
    made = Budget(Limit(usd=1.0), "a test", "")
    expected, most = Amount(0.005, 0, 1), Amount(0.04, 0, 1)
    on_their_way: list[float] = []
    refused = None
    while refused is None:
        waits = len(on_their_way) == 32
        if not waits:
            try:
                waits = not made.reserve(expected, most, "a call")
            except BudgetExceeded as error:
                refused = error
                break
            if not waits:
                on_their_way.append(chance.choice([0.001, 0.002, 0.02]) * chance.random() * 2)
        if waits or chance.random() < 0.3:
            paid = on_their_way.pop(chance.randrange(len(on_their_way)))
            made.settle(most, Amount(paid, 0, 1))
    assert not on_their_way
    assert 1.0 - expected.usd < made.spent.usd <= 1.0 + 0.04
    assert "$1.00" in str(refused)


class Calls:
    """A step's calls that are paid from what is in force, as the wire hook makes them."""

    def __init__(self, usd: float) -> None:
        self.usage = Usage(model="m", input_tokens=10, output_tokens=10, cost=usd, priced=True)
        self.made = 0

    def __call__(self, prompt: object) -> str:
        here = context.current()
        assert here is not None
        claim = here.journal.claim(Kind.LLM, Kind.LLM.key(str(prompt)), f"ask {prompt}")
        assert claim is not None
        if claim.settled:
            assert claim.recorded is not None
            budgets.replayed(budgets.in_force(), claim.recorded)
            return bytes(claim.response()).decode()
        expected = budgets.amount_of(self.usage)
        for each in budgets.in_force():
            try:
                assert each.reserve(expected, expected, claim.name)
            except BudgetExceeded as error:
                claim.release()
                if not isinstance(each, budgets.Block):
                    here.journal.stop(error)
                raise
            each.settle(expected, expected)
        self.made += 1
        flows.run(claim.complete(response=[f"{prompt}!".encode()], usage=self.usage))
        return f"{prompt}!"


def pay(prompt: object) -> str:
    """What cells call: the calls of the world that runs, which are no part of its namespace."""
    return _Paying.calls(prompt)


class _Paying:
    calls: Calls


@pytest.fixture
def calls(world: World) -> Calls:
    """Each costs ten cents."""
    made = _Paying.calls = Calls(0.10)
    world.live["pay"] = pay
    return made


def test_a_step_keeps_what_it_made_and_goes_on_with_more(world: World, calls: Calls) -> None:
    """A step with a budget stops before the call that would not fit, also when its code swallows
    that; with a larger one it goes on, and what it had paid for is part of the sum, while a step
    that was completed begins anew."""
    source = "got = [pay(n) for n in range(8)]"
    with pytest.raises(BudgetExceeded, match=r"step 's' is used up: \$0.50 of \$0.50"):
        world.cell("s --budget 0.50", source)
    assert calls.made == 5 and world.last("s").status is Status.FAILED
    swallowed = "try:\n    got = [pay(n) for n in range(8)]\nexcept Exception:\n    got = []"
    with pytest.raises(BudgetExceeded):
        world.cell("s --budget 0.5", swallowed)
    world.start()
    world.live["pay"] = pay
    with pytest.raises(BudgetExceeded):
        world.cell("s --budget 0.65", source)
    world.cell("s --budget 1", source)
    assert calls.made == 8
    world.cell("s --budget 0.2", "got = [pay(n) for n in range(10)]")
    assert calls.made == 10


def test_a_block_counts_what_the_journal_answers(world: World, calls: Calls) -> None:
    """A block's budget holds for what it costs, made or replayed; it can be caught, and the step
    goes on by a cheaper way."""
    source = (
        "got = []\n"
        "try:\n"
        "    with duranb.budget(calls=3) as block:\n"
        "        for n in range(5):\n            got.append(pay(n))\n"
        "except duranb.BudgetExceeded as error:\n    why = str(error)\n"
        "rest = pay('rest')\nleft = block.spent.calls\ndel block"
    )
    for _ in range(2):
        world.cell("s --always", source)
        assert len(world.live["got"]) == 3 and world.live["rest"] == "rest!"
        assert "would take about 1 calls" in world.live["why"] and world.live["left"] == 3
    assert calls.made == 4


def test_a_map_ends_when_its_budget_does(world: World, calls: Calls) -> None:
    """The items share one budget, which ends the map also where failures are collected; with more
    it goes on, and what it had is served."""
    world.plain("def f(n): return pay(n)")
    source = "got = duranb.map(f, range(8), workers=2, budget={}, on_error='collect')"
    with pytest.raises(BudgetExceeded):
        world.cell("s", source.format(0.45))
    assert calls.made == 4
    world.cell("s", source.format(1))
    assert calls.made == 8 and not world.live["got"].failures


def test_what_is_called_is_paid_from_the_callers_budget_too(world: World, calls: Calls) -> None:
    """A function step inside a cell, an effect and a thread: all of them are paid from the cell's
    budget."""
    world.plain(
        "import threading\n"
        "@duranb.step\ndef inner(n): return pay(n)\n"
        "def effect(n): return pay(n)\n"
    )
    source = (
        "got = inner(1), duranb.call(effect, 2)\n"
        "thread = threading.Thread(target=pay, args=(3,))\n"
        "thread.start()\nthread.join()\ndel thread\nmore = pay(4)"
    )
    with pytest.raises(BudgetExceeded):
        world.cell("s --budget 0.3", source)
    assert calls.made == 3


def test_a_budget_outside_of_steps_is_refused() -> None:
    """There nobody would count, so it says so; and what makes no sense is refused."""
    with pytest.raises(UsageError, match="inside a step"), duranb.budget(usd=1):
        pass
    for wrong in ({}, {"usd": -1}, {"usd": "1"}, {"calls": float("nan")}):
        with pytest.raises(UsageError, match="takes usd="), duranb.budget(**wrong):  # type: ignore[arg-type]
            pass


def test_a_replay_says_what_it_will_cost(world: World, calls: Calls) -> None:
    """Before it begins: calls that the journal answers cost nothing; those that it cannot answer
    (rejected since, of another run), and all of them with --live, are counted with their price."""
    world.cell("s", "got = [pay(n) for n in range(4)]")
    session = cast(Session, SimpleNamespace(history=world.history, runtime=world.runtime))

    def plan(**options: Any) -> str:
        return str(replay(session, Replay(step="s", **options)))

    assert "answers 4 calls to models from the journal" in plan() and "$" not in plan()
    assert "makes 4 calls to models anew: about $0.40" in plan(live=True)
    assert "that n does not change, and makes the others anew: up to $0.40" in plan(
        with_={"n": "3"}
    )
    world.runtime.record(e.RunStarted(run="another"))
    assert "makes 4 calls to models anew, which the journal of this run cannot answer" in plan()


def test_status_says_what_is_left(world: World, calls: Calls) -> None:
    """A step that stopped for its budget shows what is left of it; one that completed does not."""
    source = "got = [pay(n) for n in range(3)]"
    with pytest.raises(BudgetExceeded):
        world.cell("s --budget 0.25", source)
    assert left(world.history) == ["s: $0.0500 left of its budget of $0.25"]
    world.cell("s --budget 1", source)
    assert left(world.history) == []


def test_a_run_that_died_has_spent_what_it_paid(world: World, calls: Calls) -> None:
    """The budget of a headless run holds through the kernels that die in it; what was paid before
    it began is not counted."""
    world.cell("s", "got = [pay(n) for n in range(3)]")
    since = world.history.time + 1
    for _ in range(2):
        world.start(budget=budgets.of_run(world.history, 0.35, since))
        world.live["pay"] = pay
        with pytest.raises(BudgetExceeded, match="budget of the run is used up"):
            world.cell("t", "got = [pay(n) for n in range(10, 20)]")
        assert calls.made == 6
