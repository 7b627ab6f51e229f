"""``duranb demo``: an agent notebook is killed, resumed, rewound, edited, replayed and undone.

Ends with the accounts of what the model's server saw; the exit code is 1 when an answer that had
been acknowledged was paid for again, or a ticket was filed twice.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from nbclient.exceptions import CellExecutionError

from duranb.demo.audit import Audit, audit, tickets
from duranb.demo.show import Show, answers, completed_answers, steps_table
from duranb.demo.stage import NOTEBOOK, Stage, kill, set_up
from duranb.record.history import History
from duranb.record.model import Status
from duranb.session.reader import open_reader

STEPS = {
    "collect": 0,
    "analyse": 36,
    "reconcile": 2,
    "duties": 12,
    "draft": 1,
    "approve": 0,
    "file_tickets": 0,
    "publish": 0,
}
"""The tutorial's steps, and about how many calls each needs."""

MOMENTS = {"analyse": 2.5, "reconcile": 0.5, "duties": 1.5, "draft": 1.5}
"""Seconds from the beginning of a step in which it may be killed: less than it takes."""

EDITED = (
    "Say what the NOTICE file means for us.",
    "Say what the NOTICE file and the patent clause mean for us.",
)
"""A sentence of the prompts, and what it is changed to."""

POLL = 0.25
"""Seconds between two looks at the store."""

PATIENCE = 300.0
"""Seconds that one run of the notebook may take."""

_OPENING = (
    "An agent reads the licence of every package installed here: some fifty model calls, then "
    "tickets in a tracker. Its kernel is killed twice with [bold]kill -9[/bold], at random "
    "moments. Watch what is paid for again."
)

_STANDIN = (
    "\n\nThe model is a [bold]stand-in[/bold] on this machine: rules that really read the texts, "
    "no language model. It rate-limits, breaks and stalls like a real one. Prices are what "
    "gpt-4o-mini would have cost."
)


_REAL = (
    "\n\nThe model is [bold]{model}[/bold], since the environment names a key or a server: real "
    "calls, at its price."
)


class Failed(Exception):
    """The demo could not go on; the message says where."""


def play(folder: Path, seed: int | None = None) -> int:
    """Play the demo in a folder; the exit code. ``seed`` is for the same random moments again.

    Raises :class:`duranb.errors.UsageError` when the folder holds something else.
    """
    seed = random.randrange(10_000) if seed is None else seed
    show = Show()
    with set_up(folder) as stage:
        model = os.environ.get("OPENAI_MODEL", "gpt-4o-mini")
        show.opening(_OPENING + (_STANDIN if stage.standin else _REAL.format(model=model)))
        show.say(f"in {stage.folder}, with --seed {seed}", "dim")
        try:
            return Demo(stage, show, random.Random(seed)).play()
        except (Failed, CellExecutionError) as failure:
            show.say(str(failure), "red")
            return 1


class Demo:
    """The acts, in order."""

    def __init__(self, stage: Stage, show: Show, chance: random.Random) -> None:
        self._stage = stage
        self._show = show
        self._chance = chance
        self._expected = dict(STEPS)
        self._kills = 0

    def play(self) -> int:
        """Play all of it; the exit code."""
        self._survive()
        self._finish()
        self._rewind()
        self._replay()
        self._compensate()
        return self._settle()

    # -- acts ------------------------------------------------------------------------------

    def _survive(self) -> None:
        """Two kills: of the kernel alone, then of everything."""
        self._show.act("duranb run, and kill -9 of its kernel")
        runner = self._stage.command("run", NOTEBOOK)
        if self._kill_in(runner, "analyse"):
            self._show.say("duranb run starts another kernel by itself and goes on")
        self._show.act("kill -9 of the kernel and of duranb run, as when the machine goes down")
        self._kill_in(runner, self._chance.choice(list(MOMENTS)[1:]), runner.pid)
        runner.wait()

    def _finish(self) -> None:
        self._show.act("duranb resume, to the end")
        self._run("resume")
        history = self._history()
        served = sum(history.ledger(i).saved_calls for i in history.executions)
        filed = tickets(self._stage.folder / "tracker.db")
        self._show.say(
            f"done: {served} times an answer came from the store, {filed.open} tickets are open"
        )

    def _rewind(self) -> None:
        self._show.act("in a fresh kernel: %duranb rewind duties --before")
        probe = "print(len(readings), 'readings are back;', 'report' in globals())"
        _, said, back = self._stage.cells(
            "%load_ext duranb", "%duranb rewind duties --before --yes", probe
        )
        for line in said.splitlines():
            self._show.say(line, "dim")
        if not back.endswith("False"):
            raise Failed(f"the rewind did not bring the namespace back: {back}")
        self._show.say(f"{back.split(';')[0]}, the report is not there yet, and no cell was run")

    def _replay(self) -> None:
        self._show.act("edit one prompt of twelve, and run the notebook again")
        self._show.say(f"- {EDITED[0]}", "red")
        self._show.say(f"+ {EDITED[1]}", "green")
        before = completed_answers(self._history())
        self._stage.edit(*EDITED)
        self._run("run")
        history = self._history()
        paid = completed_answers(history) - before
        used = sum(answers(history, history.executions_of(s)[-1]) for s in STEPS)
        self._show.say(
            f"{paid} of {used} calls were paid for: the changed checklist, and the report on it"
        )

    def _compensate(self) -> None:
        self._show.act("%duranb compensate file_tickets")
        tracker = self._stage.folder / "tracker.db"
        before = tickets(tracker)
        _, _, said = self._stage.cells(
            "%load_ext duranb", "%duranb rewind --yes", "%duranb compensate file_tickets --yes"
        )
        for line in said.splitlines():
            self._show.say(line, "dim")
        after = tickets(tracker)
        if after.open:
            raise Failed(f"{after.open} tickets are still open after their compensation")
        self._show.say(f"{before.open} open tickets, now closed; the tracker still knows them")

    def _settle(self) -> int:
        filed = tickets(self._stage.folder / "tracker.db")
        page = self._stage.folder / "timeline.html"
        self._checked(self._stage.command("timeline", NOTEBOOK, "-o", page.name))
        standin = self._stage.standin
        with open_reader(self._stage.notebook) as reader:
            history = reader.history
            result = audit(history, reader.artifacts, standin.requests() if standin else None)
        self._show.closing(result, filed, self._kills, str(page))
        return verdict(result, len(filed.twice))

    # -- how -------------------------------------------------------------------------------

    def _run(self, verb: str) -> None:
        """Run the notebook to its end, with its steps in view."""
        runner = self._stage.command(verb, NOTEBOOK)
        self._watch(runner, lambda history: False)
        self._checked(runner)
        self._show.console.print(steps_table(self._history(), self._expected))

    def _kill_in(self, runner: subprocess.Popen[str], step: str, *others: int) -> bool:
        """Kill the kernel a random moment after a step of it began; False: it was faster."""
        gone = self._stage.kernel() if self._kills else None
        self._watch(runner, lambda history: self._stage.kernel() != gone and runs(history, step))
        time.sleep(self._chance.uniform(0.0, MOMENTS[step]))
        victim = self._stage.kernel()
        if victim is None:
            self._show.say("the run was over before it could be killed", "yellow")
            return False
        for pid in (*others, victim):
            kill(pid)
        self._kills += 1
        self._show.say(f"kill -9 {' '.join(map(str, (*others, victim)))}, in {step}", "bold red")
        done = completed_answers(self._history())
        self._show.say(f"{done} answers are in the store: those are paid for, once")
        return True

    def _watch(self, runner: subprocess.Popen[str], until: Callable[[History], bool]) -> None:
        """Show the steps until something is so in the history, or the run is over."""
        end = time.monotonic() + PATIENCE
        with self._show.steps(self._expected) as live:
            while runner.poll() is None:
                if time.monotonic() > end:
                    runner.kill()
                    raise Failed(f"the run took longer than {PATIENCE:.0f} s")
                history = self._stage.history()
                if history is not None:
                    live.update(steps_table(history, self._expected))
                    if until(history):
                        return
                time.sleep(POLL)

    def _checked(self, process: subprocess.Popen[str]) -> None:
        said, _ = process.communicate()
        if process.returncode:
            raise Failed(f"duranb ended with {process.returncode}:\n{said.strip()}")

    def _history(self) -> History:
        history = self._stage.history()
        if history is None:
            raise Failed("the run ended before it made a store")
        return history


def runs(history: History, step: str) -> bool:
    """Whether the latest execution of a step is running."""
    return any(x.status is Status.RUNNING for x in history.executions_of(step)[-1:])


def verdict(result: Audit, filed_twice: int) -> int:
    """The demo's exit code."""
    return 1 if result.again or filed_twice else 0
