"""A store of numbered objects: one writer at a time, and nothing acknowledged is lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from duranb.errors import (
    StoreDamaged,
    StoreError,
    StoreUnwritable,
    Superseded,
    Untrusted,
    UsageError,
)
from duranb.record.events import Answered, encode
from duranb.store import batches, objects
from duranb.store.buckets import Folder, open_bucket
from duranb.store.objects import ObjectArtifacts, ObjectStore


def answers(store: ObjectStore) -> list[int]:
    return [x.body.call for x in store.events() if isinstance(x.body, Answered)]


def test_what_was_appended_is_there_for_the_next(tmp_path: Path) -> None:
    """Events, and artifacts small, large and empty, come back to whoever opens the log next."""
    bucket = Folder(tmp_path)
    first = ObjectStore(bucket, "run/step")
    contents = [b"", b"small", b"x" * (objects.INLINE + 1)]
    digests = [first.put([data]) for data in contents]
    assert [bytes(first.get(d)) for d in digests] == contents
    assert first.append(Answered(call=1, value="a"), Answered(call=2, value="b")).wait() == 5
    first.close()
    second = ObjectStore(bucket, "run/step")
    assert answers(second) == [1, 2]
    assert [bytes(second.get(d)) for d in digests] == contents
    assert second.append(Answered(call=3, value=""), expected=5).wait() == 6
    with pytest.raises(Superseded):
        second.append(Answered(call=4, value=""), expected=5).wait()
    assert answers(second) == [1, 2, 3]
    second.close()


def test_listeners_hear_before_who_waits(tmp_path: Path) -> None:
    """Each batch is told once it is durable, in order."""
    store = ObjectStore(Folder(tmp_path), "log")
    heard: list[int] = []
    store.listeners.append(lambda events: heard.extend(x.seq for x in events))
    store.append(Answered(call=1, value=""))
    store.append(Answered(call=2, value="")).wait()
    assert heard == [1, 2]
    store.close()


def test_a_writer_that_lost_its_place_is_refused(tmp_path: Path) -> None:
    """Once another has opened the log, nothing that the one before appends is in it."""
    bucket = Folder(tmp_path)
    stale = ObjectStore(bucket, "log", epoch=1)
    stale.append(Answered(call=1, value="")).wait()
    heir = ObjectStore(bucket, "log", epoch=2)
    for _ in range(2):
        with pytest.raises(Superseded, match="taken over"):
            stale.append(Answered(call=2, value="")).wait()
    heir.append(Answered(call=3, value="")).wait()
    stale.close()
    heir.close()
    assert answers(ObjectStore(bucket, "log", epoch=2)) == [1, 3]


def test_who_comes_late_takes_nothing_over(tmp_path: Path) -> None:
    """A worker that froze before it opened the log does not throw out the one that has it now."""
    bucket = Folder(tmp_path)
    heir = ObjectStore(bucket, "log", epoch=2)
    with pytest.raises(Superseded, match="taken over"):
        ObjectStore(bucket, "log", epoch=1)
    heir.append(Answered(call=1, value="")).wait()
    heir.close()


def test_many_writers_never_both_write(tmp_path: Path) -> None:
    """Of many that open the same log at once, each event is of one that held it then."""
    bucket = Folder(tmp_path)
    acknowledged: list[int] = []
    ready = threading.Barrier(6)

    def write(number: int) -> None:
        ready.wait()
        for turn in range(4):
            store = ObjectStore(bucket, "log")
            for call in range(3):
                value = number * 100 + turn * 10 + call
                try:
                    store.append(Answered(call=value, value="")).wait()
                except Superseded:
                    break
                acknowledged.append(value)
            store.close()

    threads = [threading.Thread(target=write, args=[n]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers(ObjectStore(bucket, "log"))) == sorted(acknowledged)


def test_threads_share_a_batch(tmp_path: Path) -> None:
    """Many threads that append at once are all acknowledged, each event once."""
    store = ObjectStore(Folder(tmp_path), "log")
    threads = [
        threading.Thread(target=lambda n=n: store.append(Answered(call=n, value="")).wait())
        for n in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers(store)) == list(range(40))
    store.close()


class Unsure(Folder):
    """Puts the object, and says that it failed: a connection that broke in the answer."""

    failing = False

    def create(self, name: str, data: bytes) -> bool:
        made = super().create(name, data)
        if self.failing:
            raise StoreUnwritable("the connection broke")
        return made


def test_an_unknown_outcome_ends_the_writing(tmp_path: Path) -> None:
    """What may or may not be there is never told wrong: the next who opens the log knows."""
    bucket = Unsure(tmp_path)
    store = ObjectStore(bucket, "log")
    bucket.failing = True
    with pytest.raises(StoreUnwritable):
        store.append(Answered(call=1, value="")).wait()
    bucket.failing = False
    with pytest.raises(StoreUnwritable):
        store.append(Answered(call=2, value="")).wait()
    store.close()
    assert answers(ObjectStore(bucket, "log")) == [1]


def test_a_put_that_was_tried_twice_is_one(tmp_path: Path) -> None:
    """A client that repeats a put whose answer it lost finds its own object: that is no rival."""

    class Repeating(Folder):
        def create(self, name: str, data: bytes) -> bool:
            super().create(name, data)
            return super().create(name, data)

    store = ObjectStore(Repeating(tmp_path), "log")
    store.append(Answered(call=1, value="")).wait()
    assert answers(store) == [1]
    store.close()


def test_what_others_wrote_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch or artifact that was changed, moved, or sealed with another key is refused."""
    bucket = Folder(tmp_path)
    store = ObjectStore(bucket, "log")
    store.append(Answered(call=1, value="")).wait()
    large = store.put([b"x" * (objects.INLINE + 1)])
    store.append().wait()
    store.close()
    artifact = tmp_path / "artifacts" / large[:2] / large
    whole = artifact.read_bytes()
    artifact.write_bytes(whole[:-1])
    with pytest.raises(StoreDamaged):
        ObjectArtifacts(bucket).get(large)
    artifact.write_bytes(bytes(batches.SEAL) + whole[batches.SEAL :])
    with pytest.raises(Untrusted, match="DURANB_KEY"):
        ObjectArtifacts(bucket).get(large)
    (tmp_path / "other").mkdir(parents=True)
    (tmp_path / "other/00000000").write_bytes((tmp_path / "log/00000000").read_bytes())
    with pytest.raises(Untrusted):
        ObjectStore(bucket, "other")
    monkeypatch.setenv("DURANB_KEY", "ab" * 32)
    with pytest.raises(Untrusted, match="DURANB_KEY"):
        ObjectStore(bucket, "log")
    monkeypatch.setenv("DURANB_KEY", "no key")
    with pytest.raises(StoreError, match="64 hex digits"):
        ObjectStore(bucket, "log")


def test_a_gap_is_noticed(tmp_path: Path) -> None:
    """A log that lacks one of its objects is damaged, and is not gone on with."""
    store = ObjectStore(Folder(tmp_path), "log")
    for call in range(3):
        store.append(Answered(call=call, value="")).wait()
    store.close()
    (tmp_path / "log/00000002").unlink()
    with pytest.raises(StoreDamaged, match="00000002"):
        ObjectStore(Folder(tmp_path), "log")


WRITER = """
import os, sys
from duranb.record.events import Answered, encode
from duranb.store.buckets import open_bucket
from duranb.store.objects import ObjectStore
store = ObjectStore(open_bucket(sys.argv[1]), "log")
number = int(sys.argv[2])
while True:
    digest = store.put([os.urandom(50 if number % 7 else 40_000)])
    store.append(Answered(call=number, value=digest)).wait()
    print(number, flush=True)
    number += 1
"""


def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """Killed at random moments, again and again: each acknowledged event and artifact is there."""
    kills(str(tmp_path / "bucket"), rounds=4, moments=random.Random(3))


def kills(url: str, rounds: int, moments: random.Random) -> None:
    acknowledged = -1
    for _ in range(rounds):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, url, str(acknowledged + 1)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first, "the writer did not start"
        time.sleep(moments.uniform(0, 0.15))
        process.kill()
        rest = process.stdout.read().split()
        process.wait()
        process.stdout.close()
        acknowledged = int(([first.strip(), *rest])[-1])
        store = ObjectStore(open_bucket(url), "log")
        found = [x.body for x in store.events() if isinstance(x.body, Answered)]
        assert [b.call for b in found[: acknowledged + 1]] == list(range(acknowledged + 1))
        for body in found[-8:]:
            store.get(body.value)
        acknowledged = found[-1].call
        store.close()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a place in an S3 server on this machine."""
    pytest.importorskip("obstore", reason="needs duranb[temporal]")
    server = pytest.importorskip("moto.server", reason="needs moto and flask")
    made = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT": f"http://{host}:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    urlopen(Request(f"http://{host}:{port}/duranb", method="PUT")).close()
    yield "s3://duranb/within"
    made.stop()


def test_on_s3(s3: str) -> None:
    """The same on an S3 server: taken over, refused, read back; and kill -9."""
    bucket = open_bucket(s3)
    stale = ObjectStore(bucket, "a", epoch=1)
    large = stale.put([b"x" * (objects.INLINE + 1)])
    for call in range(20):
        stale.append(Answered(call=call, value="")).wait()
    heir = ObjectStore(bucket, "a", epoch=2)
    with pytest.raises(Superseded):
        stale.append(Answered(call=99, value="")).wait()
    assert answers(heir) == list(range(20))
    assert len(heir.get(large)) == objects.INLINE + 1
    stale.close()
    heir.close()
    assert bucket.get("nothing") is None
    kills(s3, rounds=1, moments=random.Random(1))


def test_what_is_no_bucket_is_said() -> None:
    """A URL that is none is told so, with what would be one."""
    pytest.importorskip("obstore", reason="needs duranb[temporal]")
    with pytest.raises(UsageError, match="s3://BUCKET"):
        open_bucket("gopher://x")


class Counted(Folder):
    """A folder that counts the objects that are read from it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.gets = 0

    def get(self, name: str) -> bytes | None:
        self.gets += 1
        return super().get(name)


def test_a_long_log_is_opened_by_few_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once somebody has read many batches one by one, whoever comes next reads them as one; all
    that was appended is there, also to who only looks, and a batch that was changed is not taken
    from there either."""
    monkeypatch.setattr(objects, "COMPACT", 10)
    for epoch in range(3):
        store = ObjectStore(Counted(tmp_path), "a", epoch)
        for call in range(12):
            store.append(Answered(call=epoch * 12 + call, value="")).wait()
        store.close()
    bucket = Counted(tmp_path)
    heir = ObjectStore(bucket, "a", epoch=3)
    assert answers(heir) == list(range(36)) and bucket.gets <= 1 + 14
    heir.append(Answered(call=36, value="")).wait()
    heir.close()
    bucket = Counted(tmp_path)
    events, _ = objects.read(bucket, "a")
    assert [x.body.call for x in events] == list(range(37)) and bucket.gets <= 1 + 14
    (whole,) = sorted((tmp_path / "compacted" / "a").iterdir())[-1:]
    data = bytearray(whole.read_bytes())
    data[len(data) // 2] ^= 1
    whole.write_bytes(data)
    with pytest.raises((Untrusted, StoreDamaged)):
        objects.read(bucket, "a")


def loose(bucket: Path) -> None:
    (bucket / "runs" / "loose").write_bytes(b"x")


def pipe(bucket: Path) -> None:
    os.mkfifo(bucket / "runs" / "r" / "n" / "00000001")


def link(bucket: Path) -> None:
    (bucket / "runs" / "r" / "n" / "00000001").symlink_to("/etc/passwd")


def giant(bucket: Path) -> None:
    with (bucket / "runs" / "r" / "n" / "00000001").open("wb") as file:
        file.truncate(8 << 40)


def rubbish(bucket: Path) -> None:
    (bucket / "runs" / "r" / "n" / "00000001").write_bytes(bytes(range(256)))


def batch(*lines: tuple[int, str], version: int = batches.FORMAT) -> Callable[[Path], None]:
    """What puts a batch of these lines there, sealed by somebody."""

    def put(bucket: Path) -> None:
        made = batches.Batch(version, "w", 0, [*lines], {})
        raw = batches.encode(made, b"k" * 32, "x", batches.GENESIS)
        (bucket / "runs" / "r" / "n" / "00000001").write_bytes(raw)

    return put


EVENT = encode(Answered(call=1, value="a"))[1]

PUT = {
    "a file among the runs": loose,
    "a pipe": pipe,
    "a link": link,
    "8 TB of nothing": giant,
    "any bytes": rubbish,
    "no events": batch((1, '{"type": "no such"}')),
    "nesting": batch((1, "[" * 200_000)),
    "before the epoch": batch((-1, EVENT)),
    "after all dates": batch((1 << 62, EVENT)),
    "a later format": batch(version=7),
}


@pytest.mark.parametrize("what", PUT)
@pytest.mark.parametrize("key", [objects.OWN, None], ids=["sealed", "by anybody"])
def test_what_a_stranger_put_into_a_bucket_is_refused_by_name(
    tmp_path: Path, what: str, key: bytes | None
) -> None:
    """Whether it is to be sealed or not: an error that says which object, and no wait."""
    bucket = Folder(tmp_path)
    store = ObjectStore(bucket, objects.place_of("r", "n"))
    store.close()
    PUT[what](tmp_path)
    assert objects.places(bucket) == {"r": ["n"]}
    if what == "a file among the runs":
        return
    with pytest.raises(StoreError, match="00000001"):
        objects.read(bucket, objects.place_of("r", "n"), key)


@pytest.mark.parametrize("digest", ["", "../../secret", "/etc/passwd", "ab" * 31, "AB" * 32])
def test_what_is_no_digest_names_no_object(tmp_path: Path, digest: str) -> None:
    """An event of somebody else's may say anything where an artifact is named."""
    with pytest.raises(StoreDamaged, match="is no digest"):
        ObjectArtifacts(Folder(tmp_path), None).get(digest)
