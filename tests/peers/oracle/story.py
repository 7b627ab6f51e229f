"""A story: a notebook, killed and edited many times over one store, compared with plain runs."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from tests.peers.oracle.edits import Edit, edit
from tests.peers.oracle.generate import generate
from tests.peers.oracle.life import Cells, Lived, Server, Wanted
from tests.peers.oracle.portrait import differences
from tests.peers.oracle.public import NAMES, read
from tests.peers.oracle.trace import depending


@dataclass(frozen=True)
class Kill:
    """When the life before the full one is killed: after so many cells, or so many seconds."""

    cells: int = -1
    seconds: float = 0.0


@dataclass(frozen=True)
class Version:
    """A notebook as it is run. Before the life in which it runs to its end there may be one that is
    killed; ``alive`` is the notebook that the very kernel it runs in has run before, if any."""

    cells: Cells
    changed: frozenset[str]
    what: str
    kill: Kill | None = None
    alive: Cells | None = None


@dataclass
class Failure:
    """What was wrong after a version was run, and with which error the plain run ended, if any."""

    kind: str
    details: list[str]
    versions: list[Version] = field(default_factory=list)
    error: str = ""

    def __str__(self) -> str:
        return "\n".join([self.kind, *("  " + d for d in self.details), *_script(self.versions)])


def _script(versions: list[Version]) -> list[str]:
    """The story as a list of cells one can run."""
    lines = []
    before: dict[str, str] = {}
    for number, version in enumerate(versions):
        kernel = "the kernel that ran: " + " ".join(n for n, _ in version.alive or ())
        kernel = "a new kernel" if version.alive is None else kernel
        lines.append(f"--- run {number}: {version.what}; kill: {version.kill}; in {kernel}")
        for name, source in version.cells:
            if before.get(name) != source:
                lines += [f"%%durable {name}", source, ""]
        gone = before.keys() - dict(version.cells).keys()
        lines += [f"({name} is removed)" for name in sorted(gone)]
        before = dict(version.cells)
    return lines


class Teller:
    """Runs versions one after the other over one store, and says what is wrong."""

    def __init__(self, one: Server, other: Server, folder: Path) -> None:
        self._servers = [one, other]
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._traces: list[dict[str, dict[str, list[str]]]] = []
        self._recorded: set[str] = set()
        self._number = 0

    def live(self, version: Version, plain: Lived | None = None) -> Lived:
        """Live with this version: perhaps a life that is killed, then one to the end."""
        self._number += 1
        server = self._servers[self._number % 2]
        if version.kill is not None:
            wanted = Wanted("durable", version.cells, str(self._folder))
            wanted.killed, wanted.killed_after = version.kill.seconds, version.kill.cells
            server.live(wanted)
        wanted = Wanted("durable", version.cells, str(self._folder))
        if version.alive is not None:  # what only its cells have made is left there
            wanted.earlier = version.alive
            wanted.only = list(plain.portrait) if plain is not None else None
        return server.live(wanted)

    def run(self, version: Version) -> Failure | None:
        """Live with this version, and compare with a plain run."""
        plain, traced = self.plain(version)
        lived = self.live(version, plain)
        failure = self._judge(version, plain, lived, traced)
        self.remember(version, plain, traced)
        if failure is not None:
            failure.error = _error(plain)
        return failure

    def plain(self, version: Version) -> tuple[Lived, Lived]:
        """A run without duranb, and one that notes what each cell reads and writes."""
        server = self._servers[(self._number + 1) % 2]
        plain, trace = (self._folder / name for name in ("plain", "trace"))
        for folder in (plain, trace):
            folder.mkdir(exist_ok=True)
        traced = server.live(Wanted("trace", version.cells, str(trace)))
        return server.live(Wanted("plain", version.cells, str(plain))), traced

    def remember(self, version: Version, plain: Lived, traced: Lived) -> None:
        """What the next version is compared with, to tell what may run again."""
        self._traces = [traced.trace]
        self._recorded = {n for n, _ in version.cells if plain.outputs.get(n) is not None}
        if _error(plain):
            self._recorded.discard(_last(plain))

    def _judge(self, version: Version, plain: Lived, lived: Lived, traced: Lived) -> Failure | None:
        for life, what in ((plain, "plain"), (traced, "trace"), (lived, "durable")):
            if life.broken or not life.ended:
                return Failure(f"broken: {what}", [life.broken[-1500:]])
        unlike = [
            f"{name}: must be {_short(told)}, is {_short(lived.outputs.get(name))}"
            for name, told in plain.outputs.items()
            if lived.outputs.get(name) != told
        ]
        found = differences(plain.portrait, lived.portrait)
        if found or unlike:
            kind = "namespace" if found else "outputs"
            details = [*found, *(f"output of {u}" for u in unlike)]
            ran = f"ran {lived.ran}, restored {lived.restored}"
            return Failure(kind, [*details, ran, *lived.notices[1:]])
        if self._traces:
            names = [n for n, _ in version.cells]
            changed = set(version.changed) | set(names) - self._recorded
            order = [*names, *sorted(version.changed - set(names))]
            if version.changed - set(names):  # a cell was removed: what it wrote is another's now
                order = _with_removed(names, version.changed, list(self._traces[0]))
            allowed = depending(order, changed, [*self._traces, traced.trace])
            # What was killed in the life before, or failed, is not done.
            needless = [n for n in lived.ran if n not in allowed]
            if needless:
                why = [f"{n} ran again: {lived.reasons.get(n)}" for n in needless]
                return Failure("ran needlessly", why)
        return None

    def close(self) -> None:
        """Remove the store."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _error(lived: Lived) -> str:
    """The name of the error with which a life ended, if it did."""
    last = lived.outputs[_last(lived)] if lived.outputs else []
    return next((str(o[1]) for o in last if o[:1] == ["error"]), "")


def _last(lived: Lived) -> str:
    return list(lived.outputs)[-1]


def _with_removed(names: list[str], removed: frozenset[str], before: list[str]) -> list[str]:
    """The removed cells at the places where they were."""
    order = list(names)
    for name in removed - set(names):
        earlier = before[: before.index(name)] if name in before else []
        at = max((order.index(e) + 1 for e in earlier if e in order), default=0)
        order.insert(at, name)
    return order


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 300 else text[:300] + "…"


def tell(cells: Cells, rng: random.Random, edits: int) -> Iterator[Version]:
    """Versions of a notebook: it as it is, then as edited again and again."""
    yield Version(cells, frozenset(), "as it is", _kill(cells, rng))
    now = cells
    for _ in range(edits):
        made: Edit = edit(now, cells, rng)
        kill, alive = None, None
        if rng.random() < 0.4:
            kill = _kill(made.cells, rng)
        elif rng.random() < 0.3 and {n for n, _ in now} <= {n for n, _ in made.cells}:
            alive = now
        now = made.cells
        yield Version(now, made.changed, made.what, kill, alive)


def _kill(cells: Cells, rng: random.Random) -> Kill:
    if rng.random() < 0.5:
        return Kill(cells=rng.randint(1, len(cells)))
    return Kill(seconds=rng.uniform(0.15, 0.6))


@dataclass
class Told:
    """A story that was told to its end, or until something was wrong."""

    what: str
    edits: int
    failure: Failure | None


def story(
    what: str, cells: Cells, seed: int, edits: int, servers: tuple[Server, Server], folder: Path
) -> Told:
    """Tell the story of this seed, until something is wrong."""
    teller = Teller(*servers, folder)
    told: list[Version] = []
    failure = None
    try:
        for version in tell(cells, random.Random(seed), edits):
            told.append(version)
            failure = teller.run(version)
            if failure is not None:
                failure.versions = told
                break
    finally:
        teller.close()
    return Told(what, len(told) - 1, failure)


def stories(
    edits_in_all: int,
    seed: int,
    home: Path,
    *,
    length: int = 12,
    edits: int = 10,
    public: str = "",
    workers: int = 1,
) -> Iterator[Told]:
    """Stories until there are so many edits, told by some workers at once. Every fourth is of a
    notebook as people write them, the rest are generated; ``public`` names one, or ``all``."""
    names = NAMES if public in ("", "all") else [public]

    def one(number: int) -> Told:
        servers = idle.get()
        chosen = seed + number
        try:
            if public or chosen % 4 == 0:
                name = names[(chosen if public else chosen // 4) % len(names)]
                what, cells = f"--public {name} --seed {chosen}", read(name)
            else:
                what, cells = f"--seed {chosen}", generate(chosen, length)
            return story(what, cells, chosen, edits, servers, home / f"story{chosen}")
        finally:
            idle.put(servers)

    all_servers = [(Server(1), Server(2)) for _ in range(workers)]
    idle: SimpleQueue[tuple[Server, Server]] = SimpleQueue()
    for each in all_servers:
        idle.put(each)
    done, number = 0, 0
    waiting: set[Future[Told]] = set()
    try:
        with ThreadPoolExecutor(workers) as pool:
            while done < edits_in_all:
                while len(waiting) < workers:
                    waiting.add(pool.submit(one, number))
                    number += 1
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for each in finished:
                    done += each.result().edits
                    yield each.result()
    finally:
        for server in (s for pair in all_servers for s in pair):
            server.close()
