"""The store: what it keeps, and what it refuses."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from duranb.errors import (
    StoreDamaged,
    StoreError,
    StoreLocked,
    StoreTooNew,
    StoreUnwritable,
    Untrusted,
    UsageError,
)
from duranb.record import events
from duranb.record.events import Answered, ArtifactStored, RunStarted
from duranb.store import Store, StoreView, store_path
from duranb.store.paths import DATABASE, LOG, TAIL
from duranb.store.schema import VERSION
from duranb.store.segments import ENCRYPTED, FRAME_MARK, HEAD_SIZE, segment_name
from duranb.store.store import INLINE
from duranb.store.verify import verify


@pytest.fixture(autouse=True)
def own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's key of its own for each test."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the store of a notebook lies."""
    return store_path(tmp_path / "agent.ipynb")


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    """An open store."""
    made = Store.open(folder)
    yield made
    made.close()


def bodies(store: Store | StoreView) -> list[object]:
    """Event bodies without the stored artifacts."""
    return [x.body for x in store.events() if not isinstance(x.body, ArtifactStored)]


def test_events_are_there_after_reopening_in_order(folder: Path) -> None:
    """Events come back numbered from 1, with the chain unbroken."""
    first = Store.open(folder)
    for number in range(120):
        receipt = first.append(Answered(call=number, value=number))
        if number % 3 == 0:
            receipt.wait()
    first.close()
    again = Store.open(folder)
    assert [b.call for b in bodies(again)] == list(range(120))  # type: ignore[attr-defined]
    assert [x.seq for x in again.events()] == list(range(1, 121))
    assert again.damage == ""
    again.close()
    with StoreView.open(folder) as view:
        assert verify(view) == []


def test_listeners_hear_before_the_caller_goes_on(store: Store) -> None:
    """Who waits for an event finds it folded already."""
    heard: list[object] = []
    store.listeners.append(lambda events: heard.extend(x.body for x in events))
    store.append(RunStarted(run="r")).wait()
    assert heard == [RunStarted(run="r")]


@pytest.mark.parametrize("size", [0, 1, INLINE, INLINE + 1, 3_000_000])
def test_artifacts_come_back_by_their_content(folder: Path, size: int) -> None:
    """Small ones from the log, large ones from files; the same bytes are kept once."""
    data = os.urandom(size)
    store = Store.open(folder)
    digest = store.put([data[: size // 2], data[size // 2 :]])
    assert bytes(store.get(digest)) == data, "before it was written"
    store.append(RunStarted(run="r")).wait()
    assert store.put([data]) == digest
    store.append(RunStarted(run="s")).wait()
    store.close()
    again = Store.open(folder)
    assert bytes(again.get(digest)) == data
    assert sum(isinstance(x.body, ArtifactStored) for x in again.events()) == 1
    assert (again.path / "artifacts" / digest[:2] / digest).exists() == (size > INLINE)
    again.close()


def test_many_threads_lose_nothing(store: Store) -> None:
    """Appends from several threads are all there, each thread's in its own order."""

    def work(who: int) -> None:
        for number in range(50):
            store.append(Answered(call=who, value=number)).wait()

    threads = [threading.Thread(target=work, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for who in range(8):
        mine = [b.value for b in bodies(store) if b.call == who]  # type: ignore[attr-defined]
        assert mine == list(range(50))


def test_second_holder_is_refused_with_the_pid(store: Store, folder: Path) -> None:
    """A store that is open says who has it."""
    with pytest.raises(StoreLocked, match=str(os.getpid())) as caught:
        Store.open(folder)
    assert caught.value.pid == os.getpid()


def test_view_reads_while_the_owner_writes(store: Store, folder: Path) -> None:
    """Another reader always sees a consistent, verified history, never an older one."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            store.append(Answered(call=1, value="x" * 500)).wait()

    writer = threading.Thread(target=write)
    writer.start()
    seen = 0
    try:
        for _ in range(10):
            with StoreView.open(folder) as view:
                assert view.holder == os.getpid()
                assert view.last >= seen
                seen = view.last
                assert verify(view) == []
    finally:
        stop.set()
        writer.join()


def test_later_layout_of_the_log_is_refused_untouched(folder: Path) -> None:
    """A store from a later version is neither read nor changed."""
    Store.open(folder).close()
    (segment,) = (folder / LOG).iterdir()
    data = bytearray(segment.read_bytes())
    data[8] = ENCRYPTED + 1
    data[HEAD_SIZE - 4 : HEAD_SIZE] = zlib.crc32(data[: HEAD_SIZE - 4]).to_bytes(4, "little")
    segment.write_bytes(data)
    for opened in (Store.open, StoreView.open):
        with pytest.raises(StoreTooNew, match="pip install -U duranb"):
            opened(folder)
    assert segment.read_bytes() == data


def test_later_tables_are_left_alone_and_the_history_goes_on(folder: Path) -> None:
    """Only queries need the database, so only they are refused."""
    Store.open(folder).close()
    store = Store.open(folder)
    store.append(RunStarted(run="r")).wait()
    store.query("SELECT 1")
    store.close()
    connection = duckdb.connect(str(folder / DATABASE))
    connection.execute("INSERT INTO migrations VALUES (?, 'later', 0)", [VERSION + 1])
    connection.close()
    before = (folder / DATABASE).read_bytes()
    store = Store.open(folder)
    store.append(RunStarted(run="s")).wait()
    with pytest.raises(StoreTooNew, match="pip install -U duranb"):
        store.query("SELECT 1")
    store.close()
    assert (folder / DATABASE).read_bytes() == before


def _unclean_copy(source: Path, target: Path) -> None:
    """What a kill leaves behind: the files as they are, without the checkpoint of a close."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("lock"))


def _written(folder: Path, count: int) -> Path:
    """A store with so many events of 100 bytes, each in a frame of its own; its only segment."""
    store = Store.open(folder)
    for number in range(count):
        store.append(Answered(call=number, value="x" * 100)).wait()
    store.close()
    (segment,) = (folder / LOG).iterdir()
    return segment


@pytest.mark.parametrize("harm", ["truncate", "flip", "length", "header", "empty"])
def test_damaged_log_is_noticed_and_set_aside(folder: Path, harm: str) -> None:
    """The store says once what is damaged, keeps the original, and uses all that can be read."""
    segment = _written(folder, 40)
    data = bytearray(segment.read_bytes())
    if harm == "truncate":
        del data[len(data) // 2 :]
    elif harm == "empty":
        del data[:]
    else:
        middle = data.index(FRAME_MARK, len(data) // 2)
        data[{"flip": middle + 100, "length": middle + 8, "header": 0}[harm]] ^= 0xFF
    segment.write_bytes(data)
    with StoreView.open(folder) as view:
        assert verify(view) != []
    again = Store.open(folder)
    assert "is damaged" in again.damage and "quarantine" in again.damage
    kept = [p.read_bytes() for p in (folder / "quarantine").rglob(segment.name)]
    assert kept == [data]
    calls = {body.call for body in bodies(again)}  # type: ignore[attr-defined]
    lost = set(range(40)) - calls
    assert len(lost) == {"truncate": 21, "flip": 1, "length": 1, "header": 0, "empty": 40}[harm]
    again.append(RunStarted(run="goes on")).wait()
    again.close()
    last = Store.open(folder)
    assert last.damage == ""
    assert bodies(last)[-1] == RunStarted(run="goes on")
    last.close()


@pytest.mark.parametrize("torn", ["frame", "zeros", "segment"])
def test_what_was_never_acknowledged_is_no_damage(
    folder: Path, torn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame, or a segment, that a killed process had begun to write is written over."""
    segment = _written(folder, 3)
    data = segment.read_bytes()
    if torn == "segment":
        (folder / LOG / segment_name(4)).write_bytes(b"durab")
    elif torn == "zeros":
        segment.write_bytes(data + bytes(5000))
    else:
        segment.write_bytes(data + data[HEAD_SIZE : HEAD_SIZE + 50])
    with StoreView.open(folder) as view:
        assert verify(view) == []
    again = Store.open(folder)
    assert again.damage == ""
    again.append(Answered(call=3, value="")).wait()
    again.close()
    last = Store.open(folder)
    assert last.damage == "" and len(bodies(last)) == 4
    last.close()


@pytest.mark.parametrize("tail", ["behind", "empty", "gone"])
def test_a_tail_that_was_not_synced_is_no_damage(folder: Path, tail: str) -> None:
    """After a power cut the tail may be older than the log, which was synced: all is there."""
    store = Store.open(folder)
    store.append(RunStarted(run="r")).wait()
    before = (folder / TAIL).read_bytes()
    store.append(RunStarted(run="s")).wait()
    store.close()
    if tail == "gone":
        (folder / TAIL).unlink()
    else:
        (folder / TAIL).write_bytes(before if tail == "behind" else b"")
    with StoreView.open(folder) as view:
        assert verify(view) == []
    again = Store.open(folder)
    assert again.damage == "" and len(bodies(again)) == 2
    again.close()


def test_changed_history_is_noticed(folder: Path) -> None:
    """A frame whose checksum was made to fit again breaks the chain."""
    segment = _written(folder, 3)
    data = bytearray(segment.read_bytes())
    at = data.index(b"xxxx")
    data[at] = ord("y")
    start, end = data.rindex(FRAME_MARK, 0, at), data.index(FRAME_MARK, at)
    data[start + 4 : start + 8] = zlib.crc32(data[start + 16 : end]).to_bytes(4, "little")
    segment.write_bytes(data)
    with StoreView.open(folder) as view:
        assert any("chain of events is broken" in problem for problem in verify(view))
    again = Store.open(folder)
    assert "chain of events is broken" in again.damage
    again.close()


def test_the_log_goes_on_in_further_segments(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments are read in order, from any event on; one that is cut is noticed by the next."""
    monkeypatch.setattr("duranb.store.log.SEGMENT", 2000)
    monkeypatch.setattr("duranb.store.log.MARK", 500)
    store = Store.open(folder)
    digests = []
    for number in range(60):
        digests.append(store.put([b"%d" % number]))
        store.append(Answered(call=number, value=number)).wait()
    assert [x.seq for x in store.events(after=77)] == list(range(78, 121))
    assert [bytes(store.get(d)) for d in digests] == [b"%d" % number for number in range(60)]
    store.close()
    files = sorted((folder / LOG).iterdir())
    assert len(files) > 5
    again = Store.open(folder)
    assert [x.seq for x in again.events(after=33)] == list(range(34, 121))
    assert bytes(again.get(digests[7])) == b"7"
    again.close()
    data = files[2].read_bytes()
    files[2].write_bytes(data[:-10])
    with StoreView.open(folder) as view:
        assert any(files[2].name in problem for problem in verify(view))


def test_undamaged_log_after_a_kill_is_no_damage(folder: Path, tmp_path: Path) -> None:
    """An unclean end alone is nothing to talk about."""
    store = Store.open(folder)
    store.append(RunStarted(run="r")).wait()
    copy = tmp_path / "copy"
    _unclean_copy(folder, copy)
    store.close()
    again = Store.open(copy)
    assert again.damage == "" and bodies(again) == [RunStarted(run="r")]
    assert not (copy / "quarantine").exists()
    again.close()


def test_full_disk_loses_nothing_and_passes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing more can be written the append says so; what was acknowledged is there, and
    once there is space again it goes on."""
    store = Store.open(folder)
    store.append(RunStarted(run="before")).wait()
    write, begun = os.pwrite, []

    def half(descriptor: int, data: memoryview, at: int) -> int:
        begun.append(at)
        if len(begun) % 2 == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:7], at)

    with monkeypatch.context() as full:
        full.setattr(os, "pwrite", half)
        for number in range(3):
            with pytest.raises(StoreUnwritable, match=r"disk of .+ is full"):
                store.append(Answered(call=number, value="")).wait()
    store.append(RunStarted(run="after")).wait()
    store.close()
    again = Store.open(folder)
    assert again.damage == ""
    assert bodies(again) == [RunStarted(run="before"), RunStarted(run="after")]
    again.close()


def test_garbage_instead_of_a_database_is_left_alone(folder: Path) -> None:
    """What is no database is refused and stays as it is."""
    folder.mkdir(parents=True)
    (folder / DATABASE).write_bytes(b"not a database" * 500)
    with pytest.raises(StoreDamaged, match="left as it is"):
        Store.open(folder)
    assert (folder / DATABASE).read_bytes().startswith(b"not a database")


def test_changed_artifact_is_never_served(folder: Path) -> None:
    """A file that is not what was stored is refused, and verify names it."""
    store = Store.open(folder)
    digest = store.put([b"x" * (INLINE + 1)])
    store.append(RunStarted(run="r")).wait()
    (folder / "artifacts" / digest[:2] / digest).write_bytes(b"y" * (INLINE + 1))
    with pytest.raises(StoreDamaged, match=digest[:12]):
        store.get(digest)
    store.close()
    with StoreView.open(folder) as view:
        assert any(digest[:12] in problem for problem in verify(view))


def test_store_from_elsewhere_is_data_until_trusted(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another key has sealed is not handed out to be unpickled, and nothing is added to it,
    until it is trusted; from then on it is this user's."""
    store = Store.open(folder)
    digest = store.put([b"payload"])
    store.append(RunStarted(run="r")).wait()
    store.close()
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "somebody-else"))
    other = Store.open(folder)
    with pytest.raises(Untrusted, match="duranb trust"):
        other.get(digest)
    with pytest.raises(Untrusted, match="duranb trust"):
        other.append(RunStarted(run="s"))
    assert other.trust() == 1
    assert bytes(other.get(digest)) == b"payload"
    other.close()
    again = Store.open(folder)
    assert again.damage == "" and bytes(again.get(digest)) == b"payload"
    again.close()


def test_removed_folder_is_said_plainly(store: Store, folder: Path) -> None:
    """Writing into a store whose folder is gone is an error, not a silent loss."""
    store.append(RunStarted(run="r")).wait()
    shutil.rmtree(folder)
    with pytest.raises(StoreUnwritable, match="was removed"):
        store.append(RunStarted(run="s")).wait()


def test_unwritable_place_is_said_plainly(tmp_path: Path) -> None:
    """Where the folder cannot be made, opening says so."""
    (tmp_path / ".duranb").write_text("in the way")
    with pytest.raises(StoreUnwritable):
        Store.open(store_path(tmp_path / "agent.ipynb"))


def _append_in_child(store: Store, answer: multiprocessing.connection.Connection) -> None:
    try:
        store.append(RunStarted(run="child")).wait()
        answer.send("written")
    except StoreError as error:
        answer.send(error.message)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_child_is_refused(store: Store) -> None:
    """A forked child cannot write: its writes would be lost."""
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(
        target=_append_in_child, args=(store, there)
    )
    child.start()
    assert "another process" in here.recv()
    child.join()
    store.append(RunStarted(run="parent")).wait()


def test_queries_only_read(store: Store) -> None:
    """SQL over the history is a SELECT; anything else, and nonsense, is a clear refusal."""
    store.append(RunStarted(run="r")).wait()
    columns, rows = store.query("SELECT type, count(*) AS n FROM events GROUP BY type")
    assert columns == ["type", "n"] and rows == [("run.started", 1)]
    for sql in ("DELETE FROM events", "SELECT 1; DROP TABLE events", "SELEC 1", "ATTACH 'x'"):
        with pytest.raises(UsageError):
            store.query(sql)
    for view in ("executions", "calls", "attempts", "artifacts", "snapshots"):
        store.query(f"SELECT * FROM {view}")


def test_no_store_is_no_view(folder: Path) -> None:
    """Looking at a notebook that has no store says so."""
    with pytest.raises(StoreError, match="no store"):
        StoreView.open(folder)


def _broken_disk(patch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: memoryview, at: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    patch.setattr(os, "pwrite", full)


def test_what_a_full_disk_refused_is_there_once_there_is_space(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that nobody waits for, and small artifacts, are written with the next ones that can
    be: what was put again meanwhile is not believed to be there."""
    store = Store.open(folder)
    store.append(RunStarted(run="before")).wait()
    with monkeypatch.context() as patch:
        _broken_disk(patch)
        store.append(Answered(call=1, value="not waited for"))
        digest = store.put([b"small"])
        with pytest.raises(StoreUnwritable):
            store.append(Answered(call=2, value="waited for")).wait()
    assert store.put([b"small"]) == digest
    store.append(RunStarted(run="after")).wait()
    store.close()
    again = Store.open(folder)
    assert bodies(again) == [
        RunStarted(run="before"),
        Answered(call=1, value="not waited for"),
        RunStarted(run="after"),
    ]
    assert bytes(again.get(digest)) == b"small"
    again.close()


def test_queries_cannot_write_by_any_detour(store: Store) -> None:
    """What a SELECT or an EXPLAIN may carry with it does not change the history, and reaches no
    other file."""
    store.append(RunStarted(run="r")).wait()
    for sql in (
        "EXPLAIN ANALYZE DELETE FROM events",
        "WITH gone AS (DELETE FROM events RETURNING *) SELECT * FROM gone",
        "SELECT * FROM read_text('/etc/hostname')",
    ):
        with pytest.raises(UsageError):
            store.query(sql)
    assert store.query("SELECT count(*) FROM events")[1] == [(1,)]
    store.append(RunStarted(run="goes on")).wait()


@pytest.mark.parametrize("harm", ["truncate", "flip", "empty", "folder", "gone", "other"])
def test_damaged_database_is_made_anew_from_the_log(
    folder: Path, tmp_path: Path, harm: str
) -> None:
    """It holds nothing that the log does not; what cannot be read is set aside."""
    store = Store.open(folder)
    for number in range(200):
        store.append(Answered(call=number, value=os.urandom(300).hex()))
    store.close()
    file = folder / DATABASE
    data = bytearray(file.read_bytes())
    if harm == "truncate":
        del data[len(data) // 2 :]
    elif harm == "empty":
        data.clear()
    elif harm == "flip":
        for at in range(4096, len(data), 4096):
            data[at] ^= 1
    file.unlink()
    if harm == "folder":
        file.mkdir()
    elif harm == "other":
        other = Store.open(tmp_path / "other")
        other.append(RunStarted(run="other")).wait()
        other.close()
        shutil.copy(tmp_path / "other" / DATABASE, file)
    elif harm != "gone":
        file.write_bytes(data)
    with StoreView.open(folder) as view:
        assert verify(view) == []
        assert view.query("SELECT count(*) FROM events")[1] == [(200,)]
    again = Store.open(folder)
    assert again.damage == ""
    assert again.query("SELECT count(*) FROM events")[1] == [(200,)]
    again.close()
    if harm in ("empty", "folder"):  # DuckDB may not need the part that is damaged
        assert [p.name for p in (folder / "quarantine").rglob(DATABASE)] == [DATABASE]


@pytest.mark.parametrize("size", [100, INLINE + 1])
@pytest.mark.parametrize("harm", ["gone", "empty", "changed"])
def test_damaged_artifact_is_stored_again_when_it_is_made_again(
    folder: Path, size: int, harm: str
) -> None:
    """What cannot be read is refused, kept aside, and replaced by the same bytes put again."""
    data = os.urandom(size)
    store = Store.open(folder)
    digest = store.put([data])
    store.append(RunStarted(run="r")).wait()
    store.append(RunStarted(run="s")).wait()
    store.close()
    file = folder / "artifacts" / digest[:2] / digest
    if size <= INLINE:
        (segment,) = (folder / LOG).iterdir()
        segment.write_bytes(segment.read_bytes().replace(data, bytes(size)))
    elif harm == "gone":
        file.unlink()
    else:
        file.write_bytes(b"" if harm == "empty" else bytes(size))
    again = Store.open(folder)
    with pytest.raises(StoreDamaged, match="Run the step that made it again"):
        again.get(digest)
    assert again.put([data]) == digest
    again.append(RunStarted(run="again")).wait()
    assert bytes(again.get(digest)) == data
    again.close()
    last = Store.open(folder)
    assert bytes(last.get(digest)) == data
    last.close()
    if size > INLINE and harm != "gone":
        assert [p.name for p in (folder / "quarantine").rglob(digest)] == [digest]


def test_event_of_a_later_version_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind of event this version does not know is a later version's, not damage."""
    store = Store.open(folder)
    store.append(RunStarted(run="r")).wait()
    with monkeypatch.context() as later:
        later.setattr(events, "encode", lambda body: ("from.afar", '{"type":"from.afar"}'))
        store.append(Answered(call=1, value=1)).wait()
    store.close()
    for opened in (Store.open, StoreView.open):
        with pytest.raises(StoreTooNew, match="later duranb"):
            opened(folder)
    assert not (folder / "quarantine").exists()


def test_names_of_artifacts_lead_nowhere_else(folder: Path, tmp_path: Path) -> None:
    """In a store from elsewhere a digest may be any text: it opens no file outside of the store."""
    (tmp_path / "secret").write_bytes(b"mine alone")
    store = Store.open(folder)
    for name in ("../../../../secret", str(tmp_path / "secret")):
        body = ArtifactStored(digest=name, size=10, in_file=True)
        store.append(body).wait()
    store.close()
    with StoreView.open(folder) as view:
        for name in view.digests():
            assert "which is none" in view.problem(name)


@pytest.mark.parametrize("harm", [b"", b"short"])
def test_damaged_key_is_said_plainly(folder: Path, tmp_path: Path, harm: bytes) -> None:
    """A key that is none signs nothing: the message says where it lies."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "key").write_bytes(harm)
    with pytest.raises(StoreError, match=r"your key .*home.key is damaged"):
        Store.open(folder)


def test_folder_of_another_store_in_its_place_is_not_written_to(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the database did not have yet stays out of a store that was put there meanwhile."""
    monkeypatch.setattr("duranb.store.filler.REST", 60.0)  # it is behind
    monkeypatch.setattr("duranb.store.filler.QUIET", 60.0)
    store = Store.open(folder)
    store.append(RunStarted(run="mine")).wait()
    other = Store.open(tmp_path / "other")
    other.append(RunStarted(run="other")).wait()
    other.close()
    folder.rename(tmp_path / "moved")
    shutil.copytree(tmp_path / "other", folder)
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    with pytest.raises(StoreUnwritable, match="removed or replaced"):
        store.query("SELECT 1")
    store.close()
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == before
    moved = Store.open(tmp_path / "moved")
    assert moved.damage == "" and bodies(moved) == [RunStarted(run="mine")]
    moved.close()


def test_a_database_that_nobody_needs_is_closed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program may open it then, and it is opened again when something is to be done."""
    monkeypatch.setattr("duranb.store.filler.QUIET", 0.1)
    monkeypatch.setattr("duranb.store.filler.IDLE", 0.1)
    store = Store.open(folder)
    for number in (1, 2):
        store.append(RunStarted(run=f"r{number}")).wait()
        until = time.monotonic() + 60
        while time.monotonic() < until and count_beside(folder) != number:
            time.sleep(0.05)
        assert count_beside(folder) == number
    assert store.query("SELECT count(*) FROM events")[1] == [(2,)]
    store.close()
    assert not (folder / "quarantine").exists()


def count_beside(folder: Path) -> int:
    """The events in a store's database for a program that knows nothing of duranb; -1 while it is
    not to be had."""
    if not (folder / DATABASE).exists() or (folder / f"{DATABASE}.wal").exists():
        return -1
    script = "import duckdb, sys\nprint(len(duckdb.connect(sys.argv[1]).sql('FROM events')))"
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder / DATABASE)],
        capture_output=True,
        text=True,
        check=False,
    )
    return int(done.stdout) if done.returncode == 0 else -1


def test_a_database_that_holds_much_memory_lets_go_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is opened anew between two rows, and none is lost or there twice."""
    monkeypatch.setattr("duranb.store.database.HELD", 0)
    monkeypatch.setattr("duranb.store.database._LOOK", 10)
    monkeypatch.setattr("duranb.store.rows.BULK", 15)
    opened = []
    connect = duckdb.connect

    def counting(*given: Any, **options: Any) -> duckdb.DuckDBPyConnection:
        opened.append(given)
        return connect(*given, **options)

    monkeypatch.setattr(duckdb, "connect", counting)
    store = Store.open(folder)
    for number in range(60):
        store.append(RunStarted(run=f"r{number}"))
    count = "SELECT count(*), count(DISTINCT seq) FROM events"
    assert store.query(count)[1] == [(60, 60)]
    assert len(opened) >= 2
    store.close()


def test_read_only_folder_can_be_looked_at(folder: Path) -> None:
    """Who holds a store, and whether it is whole, is seen without writing anything to it."""
    store = Store.open(folder)
    store.append(RunStarted(run="r")).wait()
    store.close()
    (folder / "tail").unlink()
    before = sorted(p.name for p in folder.iterdir())
    with StoreView.open(folder) as view:
        assert view.holder is None
        verify(view)
    assert sorted(p.name for p in folder.iterdir()) == before


def test_a_child_does_not_keep_the_lock(folder: Path) -> None:
    """A forked worker that outlives its kernel does not hold the store for it."""
    script = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from duranb.store import Store\n"
        "store = Store.open(Path(sys.argv[1]))\n"
        "if os.fork() == 0:\n"
        "    print(os.getpid(), flush=True)\n"
        "    time.sleep(60)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    process.wait()
    try:
        Store.open(folder).close()
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()


def test_trust_signs_thousands_at_once(folder: Path) -> None:
    """Trusting is one line, however much is trusted."""
    store = Store.open(folder)
    digests = [store.put([str(number).encode()]) for number in range(2000)]
    store.append(RunStarted(run="r")).wait()
    assert store.trust() == 2000
    store.append(RunStarted(run="s")).wait()
    assert bytes(store.get(digests[-1])) == b"1999"
    store.close()
    with StoreView.open(folder) as view:
        assert verify(view) == []


def test_link_to_a_notebook_has_its_history(tmp_path: Path) -> None:
    """A notebook that is opened by a link to it is the same notebook."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "agent.ipynb").write_text("{}")
    (tmp_path / "link.ipynb").symlink_to(tmp_path / "real" / "agent.ipynb")
    assert store_path(tmp_path / "link.ipynb") == store_path(tmp_path / "real" / "agent.ipynb")
