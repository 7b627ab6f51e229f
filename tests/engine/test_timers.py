"""Timers: they outlive their process, and nobody waits twice."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

import duranb
from duranb.engine import waits
from duranb.errors import UsageError, Waiting
from duranb.record.kinds import Kind
from duranb.record.model import CallStatus, Status
from duranb.timelines.rows import row
from duranb.views.status import needs
from tests.engine.world import World

SHORT = {
    "seconds": "duranb.sleep(0.02)",
    "awaited": "await duranb.asleep(0.02)",
    "until": "duranb.sleep(until=duranb.now())",
}


@pytest.mark.parametrize("how", SHORT)
def test_a_short_sleep_is_slept(world: World, how: str) -> None:
    """Its end is recorded, and the step completes."""
    begun = time.monotonic()
    world.cell("s", f"{SHORT[how]}\ny = 1")
    assert time.monotonic() - begun >= (0 if how == "until" else 0.02)
    timer = next(c for c in world.calls() if c.kind is Kind.TIMER)
    assert timer.status is CallStatus.COMPLETED


def test_a_resumed_step_does_not_sleep_again(world: World) -> None:
    """What was slept is slept."""
    with pytest.raises(KeyError):
        world.cell("s", "duranb.sleep(0.1)\nraise KeyError()")
    end = world.calls()[0].until
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waits, "now_us", lambda: end - 3_600_000_000)  # an hour would be left
        world.cell("s", "duranb.sleep(0.1)\ny = 1")
    assert world.live["y"] == 1


@pytest.mark.parametrize("colour", ["duranb.sleep(3600)", "await duranb.asleep(3600)"])
def test_a_long_sleep_of_a_headless_run_waits(world: World, colour: str) -> None:
    """The process ends, and status and timeline say until when the step waits."""
    with pytest.raises(Waiting, match=r"step 's' waits until .* UTC, 3[56]\d\d s from now"):
        world.cell("s", f"{colour}\ny = 1")
    this = world.last("s")
    assert this.status is Status.WAITING
    assert "s waits: until" in needs(world.history)[0]
    assert "answer" not in needs(world.history)[0]
    shown = row(world.history, this, line=False, head=False, stale=())
    assert abs(shown.waits[0].until / 1e6 - time.time() - 3600) < 60


def test_the_remaining_time_survives_a_restart(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new process waits for what is left: nothing once the time has come."""
    for _ in range(2):
        with pytest.raises(Waiting):
            world.cell("s", "duranb.sleep(3600)\ny = 1")
        world.start()
    (end,) = (c.until for c in world.calls())
    monkeypatch.setattr(waits, "now_us", lambda: end)
    world.cell("s", "duranb.sleep(3600)\ny = 1")
    assert world.live["y"] == 1


def test_with_somebody_at_the_notebook_it_sleeps_in_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a headless run ends for it."""
    monkeypatch.setattr(waits, "LONGEST", 0.0)
    world.runtime.settings.headless = False
    world.cell("s", "duranb.sleep(0.02)\ny = 1")
    assert world.live["y"] == 1


def test_timers_run_side_by_side(world: World) -> None:
    """On an event loop, the longest decides."""
    world.plain("import asyncio")
    world.cell("s", "await asyncio.gather(*(duranb.asleep(0.3) for _ in range(20)))\ny = 1")
    ends = [c.until for c in world.calls()]
    assert max(ends) - min(ends) < 19 * 300_000, "each began when the one before was over"
    assert len({c.occurrence for c in world.calls()}) == 20


def test_a_retry_does_not_wait_for_a_timer(world: World) -> None:
    """A failed attempt's timers are cancelled, and the next attempt waits for what is left."""
    world.plain("import asyncio")
    world.model.answers["a"] = [ConnectionResetError(), "fine"]
    begun = time.monotonic()
    body = "y = (await asyncio.gather(duranb.asleep(0.2), aask('a')))[1]"
    world.cell("s --backoff 0", body)
    assert world.live["y"] == "fine"
    assert time.monotonic() - begun < 5
    assert len([c for c in world.calls() if c.kind is Kind.TIMER]) == 1


def test_a_strict_replay_does_not_sleep(world: World) -> None:
    """It was slept when it was recorded."""
    world.cell("s", "duranb.sleep(0.2)\ny = 1")
    end = world.calls()[0].until
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waits, "now_us", lambda: end - 3_600_000_000)  # an hour would be left
        world.start(strict=True)
        world.cell("s", "duranb.sleep(0.2)\ny = 1")
    assert world.live["y"] == 1


@pytest.mark.parametrize(
    "wrong", [{}, {"seconds": 1, "until": datetime.now(UTC)}], ids=["neither", "both"]
)
def test_it_takes_one_of_the_two(wrong: dict[str, float]) -> None:
    """Seconds or a time."""
    with pytest.raises(UsageError, match="seconds or until"):
        duranb.sleep(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", ["5", float("nan"), float("inf"), 1e20, True])
def test_what_is_no_time_is_refused(world: World, seconds: object) -> None:
    """By name, wherever a time is taken, and before anything waits."""
    world.live["seconds"] = seconds
    for call in ("sleep(seconds)", "ask('?', deadline=seconds)", "wait_for('x', timeout=seconds)"):
        with pytest.raises(UsageError, match=r"seconds|no time"):
            world.cell("s", f"duranb.{call}")
    assert not world.calls()


def test_outside_of_steps_it_just_sleeps() -> None:
    """Nothing is recorded; a time that has passed is no wait, with a time zone or without."""
    duranb.sleep(0)
    duranb.sleep(until=datetime.now(UTC) - timedelta(days=1))
    asyncio.run(duranb.asleep(until=datetime.now() - timedelta(days=1)))
