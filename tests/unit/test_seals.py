"""A history that its user did not write is looked at, and never acted on: forged, spliced, rolled
back, or sealed by somebody else."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from duranb.engine import inbox
from duranb.errors import Untrusted
from duranb.record import events as e
from duranb.record.history import History
from duranb.record.kinds import Kind
from duranb.record.model import Call, CallStatus
from duranb.store import Store, StoreView, chain, heads, segments, store_path
from duranb.store.paths import LOG, TAIL, TRUST
from duranb.store.segments import HEAD_SIZE, Frame, Seal
from duranb.store.verify import verify


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


# -- what a forger can do who has everything but the key ----------------------------------------


def frames_of(folder: Path) -> list[Frame]:
    found: list[Frame] = []
    for first in segments.segments(folder / LOG):
        path = folder / LOG / segments.segment_name(first)
        with path.open("rb") as file:
            found += segments.frames(file, first, HEAD_SIZE, path.stat().st_size)
    return found


def payloads(folder: Path, frame: Frame) -> list[bytes]:
    data = {
        first: (folder / LOG / segments.segment_name(first)).read_bytes()
        for first in segments.segments(folder / LOG)
    }
    places = [record.place for record in frame.records]
    return [data[p.segment][p.offset : p.offset + p.size] if p.size else b"" for p in places]


Lines = list[tuple[int, str, bytes]]
"""Time, JSON and payload of each event of a frame."""


def rewrite(folder: Path, frames: list[tuple[Lines, Seal | None]]) -> None:
    """Write a log with these frames: numbers, chain, checksums and tail are as they should be, and
    seals those given."""
    shutil.rmtree(folder / LOG)
    (folder / LOG).mkdir()
    seq, digest, data = 0, chain.GENESIS, segments.header(1, chain.GENESIS)
    for lines, seal in frames:
        writer = segments.FrameWriter(1, len(data), sealed=seal is not None)
        for ts, text, payload in lines:
            seq += 1
            digest = chain.link(digest, seq, ts, chain.covered(e.decode(text), text))
            writer.add(seq, ts, digest, text.encode(), payload)
        data += writer.frame(seal)
    (folder / LOG / segments.segment_name(1)).write_bytes(data)
    tail = chain.Tail(folder / TAIL)
    tail.write(seq, digest)
    tail.close()


def contents(folder: Path) -> list[tuple[Lines, Seal | None]]:
    return [
        (
            [(r.ts, r.data, p) for r, p in zip(f.records, payloads(folder, f), strict=True)],
            f.seal,
        )
        for f in frames_of(folder)
    ]


def edited(chance: random.Random, lines: Lines) -> Lines:
    """One event of a frame with another source, answer, step or artifact."""
    at = chance.randrange(len(lines))
    ts, text, payload = lines[at]
    fields = json.loads(text)
    names = [n for n in fields if n != "type"]
    name = chance.choice(names)
    value = fields[name]
    fields[name] = f"{value}x" if isinstance(value, str) else value + 1
    try:
        e.decode(json.dumps(fields))
    except msgspec.MsgspecError:
        return [*lines[:at], (ts + 1, text, payload), *lines[at + 1 :]]
    return [*lines[:at], (ts, json.dumps(fields), payload), *lines[at + 1 :]]


def edits(chance: random.Random, folder: Path, other: Path) -> None:
    """An event is changed, and everything that needs no key is made to fit."""
    frames = contents(folder)
    at = chance.randrange(len(frames))
    lines, seal = frames[at]
    mac = os.urandom(16)
    forged = chance.choice([seal, None, seal and Seal(seal.store, seal.before, mac)])
    frames[at] = edited(chance, lines), forged
    rewrite(folder, frames)


def drops(chance: random.Random, folder: Path, other: Path) -> None:
    """An event in the middle is gone."""
    frames = contents(folder)
    del frames[chance.randrange(1, len(frames) - 1)]
    rewrite(folder, frames)


def swaps(chance: random.Random, folder: Path, other: Path) -> None:
    """Two frames change places."""
    frames = contents(folder)
    first, second = sorted(chance.sample(range(len(frames)), 2))
    frames[first], frames[second] = frames[second], frames[first]
    rewrite(folder, frames)


def splices(chance: random.Random, folder: Path, other: Path) -> None:
    """Frames of another store of the same user, sealed by them, take the place of some."""
    frames, foreign = contents(folder), contents(other)
    at = chance.randrange(len(frames))
    frames[at] = foreign[min(at, len(foreign) - 1)]
    rewrite(folder, frames)


def appends(chance: random.Random, folder: Path, other: Path) -> None:
    """Events are added at the end."""
    frames = contents(folder)
    frames.append((edited(chance, frames[-1][0]), chance.choice([None, frames[-1][1]])))
    rewrite(folder, frames)


def raw_splice(chance: random.Random, folder: Path, other: Path) -> None:
    """The bytes of the other store's frames are appended as they are."""
    name = segments.segment_name(1)
    with (folder / LOG / name).open("ab") as file:
        file.write((other / LOG / name).read_bytes()[HEAD_SIZE:])


def trusts(chance: random.Random, folder: Path, other: Path) -> None:
    """A file that trusts another store, or that was made up, is put beside an edited one."""
    edits(chance, folder, other)
    store = Store.open(other)
    store.trust()
    store.close()
    if chance.random() < 0.5:
        shutil.copy(other / TRUST, folder / TRUST)
    else:
        seq, digest = chain.read_tail(folder / TAIL) or (0, b"")
        made_up = {
            "seq": seq,
            "hash": msgspec.json.decode(msgspec.json.encode(digest)),
            "signature": "0" * 32,
        }
        (folder / TRUST).write_bytes(msgspec.json.encode(made_up))


def rolls_back(chance: random.Random, folder: Path, other: Path) -> None:
    """An older copy, whole and sealed, is put back."""
    frames = frames_of(folder)
    kept = frames[: chance.randrange(1, len(frames))]
    path = folder / LOG / segments.segment_name(1)
    path.write_bytes(path.read_bytes()[: kept[-1].end])
    tail = chain.Tail(folder / TAIL)
    tail.write(kept[-1].records[-1].seq, kept[-1].records[-1].hash)
    tail.close()


def from_elsewhere(chance: random.Random, folder: Path, other: Path) -> None:
    """Sealed with another key."""
    frames = contents(folder)
    rewrite(folder, frames)
    key, store, before, data = os.urandom(32), os.urandom(16), chain.GENESIS, b""
    data = segments.header(1, before)
    for frame in frames_of(folder):
        writer = segments.FrameWriter(1, len(data), sealed=True)
        for r, payload in zip(frame.records, payloads(folder, frame), strict=True):
            writer.add(r.seq, r.ts, r.hash, r.data.encode(), payload)
        data += writer.frame(Seal.made(key, store, before, [r.hash for r in frame.records]))
        before = frame.records[-1].hash
    (folder / LOG / segments.segment_name(1)).write_bytes(data)


FORGERIES: list[Callable[[random.Random, Path, Path], None]] = [
    edits,
    drops,
    swaps,
    splices,
    appends,
    raw_splice,
    trusts,
    rolls_back,
    from_elsewhere,
]


def check_forged(folder: Path, before: set[tuple[int, bytes]]) -> None:
    """It is named; what is acted on, if anything, is what was there before."""
    with StoreView.open(folder) as view:
        assert verify(view), "nothing was said"
        if view.foreign:
            for digest in view.digests():
                with pytest.raises(Untrusted):
                    view.get(digest)
        else:  # parts of the own history are gone, and that is said: what is left is as it was
            assert {(x.seq, x.hash) for x in view.events()} <= before


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two stores of the same user, and that user's key."""
    folder = tmp_path_factory.mktemp("bases")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DURANB_HOME", str(folder / "home"))
        written(folder, "a", 4)
        written(folder, "b", 3)
    return folder


def head_of(folder: Path) -> heads.Head:
    last = frames_of(folder)[-1]
    assert last.seal is not None
    return heads.Head(last.seal.store, last.records[-1].seq, last.records[-1].hash)


def forged(seed: int, bases: Path, folder: Path) -> None:
    """One forgery, drawn from a seed, of a store where it was written."""
    chance = random.Random(seed)
    shutil.copytree(bases / "home", folder / "home", dirs_exist_ok=True)
    path, other = (store_path(folder / f"{name}.ipynb") for name in "ab")
    for name, to in (("a", path), ("b", other)):
        shutil.copytree(store_path(bases / f"{name}.ipynb"), to)
        here = heads.Heads(to)
        here.write(head_of(to))  # at this place too, it was so far
        here.close()
    with StoreView.open(path) as view:
        assert verify(view) == []
        before = {(x.seq, x.hash) for x in view.events()}
    log = path / LOG / segments.segment_name(1)
    was = log.read_bytes()
    FORGERIES[seed % len(FORGERIES)](chance, path, other)
    assert log.read_bytes() != was
    check_forged(path, before)


@pytest.mark.parametrize("seed", range(18))
def test_a_forged_store_is_named_and_not_acted_on(home: Path, bases: Path, seed: int) -> None:
    """Whatever was changed by somebody without the key."""
    forged(seed, bases, home)
    store = Store.open(store_path(home / "a.ipynb"))
    assert store.foreign or store.damage
    if store.foreign:
        with pytest.raises(Untrusted):
            store.append(e.RunStarted(run="act"))
    store.close()


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_ten_thousand_forgeries(home: Path, bases: Path) -> None:
    """The same, at full length."""
    for seed in range(18, 10_018):
        forged(seed, bases, home)
        shutil.rmtree(home / ".duranb")


def test_an_older_copy_at_another_place_is_a_copy(home: Path) -> None:
    """Nothing was acknowledged there: it is in use."""
    path = written(home, "a")
    copy = store_path(home / "elsewhere" / "a.ipynb")
    shutil.copytree(path, copy)
    rolls_back(random.Random(1), copy, copy)
    with StoreView.open(copy) as view:
        assert verify(view) == []


def test_an_older_copy_put_back_can_be_accepted(home: Path) -> None:
    """It says that it is older; once it is trusted it goes on from there."""
    path = written(home, "a")
    rolls_back(random.Random(1), path, path)
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
    history.calls[1] = Call(
        **dict.fromkeys(("id", "execution", "attempt"), 1),
        **dict.fromkeys(("step", "key", "name"), ""),
        occurrence=0,
        kind=Kind.ASK,
        status=CallStatus.INTENDED,
        preview="Pay?",
    )
    for posted in (b"true", b'{"answer": "true", "signature": "00"}', b"\xff", b"[]"):
        (folder / "1.json").write_bytes(posted)
        with pytest.raises(Untrusted, match="not given to question 1 by you"):
            inbox.posted_answer(home, history, 1)
