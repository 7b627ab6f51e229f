"""A history that its user did not write is looked at, and never acted on: forged, spliced, rolled
back, or sealed by somebody else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from duranb.engine import inbox
from duranb.errors import Untrusted
from duranb.record import events as e
from duranb.record.history import History
from duranb.record.kinds import Kind
from duranb.record.model import Call, CallStatus
from duranb.store import Store, StoreView, store_path
from duranb.store.verify import verify
from tests.faults.forgeries import Forger


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    return tmp_path


def written(folder: Path, run: str, steps: int = 6) -> Path:
    """A store with a few executions of steps, a call and an answer in each."""
    store = Store.open(store_path(folder / f"{run}.ipynb"))
    store.append(e.RunStarted(run=run), e.SessionOpened(pid=1)).wait()
    for n in range(1, steps + 1):
        digest = store.put([f"answer {n} of {run}".encode()])
        store.append(
            e.ExecutionStarted(execution=n, step=f"s{n}", run=run, branch="main", source=f"x = {n}")
        ).wait()
        store.append(
            e.CallCompleted(
                call=n,
                execution=n,
                attempt=1,
                step=f"s{n}",
                key="k",
                occurrence=0,
                kind=Kind.LLM,
                name="chat",
                response=digest,
            )
        ).wait()
    store.close()
    return store.path


def rolled_back(folder: Path) -> None:
    """An older copy, whole and sealed, is put back."""
    Forger(1, folder, folder, folder, "").rolls_back()


def test_an_older_copy_at_another_place_is_a_copy(home: Path) -> None:
    """Nothing was acknowledged there: it is in use."""
    path = written(home, "a")
    copy = store_path(home / "elsewhere" / "a.ipynb")
    shutil.copytree(path, copy)
    rolled_back(copy)
    with StoreView.open(copy) as view:
        assert verify(view) == []


def test_an_older_copy_put_back_can_be_accepted(home: Path) -> None:
    """It says that it is older; once it is trusted it goes on from there."""
    path = written(home, "a")
    rolled_back(path)
    store = Store.open(path)
    assert "is an older copy" in store.foreign
    store.trust()
    store.append(e.RunStarted(run="on")).wait()
    store.close()
    with StoreView.open(path) as view:
        assert verify(view) == []


def test_two_users_hand_a_store_to_and_fro(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has to trust what the other one added, and nothing more."""
    path = written(home, "a")
    for user in ("second", "home", "second"):
        monkeypatch.setenv("DURANB_HOME", str(home / user))
        store = Store.open(path)
        assert store.foreign
        store.trust()
        store.append(e.RunStarted(run=user)).wait()
        store.close()
        again = Store.open(path)
        assert not again.foreign and not again.damage
        again.close()


def test_an_answer_that_was_put_there_by_somebody_else_is_refused(home: Path) -> None:
    """A file in the folder of answers counts if its question's user has signed it."""
    folder = home / inbox.ANSWERS
    folder.mkdir()
    history = History()
    history.run = "r"
    asked = Call(
        **dict.fromkeys(("id", "execution", "attempt"), 1),
        **dict.fromkeys(("step", "key", "name"), ""),
        occurrence=0,
        kind=Kind.ASK,
        status=CallStatus.INTENDED,
        preview="Pay?",
    )
    history.calls.put(asked)
    for posted in (b"true", b'{"answer": "true", "signature": "00"}', b"\xff", b"[]"):
        (folder / "1.json").write_bytes(posted)
        with pytest.raises(Untrusted, match="not given to question 1 by you"):
            inbox.posted_answer(home, history, 1)
