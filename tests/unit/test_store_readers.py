"""Readers of a store's files meet any bytes: they read what is whole, and name what is not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from duranb.errors import StoreError
from duranb.record import events as e
from duranb.runner.checking import check
from duranb.store import Store, store_path
from tests.examples import examples

LOG = "log/00000000000000000001.seg"
SMALL = ["tail", "trust", "lock", "answers/1.json", "signals/1.json"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of a few events, and its user's key."""
    at = tmp_path_factory.mktemp("base")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DURANB_HOME", str(at / "home"))
        store = Store.open(store_path(at / "a.ipynb"))
        for run in "abcd":
            store.put([os.urandom(300)])
            store.append(e.RunStarted(run=run), e.SessionOpened(pid=1, host=run)).wait()
        store.close()
        shutil.rmtree(at / "home" / "heads")
    return at


def read(base: Path, name: str, data: bytes) -> list[str]:
    """What is said of a copy of the store in which one file holds other bytes: by who checks it,
    and by who opens it and goes on with it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DURANB_HOME", str(base / "home"))
        return _read(base, name, data)


def _read(base: Path, name: str, data: bytes) -> list[str]:
    at = base / "copy"
    shutil.rmtree(at, ignore_errors=True)
    shutil.copytree(base / ".duranb", at / ".duranb")
    notebook = at / "a.ipynb"
    file = store_path(notebook) / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(data)
    said: list[str] = []
    try:
        said += check(notebook).problems
        store = Store.open(store_path(notebook), settled=False)
        try:
            if not store.foreign:
                store.append(e.RunStarted(run="more")).wait()
                found = [x.seq for x in store.events()]
                assert sorted({*found}) == found and found
        finally:
            store.close()
    except StoreError as error:
        said.append(error.message)
    return said


@given(name=st.sampled_from(SMALL), data=st.binary(max_size=200))
@settings(max_examples=examples(6), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_small_files_of_any_bytes(base: Path, name: str, data: bytes) -> None:
    """A tail, what is trusted, a lock's text, an answer, a signal."""
    read(base, name, data)


@given(data=st.data())
@settings(max_examples=examples(8), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_log_with_other_bytes_in_it_is_noticed(base: Path, data: st.DataObject) -> None:
    """Whatever is changed, put in or cut out of what was acknowledged."""
    own = (store_path(base / "a.ipynb") / LOG).read_bytes()
    start = data.draw(st.integers(0, len(own) - 1))
    end = data.draw(st.integers(start, min(len(own), start + 400)))
    changed = own[:start] + data.draw(st.binary(max_size=100)) + own[end:]
    said = read(base, LOG, changed)
    assert said or changed[: len(own)] == own
