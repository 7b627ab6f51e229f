"""Artifacts that were removed to free their room."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from duranb.errors import StoreDamaged, StoreUnwritable
from duranb.record import events as e
from duranb.store import Store, StoreView
from duranb.store.artifacts import ArtifactFiles
from duranb.store.verify import verify


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a store lies."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    return tmp_path / "agent"


def problems(folder: Path) -> list[str]:
    """What verify finds."""
    with StoreView.open(folder) as view:
        return verify(view)


def files_of(folder: Path) -> list[Path]:
    """The files of artifacts."""
    return [p for p in (folder / "artifacts").rglob("*") if p.is_file()]


def test_what_a_crash_left_goes_the_next_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history says first what is gone: whoever is killed before the files are removed leaves a
    store that is whole, and the next one removes them."""
    data = os.urandom(200_000)
    store = Store.open(folder)
    digest = store.put([data])
    store.flush()

    def fails(self: ArtifactFiles, digest: str) -> None:
        raise OSError(5, "the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr(ArtifactFiles, "remove", fails)
        with pytest.raises(StoreUnwritable):
            store.remove(e.Redacted(reason="pruned", removed=[digest]))
    store.close()
    assert len(files_of(folder)) == 1 and problems(folder) == []
    store = Store.open(folder)
    with pytest.raises(StoreDamaged, match="has no artifact"):
        store.get(digest)
    store.remove(e.Redacted(reason="pruned"))
    assert files_of(folder) == [] and store.artifact_sizes() == {}
    assert store.put([data]) == digest, "it is stored again when it is made again"
    assert bytes(store.get(digest)) == data
    store.close()
    assert problems(folder) == []
