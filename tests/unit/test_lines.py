"""What is kept of many runs, a line each: what somebody else wrote there counts as nothing."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from duranb.errors import StoreUnwritable
from duranb.runner.over import Outcome, kept
from duranb.store.lines import Lines
from duranb.store.paths import OUTCOMES, runs_path


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three outcomes of this user."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    lines = Lines(tmp_path / "outcomes.jsonl")
    for number in range(3):
        outcome = Outcome(run=f"r{number}", code="c", exit=0, values={"x": number})
        lines.append(msgspec.json.encode(outcome))
    return tmp_path / "outcomes.jsonl"


def test_they_come_back_as_they_were(file: Path) -> None:
    """And each line is JSON still."""
    assert [o.values for o in kept(file)] == [{"x": 0}, {"x": 1}, {"x": 2}]
    assert all(msgspec.json.decode(line)["seal"] for line in file.read_bytes().splitlines())


FORGED = {
    "edited": lambda line: line.replace(b'"x":1', b'"x":7'),
    "without its seal": lambda line: line[: line.index(b',"seal"')] + b"}",
    "with another seal": lambda line: line[:-66] + b"0" * 64 + b'"}',
    "with more in it": lambda line: line[:-1] + b',"exit":0}',
    "cut off": lambda line: line[:-9],
    "nested": lambda line: b"[" * 200_000,
    "an outcome of no status": lambda line: b'{"run":"r1","code":"c","exit":5}',
}


@pytest.mark.parametrize("how", FORGED)
def test_what_is_forged_counts_as_nothing(file: Path, how: str) -> None:
    """Its run is carried out again, which restores what is the user's own."""
    before = file.read_bytes().splitlines()
    file.write_bytes(b"\n".join([before[0], FORGED[how](before[1]), before[2]]) + b"\n")
    assert [o.run for o in kept(file)] == ["r0", "r2"]


def test_what_another_user_wrote_counts_as_nothing(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder from elsewhere says of no row that it is done."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "another"))
    assert list(kept(file)) == []


@pytest.mark.parametrize("place", [".duranb", ".duranb/a.runs"])
def test_nothing_is_written_through_a_link(tmp_path: Path, place: str) -> None:
    """A notebook from elsewhere may bring one along in the place of the folder of its runs."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).symlink_to(theirs)
    lines = Lines(runs_path(tmp_path / "a.ipynb") / OUTCOMES)
    with pytest.raises(StoreUnwritable, match="is a link"):
        lines.begin()
    assert not any(theirs.iterdir())


def test_nothing_is_added_to_a_file_with_another_name(tmp_path: Path, file: Path) -> None:
    """It might be any file of the user's."""
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"own")
    file.unlink()
    os.link(theirs, file)
    with pytest.raises(StoreUnwritable, match="is a link"):
        Lines(file).append(b'{"run":"r"}')
    assert theirs.read_bytes() == b"own"


def test_a_secret_is_masked_in_them(file: Path) -> None:
    """The user's own lines are theirs after it; what another wrote, and holds it, is gone."""
    lines = Lines(file)
    lines.append(b'{"run":"r3","code":"c","exit":0,"error":"the word is quokka"}')
    with file.open("ab") as out:
        out.write(b'{"run":"old","code":"quokka","exit":0}\n{"run":"older","code":"c","exit":0}\n')
    assert sum(b"quokka" in line for line in lines.all()) == 2
    lines.mask(lambda data: data.replace(b"quokka", b"******"))
    assert b"quokka" not in file.read_bytes() and b'"old"' not in file.read_bytes()
    assert [o.run for o in kept(file)] == ["r0", "r1", "r2", "r3"] and b"older" in file.read_bytes()
    assert list(kept(file))[3].error == "the word is ******"
