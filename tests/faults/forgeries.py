"""Stores forged by somebody who has everything but the user's key, and what becomes of them.

    python -m tests.faults.forgeries [--seeds 0:10000]

Each forgery is drawn from its number, made in a copy of a real notebook's store, looked at by
``verify``, and acted on by every verb that could load, run or serve what it holds. All that it
brings along would leave a file behind if it ran. A line of JSON is printed for each that was not
named or that was acted on, and one at the end that counts them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import pickle
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from duranb.engine import inbox
from duranb.engine.runtime import Settings
from duranb.errors import Untrusted
from duranb.record import events as e
from duranb.runner.checking import check
from duranb.session.session import Session
from duranb.store import (
    Store,
    StoreView,
    chain,
    files,
    heads,
    segments,
    store as stores,
    store_path,
)
from duranb.store.artifacts import ArtifactFiles
from duranb.store.filler import Filler
from duranb.store.paths import DATABASE, LOG, TAIL, TRUST
from duranb.store.segments import HEAD_SIZE, Frame, Seal
from duranb.values import codec
from duranb.verbs import table
from tests.faults import sweeping

# -- what a forger can do who has everything but the key ----------------------------------------

Lines = list[tuple[int, str, bytes]]
"""Time, JSON and payload of each event of a frame."""


def frames_of(folder: Path) -> list[Frame]:
    """The frames of a store's log."""
    found: list[Frame] = []
    for first in segments.segments(folder / LOG):
        path = folder / LOG / segments.segment_name(first)
        with path.open("rb") as file:
            found += segments.frames(file, first, HEAD_SIZE, path.stat().st_size)
    return found


def payloads(folder: Path, frame: Frame) -> list[bytes]:
    """The payload of each event of a frame."""
    data = {
        first: (folder / LOG / segments.segment_name(first)).read_bytes()
        for first in segments.segments(folder / LOG)
    }
    places = [record.place for record in frame.records]
    return [data[p.segment][p.offset : p.offset + p.size] if p.size else b"" for p in places]


def contents(folder: Path) -> list[tuple[Lines, Seal | None]]:
    """All that a log holds, to be changed."""
    return [
        (
            [(r.ts, r.data, p) for r, p in zip(f.records, payloads(folder, f), strict=True)],
            f.seal,
        )
        for f in frames_of(folder)
    ]


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


class Forger:
    """One forgery of the store in ``folder``; ``other`` is another one of the same user.

    ``evil`` is what would leave a file behind: source to run and a value to load. ``hidden`` is the
    digest of such a value among the user's own bytes.
    """

    def __init__(self, seed: int, folder: Path, other: Path, canary: Path, hidden: str) -> None:
        self.chance = random.Random(seed)
        self.folder, self.other, self.hidden = folder, other, hidden
        self.source = f"open({str(canary)!r}, 'w')"
        self.value = evil_value(canary)

    def seal(self, own: Seal | None) -> Seal | None:
        """A seal for what was changed: the one it had, none, a made up one, another store's."""
        others = [f.seal for f in frames_of(self.other) if f.seal]
        made_up = own and Seal(own.store, own.before, self.chance.randbytes(16))
        return self.chance.choice([own, None, made_up, self.chance.choice(others)])

    def change(self, fits: Callable[[dict[str, Any]], bool], how: Callable[..., None]) -> None:
        """Change the fields of one event that fits, and make fit what needs no key."""
        frames = contents(self.folder)
        found = [
            (at, n)
            for at, (lines, _) in enumerate(frames)
            for n, line in enumerate(lines)
            if fits(json.loads(line[1]))
        ]
        at, n = self.chance.choice(found)
        lines, seal = frames[at]
        ts, text, payload = lines[n]
        fields = json.loads(text)
        how(fields)
        more = self.stored() if self.hidden not in text else []
        frames[at] = (
            [*lines[:n], *more, (ts, json.dumps(fields), payload), *lines[n + 1 :]],
            (self.seal(seal)),
        )
        rewrite(self.folder, frames)

    def stored(self) -> Lines:
        """The events that bring the evil value along, in the log or in a file."""
        digest = files.digest_of([memoryview(self.value)])
        in_file = self.chance.random() < 0.5
        if in_file:
            ArtifactFiles(self.folder).write(digest, [self.value])
        body = e.ArtifactStored(digest=digest, size=len(self.value), in_file=in_file)
        return [(1, e.encode(body)[1], b"" if in_file else self.value)]

    # -- the ways

    def sources(self) -> None:
        """The code of a step, or of what undoes it, is another one."""
        self.change(lambda f: bool(f.get("source")), lambda f: f.update(source=self.source))

    def bindings(self) -> None:
        """A name is bound to a value that the forger made, or to the user's own bytes."""
        digest = files.digest_of([memoryview(self.value)])
        wanted = self.chance.choice([digest, self.hidden])

        def bind(fields: dict[str, Any]) -> None:
            for names in ("outputs", "changed", "around"):
                for bound in fields.get(names, {}).values():
                    bound["artifact"] = wanted

        self.change(lambda f: any(f.get(x) for x in ("outputs", "changed")), bind)

    def roles(self) -> None:
        """Where one artifact is named, another one of the store is: a value for an answer."""
        text = [line[1] for lines, _ in contents(self.folder) for line in lines]
        known = [json.loads(x)["digest"] for x in text if '"artifact.stored"' in x]

        def swap(fields: dict[str, Any]) -> None:
            named = next(x for x in known if x in json.dumps(fields))
            other = self.chance.choice([x for x in known if x != named])
            changed = json.loads(json.dumps(fields).replace(named, other))
            fields.update(changed)

        self.change(
            lambda f: f["type"] != "artifact.stored" and any(x in json.dumps(f) for x in known),
            swap,
        )

    def answers(self) -> None:
        """What a call returned, or a person said, is something else."""

        def say(fields: dict[str, Any]) -> None:
            fields["preview"] = "yes, all of it"
            if isinstance(fields.get("result"), dict):
                fields["result"]["artifact"] = self.hidden

        self.change(lambda f: f["type"] == "call.completed", say)

    def compensations(self) -> None:
        """Another undo for a step is added at the end."""
        frames = contents(self.folder)
        body = e.CompensationRegistered(step="two", source=self.source)
        frames.append(([(1, e.encode(body)[1], b"")], self.seal(frames[-1][1])))
        rewrite(self.folder, frames)

    def anything(self) -> None:
        """Any field of any event."""

        def edit(fields: dict[str, Any]) -> None:
            was = dict(fields)
            name = self.chance.choice([n for n in fields if n != "type"])
            value = fields[name]
            fields[name] = f"{value}x" if isinstance(value, str) else [value, 1]
            with contextlib.suppress(msgspec.MsgspecError):
                e.decode(json.dumps(fields))
                return
            fields.clear()
            fields.update(was)
            if was["type"] == "artifact.stored":  # of which the hash covers what it says alone
                fields["size"] += 1

        self.change(lambda f: len(f) > 1, edit)

    def drops(self) -> None:
        """Events in the middle are gone."""
        frames = contents(self.folder)
        del frames[self.chance.randrange(1, len(frames) - 1)]
        rewrite(self.folder, frames)

    def swaps(self) -> None:
        """Two frames change places."""
        frames = contents(self.folder)
        first, second = sorted(self.chance.sample(range(len(frames)), 2))
        frames[first], frames[second] = frames[second], frames[first]
        rewrite(self.folder, frames)

    def splices(self) -> None:
        """Frames of the other store, sealed by the same user, take the place of some."""
        frames, foreign = contents(self.folder), contents(self.other)
        at = self.chance.randrange(len(frames))
        frames[at] = self.chance.choice(foreign)
        rewrite(self.folder, frames)

    def raw_splices(self) -> None:
        """The bytes of the other store's frames are appended as they are."""
        name = segments.segment_name(1)
        with (self.folder / LOG / name).open("ab") as file:
            file.write((self.other / LOG / name).read_bytes()[HEAD_SIZE:])

    def trusts(self) -> None:
        """A forged store comes with a file that trusts it: another store's, or a made up one."""
        self.chance.choice([self.sources, self.bindings, self.compensations])()
        seq, digest = chain.read_tail(self.folder / TAIL) or (0, b"")
        if self.chance.random() < 0.5:
            store = Store.open(self.other)
            store.trust()
            store.close()
            shutil.copy(self.other / TRUST, self.folder / TRUST)
        else:
            made_up = {"seq": seq, "hash": digest, "signature": self.chance.randbytes(16).hex()}
            (self.folder / TRUST).write_bytes(msgspec.json.encode(made_up))

    def rolls_back(self) -> None:
        """An older copy, whole and sealed, is put back."""
        frames = frames_of(self.folder)
        kept = frames[: self.chance.randrange(1, len(frames))]
        path = self.folder / LOG / segments.segment_name(1)
        path.write_bytes(path.read_bytes()[: kept[-1].end])
        tail = chain.Tail(self.folder / TAIL)
        tail.write(kept[-1].records[-1].seq, kept[-1].records[-1].hash)
        tail.close()

    def another_key(self) -> None:
        """All of it, with another source or value, is sealed with the forger's key."""
        self.chance.choice([self.sources, self.bindings, self.compensations, self.answers])()
        key, before = self.chance.randbytes(32), chain.GENESIS
        store = self.chance.choice([self.chance.randbytes(16), id_of(self.other)])
        data = segments.header(1, before)
        for frame in frames_of(self.folder):
            writer = segments.FrameWriter(1, len(data), sealed=True)
            for r, payload in zip(frame.records, payloads(self.folder, frame), strict=True):
                writer.add(r.seq, r.ts, r.hash, r.data.encode(), payload)
            data += writer.frame(Seal.made(key, store, before, [r.hash for r in frame.records]))
            before = frame.records[-1].hash
        (self.folder / LOG / segments.segment_name(1)).write_bytes(data)

    def inbox(self) -> None:
        """An answer lies there that the user has not given to this question, or a signal that they
        have not sent to this run."""
        text = json.dumps({"value": "yes", "by": "you", "why": "", "at": 1})
        signed = inbox._sign("another run 3 Go? said", text)
        posted: list[object] = [
            True,
            {"said": text, "signature": self.chance.randbytes(32).hex()},
            {"said": text, "signature": signed},
            {"answer": '"yes"', "signature": signed},
            {"said": text},
        ]
        for kind in (inbox.ANSWERS, inbox.SIGNALS):
            (self.folder / kind).mkdir(exist_ok=True)
            for number in range(1, 6):
                file = self.folder / kind / f"{number}.json"
                file.write_text(json.dumps(self.chance.choice(posted)))

    def artifact_files(self) -> None:
        """The file of a value holds other bytes."""
        found = [x for x in (self.folder / "artifacts").glob("*/*") if x.name != self.hidden]
        file = self.chance.choice(found)
        file.chmod(0o600)
        size = self.chance.choice([len(self.value), file.stat().st_size])
        file.write_bytes(self.value.ljust(size, b"\0")[:size])

    def databases(self) -> None:
        """The tables for queries say something else."""
        with contextlib.closing(duckdb.connect(str(self.folder / DATABASE))) as connection:
            connection.execute("UPDATE events SET data = replace(data, 'one', 'two')")


WAYS = [
    *(Forger.sources, Forger.bindings, Forger.roles, Forger.answers, Forger.compensations),
    *(Forger.anything, Forger.drops, Forger.swaps, Forger.splices, Forger.raw_splices),
    *(Forger.trusts, Forger.rolls_back, Forger.another_key, Forger.inbox, Forger.artifact_files),
]
WAYS = [Forger.databases, *WAYS * 8]  # which takes twenty times as long as the others


def evil_value(canary: Path) -> bytes:
    """A stored value that makes a file when it is loaded."""

    class Evil:
        def __reduce__(self) -> Any:
            return open, (str(canary), "w")

    pickled = pickle.dumps(Evil(), protocol=5)
    head = msgspec.msgpack.encode([len(pickled)])
    return codec._HEAD.pack(len(head)) + head + pickled


def id_of(folder: Path) -> bytes:
    """The id of a store."""
    return next(f.seal.store for f in frames_of(folder) if f.seal)


def head_of(folder: Path) -> heads.Head:
    """The head of a store."""
    last = frames_of(folder)[-1]
    assert last.seal is not None
    return heads.Head(last.seal.store, last.records[-1].seq, last.records[-1].hash)


# -- what becomes of them ----------------------------------------------------------------------


class NoTables:
    """In the place of what fills the tables for queries, which would take most of the time."""

    def __init__(self, *args: Any, **words: Any) -> None: ...

    def news(self) -> None: ...

    def close(self) -> None: ...


class Runs:
    """A surface that runs what it is given."""

    async def run_step(self, source: str, *, replays: int, fresh: bool) -> None:
        exec(source, {})

    def run_body(self, source: str, namespace: dict[str, Any]) -> Any:
        exec(source, namespace)


VERBS = [
    table.Rewind(),
    table.Rewind(step="one", compensate=True),
    table.Replay(step="one"),
    table.Replay(stale=True),
    table.Compensate(step="two"),
    table.Compensate(all=True),
    table.Fork(name="idea", at="one"),
]


def act(notebook: Path) -> bool:
    """Have every verb act on a store; whether any of them did."""
    session = Session.open(
        notebook,
        store_path(notebook),
        {},
        Settings(headless=True, check=False),
        Runs(),  # type: ignore[arg-type]
    )
    acted = False
    try:
        folder, history = session.store_path, session.history
        for call in history.calls:
            with contextlib.suppress(Untrusted):
                acted |= inbox.posted_answer(folder, history, call) is not None
        with contextlib.suppress(Untrusted):
            acted |= bool(list(inbox.posted_signals(folder, history)))
        for verb in VERBS:
            with contextlib.suppress(Exception):  # of the own code that is left, too
                asyncio.run(session.change(verb).apply())
                acted |= bool(session.store.foreign)
    finally:
        session.close()
    return acted


def forged(seed: int, base: Path, place: Path, hidden: str) -> tuple[str, list[str]]:
    """One forgery: its way, and what duranb has not kept of its promises."""
    way = WAYS[seed % len(WAYS)]
    stores.Filler = Filler if way is Forger.databases else NoTables  # type: ignore[misc, assignment]
    canary = base.parent / "canary"
    shutil.copytree(base, place)
    os.environ["DURANB_HOME"] = str(place / "home")
    notebook, second = place / "n" / "a.ipynb", place / "n" / "b.ipynb"
    for each in (notebook, second):
        here = heads.Heads(store_path(each))
        here.write(head_of(store_path(each)))  # at this place too, it was so far
        here.close()
    with StoreView.open(store_path(notebook)) as view:
        before = {(x.seq, x.hash) for x in view.events()}
    forger = Forger(seed, store_path(notebook), store_path(second), canary, hidden)
    way(forger)
    problems = []
    checked = check(notebook)
    if not checked.problems and way is not Forger.databases:
        problems.append("verify names nothing")
    with StoreView.open(store_path(notebook)) as view:
        # Where parts of the own history are gone, that is said, and what is left is as it was.
        if not view.foreign and not {(x.seq, x.hash) for x in view.events()} <= before:
            problems.append("events that nobody wrote are taken for the user's own")
        served = 0
        for digest in view.digests() if view.foreign else ():
            with contextlib.suppress(Untrusted):
                served += bool(view.get(digest))
        if served:
            problems.append(f"{served} artifacts of a foreign store are served")
    with contextlib.redirect_stdout(io.StringIO()):
        if act(notebook):
            problems.append("a verb acted on it")
    if way is Forger.databases:
        store = Store.open(store_path(notebook))
        rows = store.query('SELECT seq, hash FROM events WHERE data LIKE \'%"step":"one"%\'')[1]
        if not {(seq, bytes(digest)) for seq, digest in rows} & before:
            problems.append("a query is answered from the forged tables")
        store.close()
    if canary.exists():
        canary.unlink()
        problems.append("it was run")
    return way.__name__, problems


def prepared(folder: Path) -> tuple[Path, str]:
    """A folder with the stores of two notebooks and their user's key, and the digest of what lies
    hidden in the first."""
    base = sweeping.base_of("resume", folder)
    # The second is sealed by the same user.
    os.environ["DURANB_HOME"] = str(base / "home")
    second = Store.open(store_path(base / "n" / "b.ipynb"))
    with StoreView.open(store_path(base / "n" / "a.ipynb")) as view:
        second.append(*(x.body for x in view.events() if not isinstance(x.body, e.ArtifactStored)))
        second.flush()
    second.close()
    first = Store.open(store_path(base / "n" / "a.ipynb"))
    hidden = first.put([evil_value(folder / "canary").ljust(40_000, b"\0")])
    first.append(e.SessionOpened(pid=1)).wait()
    first.close()
    return base, hidden


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", default="0:10000")
    given = parser.parse_args()
    found: Counter[str] = Counter()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="forged-") as scratch:
        base, hidden = prepared(Path(scratch))
        for seed in range(*map(int, given.seeds.split(":"))):
            way, problems = forged(seed, base, Path(scratch) / "place", hidden)
            shutil.rmtree(Path(scratch) / "place")
            found[way] += 1
            if problems:
                bad += 1
                print(json.dumps({"seed": seed, "way": way, "problems": problems}), flush=True)
    print(json.dumps({"forged": sum(found.values()), "bad": bad, **found}))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
