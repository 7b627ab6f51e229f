"""Another process reads while one writes at full speed: nothing it sees is torn, or missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from duranb.record import events as e
from duranb.store import StoreView, store_path
from duranb.store.verify import verify

WRITER = """
import os, sys
from itertools import count
from pathlib import Path
from duranb.record.events import Answered
from duranb.store import Store, log, store_path
log.SEGMENT = 20_000  # so that segments are begun all the time
for number in count():
    store = Store.open(store_path(Path(sys.argv[1]) / f"{number}.ipynb"))
    for n in range(1, 1501):
        digest = store.put([os.urandom(40_000 if n % 50 == 0 else 100)])
        receipt = store.append(Answered(call=n, value=digest))
        if n % 3:
            receipt.wait()
        if n == 1:
            receipt.wait()
            print(number, flush=True)
    store.close()
"""


@contextmanager
def writing(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that fills one store after the other, and says when it begins one."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read(folder: Path, seen: int) -> int:
    """Read a store that is being written; the number of its last event."""
    with StoreView.open(folder) as view:
        assert view.last >= seen
        assert verify(view) == []
        found = list(view.events())
        assert [x.seq for x in found] == list(range(1, view.last + 1))
        answers = [x.body for x in found if isinstance(x.body, e.Answered)]
        assert [b.call for b in answers] == list(range(1, len(answers) + 1))
        for body in answers[-3:]:
            view.get(body.value)
        if seen % 7 == 0:
            assert view.query("SELECT count(*) FROM events")[1] == [(view.last,)]
        return view.last


def reads(folder: Path, count: int) -> None:
    """Read so often, each time whatever the writer has begun last."""
    done = 0
    with writing(folder) as process:
        assert process.stdout is not None
        for line in process.stdout:
            place, seen = store_path(folder / f"{line.strip()}.ipynb"), 0
            following = store_path(folder / f"{int(line) + 1}.ipynb")
            while not following.exists():
                seen = read(place, seen)
                done += 1
                if done == count:
                    return
    raise AssertionError("the writer has ended")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    return tmp_path


def test_reads_beside_a_writer(home: Path) -> None:
    """A sample of them."""
    reads(home, 25)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_a_thousand_reads_beside_a_writer(home: Path) -> None:
    """None of them is torn, and none fails."""
    reads(home, 1000)
