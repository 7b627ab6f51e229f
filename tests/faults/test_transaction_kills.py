"""kill -9 around the commit of an effect on the user's own database: it has happened once."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.servers import forks

SCRIPT = """
import os, signal, sqlite3, sys, threading, time
import duranb

conn = sqlite3.connect("bank.db")
with conn:
    conn.execute("CREATE TABLE IF NOT EXISTS moves (n INTEGER)")

left, near = [int(sys.argv[1])], threading.Event()

def kill():
    near.wait()
    time.sleep(float(sys.argv[2]))
    os.kill(os.getpid(), signal.SIGKILL)

@duranb.tool(transaction=conn)
def move(n: int) -> int:
    left[0] -= 1
    if left[0] == 0:
        near.set()
    conn.execute("INSERT INTO moves VALUES (?)", (n,))
    return n

@duranb.step
def pay():
    threading.Thread(target=kill, daemon=True).start()
    return [move(n) for n in range(60)]

with duranb.durable(__file__):
    print(sum(pay()))
os._exit(0)
"""


@pytest.mark.parametrize(
    "kills", [5, pytest.param(200, marks=[pytest.mark.soak, pytest.mark.timeout(0)])]
)
def test_an_effect_and_its_record_are_one(kills: int, tmp_path: Path) -> None:
    """Sixty moves on one database, killed anywhere among them and run again until they are done:
    each is in it once. A life ends a moment after one of its first moves has begun."""
    seed = int(os.environ.get("DURANB_SEED", "0")) or random.SystemRandom().randrange(1 << 30)
    chance, killed, rounds = random.Random(seed), 0, 0
    while killed < kills:
        folder = tmp_path / str(rounds)
        folder.mkdir()
        (folder / "script.py").write_text(SCRIPT)
        while _run(folder, chance.randrange(1, 30), chance.uniform(0.0, 0.01)) == -signal.SIGKILL:
            killed += 1
            assert killed < 20 * kills, f"seed {seed}: it never gets to the end"
        with sqlite3.connect(folder / "bank.db") as bank:
            found = Counter(n for (n,) in bank.execute("SELECT n FROM moves"))
        assert found == Counter(range(60)), f"seed {seed}: {found}"
        rounds += 1


def _run(folder: Path, moves: int, after: float) -> int:
    environment = {**os.environ, "DURANB_HOME": str(folder / "home")}
    done = forks.run(
        [sys.executable, "script.py", str(moves), str(after)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode
