"""Stores of earlier versions still open, and what is in them is what it was."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from duranb.record.model import CallStatus, Status
from duranb.store import Store, StoreView, guarded, store_path
from duranb.store.verify import verify
from tests.stores import unpack


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the store that the first version wrote: killed, with a journal."""
    folder = store_path(unpack("first", tmp_path))
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    assert (folder / "journal").stat().st_size > 0
    return folder


def all_of_it(store: Store | StoreView) -> list[tuple[int, int, bytes, str]]:
    """Each event, as it is known by its hash."""
    return [(x.seq, x.ts, x.hash, type(x.body).__name__) for x in store.events()]


def test_it_is_read_in_place_and_taken_over_whole(kept: Path) -> None:
    """A view reads it without changing it; opened, it has a log and the same history, and the
    database holds the same events."""
    before = {p: p.read_bytes() for p in kept.rglob("*") if p.is_file()}
    with StoreView.open(kept) as view:
        assert verify(view) == [view.foreign]  # it had no seals
        found = all_of_it(view)
    assert {p: p.read_bytes() for p in kept.rglob("*") if p.is_file()} == before
    store = Store.open(kept)
    assert store.damage == "" and all_of_it(store) == found
    assert store.query("SELECT count(*) FROM events")[1] == [(len(found),)]
    store.close()
    assert not (kept / "journal").exists() and not (kept / "quarantine").exists()
    with StoreView.open(kept) as view:
        assert verify(view) == [view.foreign] and all_of_it(view) == found


def test_the_history_says_what_happened(kept: Path) -> None:
    """Statuses, calls and answers are as the first version recorded them."""
    with StoreView.open(kept) as view:
        history = view.history()
    statuses = {x.step: x.status for x in history.executions.values()}
    assert statuses["broken"] is Status.FAILED and statuses["ask"] is Status.COMPLETED
    kinds = Counter(call.kind.value for call in history.calls.values())
    assert kinds == {"llm": 5, "effect": 2, "ask": 1}
    rejected = [c for c in history.calls.values() if c.status is CallStatus.REJECTED]
    assert [c.step for c in rejected] == ["strict"]
    assert any(x.status is Status.COMPENSATED for x in history.executions.values())


KILLED = """
import os, shutil, sys
from pathlib import Path
import duckdb
from duranb.store import Store, StoreView, guarded
from duranb.store.verify import verify

def killed_at(number, folder):
    reached = 0
    def counted(do):
        def call(*args, **kwargs):
            nonlocal reached
            reached += 1
            if reached == number:
                os.kill(os.getpid(), 9)
            return do(*args, **kwargs)
        return call
    for place, name in [(os, "fsync"), (os, "rename"), (os, "unlink"), (os, "mkdir"),
                        (guarded, "copy"), (shutil, "rmtree")]:
        setattr(place, name, counted(getattr(place, name)))
    store = Store.open(folder)
    os._exit(0)  # taken over

def checked(folder):
    with StoreView.open(folder) as view:
        assert verify(view) == [view.foreign], verify(view)
        seen = [(x.seq, x.hash) for x in view.events()]
    store = Store.open(folder)
    assert store.damage == "", store.damage
    assert [(x.seq, x.hash) for x in store.events()] == seen
    assert not (folder / "takeover").exists() and not (folder / "journal").exists()
    store.close()
    print(len(seen), flush=True)
    os._exit(0)

source, step = Path(sys.argv[1]), int(sys.argv[2])
for number in range(1, 1000, step):
    folder = source.with_name(f"copy{number}")
    shutil.copytree(source, folder)
    killed = os.fork()
    if killed == 0:
        killed_at(number, folder)
    _, status = os.waitpid(killed, 0)
    child = os.fork()
    if child == 0:
        checked(folder)
    assert os.waitpid(child, 0)[1] == 0
    shutil.rmtree(folder)
    if not os.WIFSIGNALED(status):
        assert os.WEXITSTATUS(status) == 0
        break
"""


@pytest.mark.parametrize("step", [2, pytest.param(1, marks=pytest.mark.soak)])
def test_killed_at_any_point_of_being_taken_over_it_loses_nothing(kept: Path, step: int) -> None:
    """Before each thing that is done to the disk in turn: the next one who opens it has it all."""
    with StoreView.open(kept) as view:
        last = view.last
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(kept), str(step)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0
    seen = done.stdout.split()
    assert len(seen) > 10 and set(seen) == {str(last)}


@pytest.mark.parametrize("harm", ["wal", "journal", "tail"])
def test_what_it_has_lost_is_said_and_the_originals_are_kept(kept: Path, harm: str) -> None:
    """What can be read is taken over; a tail that was never synced is no damage."""
    file = kept / {"wal": "store.duckdb.wal", "journal": "journal", "tail": "tail"}[harm]
    data = b"" if harm == "tail" else file.read_bytes()[: file.stat().st_size // 2]
    file.write_bytes(data)
    store = Store.open(kept)
    assert ("quarantine" in store.damage) == (harm != "tail")
    store.close()
    if harm != "tail":
        assert [p.read_bytes() for p in (kept / "quarantine").rglob(file.name)] == [data]
    again = Store.open(kept)
    assert again.damage == ""
    again.close()


def test_a_full_disk_leaves_it_as_it_was(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken over once there is space."""
    before = {p.name: p.read_bytes() for p in kept.iterdir() if p.is_file() and p.name != "lock"}

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(guarded, "copy", full)
        with pytest.raises(Exception, match="is full"):
            Store.open(kept)
    after = {p.name: p.read_bytes() for p in kept.iterdir() if p.is_file() and p.name != "lock"}
    assert after == before and not (kept / "log").exists()
    Store.open(kept).close()
    assert os.listdir(kept / "log")
