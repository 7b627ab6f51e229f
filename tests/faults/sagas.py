"""A saga of six effects and four compensations, killed wherever that can hurt.

``python -m tests.faults.sagas --kills 500`` kills it so often, and says what came of it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import duranb
from duranb.errors import InDoubt, StepError
from duranb.record import standing
from duranb.record.model import Call, Status
from duranb.session.places import store_path
from duranb.session.session import Session
from duranb.store import StoreView, is_store
from duranb.views.status import half_undone, needs
from tests.servers import ledger

FORK = multiprocessing.get_context("forkserver")
FORK.set_forkserver_preload(
    ["duranb.scripts.durable", "duranb.views.status", "duranb.engine.tools", "duckdb"]
)
"""Each life is a process of its own that begins with everything imported."""

DONE, DECLINED, UNDONE, DOUBT = 10, 11, 12, 13
"""How a life ended: all is done; it failed and all is undone; the same, but an earlier life had
failed; somebody has to say what happened."""

UNDOABLE = ["flight", "hotel", "car", "payment"]
EFFECTS = {"flight", "hotel", "voucher", "car", "payment", "mail"}


class Declined(Exception):
    """What the saga fails with."""


def live(script: str, url: str, idempotent: bool, declines: bool) -> None:
    """One life of the saga, to its end or to its death."""
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115

    def post(op: str, name: str) -> str:
        where = duranb.context()
        assert where is not None
        request = urllib.request.Request(
            f"{url}/{op}",
            data=json.dumps({"name": name, "pid": os.getpid()}).encode(),
            headers={"Idempotency-Key": where.idempotency_key},
        )
        with urllib.request.urlopen(request, timeout=300) as reply:
            return str(json.load(reply)["receipt"])

    @duranb.tool(idempotent=idempotent)
    def cancel(receipt: str) -> str:
        return post("undo", receipt)

    @duranb.tool(idempotent=idempotent, compensate=cancel)
    def book(name: str) -> str:
        return post("do", name)

    @duranb.tool(idempotent=idempotent)
    def send(name: str) -> str:
        return post("do", name)

    @duranb.step
    def travel() -> str:
        return book("flight")

    @duranb.step
    def stay(after: str) -> str:
        return book("hotel") + send("voucher")

    @duranb.step
    def drive(after: str) -> str:
        return book("car")

    @duranb.step
    def pay(after: str) -> str:
        receipt = book("payment")
        send("mail")
        if declines:
            raise Declined
        return receipt

    try:
        with duranb.durable(script, on_failure="compensate"):
            pay(drive(stay(travel())))
    except Declined:
        os._exit(DECLINED)
    except InDoubt:
        os._exit(DOUBT)
    except StepError:
        os._exit(UNDONE)
    os._exit(DONE)


@dataclass
class Tally:
    """What came of it. ``wrong`` says what should not have been."""

    kills: int = 0
    sagas: int = 0
    doubts: int = 0
    repeats: int = 0
    moments: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Saga:
    """One saga, from its first life to its end."""

    def __init__(
        self, folder: Path, world: ledger.Client, tally: Tally, rng: random.Random
    ) -> None:
        self.script = folder / "trip.py"
        self.script.write_text("")
        self.world, self.tally, self.rng = world, tally, rng
        self.idempotent = rng.random() < 0.5
        self.declines = rng.random() < 0.75

    def survive(self, kills: int) -> None:
        """Live through up to so many kills, and check all that is promised."""
        self.world.reset()
        self.tally.sagas += 1
        left = kills
        for _ in range(30 + kills):
            end = self._life(kill=left > 0)
            if end == -signal.SIGKILL:
                left -= 1
                self.tally.kills += 1
                if self._is_undone():  # it was killed on its way out
                    end = UNDONE
                    break
            elif end == DOUBT:
                self.tally.doubts += 1
                self._settle()
            else:
                break
        self._is_right(end)

    def _life(self, *, kill: bool) -> int:
        how = self.rng.choice(["before", "after", "whenever"]) if kill else ""
        at = self.rng.randint(1, 8) if how in ("before", "after") else 0
        self.world.plan(dedupes=self.idempotent, at=at, moment=how if at else "")
        given = (str(self.script), self.world.url, self.idempotent, self.declines)
        process = FORK.Process(target=live, args=given)
        process.start()
        if how == "whenever":
            process.join(self.rng.uniform(0.05, 1.2))
            process.kill()
        process.join()
        assert process.exitcode is not None
        if process.exitcode == -signal.SIGKILL:
            self.tally.moments[how] += 1
        return process.exitcode

    def _written(self, op: str) -> Counter[str]:
        found = Counter[str]()
        for entry in self.world.entries():
            found[entry.name] += entry.written if entry.op == op else 0
        return +found

    def _is_undone(self) -> bool:
        """After a death: whether all is undone. What is half undone, or may have happened, has to
        be said."""
        folder = store_path(self.script)
        if not is_store(folder):
            return False
        with StoreView.open(folder) as view:
            history = view.history()
            undone = self._written("undo")
            if 0 < undone.total() < len(UNDOABLE) and not half_undone(history):
                self.tally.wrong.append(f"half undone, and not reported: {dict(undone)}")
            for call in _open(history):
                if not any(call.preview in line for line in needs(history)):
                    self.tally.wrong.append(f"in doubt, and not reported: {call.name}")
            last = [history.executions_of(step)[-1].status for step in history.steps]
            return set(last) == {Status.COMPENSATED} and not history.to_undo

    def _settle(self) -> None:
        """Look what happened, and say so: what a user does."""
        process = FORK.Process(target=settle, args=(str(self.script), self.world.url))
        process.start()
        process.join()
        if process.exitcode:
            self.tally.wrong.append("a doubt could not be settled")

    def _is_right(self, end: int) -> None:
        done, undone = self._written("do"), self._written("undo")
        self.tally.repeats += sum(e.arrived > 1 for e in self.world.entries())
        if end not in (DONE, DECLINED, UNDONE):
            self.tally.wrong.append(f"it came to no end: {end}")
        wanted = [] if end == DONE else UNDOABLE
        if done != Counter(EFFECTS):
            self.tally.wrong.append(f"done: {dict(done)}")
        if undone != Counter(wanted):
            self.tally.wrong.append(f"undone: {dict(undone)}, of {wanted}")
        order = [e.name for e in self.world.entries() if e.op == "undo"]
        if wanted and order != wanted[::-1]:
            self.tally.wrong.append(f"undone in this order: {order}")
        if (end == DONE) is self.declines:
            self.tally.wrong.append(f"it ended with {end}")


def _open(history: object) -> list[Call]:
    found = history
    assert isinstance(found, standing.History)
    return [call for step in found.steps for call in standing.in_doubt(found, step)]


def settle(script: str, url: str) -> None:
    """Say of each effect in doubt what the ledger says of it."""
    written = {e.key for e in ledger.Client(url).entries() if e.written}
    path = Path(script)
    session = Session.visit(path, store_path(path))
    try:
        history = session.history
        steps = {x.step for x in history.executions.values()}
        for step in sorted(steps):
            for call in standing.in_doubt(history, step):
                happened = call.idempotency_key in written
                name = call.preview.strip("'")
                change = session.resolve(
                    step, happened=repr(name) if happened else False, not_happened=not happened
                )
                asyncio.run(change.apply())
    finally:
        session.close()


def main() -> None:
    """Kill it so often; exit code 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    given = parser.parse_args()
    tally, rng = Tally(), random.Random(given.seed)
    with ledger.serving() as world:
        while tally.kills < given.kills:
            with tempfile.TemporaryDirectory(prefix="duranb-saga-") as folder:
                os.environ["DURANB_HOME"] = folder
                before = len(tally.wrong)
                Saga(Path(folder), world, tally, rng).survive(3)
            for wrong in tally.wrong[before:]:
                print(f"saga {tally.sagas}, seed {given.seed}: {wrong}", flush=True)
    print(f"seed {given.seed}: {tally}")
    sys.exit(bool(tally.wrong))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
