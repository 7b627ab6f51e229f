"""What is done to a framework's notebook, and what has to be true of it each time.

The truth is a run of the same cells as plain ones, without duranb. Every other run has to print
the same texts and send the same requests, and to send again only what was in flight when its
kernel was killed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.frameworks.model import masked
from tests.frameworks.program import AFTERWARDS, Cell, Program
from tests.frameworks.server import Seen, StandIn
from tests.kernel.harness import Kernel, Result

CELL = 600.0
"""Seconds until a cell is taken to hang: on a busy machine an import takes minutes."""

REMEMBERED = "weather in Paris"
"""What turn one asks for, in every program: it is in each later request."""

EDITS = {
    "its second question": ("Which city did I ask about?", "Which town did I ask about?"),
    "its tool": ("is sunny", "is rainy"),
}
"""What is edited in a program: of a durable cell, and of the plain one above all of them."""

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY")


REFUSALS = ("NotRestorable", "StateError")
"""What duranb raises where it stops rather than go on with something that is not true."""


class Fault(Exception):
    """Something is not as it has to be; the text says what."""

    refused = False
    """Whether duranb itself stopped the cell."""


@dataclass
class Outcome:
    """What came of one scenario. ``refused`` says that duranb itself stopped it, by name."""

    fault: str = ""
    refused: bool = False


@dataclass
class Turn:
    """What a cell did: the requests it sent, and what it printed."""

    requests: list[str]
    printed: str


@dataclass
class Story:
    """The scenarios of one framework, each with a folder and a store of its own."""

    program: Program
    server: StandIn
    folder: Path
    truth: dict[str, Turn] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    verified: str = ""
    """How many steps a strict replay found as recorded, of how many."""

    def tell(self, chosen: set[str] | None = None) -> None:
        """Run every scenario, or the chosen ones. Raises :class:`Fault` when the plain run fails:
        then the program is wrong, not duranb."""
        self._plain()
        scenarios: dict[str, Callable[[Path], None]] = {
            "run": self._uninterrupted,
            "rewound": self._rewound_alive,
            "killed in turn one": self._killed_within,
            "killed between turns": self._killed_between,
            "edited": lambda room: self._edited(room, alive=True),
            "edited, restarted": lambda room: self._edited(room, alive=False),
        }
        for name, scenario in scenarios.items():
            if chosen is None or name in chosen:
                self._try(name, lambda s=scenario, n=name: s(self._room(n)))  # type: ignore[misc]

    # -- the scenarios -------------------------------------------------------------------------

    def _plain(self) -> None:
        """The truth: no duranb, no kill."""
        self.truth = self._truth_of(self.program, "plain")
        for name in ("turn_two", AFTERWARDS):
            if not any(REMEMBERED in request for request in self.truth[name].requests):
                raise Fault(f"{name} does not send what was said in turn one: it tests no memory")

    def _truth_of(self, program: Program, room: str) -> dict[str, Turn]:
        """What the turns of a program do as plain cells, by step."""
        found = {}
        with self._kernel(self._room(room), extension=False) as kernel:
            for cell in program.cells:
                found[cell.step] = self._do(kernel, cell.body, cell)
            last = program.afterwards
            found[AFTERWARDS] = self._do(kernel, last.body, last)
        return found

    def _uninterrupted(self, room: Path) -> None:
        """Run, replayed offline, restarted, and rewound."""
        with self._kernel(room) as kernel:
            for cell in self.program.cells:
                self._same(cell.step, self._do(kernel, cell.durable, cell))
        self._try("verify --replay", lambda: self._verify(room))
        self._try("duranb test", lambda: self._test(room))
        self._try("restarted", lambda: self._restarted(room))

    def _rewound_alive(self, room: Path) -> None:
        """Rewound in the kernel that ran it."""
        with self._kernel(room) as kernel:
            self._run_all(kernel)
            self._rewound(kernel)

    def _rewound(self, kernel: Kernel) -> None:
        """Turn two, asked anew from the state after turn one, sends what it had sent."""
        self._run(kernel, "%duranb rewind turn_one --yes")
        turn = self.program.steps[1]
        self._same(turn.step, self._do(kernel, turn.fresh, turn))

    def _restarted(self, room: Path) -> None:
        """Run All pays for nothing; the agent knows what it knew; then it is rewound."""
        with self._kernel(room) as kernel:
            before = len(self.server.seen)
            self._run_all(kernel)
            if paid := len(self.server.seen) - before:
                raise Fault(f"Run All after a restart: {paid} calls paid again")
            last = self.program.afterwards
            self._same(AFTERWARDS, self._do(kernel, last.body, last))
            self._try("restarted, rewound", lambda: self._rewound(kernel))

    def _killed_within(self, room: Path) -> None:
        """Killed while the second request of turn one was in flight, restarted, Run All."""
        setup, turn = self._until(self.program.steps[0])
        with self._kernel(room) as kernel:
            for cell in setup:
                self._run(kernel, cell.durable)
            self.server.forget()
            self.server.hold(2)
            kernel.submit(turn.durable)
            arrived = self.server.wait_for(2, CELL)
            kernel.kill()
            self.server.release()
        if not arrived:
            raise Fault("turn one sent fewer than two requests")
        self._goes_on(room, in_flight=Counter([_key(self.server.seen[1])]))

    def _killed_between(self, room: Path) -> None:
        """Killed when turn one was done, restarted, Run All."""
        setup, turn = self._until(self.program.steps[0])
        self.server.forget()
        with self._kernel(room) as kernel:
            for cell in (*setup, turn):
                self._run(kernel, cell.durable)
            kernel.kill()
        self._goes_on(room, in_flight=Counter())

    def _goes_on(self, room: Path, in_flight: Counter[str]) -> None:
        """Run All in a new kernel: as the truth, and nothing paid again but what was in flight."""
        with self._kernel(room) as kernel:
            for cell in self.program.cells:
                turn = self._do(kernel, cell.durable, cell)
                self._same(cell.step, turn, requests=cell is not self.program.steps[0])
        sent = Counter(_key(seen) for seen in self.server.seen)
        truth = _asked(self.truth)
        if again := sent - truth - in_flight:
            raise Fault(f"{again.total()} calls paid again")
        if missing := truth - sent:
            raise Fault(f"{missing.total()} requests never made")

    def _edited(self, room: Path, *, alive: bool) -> None:
        """Run, and run again as edited, in the kernel that ran it or in another one: it prints what
        a plain run of the edited cells prints, and asks nothing that was answered before."""
        for number, (what, (before, after)) in enumerate(EDITS.items()):
            program = self.program.edited(before, after)
            truth = self._truth_of(program, f"{room.name} {number} plain")
            room = self._room(f"{room.name} {number}")
            with self._kernel(room) as kernel:
                self._run_all(kernel)
                if alive:
                    self._as_edited(kernel, program, truth, what)
            if not alive:
                with self._kernel(room) as kernel:
                    self._as_edited(kernel, program, truth, what)

    def _as_edited(
        self, kernel: Kernel, program: Program, truth: dict[str, Turn], what: str
    ) -> None:
        begun = len(self.server.seen)
        for cell in program.cells:
            turn = self._do(kernel, cell.durable, cell)
            _compare(f"{what} edited: {cell.step}", turn, truth[cell.step], requests=False)
        sent = Counter(_key(seen) for seen in self.server.seen[begun:])
        if sent != (wanted := _asked(truth) - _asked(self.truth)):
            raise Fault(
                f"{what} edited: {(sent - wanted).total()} requests that are not new, and "
                f"{(wanted - sent).total()} new ones never made"
            )
        last = program.afterwards
        turn = self._do(kernel, last.body, last)
        _compare(f"{what} edited: {AFTERWARDS}", turn, truth[AFTERWARDS])

    def _verify(self, room: Path) -> None:
        """``duranb verify --replay``, without a key: every step as recorded."""
        done = self._duranb(room, "verify", "agent.ipynb", "--replay")
        steps = len(self.program.steps)
        wrong = re.search(r"(\d+) of (\d+) steps", done.stderr)
        bad, of = (int(wrong[1]), int(wrong[2])) if wrong else (0, steps)
        self.verified = f"{of - bad}/{of}" if wrong or not done.returncode else f"0/{steps}"
        if done.returncode:
            raise Fault(done.stderr.strip()[-4000:])

    def _test(self, room: Path) -> None:
        """``duranb test``, without a key: the notebook as it is passes."""
        done = self._duranb(room, "test", "agent.ipynb")
        if done.returncode:
            raise Fault(done.stderr.strip()[-4000:])

    # -- how -----------------------------------------------------------------------------------

    def _try(self, name: str, scenario: Callable[[], None]) -> None:
        outcome = Outcome()
        try:
            scenario()
        except (Fault, TimeoutError) as fault:
            outcome.fault = str(fault)
            outcome.refused = isinstance(fault, Fault) and fault.refused
        self.outcomes[name] = outcome

    def _until(self, step: Cell) -> tuple[tuple[Cell, ...], Cell]:
        return self.program.cells[: self.program.cells.index(step)], step

    def _run_all(self, kernel: Kernel) -> None:
        for cell in self.program.cells:
            self._run(kernel, cell.durable, cell.step)

    def _do(self, kernel: Kernel, code: str, cell: Cell) -> Turn:
        before = len(self.server.seen)
        result = self._run(kernel, code, cell.step)
        return Turn([_key(seen) for seen in self.server.seen[before:]], masked(result.stdout))

    def _run(self, kernel: Kernel, code: str, name: str = "") -> Result:
        result = kernel.run(code, timeout=CELL)
        if result.error is not None:
            kind, text, trace = result.error
            fault = Fault(f"{name or 'a plain cell'}: {kind}: {text}\n{_plain_text(trace)}")
            fault.refused = kind in REFUSALS
            raise fault
        return result

    def _same(self, step: str, turn: Turn, *, requests: bool = True) -> None:
        """Raise :class:`Fault` where the turn of a step differs from the true one."""
        _compare(step, turn, self.truth[step], requests=requests)

    @contextmanager
    def _kernel(self, room: Path, *, extension: bool = True) -> Iterator[Kernel]:
        kernel = Kernel(room / "agent.ipynb", **self._env(room))
        kernel.start(extension=extension)
        try:
            yield kernel
        finally:
            kernel.stop()

    def _room(self, name: str) -> Path:
        room = self.folder / re.sub(r"\W+", "-", name)
        room.mkdir(parents=True)
        self.program.write(room / "agent.ipynb")
        return room

    def _env(self, room: Path, *, keys: bool = True) -> dict[str, str]:
        """Each scenario has a home of its own: some libraries keep answers in a cache on disk."""
        addresses = {
            "OPENAI_BASE_URL": f"{self.server.url}/v1",
            "OPENAI_API_BASE": f"{self.server.url}/v1",
            "ANTHROPIC_BASE_URL": self.server.url,
            "GOOGLE_GEMINI_BASE_URL": self.server.url,
            "MISTRAL_SERVER_URL": self.server.url,
            "DURANB_HOME": str(room / "home"),
            "DSPY_CACHEDIR": str(room / "dspy"),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "COLUMNS": "100",
        }
        return {**addresses, **(dict.fromkeys(KEYS, "sk-stand-in") if keys else {})}

    def _duranb(self, room: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of duranb's, offline: whatever reaches the server is a fault."""
        before = len(self.server.seen)
        inherited = {name: value for name, value in os.environ.items() if name not in KEYS}
        done = subprocess.run(
            [sys.executable, "-m", "duranb", *words],
            cwd=room,
            env={**inherited, **self._env(room, keys=False)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CELL,
            check=False,
        )
        if len(self.server.seen) > before:
            raise Fault(f"duranb {words[0]} asked the model")
        return done


def _compare(name: str, turn: Turn, truth: Turn, *, requests: bool = True) -> None:
    """Raise :class:`Fault` where a turn differs from the true one."""
    if requests and turn.requests != truth.requests:
        raise Fault(f"{name}: {_difference(truth.requests, turn.requests)}")
    if turn.printed != truth.printed:
        raise Fault(f"{name} printed {turn.printed} and not {truth.printed}")


def _asked(turns: dict[str, Turn]) -> Counter[str]:
    """What the cells of a notebook ask, without the turn that is taken afterwards."""
    return Counter(r for step, t in turns.items() if step != AFTERWARDS for r in t.requests)


def _key(seen: Seen) -> str:
    return f"{seen.path} {masked(seen.body)}"


def _difference(truth: list[str], found: list[str]) -> str:
    """The first request that is another one, from where it begins to differ."""
    if len(truth) != len(found):
        return f"{len(found)} requests and not {len(truth)}"
    a, b = next((a, b) for a, b in zip(truth, found, strict=True) if a != b)
    same = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(min(a, b)))
    at = max(0, same - 60)
    return f"another request: …{b[at : at + 300]} and not …{a[at : at + 300]}"


def _plain_text(trace: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", trace)[-3000:]
