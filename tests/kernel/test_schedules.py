"""Headless runs at times: each a run of its own, gone on with until it is done."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from duranb.errors import UsageError
from duranb.runner import schedule
from tests.kernel.harness import until
from tests.kernel.test_headless import duranb, ran, write
from tests.servers import forks

NOTE = """
import duranb
def note(text):
    with open('ran.txt', 'a') as out:
        out.write(f'{text}\\n')
"""
GATE = "%%durable gate\nnote('before')\ngo = duranb.ask('Go on?', bool)\nnote(go)"


def test_next_goes_on_with_a_run_that_waits_and_then_begins_another(tmp_path: Path) -> None:
    """What a crontab calls: an answer is for the run that asked."""
    path = write(tmp_path, NOTE, GATE)
    first = duranb(tmp_path, "run", path, "--next")
    assert first.returncode == 75, first.stderr
    command = re.search(r"duranb answer (\S+) (\d+) VALUE", first.stderr)
    assert command is not None, first.stderr
    answered = duranb(tmp_path, "answer", command[1], command[2], "yes")
    assert answered.returncode == 0, answered.stderr
    assert duranb(tmp_path, "run", path, "--next").returncode == 0
    assert ran(tmp_path) == ["before", "before", "True"]
    time.sleep(1)  # runs are named by the second
    second = duranb(tmp_path, "run", path, "--next")
    assert second.returncode == 75 and command[1] not in second.stderr


def test_every_stays_and_goes_on_as_soon_as_a_run_is_answered(tmp_path: Path) -> None:
    """Not only when the next one is due; Stop ends it with 130."""
    path = write(tmp_path, NOTE, GATE)
    with (tmp_path / "said.txt").open("wb") as said:
        running = forks.Popen(
            [sys.executable, "-m", "duranb", "run", str(path), "--every", "1h"],
            cwd=tmp_path,
            env={**os.environ, "DURANB_HOME": str(tmp_path / "home")},
            stderr=said,
        )

    def told() -> str:
        return (tmp_path / "said.txt").read_text()

    until(lambda: "the next one at" in told() and "VALUE" in told())
    run = re.search(r"duranb answer (\S+) ", told())
    assert run is not None and "waiting" in told()
    duranb(tmp_path, "answer", run[1], "1", "no")
    until(lambda: "done" in told())
    assert ran(tmp_path)[-1] == "False"
    running.send_signal(signal.SIGINT)
    assert running.wait(300) == 130


def test_crontab_prints_the_line_that_does_it(tmp_path: Path) -> None:
    """With the run's own options, and nothing is run."""
    path = write(tmp_path, NOTE, GATE)
    words = ("--every", "30m", "--crontab", "-p", "rate=5", "--budget", "2")
    line = duranb(tmp_path, "run", path, *words).stdout
    assert line.startswith(f"*/30 * * * * cd {tmp_path} && {sys.executable} -m duranb run ")
    assert f"{path.name} --next -p rate=5 --budget 2.0 >> {path.stem}.log 2>&1" in line
    daily = duranb(tmp_path, "run", path, "--at", "07:30", "--crontab").stdout
    assert daily.startswith("30 7 * * * ")
    odd = duranb(tmp_path, "run", path, "--every", "7m", "--crontab")
    assert odd.returncode == 2 and "divide an hour" in odd.stderr
    assert not (tmp_path / "ran.txt").exists()


def by_cron(line: str) -> list[str]:
    """The words of a crontab's command as the shell gets it from cron, which ends it at a bare
    ``%`` and takes away the backslash of one that is not."""
    command, escaped = "", False
    for letter in line.split(" ", 5)[5]:
        if letter == "%" and not escaped:
            break
        command = command[:-1] + letter if escaped and letter == "%" else command + letter
        escaped = letter == "\\" and not escaped
    return shlex.split(command)


@pytest.mark.parametrize(
    "name",
    ["100%", "a\\%b", "it's 5\\\\% $(touch made) `id`", "a;b && c", "-p x=1", "--help", '"%" | sh'],
)
def test_a_notebooks_name_is_no_command_to_cron(tmp_path: Path, name: str) -> None:
    """Whatever it and its folder are called."""
    notebook = tmp_path / name / f"{name}.ipynb"
    words = by_cron(schedule.crontab(notebook, schedule.times("1h", ""), ["-p", "a=%"]))
    assert words[:3] == ["cd", str(notebook.parent), "&&"]
    assert [Path(words[7]).name, *words[8:11]] == [notebook.name, "--next", "-p", "a=%"]
    assert not words[7].startswith("-") and words[11:] == [">>", f"{name}.log", "2>&1"]


@pytest.mark.parametrize("name", ["a\n* * * * * touch made\n", "a\rb", "\x1b[2J", "\u202eb"])
def test_a_name_that_no_crontab_can_say_is_refused(tmp_path: Path, name: str) -> None:
    """A new line would begin a command of the name's own."""
    with pytest.raises(UsageError, match="Rename"):
        schedule.crontab(tmp_path / f"{name}.ipynb", schedule.times("1h", ""), [])


@pytest.mark.parametrize(
    ("every", "at"), [("", ""), ("1h", "07:30"), ("soon", ""), ("0m", ""), ("", "25:00")]
)
def test_a_time_that_is_none_is_refused(every: str, at: str) -> None:
    """With how it is written."""
    with pytest.raises(UsageError, match=r"--every|--at"):
        schedule.times(every, at)


def test_what_was_missed_is_not_made_up_for() -> None:
    """The next one is the first that lies ahead."""
    began = datetime(2026, 1, 1, 12)
    late = datetime(2026, 1, 1, 15, 20)
    assert schedule.times("1h", "").after(began, late) == datetime(2026, 1, 1, 16)
    assert schedule.times("1h30m", "").after(began, late) == datetime(2026, 1, 1, 16, 30)
    assert schedule.times("", "07:30").after(began, late) == datetime(2026, 1, 2, 7, 30)


def test_a_signal_reaches_a_notebook_that_waits_for_it(tmp_path: Path) -> None:
    """From a shell and from Python, also before anybody waits; values are JSON or text."""
    wait = "%%durable paid\nfirst = duranb.wait_for('paid')\nsecond = duranb.wait_for('paid')"
    path = write(tmp_path, NOTE, wait, "note(first['amount'] + len(second))")
    early = duranb(tmp_path, "signal", path, "paid", "1")
    assert early.returncode == 2 and "has run yet" in early.stderr
    waiting = duranb(tmp_path, "run", path)
    assert waiting.returncode == 75 and "duranb signal" in waiting.stderr
    assert "paid" in duranb(tmp_path, "status", path).stdout
    sent = duranb(tmp_path, "signal", path, "paid", json.dumps({"amount": 3}))
    assert sent.returncode == 0 and "Go on with: duranb resume" in sent.stdout
    script = f"import duranb; duranb.signal({str(path)!r}, 'paid', 'four')"
    done = forks.run(
        [sys.executable, "-c", script],
        env={**os.environ, "DURANB_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert duranb(tmp_path, "resume", path).returncode == 0
    assert ran(tmp_path) == ["7"]
