"""A script whose steps are durable, as a process of its own."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import duranb

SCRIPT = """
import asyncio, sys
import duranb

def count(name):
    with open("ran.txt", "a") as out:
        out.write(name + "\\n")

@duranb.step(retries=1, backoff=0)
def double(n):
    count(f"double {n}")
    return n * 2

@duranb.step
async def wait(n):
    count("wait")
    await asyncio.sleep(0)
    return n + 1

@duranb.compensation("order")
def cancel(item, result):
    count(f"cancel {item} {result}")

@duranb.step
def order(item):
    count(f"order {item}")
    return f"receipt {item}"

@duranb.step
def gate():
    return duranb.ask("Go?")

def main():
    with duranb.durable(__file__) as session:
        print(double(2), double(3), asyncio.run(wait(1)), order("tea"))
        if "undo" in sys.argv:
            print(asyncio.run(session.compensate("order").apply()))
        if "ask" in sys.argv:
            print(gate())

main()
"""


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the script as a user would."""
    file = folder / "script.py"
    if not file.exists():
        file.write_text(SCRIPT)
    return subprocess.run(
        [sys.executable, str(file), *words],
        cwd=folder,
        env={**os.environ, "DURANB_HOME": str(folder / "home")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def ran(folder: Path) -> list[str]:
    """What the steps' bodies did."""
    return (folder / "ran.txt").read_text().split("\n")[:-1]


def test_a_second_run_restores_everything(tmp_path: Path) -> None:
    """Steps are told apart by their arguments, and run once; sync and async."""
    first, second = run(tmp_path), run(tmp_path)
    assert first.stdout == second.stdout == "4 6 2 receipt tea\n", first.stderr
    assert ran(tmp_path) == ["double 2", "double 3", "wait", "order tea"]


def test_edited_code_runs_again_and_nothing_else(tmp_path: Path) -> None:
    """A changed body makes its step run; the others are restored."""
    run(tmp_path)
    file = tmp_path / "script.py"
    file.write_text(file.read_text().replace("return n * 2", "return n * 20"))
    assert run(tmp_path).stdout == "40 60 2 receipt tea\n"
    assert ran(tmp_path)[4:] == ["double 2", "double 3"]


def test_compensation_gets_the_recorded_arguments(tmp_path: Path) -> None:
    """A function's undo gets its arguments and result by name; the step is done anew later."""
    run(tmp_path)
    undone = run(tmp_path, "undo")
    assert "compensated order" in undone.stdout, undone.stderr
    assert ran(tmp_path)[-1] == "cancel tea receipt tea"
    run(tmp_path)
    assert ran(tmp_path)[-1] == "order tea"


def test_a_question_without_a_terminal_exits_with_75(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits, says how to answer, and goes on once it is answered."""
    from duranb.engine import inbox
    from duranb.record.events import Answered
    from duranb.session.reader import open_reader

    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    waiting = run(tmp_path, "ask")
    assert waiting.returncode == 75 and "waits for an answer" in waiting.stderr
    assert "Traceback" not in waiting.stderr
    number = int(waiting.stderr.split("question ")[1].split(":")[0])
    with open_reader(tmp_path / "script.py") as reader:
        inbox.post_answer(reader.store_path, reader.history, Answered(call=number, value="yes"))
    assert run(tmp_path, "ask").stdout.endswith("yes\n")


def test_a_script_and_a_notebook_of_one_name_have_two_histories(tmp_path: Path) -> None:
    """The script that a notebook was exported to does not wait for the notebook's kernel, and its
    history is not offered to a renamed notebook."""
    from duranb.session.places import left_behind
    from duranb.store import Store, store_path

    notebook = Store.open(store_path(tmp_path / "script.ipynb"))
    assert run(tmp_path).stdout == "4 6 2 receipt tea\n"
    notebook.close()
    assert left_behind(tmp_path / "renamed.ipynb") == ["script"]


BESIDE = """
import sys
import duranb
RATE = int(sys.argv[1])

def priced(n):
    if RATE < 3:
        raise ValueError("too cheap")
    return RATE * n

@duranb.step
def rated():
    return RATE

@duranb.step
def tried():
    return duranb.map(priced, [1, 2], on_error="collect")

with duranb.durable("results"):
    print(rated(), [getattr(r, "type", r) for r in tried()])
"""


def test_a_store_beside_another_file_knows_what_the_functions_read(tmp_path: Path) -> None:
    """A global that a step reads is one of its inputs, whatever ``durable`` is given as a name."""
    (tmp_path / "job.py").write_text(BESIDE)
    shown = {rate: said(tmp_path, rate) for rate in ("1", "4", "1")}
    assert shown == {"1": "1 ['ValueError', 'ValueError']", "4": "4 [4, 8]"}
    assert (tmp_path / ".duranb" / "results").is_dir()


def said(folder: Path, *words: str) -> str:
    """The last line that the script prints."""
    done = subprocess.run(
        [sys.executable, "job.py", *words],
        cwd=folder,
        env={**os.environ, "DURANB_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_a_shared_key_needs_no_folder_of_the_users(tmp_path: Path) -> None:
    """On a machine that has only the workers' key, where nothing of duranb's is yet."""
    (tmp_path / "script.py").write_text(
        "import duranb\n@duranb.step\ndef one():\n    return 1\n"
        "with duranb.durable(__file__):\n    print(one())\n"
    )
    own = {"DURANB_KEY": "ab" * 32, "DURANB_HOME": str(tmp_path / "no" / "home")}
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "1\n", done.stderr


def test_a_variable_without_a_value_is_none_for_whoever_uses_it() -> None:
    """What stands for it can be handed on, stored and copied, and raises where it is used."""
    made = pickle.loads(pickle.dumps(copy.deepcopy(duranb.unset("grade"))))
    uses: list[Callable[[], object]] = [
        *(lambda: bool(made), lambda: made + 1, lambda: 1 + made, lambda: made == 1),
        *(lambda: str(made), lambda: f"{made}", lambda: made.upper(), lambda: made["a"]),
        *(lambda: list(made), lambda: made(), lambda: made in [1], lambda: {made}),
    ]
    for use in uses:
        with pytest.raises(NameError, match="'grade' is not defined"):
            use()
