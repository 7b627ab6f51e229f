"""Stores that are encrypted: what lies on the disk, and what happens without the key."""

from __future__ import annotations

import base64
import gzip
import os
import pickle
import shutil
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from duranb.errors import StoreDamaged, StoreEncrypted, StoreTooNew, UsageError
from duranb.record.events import Answered, ArtifactStored, RunStarted
from duranb.store import Store, StoreView, cipher, encryption, rewriting, store_path
from duranb.store.paths import ARTIFACTS, DATABASE, LOG, REWRITTEN, TAIL
from duranb.store.segments import HEAD_SIZE
from duranb.store.store import INLINE
from duranb.store.verify import verify

KEY = "5a" * 32
CANARY = b"canary-3f9c1d77-of-the-test"
LARGE = CANARY * (3 * cipher.CHUNK // len(CANARY))


@pytest.fixture(autouse=True)
def own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of its own for each test, and no keyring."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(encryption.KEY, KEY)
    monkeypatch.setattr(encryption, "_keyring", lambda: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the store of a notebook lies."""
    return store_path(tmp_path / "agent.ipynb")


@pytest.fixture(params=["from its first byte", "later"])
def encrypted(request: pytest.FixtureRequest, folder: Path) -> Path:
    """The folder of an encrypted store with a canary in an event, a payload and a file."""
    if request.param == "later":
        fill(folder)
        rewriting.rewrite(folder, encrypted=True)
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(encryption.WANTED, "1")
            fill(folder)
    return folder


def fill(folder: Path) -> None:
    """Make a store, or add to one."""
    store = Store.open(folder)
    for data in (CANARY, CANARY * (INLINE // len(CANARY)), LARGE):
        store.put([data])
        store.append(RunStarted(run=CANARY.decode())).wait()
    store.append(Answered(call=1, value={"said": CANARY.decode()})).wait()
    assert store.query("SELECT count(*) >= 7 FROM events")[1] == [(True,)]
    store.close()


def told(store: Store | StoreView) -> list[tuple[int, int, bytes, object]]:
    """All that a history says."""
    return [(x.seq, x.ts, x.hash, x.body) for x in store.events()]


def artifacts(store: Store | StoreView) -> list[bytes]:
    """The bytes of all artifacts, in the order in which they were stored."""
    events = [x.body for x in store.events()]
    return [bytes(store.get(x.digest)) for x in events if isinstance(x, ArtifactStored)]


def forms() -> Iterator[bytes]:
    """Forms in which the canary would be found."""
    yield CANARY
    yield CANARY.hex().encode()
    yield base64.b64encode(CANARY)[:-4]
    yield gzip.compress(CANARY)[10:-8]
    yield pickle.dumps(CANARY.decode())[4:-2]
    yield CANARY.decode().encode("utf-16-le")


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path there."""
    paths = sorted(x for x in folder.rglob("*") if x.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_nothing_of_the_history_is_readable_on_the_disk(encrypted: Path, tmp_path: Path) -> None:
    """Neither content nor anything that would let a guess of it be checked: hashes and digests."""
    with StoreView.open(encrypted) as view:
        events = told(view)
        assert artifacts(view)[-1] == LARGE
    digests = [x.digest for *_, x in events if isinstance(x, ArtifactStored)]
    guesses = [*forms(), *(digest for *_, digest, _ in events), *map(bytes.fromhex, digests)]
    held = files(tmp_path)  # the user's own folder too
    assert len(held) > 5
    for name, data in held.items():
        assert not [x for x in guesses if x in data or x.hex().encode() in data], name
        assert not [x for x in digests if x in name], name
    assert not (encrypted / DATABASE).exists()


def test_an_encrypted_store_is_a_store(encrypted: Path) -> None:
    """It goes on after it was closed, is queried, and is whole to verify."""
    store = Store.open(encrypted)
    assert store.damage == "" and store.foreign == ""
    before = told(store)
    store.append(Answered(call=2, value="more")).wait()
    assert store.query("SELECT count(*) FROM events")[1] == [(len(before) + 1,)]
    with StoreView.open(encrypted) as beside:
        assert told(beside)[:-1] == before, "read while it is open"
        assert beside.query("SELECT max(seq) FROM events")[1] == [(len(before) + 1,)]
    store.close()
    with StoreView.open(encrypted) as view:
        assert verify(view) == []
        assert [bytes(x) for x in artifacts(view)] == [
            CANARY,
            CANARY * (INLINE // len(CANARY)),
            LARGE,
        ]
    assert not (encrypted / DATABASE).exists()


def test_encrypting_and_decrypting_change_nothing_of_the_history(folder: Path) -> None:
    """Event by event it is the same, with times, hashes and seals; artifacts are the same bytes."""
    fill(folder)
    with StoreView.open(folder) as view:
        plain, kept = told(view), artifacts(view)
    log = {name: data for name, data in files(folder / LOG).items() if name.endswith(".seg")}
    rewriting.rewrite(folder, encrypted=True)
    with StoreView.open(folder) as view:
        assert view.is_encrypted and (told(view), artifacts(view)) == (plain, kept)
    rewriting.rewrite(folder, encrypted=False)
    with StoreView.open(folder) as view:
        assert not view.is_encrypted and (told(view), artifacts(view)) == (plain, kept)
        assert verify(view) == []
    assert files(folder / LOG) == log, "byte by byte"
    fill_more = Store.open(folder)
    assert fill_more.foreign == ""
    fill_more.close()


def test_an_older_copy_is_noticed_across_encryption(folder: Path, tmp_path: Path) -> None:
    """A plain store put back in the place of the encrypted one it became is an older copy."""
    fill(folder)
    shutil.copytree(folder, tmp_path / "before")
    rewriting.rewrite(folder, encrypted=True)
    fill(folder)
    shutil.rmtree(folder)
    (tmp_path / "before").rename(folder)
    with StoreView.open(folder) as view:
        assert "older copy" in view.foreign


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "is not set"),
        ("00" * 32, "is not the key"),
        ("a passphrase", "was encrypted with a key"),
    ],
)
def test_without_its_key_a_store_is_not_opened_and_not_changed(
    encrypted: Path, monkeypatch: pytest.MonkeyPatch, given: str, said: str
) -> None:
    """One sentence says which store, what is missing and what to do; nothing is written."""
    monkeypatch.setenv(encryption.KEY, given)
    before = files(encrypted)
    for opened in (Store.open, StoreView.open):
        with pytest.raises(StoreEncrypted, match=said) as error:
            opened(encrypted)
        assert str(encrypted) in error.value.message
        assert encryption.KEY in error.value.message
    assert files(encrypted) == before


def test_a_passphrase_is_a_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same one opens the store again, another one does not."""
    monkeypatch.setenv(encryption.KEY, "correct horse battery staple")
    monkeypatch.setenv(encryption.WANTED, "1")
    fill(folder)
    encryption._of_passphrase.cache_clear()
    with StoreView.open(folder) as view:
        assert artifacts(view)[-1] == LARGE
    monkeypatch.setenv(encryption.KEY, "correct horse battery stable")
    with pytest.raises(StoreEncrypted, match="to its passphrase"):
        Store.open(folder)


def test_the_keyring_has_a_key_where_the_environment_has_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made at first use and kept; a closed keyring is said to be one."""
    kept: dict[tuple[str, str], str] = {}
    ring = types.SimpleNamespace(
        get_password=lambda service, name: kept.get((service, name)),
        set_password=lambda service, name, value: kept.update({(service, name): value}),
    )
    monkeypatch.delenv(encryption.KEY)
    monkeypatch.setenv(encryption.WANTED, "1")
    with pytest.raises(StoreEncrypted, match="there is no key to encrypt with"):
        Store.open(folder)
    monkeypatch.setattr(encryption, "_keyring", lambda: ring)
    fill(folder)
    with StoreView.open(folder) as view:
        assert artifacts(view)[-1] == LARGE
    secret = kept[encryption.SERVICE, kept[encryption.SERVICE, "current"]]
    assert not [name for name, data in files(folder).items() if bytes.fromhex(secret) in data]
    kept.clear()
    with pytest.raises(StoreEncrypted, match="keyring"):
        Store.open(folder)
    monkeypatch.setenv(encryption.KEY, secret)
    Store.open(folder).close()


def test_another_key_takes_the_place_of_the_first(
    encrypted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one does not open the store any more, and nothing else of it is written anew."""
    before = files(encrypted / LOG)
    key = encryption.data_key(encrypted / LOG)
    monkeypatch.setenv(encryption.NEW_KEY, "11" * 32)
    encryption.rewrap(encrypted / LOG, key)
    monkeypatch.setenv(encryption.KEY, "11" * 32)
    with StoreView.open(encrypted) as view:
        assert verify(view) == []
    now = files(encrypted / LOG)
    assert {x for x in now if now[x] != before[x]} == set(encryption.FILES)
    monkeypatch.setenv(encryption.KEY, KEY)
    with pytest.raises(StoreEncrypted):
        Store.open(encrypted)


@pytest.mark.parametrize("harm", ["gone", "cut", "of another store"])
def test_one_file_with_the_key_is_enough(encrypted: Path, tmp_path: Path, harm: str) -> None:
    """The key is there twice: where one is lost or damaged, the other serves, and heals it."""
    file = encrypted / LOG / encryption.FILES[0]
    whole = file.read_bytes()
    if harm == "gone":
        file.unlink()
    elif harm == "cut":
        file.write_bytes(whole[:50])
    else:
        encryption.begin(tmp_path)
        shutil.copy(tmp_path / file.name, file)
        file.write_bytes(file.read_bytes().replace(b"5", b"6"))
    Store.open(encrypted).close()
    assert file.read_bytes() == whole


def test_without_any_file_with_the_key_it_says_so(encrypted: Path) -> None:
    """The history is not taken for an empty one, or a damaged one, and stays."""
    for name in encryption.FILES:
        (encrypted / LOG / name).unlink()
    before = files(encrypted / LOG)
    for opened in (Store.open, StoreView.open):
        with pytest.raises(StoreDamaged, match="the file with its key"):
            opened(encrypted)
    for name in encryption.FILES:
        (encrypted / LOG / name).write_bytes(b"{}")
    with pytest.raises(StoreDamaged, match="nothing in the store can be decrypted"):
        Store.open(encrypted)
    assert {k: v for k, v in files(encrypted / LOG).items() if k in before} == before


def test_every_changed_byte_is_named(encrypted: Path) -> None:
    """Of a record, of a payload, of a chunk in the middle of a file: what it was in is not used,
    and verify says so."""
    (segment,) = (encrypted / LOG).glob("*.seg")
    whole = segment.read_bytes()
    step = max(1, (len(whole) - HEAD_SIZE) // 40)
    for at in range(HEAD_SIZE, len(whole), step):
        changed = bytearray(whole)
        changed[at] ^= 4
        segment.write_bytes(changed)
        with StoreView.open(encrypted) as view:
            assert verify(view), at
    segment.write_bytes(whole)
    (large,) = (encrypted / ARTIFACTS).glob("*/*")
    data = bytearray(large.read_bytes())
    data[cipher.CHUNK * 3 // 2] ^= 1
    large.write_bytes(data)
    with StoreView.open(encrypted) as view:
        (problem,) = verify(view)
        assert "bytes 1048576 to 2097152 of it do not decrypt" in problem
        with pytest.raises(StoreDamaged):
            artifacts(view)


def test_parts_that_change_places_are_named(encrypted: Path) -> None:
    """A chunk, and the file of another artifact, decrypt nowhere but where they belong."""
    (large,) = (encrypted / ARTIFACTS).glob("*/*")
    data = large.read_bytes()
    size = cipher.CHUNK + 16
    first, second = data[32 : 32 + size], data[32 + size : 32 + 2 * size]
    large.write_bytes(data[:32] + second + first + data[32 + 2 * size :])
    with StoreView.open(encrypted) as view:
        assert len(verify(view)) == 1
    other = Store.open(encrypted)
    other.put([LARGE[::-1]])
    other.append(RunStarted(run="r")).wait()
    (reverse,) = set((encrypted / ARTIFACTS).glob("*/*")) - {large}
    other.close()
    reverse.write_bytes(data)
    with StoreView.open(encrypted) as view:
        assert len(verify(view)) == 2


def test_a_plain_segment_is_no_part_of_an_encrypted_log(encrypted: Path, tmp_path: Path) -> None:
    """What somebody puts there in plain form is not read."""
    other = tmp_path / "other"
    store = Store.open(other)
    store.append(Answered(call=7, value="forged")).wait()
    store.close()
    (segment,) = (other / LOG).glob("*.seg")
    with StoreView.open(encrypted) as view:
        last, before = view.last, told(view)
    shutil.copy(segment, encrypted / LOG / f"{last + 1:020d}.seg")
    with StoreView.open(encrypted) as view:
        assert told(view) == before
    store = Store.open(encrypted)
    assert told(store) == before
    store.close()


def test_a_plain_store_is_not_gone_on_with_where_encryption_is_wanted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user is told how to encrypt it; an unclear setting is refused, not taken for a no."""
    fill(folder)
    before = files(folder)
    monkeypatch.setenv(encryption.WANTED, "1")
    with pytest.raises(StoreEncrypted, match="duranb encrypt"):
        Store.open(folder)
    assert files(folder) == before
    with StoreView.open(folder) as view:
        assert verify(view) == []
    shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / DATABASE).write_bytes(b"of an earlier version")
    with pytest.raises(StoreEncrypted, match="duranb encrypt"):
        Store.open(folder)
    assert (folder / DATABASE).read_bytes() == b"of an earlier version"
    monkeypatch.setenv(encryption.WANTED, "yes")
    with pytest.raises(UsageError, match="1 or 0"):
        Store.open(folder)


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.soak)])
def test_a_killed_rewriting_leaves_one_whole_store(folder: Path, tmp_path: Path, step: int) -> None:
    """Stopped before any change of the folder, for encrypting and for decrypting: who only looks
    sees all of it, and so does who opens it next, who also removes what is left."""
    fill(folder)
    with StoreView.open(folder) as view:
        whole = told(view), artifacts(view)
    stops = 0
    for encrypted in (True, False):
        for stop in range(step // 2, 1000, step):
            copy = tmp_path / f"{encrypted}-{stop}" / folder.name
            shutil.copytree(folder, copy)
            if not _stopped(copy, encrypted, stop):
                break
            stops += 1
            with StoreView.open(copy) as view:
                assert (told(view), artifacts(view)) == whole
                assert verify(view) == []
            store = Store.open(copy)
            assert store.damage == "" and (told(store), artifacts(store)) == whole
            is_encrypted = store._cipher is not None
            store.close()
            assert not (copy / REWRITTEN).exists()
            assert not list(copy.glob("rewriting*"))
            held = files(copy)
            found = [n for n, x in held.items() if CANARY in x]
            assert bool(found) != is_encrypted, found
            shutil.rmtree(copy.parent)
        rewriting.rewrite(folder, encrypted=encrypted)
    assert stops > 40 // step


class Stopped(BaseException):
    """In the place of a kill."""


def _stopped(folder: Path, encrypted: bool, after: int) -> bool:
    """Rewrite a store, and stop before the change of the folder with a number; whether there were
    so many."""
    left = [after]

    def counted(name: str) -> object:
        real = getattr(os, name)

        def change(*args: object, **more: object) -> object:
            if left[0] == 0:
                raise Stopped
            left[0] -= 1
            return real(*args, **more)

        return change

    with pytest.MonkeyPatch.context() as patch:
        for name in ("rename", "replace", "unlink", "rmdir", "mkdir", "fsync"):
            patch.setattr(os, name, counted(name))
        try:
            rewriting.rewrite(folder, encrypted=encrypted)
        except Stopped:
            return True
    return False


def test_a_later_layout_is_refused(encrypted: Path) -> None:
    """A data key from a later version is left alone."""
    for name in encryption.FILES:
        file = encrypted / LOG / name
        file.write_bytes(file.read_bytes().replace(b'"format":1', b'"format":2'))
    with pytest.raises((StoreEncrypted, StoreTooNew), match="later duranb"):
        Store.open(encrypted)


def test_the_tail_tells_what_is_missing(encrypted: Path) -> None:
    """An encrypted log that was cut short is noticed, as a plain one is."""
    Store.open(encrypted).close()
    assert len((encrypted / TAIL).read_bytes()) == 52
    (segment,) = (encrypted / LOG).glob("*.seg")
    os.truncate(segment, segment.stat().st_size - 10)
    with StoreView.open(encrypted) as view:
        assert any("missing at the end" in x for x in view.problems)
