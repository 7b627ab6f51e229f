"""A store's folder may come from anybody: what lies in it is neither followed nor waited for."""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from duranb.errors import StoreDamaged
from duranb.record import events as e
from duranb.store import Store, copy_history, store_path
from tests.faults import strangers
from tests.faults.strangers import HARMS

USES = """
import os, sys, time
from pathlib import Path
from duranb.engine import inbox
from duranb.errors import DuranbError
from duranb.record import events as e
from duranb.session.reader import open_reader
from duranb.store import Store, StoreView, store_path
from duranb.store.verify import verify

def look(notebook):
    with StoreView.open(store_path(notebook)) as view:
        verify(view)
        view.query("SELECT count(*) FROM events")

def read(notebook):
    with open_reader(notebook) as reader:
        for digest in reader.artifacts.digests():
            reader.artifacts.get(digest)

def write(notebook):
    store = Store.open(store_path(notebook))
    try:
        store.put([b"x" * 100_000])
        store.append(e.RunStarted(run="more")).wait()
        store.query("SELECT count(*) FROM events")
        store.trust()
    finally:
        store.close()

def answer(notebook):
    folder = store_path(notebook)
    inbox.post_answer(folder, HISTORY, e.Answered(call=1, value="yes"))
    inbox.posted_answer(folder, HISTORY, 1)
    inbox.post_signal(folder, HISTORY, "paid", 1, "")
    list(inbox.posted_signals(folder, HISTORY))

class HISTORY:
    run = "r"
    calls = {1: type("Call", (), {"preview": "Go?"})}

for harmed in map(str.rstrip, sys.stdin):
    os.environ["DURANB_HOME"] = harmed + "/home"
    for use in (look, read, write, answer):
        began, said = time.process_time(), ""
        try:
            use(Path(harmed) / "n" / "a.ipynb")
        except DuranbError as error:
            said = f"{type(error).__name__}: {error}"
        except OSError as error:
            said = str(error)
            assert "it is neither followed nor written to" in said, said
        taken = time.process_time() - began
        assert taken < 5, (Path(harmed).name, use.__name__, taken, said)
    print(harmed, flush=True)
"""


class User:
    """A process that uses one folder after the other, until one is too much for it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def use(self, harmed: Path) -> None:
        """Look at a folder's store, read it, write to it and answer its questions."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", USES],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        assert self._process.stdin and self._process.stdout
        print(harmed, file=self._process.stdin, flush=True)
        ready, _, _ = select.select([self._process.stdout], [], [], 600)
        if not ready or self._process.stdout.readline() != f"{harmed}\n":
            pytest.fail(f"{harmed.name}: {self.end() if ready else 'it hangs'}")

    def end(self) -> str:
        """End the process; what it had to say."""
        process, self._process = self._process, None
        if process is None:
            return ""
        try:
            return process.communicate(timeout=60)[1]
        finally:
            process.kill()


@pytest.fixture(scope="module")
def user() -> Iterator[User]:
    """It is started once for all folders."""
    made = User()
    yield made
    assert made.end() == ""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a notebook's store, and its user's key."""
    at = tmp_path_factory.mktemp("base")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DURANB_HOME", str(at / "home"))
        store = Store.open(store_path(at / "n" / "a.ipynb"))
        store.put([b"y" * 100_000])
        store.append(e.RunStarted(run="r")).wait()
        store.close()
    return at


def everything(under: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() if p.is_file() else b"" for p in under.rglob("*")}


@pytest.mark.parametrize("place", strangers.PLACES)
def test_nothing_outside_of_it_is_touched_and_nothing_hangs(
    base: Path, user: User, tmp_path: Path, place: str
) -> None:
    """Whatever lies in the place of a file or folder of a store: looking, writing and answering
    work or say by name what they refuse."""
    part = strangers.PLACES.index(place) % 3  # all of them: tests/faults/test_strangers.py
    for harm in HARMS[part::3]:
        at = tmp_path / harm.__name__
        strangers.harm(base, at, place, harm)
        before = everything(at / "theirs")
        user.use(at)
        assert everything(at / "theirs") == before, at.name


def test_a_store_is_for_its_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others cannot enter its folder, also where an earlier version had let them in."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    for name, before in (("new", False), ("old", True)):
        folder = store_path(tmp_path / f"{name}.ipynb")
        if before:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
        store = Store.open(folder)
        store.append(e.RunStarted(run="r")).wait()
        store.close()
        assert folder.stat().st_mode & 0o777 == 0o700
        for file in (folder / "log").iterdir():
            assert file.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_copied_is_said_by_name(base: Path, tmp_path: Path) -> None:
    """A copy of the history, for a replay, follows no link either."""
    strangers.harm(base, tmp_path / "at", "trust", strangers.dangling)
    (tmp_path / "copy").mkdir()
    with pytest.raises(StoreDamaged, match=r"cannot be copied: .*neither followed"):
        copy_history(store_path(tmp_path / "at" / "n" / "a.ipynb"), tmp_path / "copy")
