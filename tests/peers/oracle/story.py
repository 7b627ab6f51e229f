"""A story: a notebook, killed and edited many times over one store, compared with plain runs."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.peers.oracle.edits import Edit, edit
from tests.peers.oracle.life import Cells, Lived, Server, Wanted
from tests.peers.oracle.portrait import differences
from tests.peers.oracle.trace import depending


@dataclass(frozen=True)
class Kill:
    """When the life before the full one is killed: after so many cells, or so many seconds."""

    cells: int = -1
    seconds: float = 0.0


@dataclass(frozen=True)
class Version:
    """A notebook as it is run; ``killed`` lives go before the one that is run to its end."""

    cells: Cells
    changed: frozenset[str]
    what: str
    kill: Kill | None = None


@dataclass
class Failure:
    """What was wrong after a version was run."""

    kind: str
    details: list[str]
    versions: list[Version] = field(default_factory=list)
    lived: Lived | None = None

    def __str__(self) -> str:
        return "\n".join([self.kind, *("  " + d for d in self.details), *_script(self.versions)])


def _script(versions: list[Version]) -> list[str]:
    """The story as a list of cells one can run."""
    lines = []
    before: dict[str, str] = {}
    for number, version in enumerate(versions):
        lines.append(f"--- run {number}: {version.what}; kill: {version.kill}")
        for name, source in version.cells:
            if before.get(name) != source:
                lines += [f"%%durable {name}", source, ""]
        gone = before.keys() - dict(version.cells).keys()
        lines += [f"({name} is removed)" for name in sorted(gone)]
        before = dict(version.cells)
    return lines


class Teller:
    """Runs versions one after the other over one store, and says what is wrong."""

    def __init__(self, server: Server, folder: Path, other: Server | None = None) -> None:
        self._servers = [server, other or server]
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._traces: list[dict[str, dict[str, list[str]]]] = []
        self._recorded: set[str] = set()
        self._number = 0

    def live(self, version: Version) -> Lived:
        """Live with this version: perhaps a life that is killed, then one to the end."""
        self._number += 1
        server = self._servers[self._number % 2]
        if version.kill is not None:
            wanted = Wanted("durable", version.cells, str(self._folder))
            wanted.killed, wanted.killed_after = version.kill.seconds, version.kill.cells
            server.live(wanted)
        return server.live(Wanted("durable", version.cells, str(self._folder)))

    def run(self, version: Version) -> Failure | None:
        """Live with this version, and compare with a plain run."""
        plain, traced = self.plain(version)
        lived = self.live(version)
        failure = self._judge(version, plain, lived, traced)
        self.remember(version, plain, traced)
        if failure is not None:
            failure.lived = lived
        return failure

    def plain(self, version: Version) -> tuple[Lived, Lived]:
        """A run without duranb, and one that notes what each cell reads and writes."""
        server = self._servers[(self._number + 1) % 2]
        folder = self._folder / "plain"
        folder.mkdir(exist_ok=True)
        traced = server.live(Wanted("trace", version.cells))
        return server.live(Wanted("plain", version.cells, str(folder))), traced

    def remember(self, version: Version, plain: Lived, traced: Lived) -> None:
        """What the next version is compared with, to tell what may run again."""
        self._traces = [traced.trace]
        self._recorded = {n for n, _ in version.cells if plain.outputs.get(n) is not None}
        if plain.done and any(o[:1] == ["error"] for o in plain.outputs[_last(plain)]):
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
        now = made.cells
        kill = _kill(now, rng) if rng.random() < 0.5 else None
        yield Version(now, made.changed, made.what, kill)


def _kill(cells: Cells, rng: random.Random) -> Kill:
    if rng.random() < 0.5:
        return Kill(cells=rng.randint(1, len(cells)))
    return Kill(seconds=rng.uniform(0.15, 0.6))


def failures(
    cells: Cells, seed: int, edits: int, server: Server, folder: Path, other: Server | None = None
) -> tuple[int, Failure | None]:
    """Tell one story until something is wrong; the number of edits that were made."""
    teller = Teller(server, folder, other)
    told: list[Version] = []
    try:
        for version in tell(cells, random.Random(seed), edits):
            told.append(version)
            failure = teller.run(version)
            if failure is not None:
                failure.versions = told
                return len(told) - 1, failure
    finally:
        teller.close()
    return len(told) - 1, None
