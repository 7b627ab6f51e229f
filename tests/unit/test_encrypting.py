"""``duranb encrypt`` and ``decrypt``: what they say, do, and leave."""

from __future__ import annotations

import shutil
import time
import tracemalloc
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from duranb.cli.main import cli
from duranb.engine import inbox
from duranb.engine.runtime import Settings
from duranb.errors import StoreEncrypted, UsageError
from duranb.record.events import Answered
from duranb.session.session import Session
from duranb.store import Store, StoreView, encryption, store_path
from duranb.store.buckets import open_bucket
from duranb.store.lines import Lines
from duranb.store.objects import ObjectStore
from duranb.store.paths import DATABASE, LOG, OUTCOMES, REWRITTEN, TAIL, runs_path
from duranb.store.verify import verify

KEY = "5a" * 32
CANARY = "canary-c07be5a2"  # its own: what is redacted stays known to the process


@pytest.fixture(autouse=True)
def own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of its own for each test, and no keyring."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(encryption.KEY, KEY)
    monkeypatch.setattr(encryption, "_keyring", lambda: None)


def begun(notebook: Path) -> Session:
    """An open session of a notebook, with something in its history."""
    opened = Session.open(notebook, store_path(notebook), {}, Settings(check=False))
    opened.runtime.record(Answered(call=1, value=CANARY))
    return opened


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """A notebook with a store, and the store of one of many runs."""
    made = tmp_path / "agent.ipynb"
    made.write_text("{}")
    for each in (made, made / "first"):
        begun(each).close()
    return made


def said(*words: object, answer: str = "", **more: str) -> Result:
    """What the command line does with some words, and with an answer to what it asks."""
    return CliRunner().invoke(cli, [*map(str, words)], input=answer, env=more)


def plain(folder: Path) -> list[Path]:
    """The files below a folder in which the canary is found."""
    return [x for x in folder.rglob("*") if x.is_file() and CANARY.encode() in x.read_bytes()]


def test_all_that_is_recorded_of_a_notebook_is_encrypted(notebook: Path, tmp_path: Path) -> None:
    """First it is said what would be done, and what cannot be promised; also of its runs."""
    assert plain(tmp_path)
    refused = said("encrypt", notebook, "--dry-run")
    assert "nothing was changed" in refused.output and plain(tmp_path)
    assert "nothing can be read again" in refused.output and "backups" in refused.output
    refused = said("encrypt", notebook, answer="no\n")
    assert "nothing was changed; --yes" in refused.output and plain(tmp_path)
    done = said("encrypt", notebook, "--yes")
    assert done.exit_code == 0 and "in 2 stores" in done.output, done.output
    assert not plain(tmp_path)
    for each in (notebook, notebook / "first"):
        assert not (store_path(each) / DATABASE).exists()
        shown = said("status", each).output
        assert "encrypted; readable without the key" in " ".join(shown.split())
        checked = said("verify", each).output
        assert "all as acknowledged" in checked and "readable without the key" in checked
    assert "already" in said("encrypt", notebook, "--yes").output
    done = said("decrypt", notebook, "--yes")
    assert done.exit_code == 0 and len(plain(tmp_path)) >= 2
    for each in (notebook, notebook / "first"):
        with StoreView.open(store_path(each)) as view:
            assert verify(view) == [] and not view.is_encrypted


def test_what_came_out_of_many_runs_is_encrypted_too(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lay there before, and lines that are added; a plain file is not added to where what is
    recorded is to be encrypted."""
    file, line = runs_path(notebook) / OUTCOMES, b'{"word":"%s"}' % CANARY.encode()
    Lines(file).append(line)
    sealed = file.read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(encryption.WANTED, "1")
        with pytest.raises(StoreEncrypted, match="duranb encrypt"):
            Lines(file).begin()
    said("encrypt", notebook, "--yes")
    Lines(file).append(line)
    with file.open("ab") as out:
        out.write(b"cut o")
    assert not plain(tmp_path) and list(Lines(file)) == [line, line]
    done = said("encrypt", notebook, "--new-key", "--yes", **{encryption.NEW_KEY: "77" * 32})
    assert done.exit_code == 0
    with pytest.raises(StoreEncrypted):
        Lines(file)
    monkeypatch.setenv(encryption.KEY, "77" * 32)
    assert said("decrypt", notebook, "--yes").exit_code == 0
    assert file.read_bytes() == sealed + sealed and list(Lines(file)) == [line, line]
    shutil.rmtree(store_path(notebook))
    done = said("encrypt", notebook, "--yes")
    assert "in 1 store" in done.output and not plain(tmp_path), "also where there are only runs"
    assert said("decrypt", notebook, "--yes").exit_code == 0
    file.unlink()
    monkeypatch.setenv(encryption.WANTED, "1")
    begun_anew = Lines(file)
    begun_anew.begin()
    begun_anew.append(line)
    assert list(Lines(file)) == [line] and file not in plain(tmp_path)


def test_a_store_in_use_is_left_alone(notebook: Path) -> None:
    """The process that has it open is named, before anything is asked."""
    opened = begun(notebook)
    for word in ("encrypt", "encrypt --new-key"):
        done = said(*word.split(), notebook, "--yes")
        assert done.exit_code != 0
    assert "in use by process" in said("encrypt", notebook, "--yes").output
    opened.close()
    assert plain(store_path(notebook))


def test_without_a_key_nothing_is_encrypted(notebook: Path) -> None:
    """It is said how to give one; a wrong one is refused before anything changes."""
    done = said("encrypt", notebook, "--yes", **{encryption.KEY: ""})
    assert done.exit_code == 1 and "64 hex digits" in done.output
    assert not encryption.is_encrypted(store_path(notebook) / LOG)
    with StoreView.open(store_path(notebook)) as view:
        assert verify(view) == []
    said("encrypt", notebook, "--yes")
    for word in ("decrypt", "status", "log", "verify", "scan"):
        done = said(word, notebook, *(["--yes"] * (word == "decrypt")), **{encryption.KEY: "x"})
        assert done.exit_code != 0 and encryption.KEY in done.output, word


def test_the_key_can_be_changed(notebook: Path) -> None:
    """To a passphrase; the old key is of no use then."""
    assert "not encrypted" in said("encrypt", notebook, "--new-key", "--yes").output
    said("encrypt", notebook, "--yes")
    done = said("encrypt", notebook, "--new-key", "--yes", **{encryption.NEW_KEY: "other words"})
    assert done.exit_code == 0 and "copies made before" in done.output
    assert "is not here" in said("status", notebook).output
    assert said("verify", notebook, **{encryption.KEY: "other words"}).exit_code == 0


def test_what_other_processes_leave_is_encrypted_too(notebook: Path, tmp_path: Path) -> None:
    """What lay there before is; what comes later is; all of it is read, and stays signed."""
    with StoreView.open(store_path(notebook)) as view:
        history = view.history()
    folder = store_path(notebook)

    def signal() -> None:
        inbox.post_signal(folder, history, "paid", CANARY, "somebody")

    def found() -> list[object]:
        return [x.value for x in inbox.posted_signals(folder, history)]

    signal()
    said("encrypt", notebook, "--yes")
    assert not plain(tmp_path) and found() == [CANARY]
    time.sleep(0.001)
    signal()
    assert not plain(tmp_path) and found() == [CANARY] * 2
    first, second = sorted((folder / inbox.SIGNALS).iterdir())
    whole = first.read_bytes()
    first.write_bytes(second.read_bytes())
    assert inbox.not_given(folder, history), "it is about the name of its file"
    first.write_bytes(whole)
    said("decrypt", notebook, "--yes")
    assert len(plain(folder / inbox.SIGNALS)) == 2 and found() == [CANARY] * 2


def test_the_older_tail_is_not_damage(notebook: Path) -> None:
    """Encrypted and decrypted again, the store opens as the one it was."""
    for word in ("encrypt", "decrypt", "encrypt"):
        assert said(word, notebook, "--yes").exit_code == 0
        opened = begun(notebook)
        assert opened.store.damage == "" and opened.store.foreign == ""
        opened.close()
    assert len((store_path(notebook) / TAIL).read_bytes()) == 52
    assert runs_path(notebook).is_dir()


def test_what_is_taken_out_of_an_encrypted_store_is_gone(notebook: Path) -> None:
    """From the history, and from what others have left there; it verifies after that."""
    folder = store_path(notebook)
    with StoreView.open(folder) as view:
        inbox.post_signal(folder, view.history(), "paid", CANARY, "somebody")
    said("encrypt", notebook, "--yes")
    found = said("redact", notebook, CANARY, "--yes")
    assert found.exit_code == 0, found.output
    assert said("verify", notebook).exit_code == 0
    assert said("decrypt", notebook, "--yes").exit_code == 0
    assert not plain(folder)
    assert said("verify", notebook).exit_code == 0


def test_scan_finds_secrets_in_an_encrypted_store(notebook: Path) -> None:
    """In the history, and in what others have left there."""
    folder, secret = store_path(notebook), "sk-proj-" + "aB3dE5gH7j" * 5
    with StoreView.open(folder) as view:
        inbox.post_signal(folder, view.history(), "paid", secret, "somebody")
    said("encrypt", notebook, "--yes")
    shown = said("scan", notebook)
    assert shown.exit_code == 1 and "signals/" in shown.output, shown.output


def test_a_journal_in_object_storage_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would not be encrypted, so it is not begun where stores are to be."""
    monkeypatch.setenv(encryption.WANTED, "1")
    with pytest.raises(UsageError, match="object storage is not encrypted"):
        ObjectStore(open_bucket(str(tmp_path / "bucket")), "runs/a/b")
    assert not (tmp_path / "bucket").exists()


def test_links_in_the_place_of_rewritten_files_are_not_followed(
    notebook: Path, tmp_path: Path
) -> None:
    """What somebody else put there is neither moved into the store nor read."""
    folder = store_path(notebook)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / LOG).mkdir(parents=True)
    (elsewhere / "kept").write_text("kept")
    (folder / REWRITTEN).symlink_to(elsewhere)
    with StoreView.open(folder) as view:
        assert verify(view) == []
    begun(notebook).close()
    (folder / REWRITTEN).unlink()
    (folder / REWRITTEN).mkdir()
    (folder / REWRITTEN / LOG).symlink_to(elsewhere)
    with StoreView.open(folder) as view:
        assert verify(view) == []
    begun(notebook).close()
    assert (elsewhere / "kept").read_text() == "kept"
    with StoreView.open(folder) as view:
        assert verify(view) == []


def test_what_leaves_an_encrypted_store_is_said_to_be_plain(notebook: Path, tmp_path: Path) -> None:
    """The timeline and the traces, with what was in the store; of a plain one's nothing."""
    words = [
        ("timeline", notebook, "-o", tmp_path / "t.html"),
        ("export-traces", notebook, "-o", tmp_path / "t.json"),
    ]
    assert "the store is encrypted" not in "".join(said(*each).output for each in words)
    assert said("encrypt", notebook, "--yes").exit_code == 0
    for each in words:
        done = said(*each)
        assert done.exit_code == 0 and "the store is encrypted, and" in done.output


def test_a_large_artifact_is_verified_in_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An encrypted one is decrypted piece by piece, and what was changed in it is said."""
    monkeypatch.setenv(encryption.WANTED, "1")
    store = Store.open(tmp_path / "store")
    digest = store.put([bytes(range(256)) * (1 << 16)])  # 16 MiB
    store.append(Answered(call=1, value="")).wait()
    store.close()
    with StoreView.open(tmp_path / "store") as view:
        tracemalloc.start()
        try:
            assert view.problem(digest) == ""
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 8 << 20
        (file,) = (tmp_path / "store" / "artifacts").glob("*/*")
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
        assert "do not decrypt" in view.problem(digest)
        file.write_bytes(data[:-1])
        assert "its size is another one" in view.problem(digest)
        file.unlink()
        assert "is missing" in view.problem(digest)
