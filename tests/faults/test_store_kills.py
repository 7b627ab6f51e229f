"""kill -9 of a process that writes: nothing acknowledged is lost, nothing is torn."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from duranb.record.events import Answered
from duranb.store import Store, store_path

WRITER = """
import os, sys
from pathlib import Path
from duranb.record.events import Answered
from duranb.store import Store
store = Store.open(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    digest = store.put([os.urandom(50 if number % 7 else 40_000)])
    store.append(Answered(call=number, value=digest)).wait()
    print(number, flush=True)
    number += 1
"""


def test_nothing_acknowledged_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at random moments, again and again: each acknowledged event and artifact is there."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    folder = store_path(tmp_path / "n.ipynb")
    moments = random.Random(7)
    acknowledged = -1
    for _ in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(acknowledged + 1)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first, "the writer did not start"
        time.sleep(moments.uniform(0, 0.15))
        process.kill()
        rest = process.stdout.read().split()
        process.wait()
        process.stdout.close()
        acknowledged = int(([first.strip(), *rest])[-1])
        store = Store.open(folder)
        assert store.damage == ""
        found = [x.body for x in store.events() if isinstance(x.body, Answered)]
        assert [b.call for b in found[: acknowledged + 1]] == list(range(acknowledged + 1))
        for body in found[-3:]:
            store.get(body.value)
        acknowledged = found[-1].call
        store.close()
