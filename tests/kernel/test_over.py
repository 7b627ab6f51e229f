"""One notebook, run once for each row of a table."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from duranb.errors import UsageError
from duranb.runner.over import Outcome, Row, read_rows, table, written
from duranb.store import store_path
from duranb.store.paths import runs_path
from tests.kernel.harness import until
from tests.kernel.test_headless import duranb, ran, write

PLAIN = "import duranb\ndef note(word):\n    open('ran.txt', 'a').write(word + '\\n')"
STEP = "%%durable double\nnote(f'{n}')\nassert n != 3, 'three'\ntwice, word = 2 * n, f'{n}!'"


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_each_row_is_a_run_of_its_own_and_only_what_is_left_runs_again(tmp_path: Path) -> None:
    """A table of results, costs and failures; a mended notebook runs again where it must."""
    path = write(tmp_path, PLAIN, STEP)
    rows = tmp_path / "rows.csv"
    rows.write_text("n\n1\n3\n2\n")
    first = duranb(tmp_path, "run", path, "--over", rows)
    assert first.returncode == 1, first.stderr
    found = rows_of(first.stdout)
    assert [(r["n"], r["status"], r["twice"], r["word"]) for r in found] == [
        ("1", "done", "2", "1!"),
        ("3", "failed", "", ""),
        ("2", "done", "4", "2!"),
    ]
    assert "AssertionError: three" in found[1]["error"]
    assert "· 2 of 3 rows" in first.stderr, "without a terminal there is no bar"
    assert "3 rows: " in first.stderr and "2 done" in first.stderr and "1 failed" in first.stderr
    assert sorted(ran(tmp_path)) == ["1", "2", "3"]
    assert not store_path(path).exists()

    run = f"{path}/{found[0]['run']}"
    assert "double" in duranb(tmp_path, "status", run).stdout
    by_itself = duranb(tmp_path, "status", path).stderr
    assert "has never run by itself, but for the rows of a table" in " ".join(by_itself.split())
    assert duranb(tmp_path, "resume", run).returncode == 0
    rows.write_text("n\n4\n2\n1\n3\n")
    again = duranb(tmp_path, "run", path, "--over", rows, "--workers", "1", "--result", "word")
    assert again.returncode == 1
    assert [r["status"] for r in rows_of(again.stdout)] == ["done", "done", "done", "failed"]
    assert ran(tmp_path)[3:] == ["4", "3"]

    other = duranb(tmp_path, "run", path, "--over", rows, "--result", "n,nme")
    told = rows_of(other.stdout)[0]
    assert told["n_"] == "4" and told["error"].startswith("nme is not in the table: NameError")

    path = write(tmp_path, PLAIN, STEP.replace("assert n != 3, 'three'\n", ""))
    out = tmp_path / "table.jsonl"
    mended = duranb(tmp_path, "run", path, "--over", rows, "-o", out)
    assert mended.returncode == 0, mended.stderr
    assert [json.loads(line)["twice"] for line in out.read_text().splitlines()] == [8, 4, 2, 6]


def test_a_row_that_waits_is_answered_by_itself(tmp_path: Path) -> None:
    """The exit code says that it waits, and the table in which run."""
    path = write(tmp_path, PLAIN, "%%durable gate\ngo = duranb.ask(f'Go {n}?') if n > 1 else 'no'")
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"n": 1}\n{"n": 2}\n')
    waiting = duranb(tmp_path, "run", path, "--over", rows)
    assert waiting.returncode == 75, waiting.stderr
    found = rows_of(waiting.stdout)
    assert [r["status"] for r in found] == ["done", "waiting"]
    run = f"{path}/{found[1]['run']}"
    assert duranb(tmp_path, "answer", run, "1", '"yes"').returncode == 0
    done = duranb(tmp_path, "run", path, "--over", rows)
    assert done.returncode == 0 and [r["go"] for r in rows_of(done.stdout)] == ["no", "yes"]


def test_killed_it_goes_on_row_by_row(tmp_path: Path) -> None:
    """What was done is not done again; what a row had recorded is kept."""
    slow = (
        "%%durable slow\nimport os, time\nnote(f'{n}')\n"
        "while n > 2 and not os.path.exists('killed'): time.sleep(0.01)\nx = n"
    )
    path = write(tmp_path, PLAIN, slow)
    rows = tmp_path / "rows.csv"
    rows.write_text("n\n1\n2\n3\n4\n")
    words = ["run", str(path), "--over", str(rows), "--workers", "1"]
    environment = {**os.environ, "DURANB_HOME": str(tmp_path / "home")}
    running = subprocess.Popen(
        [sys.executable, "-m", "duranb", *words], cwd=tmp_path, env=environment,
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    outcomes = runs_path(path) / "outcomes.jsonl"
    until(lambda: outcomes.exists() and outcomes.read_bytes().count(b"\n") >= 2)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    (tmp_path / "killed").touch()
    with outcomes.open("ab") as file:
        file.write(b'{"run": "cut o')  # as a kill leaves it
    done = duranb(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert [r["x"] for r in rows_of(done.stdout)] == ["1", "2", "3", "4"]
    assert ran(tmp_path).count("1") == ran(tmp_path).count("2") == 1


def test_nothing_outlives_what_gives_out_the_rows(tmp_path: Path) -> None:
    """Its processes and their kernels end when it is killed, and the rows are there to go on."""
    slow = "%%durable slow\nimport time\nnote(f'{n}')\ntime.sleep(600)"
    path = write(tmp_path, PLAIN, slow)
    rows = tmp_path / "rows.csv"
    rows.write_text("n\n1\n2\n3\n")
    running = subprocess.Popen(
        [sys.executable, "-m", "duranb", "run", str(path), "--over", str(rows), "--workers", "2"],
        cwd=tmp_path, env={**os.environ, "DURANB_HOME": str(tmp_path / "home")},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: len(ran(tmp_path)) == 2)
    begun = psutil.Process(running.pid).children(recursive=True)
    assert len(begun) >= 4, "two processes, each with a kernel"
    running.kill()
    running.wait()
    until(lambda: not any(is_there(process) for process in begun))


def is_there(process: psutil.Process) -> bool:
    """Whether a process still does something."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("rows.txt", "n\n1\n", "takes a .csv or a .jsonl file"),
        ("gone.csv", None, "cannot read"),
        ("rows.csv", "n\n", "has no rows"),
        ("rows.csv", "n,m\n1\n", "line 2: not as many values"),
        ("rows.csv", "n\n1,2\n", "line 2: not as many values"),
        ("rows.csv", "a b\n1\n", "'a b' cannot be the name"),
        ("rows.jsonl", '{"n": 1}\n[1]\n', "line 2 is no object"),
        ("rows.csv", "class\n1\n", "'class' cannot be the name"),
        ("rows.csv", "a=1;import os;b\n1\n", "'a=1;import os;b' cannot be the name"),
        ("rows.jsonl", '{"n": \n', "line 1 is no JSON"),
        ("rows.jsonl", "[" * 200_000, "line 1 is no JSON"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(
    tmp_path: Path, name: str, text: str | None, said: str
) -> None:
    """By its file and line, before anything runs."""
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=said):
        read_rows(tmp_path / name, {})


def test_a_run_is_named_by_what_its_row_says(tmp_path: Path) -> None:
    """Wherever it stands; equal rows are runs of their own. A row's own value comes first."""
    file = tmp_path / "rows.csv"
    file.write_text("n,word\n1,yes\n2,no\n1,yes\n")
    rows = read_rows(file, {"word": "maybe", "more": 3})
    assert rows[0].parameters == {"word": "yes", "more": 3, "n": 1}
    assert rows[2].run == f"{rows[0].run}-2" != rows[1].run
    file.write_text("word,n\nno,2\nyes,1\n")
    assert [r.run for r in read_rows(file, {"word": "maybe", "more": 3})] == [
        rows[1].run,
        rows[0].run,
    ]


def test_the_table_of_results_keeps_the_order_and_every_name() -> None:
    """A result with the name of a parameter gets a column of its own."""
    rows = [Row(1, "a", {"n": 1}), Row(2, "b", {"n": 2})]
    outcomes = {"b": Outcome(run="b", code="c", exit=0, values={"n": [3]}, cost=0.5, calls=1)}
    made = table(rows, outcomes)
    assert [line["status"] for line in made] == ["not run", "done"]
    assert made[1]["n"] == 2 and made[1]["n_"] == [3]
    assert rows_of(written(made, ".csv"))[1]["n_"] == "[3]"
    assert json.loads(written(made, ".jsonl").splitlines()[1])["cost"] == 0.5
    with pytest.raises(UsageError, match=r"\.csv or a \.jsonl"):
        written(made, ".xlsx")


def test_no_secret_is_kept_of_a_row(tmp_path: Path) -> None:
    """Whether it stands in the environment or is known to the kernel alone, in a value or an error:
    not in what is kept, in the table, or in what is said, which goes into logs."""
    cells = (
        "%%durable one\nfrom pydantic import SecretStr\nmine = SecretStr('quokka-' + '4711-zzyy')",
        "%%durable two\nimport os\nboth = [os.environ['MODEL_API_KEY'], mine.get_secret_value()]\n"
        "if n == 2: raise ValueError(f'{both}')",
    )
    path = write(tmp_path, PLAIN, *cells)
    (tmp_path / "rows.csv").write_text("n\n1\n2\n")
    words = ("run", path, "--over", tmp_path / "rows.csv", "-o", tmp_path / "out.csv")
    done = duranb(tmp_path, *words, MODEL_API_KEY="wombat-8822-zzyyxxwwvv")
    assert "1 failed" in done.stderr and "*secret*" in (tmp_path / "out.csv").read_text()
    kept = [x for x in tmp_path.rglob("*") if x.is_file() and x != path]
    assert runs_path(path) / "outcomes.jsonl" in kept
    for data in (done.stdout.encode(), done.stderr.encode(), *(x.read_bytes() for x in kept)):
        assert b"quokka-4711" not in data and b"wombat-8822" not in data
