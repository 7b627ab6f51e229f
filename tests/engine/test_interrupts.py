"""Ctrl-C anywhere in duranb's own code: what was begun is left so that the next run is right."""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import duranb
from tests.engine.world import World
from tests.examples import examples

SEED = int(os.environ.get("DURANB_SEED", "0")) or random.SystemRandom().randrange(1 << 30)

OURS = str(Path(duranb.__file__).parent)

CELLS = {
    "docs": "docs = [1, 2, 3]\nseen = {'docs': docs, 'n': 0}",
    "notes": "notes = {}\nfor d in docs:\n    notes[d] = ask(f'q {d}')\nseen['n'] += 1",
    "steps": (
        "@duranb.step\ndef f(x): return [x, ask(f'f {x}')]\n"
        "r = [f(i) for i in range(2)]\nseen['r'] = r"
    ),
    "many": (
        "got = duranb.map(lambda i: ask(f'm {i}'), range(3), workers=1)\n"
        "seen['got'] = list(got)\ndocs.append(len(got))\ndel notes[1]"
    ),
    "tied": "seen['n'] += 1\nk = seen['n']\nt = (docs, seen)",
}

PROMPTS = [*(f"q {n}" for n in (1, 2, 3)), "f 0", "f 1", *(f"m {n}" for n in range(3))]

STATE = "docs, seen, notes, r, k, t, t[0] is docs, t[1] is seen, seen['docs'] is docs"


class CtrlC:
    """Sends SIGINT once, at the Nth line of duranb's code that this thread runs; 0 is never."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.lines = 0
        self.where = ""

    def __enter__(self) -> CtrlC:
        # As in a kernel: asyncio, which would only cancel what awaits, leaves it in its place.
        self._before = signal.signal(signal.SIGINT, lambda *a: signal.default_int_handler(*a))
        sys.settrace(self._called)
        return self

    def __exit__(self, *exc: object) -> None:
        sys.settrace(None)
        signal.signal(signal.SIGINT, self._before)

    def _called(self, frame: FrameType, event: str, arg: Any) -> Any:
        return self._line if frame.f_code.co_filename.startswith(OURS) else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            self.lines += 1
            if self.lines == self.at:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                signal.raise_signal(signal.SIGINT)
        return self._line


def run(world: World) -> None:
    """All cells."""
    for name, source in CELLS.items():
        world.cell(name, source)


def state(world: World) -> str:
    """What the cells make."""
    return repr(eval(STATE, world.live))


def prepared(*, restored: bool) -> World:
    """A world whose cells are to run, or to be restored in a new process."""
    world = World()
    for prompt in PROMPTS:  # the same for one that is asked twice
        world.model.answers[prompt] = [f"answer to {prompt}"]
    if restored:
        run(world)
        world.start()
    return world


@pytest.mark.parametrize("restored", [False, True], ids=["first", "restored"])
def test_interrupted_anywhere_it_goes_on(restored: bool) -> None:
    """The interrupt gets through; what runs afterwards makes what it would have made, and pays for
    no answer twice but one that was in flight; and another process restores all of it."""
    run(prepared(restored=False))  # what is done once in a process is no line of a later run
    world = prepared(restored=restored)
    with CtrlC() as counted:
        run(world)
    whole, moments = state(world), random.Random(SEED)
    for _ in range(examples(8)):
        world = prepared(restored=restored)
        interrupted = CtrlC(moments.randint(1, counted.lines * 9 // 10))
        with pytest.raises(KeyboardInterrupt), interrupted:
            run(world)
        told = f"seed {SEED}, line {interrupted.at}: {interrupted.where}"
        run(world)
        assert state(world) == whole, told
        assert len(world.model.paid) <= len(PROMPTS) + 1, told
        world.start()
        run(world)
        assert state(world) == whole, told
        assert [name for name in CELLS if not world.last(name).of] == [], told
