"""Folders from strangers: something else in the place of each file of a store, and every command.

    python -m tests.faults.strangers [--kinds 0:999:1] [--verbs status,run,…]

Each command is a fork of this process. A line of JSON is printed for each that did not do as it
should: that wrote outside of the store, hung, or ended without a word of duranb's.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import resource
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from duranb.store import store_path
from tests.faults import sweeping

VICTIM = b"somebody's own"

PLACES = [
    ".duranb",
    ".duranb/a",
    ".duranb/other",
    "lock",
    "tail",
    "trust",
    "log",
    "log/00000000000000000001.seg",
    "log/00000000000000000099.seg",
    "artifacts",
    "artifacts/ARTIFACT",
    "artifacts/FOLDER",
    "artifacts/x.part",
    "store.duckdb",
    "store.duckdb.wal",
    "answers",
    "answers/3.json",
    "signals",
    "signals/1.json",
    "quarantine",
    "takeover",
    "journal",
    ".duranb/a.runs",
    ".duranb/a.runs/outcomes.jsonl",
    "rewriting",
    "rewritten",
    "log/encryption",
    "log/encryption.copy",
]
"""Of a notebook's folder, or of its store's."""


def linked(place: Path, victim: Path) -> None:
    """A link to somebody's file, or folder."""
    place.symlink_to(victim)


def dangling(place: Path, victim: Path) -> None:
    """A link to a file that is not there: writing would make it."""
    place.symlink_to(victim.with_name("made"))


def looping(place: Path, victim: Path) -> None:
    """A link to itself."""
    place.symlink_to(place.name)


def upward(place: Path, victim: Path) -> None:
    """A link to a folder that it lies in."""
    place.symlink_to("..")


def hard_linked(place: Path, victim: Path) -> None:
    """Another name of somebody's file."""
    if victim.is_dir():
        place.symlink_to(victim)
    else:
        os.link(victim, place)


def pipe(place: Path, victim: Path) -> None:
    """A pipe that nobody writes to."""
    os.mkfifo(place)


def device(place: Path, victim: Path) -> None:
    """A device that never ends."""
    place.symlink_to("/dev/zero")


def own_device(place: Path, victim: Path) -> None:
    """A device itself, which needs the right to make one."""
    with contextlib.suppress(PermissionError):
        os.mknod(place, 0o666 | 0o020000, os.makedev(1, 5))


def listening(place: Path, victim: Path) -> None:
    """A socket."""
    here = Path.cwd()
    os.chdir(place.parent)  # the name of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(place.name)
    finally:
        os.chdir(here)


def giant(place: Path, victim: Path) -> None:
    """A file of 8 TB without anything in it."""
    with place.open("wb") as file:
        file.truncate(8 << 40)


def rubbish(place: Path, victim: Path) -> None:
    """A file of anything."""
    place.write_bytes(bytes(range(256)) * 40)


def nested(place: Path, victim: Path) -> None:
    """Folders in folders in folders."""
    here = Path.cwd()
    place.mkdir()
    os.chdir(place)  # a path to all of them would be too long
    try:
        for _ in range(300):  # what removes it later may be recursive
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(here)


def closed(place: Path, victim: Path) -> None:
    """What its owner alone may read, and this user is not even allowed to look at."""
    place.write_bytes(VICTIM)
    place.chmod(0)


def folder(place: Path, victim: Path) -> None:
    """A folder."""
    place.mkdir()


HARMS: list[Callable[[Path, Path], None]] = [
    *(linked, dangling, looping, upward, hard_linked, pipe, device, own_device, listening),
    *(giant, rubbish, nested, closed, folder),
]

KINDS = [(place, harm) for place in PLACES for harm in HARMS]

VERBS = {
    **sweeping.COMMANDS,
    "replay": ["replay", "a.ipynb", "one", "--yes"],
    "rewind": ["rewind", "a.ipynb", "one", "--yes"],
    "switch": ["switch", "a.ipynb", "main", "--yes"],
    "compensate": ["compensate", "a.ipynb", "two", "--yes"],
    "resolve": ["resolve", "a.ipynb", "two", "--not-happened", "--yes"],
    "answer": ["answer", "a.ipynb", "3", "yes"],
    "signal": ["signal", "a.ipynb", "paid", "3"],
    "scan": ["scan", "a.ipynb"],
    "redact": ["redact", "a.ipynb", "--found", "--yes"],
    "forget": ["forget", "a.ipynb", "one", "--yes"],
    "prune": ["prune", "a.ipynb", "--yes"],
    "export-traces": ["export-traces", "a.ipynb", "-o", "a.json"],
    "import": ["import", "a.ipynb", ".duranb/a", "--run", "other", "--only-record"],
    "encrypt": ["encrypt", "a.ipynb", "--yes"],
    "decrypt": ["decrypt", "a.ipynb", "--yes"],
    "by its folder": ["status", ".duranb/a"],
    "load_ext": [],
    "cells": [],
}
"""Every command that starts no kernel; the extension, loaded; and the notebook's cells, run."""

IN_KERNELS = {
    "run": ["run", "a.ipynb"],
    "resume": ["resume", "a.ipynb"],
    "run --next": ["run", "a.ipynb", "--next"],
    "run --over": ["run", "a.ipynb", "--over", "rows.csv", "-o", "a.json"],
    "test": ["test", "a.ipynb"],
    "verify --replay": ["verify", "a.ipynb", "--replay"],
}

_FOLDERS = (
    *("answers", "signals", "quarantine", "takeover", "rewriting", "rewritten"),
    ".duranb/a.runs",
)
"""What is a folder where it is there."""

PROCESSOR = 5.0
"""Seconds of it that a command may take; what only waits is ended by ``sweeping.forked``."""


def harm(base: Path, at: Path, place: str, how: Callable[[Path, Path], None]) -> None:
    """A copy of a notebook's folder and its user's key, in which something else lies in the place
    of one file of its store."""
    shutil.copytree(base, at, dirs_exist_ok=True)
    inside = store_path(at / "n" / "a.ipynb")
    artifact = next((inside / "artifacts").glob("*/*"))
    named = place.replace("ARTIFACT", f"{artifact.parent.name}/{artifact.name}")
    named = named.replace("FOLDER", artifact.parent.name)
    where = at / "n" / named if named.startswith(".duranb") else inside / named
    victim = at / "theirs" / "own"
    victim.parent.mkdir()
    (at / "n" / "rows.csv").write_text("n\n1\n")
    if where.is_dir() or place in _FOLDERS:
        victim.mkdir()
        (victim / "file").write_bytes(VICTIM)
    else:
        victim.write_bytes(VICTIM)
    where.parent.mkdir(exist_ok=True)
    if where.is_dir():
        shutil.rmtree(where)
    else:
        where.unlink(missing_ok=True)
    how(where, victim)


def outside(at: Path) -> dict[str, Any]:
    """All that lies beside the store: bytes of files, and what else there is by its kind."""
    found: dict[str, Any] = {}
    for under in (at / "theirs", at / "n"):
        for path in _walked(under):
            kind = path.lstat().st_mode
            is_file = path.is_file() and not path.is_symlink()
            found[str(path.relative_to(at))] = path.read_bytes() if is_file else kind
    return found


def _walked(under: Path) -> Iterator[Path]:
    for path in under.iterdir():
        if path.name != ".duranb":
            yield path
            if path.is_dir() and not path.is_symlink():
                yield from _walked(path)


def used(verb: str) -> dict[str, Any]:
    """What a command ended in, and what is wrong with that."""
    # 3 GiB are more than any of them needs, and less than what a giant holds.
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    try:
        if verb == "load_ext":
            ended = sweeping.run_magics([])
        elif verb == "cells":
            ended = sweeping.run_cells()
        elif verb in ("encrypt", "decrypt"):
            os.environ["DURANB_ENCRYPTION_KEY"] = "5a" * 32
            ended = sweeping.run_command(VERBS[verb])
        else:
            ended = sweeping.run_command({**VERBS, **IN_KERNELS}[verb])
        problems = [x for x in ended if x.startswith(sweeping.UNNAMED)]
    except BaseException as error:
        ended, problems = [], [f"it ended in {error!r}"]
    times = os.times()
    if verb not in IN_KERNELS and times.user + times.system > PROCESSOR:
        problems.append(f"it took {times.user + times.system:.1f} s of the processor")
    return {"ended": ended, "problems": problems}


def case(base: Path, place: str, how: Callable[[Path, Path], None], verb: str) -> list[str]:
    """What is wrong with one command on one folder."""
    at = Path(tempfile.mkdtemp(prefix="strange-", dir=base.parent))
    try:
        harm(base, at, place, how)
        before = outside(at)
        found = sweeping.forked(at, lambda: used(verb))
        problems = [*found["problems"]]
        said = (at / "out").read_text(errors="replace")
        if "Traceback" in said:
            problems.append(f"a traceback was shown: {said[-1500:]}")
        after = outside(at)
        for made in ("n/a.html", "n/a.py", "n/a.json"):
            after.pop(made, None)
        if after != before:
            problems.append(f"changed outside of the store: {sorted({*after} ^ {*before})}")
        return problems
    finally:
        shutil.rmtree(at, ignore_errors=True)


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kinds", default=f"0:{len(KINDS)}:1")
    parser.add_argument("--verbs", default=",".join(VERBS))
    given = parser.parse_args()
    for name in sweeping.PREPARED:
        importlib.import_module(name)
    done = 0
    with tempfile.TemporaryDirectory(prefix="strangers-") as scratch:
        base = sweeping.base_of("resume", Path(scratch))
        for place, how in KINDS[slice(*map(int, given.kinds.split(":")))]:
            for verb in given.verbs.split(","):
                done += 1
                problems = case(base, place, how, verb)
                if problems:
                    what = {"verb": verb, "place": place, "is": how.__name__}
                    print(json.dumps({**what, "problems": problems}), flush=True)
    print(json.dumps({"done": done}))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
