"""What anybody may have recorded elsewhere, taken into a notebook's history."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from duranb.errors import StoreEncrypted, Untrusted, UsageError
from duranb.record import events as e
from duranb.runner import headless, importing, offline
from duranb.runner.parameters import inject
from duranb.store import Store, StoreView, encryption, store_path


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """One with a step."""
    path = tmp_path / "a.ipynb"
    cell = nbformat.v4.new_code_cell("%%durable one\na = 1")  # type: ignore[no-untyped-call]
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)  # type: ignore[no-untyped-call]
    return path


def recorded(folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch, name: str = "p") -> Path:
    """A store whose run had a parameter of that name, made by the user of this home."""
    monkeypatch.setenv("DURANB_HOME", str(home))
    store = Store.open(folder)
    store.put([b"x" * 40_000])
    store.append(e.RunStarted(run="r"), e.SessionOpened(pid=1, parameters={name: 1}))
    store.close()
    monkeypatch.setenv("DURANB_HOME", str(home.with_name("mine")))
    return folder


def test_a_store_of_somebody_else_is_taken_in_where_it_is_trusted(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only there; then all of it is this user's."""
    theirs = recorded(tmp_path / "theirs", tmp_path / "home", monkeypatch)
    with pytest.raises(Untrusted):
        importing.take(notebook, str(theirs), only_record=True)
    assert not store_path(notebook).exists()
    assert importing.take(notebook, str(theirs), trust=True, only_record=True).run == "r"
    with StoreView.open(store_path(notebook)) as view:
        assert not view.foreign and view.history().run == "r"


@pytest.mark.parametrize("name", ["a = 1\nimport os\nb", "x; y", "class", "", "a b", "*a"])
def test_a_recorded_parameter_is_no_code(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Its name becomes part of a cell: one that is no variable's is refused, with nothing here."""
    theirs = recorded(tmp_path / "theirs", tmp_path / "home", monkeypatch, name)
    with pytest.raises(UsageError, match="cannot be the name of a variable"):
        importing.take(notebook, str(theirs), trust=True)
    assert not store_path(notebook).exists()
    document = headless.read(notebook)
    with pytest.raises(UsageError, match="cannot be the name of a variable"):
        inject(document, {name: 1})
    assert len(document.cells) == 1


def test_what_cannot_be_replayed_is_named_as_the_user_knows_it(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as the copy that a replay would have run on, and before one is made."""
    folder = recorded(store_path(notebook), tmp_path / "home", monkeypatch)
    with pytest.raises(Untrusted) as refused, offline.copied(folder):
        pass
    assert str(folder) in refused.value.message and ".replay-" not in refused.value.message
    assert [x.name for x in folder.parent.iterdir()] == [folder.name]


def test_an_encrypted_store_says_which_key_a_replay_needs(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its variable, and the store's own place."""
    pytest.importorskip("cryptography", reason="needs duranb[encryption]")
    monkeypatch.setenv(encryption.KEY, "ab" * 32)
    monkeypatch.setenv(encryption.WANTED, "1")
    folder = recorded(store_path(notebook), tmp_path / "home", monkeypatch)
    monkeypatch.delenv(encryption.KEY)
    with pytest.raises(StoreEncrypted) as refused, offline.copied(folder):
        pass
    assert str(folder) in refused.value.message and encryption.KEY in refused.value.message
    assert ".replay-" not in refused.value.message
