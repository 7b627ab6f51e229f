"""``duranb`` as a shell command: running notebooks headless, and reading their stores."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import click
import nbformat
import pytest

from duranb.cli.main import cli
from duranb.runner import headless
from duranb.store import store_path
from tests.kernel.harness import Kernel
from tests.servers import forks


def write(folder: Path, *cells: str, tags: tuple[str, ...] = ()) -> Path:
    """A notebook with these code cells; ``tags`` are the first one's."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    notebook.cells[0].metadata["tags"] = list(tags)
    path = folder / "agent.ipynb"
    nbformat.write(notebook, path)
    return path


def duranb(folder: Path, *words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would."""
    return forks.run(
        [sys.executable, "-m", "duranb", *map(str, words)],
        cwd=folder,
        env={**os.environ, "DURANB_HOME": str(folder / "home"), "COLUMNS": "100", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def ran(folder: Path) -> list[str]:
    """What the bodies noted that they did."""
    file = folder / "ran.txt"
    return file.read_text().split() if file.exists() else []


NOTE = "def note(word):\n    open('ran.txt', 'a').write(word + '\\n')"


def test_run_goes_on_through_kernels_that_die(tmp_path: Path) -> None:
    """A killed kernel is started again; what was done is restored, and the exit code is 0."""
    die = (
        "%%durable deadly\nimport os, signal, pathlib\nnote('deadly')\n"
        "if len(pathlib.Path('ran.txt').read_text().split()) < 4:\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\ny = x + 1"
    )
    path = write(tmp_path, NOTE, "%%durable first\nnote('first')\nx = 1", die)
    done = duranb(tmp_path, "run", path, "-o", tmp_path / "done.ipynb")
    assert done.returncode == 0, done.stderr
    assert ran(tmp_path) == ["first", "deadly", "deadly", "deadly"]
    assert "through 2 restarts" in done.stderr
    assert len(nbformat.read(tmp_path / "done.ipynb", as_version=4).cells) == 3
    assert not any(c.get("outputs") for c in nbformat.read(path, as_version=4).cells), "changed"


def test_run_begins_again_where_something_that_cannot_be_stored_is_needed(tmp_path: Path) -> None:
    """An edited step needs a generator: the step that makes it runs again, and what is beside it is
    restored. Without anybody who runs a cell again, that takes another kernel."""
    make = "%%durable make\nnote('make')\nlines = (n for n in range(4))"
    cells = [NOTE, make, "%%durable beside\nnote('beside')\nx = 1"]
    path = write(tmp_path, *cells, "%%durable use\ntotal = sum(lines)")
    assert duranb(tmp_path, "run", path).returncode == 0
    path = write(tmp_path, *cells, "%%durable use\ntotal = sum(lines) * 2\nnote(str(total))")
    done = duranb(tmp_path, "run", path)
    assert done.returncode == 0, done.stderr
    assert ran(tmp_path) == ["make", "beside", "make", "12"]
    assert "step 'use' needs lines, which is made again by make" in " ".join(done.stderr.split())


def test_run_begins_again_where_something_cannot_be_loaded(tmp_path: Path) -> None:
    """A plain cell uses what loading has left out: in the next kernel the step that makes it runs,
    and the one beside it does not."""
    make = (
        "%%durable make\nnote('make')\nclass Bad:\n    x = 3\n"
        "    def __getstate__(self): return 1\n"
        "    def __setstate__(self, state): raise ValueError('not today')\nmade = [Bad()]"
    )
    beside = "%%durable beside\nnote('beside')\nx = 1"
    path = write(tmp_path, NOTE, make, beside, "assert made[0].x == 3")
    assert duranb(tmp_path, "run", path).returncode == 0
    done = duranb(tmp_path, "run", path)
    assert done.returncode == 0, done.stderr
    assert ran(tmp_path) == ["make", "beside", "make"]
    assert "could not be loaded, so the step that makes it runs" in " ".join(done.stderr.split())


def test_run_gives_up_on_a_kernel_that_always_dies(tmp_path: Path) -> None:
    """Deaths without progress are bounded."""
    path = write(tmp_path, NOTE, "import os\nnote('died')\nos._exit(1)")
    failed = duranb(tmp_path, "run", path, "--restarts", "2")
    assert failed.returncode == 1 and "kernel died 2 times" in failed.stderr
    assert ran(tmp_path) == ["died", "died"]


def test_run_gives_up_on_a_kernel_that_dies_after_steps_that_came_back(tmp_path: Path) -> None:
    """To restore a step, or to run one once more that always runs, is no progress."""
    always = "%%durable always --always\nnote('always')\ny = 2"
    die = "%%durable die\nimport os\nnote('died')\nos._exit(1)"
    path = write(tmp_path, NOTE, "%%durable first\nnote('first')\nx = 1", always, die)
    failed = duranb(tmp_path, "run", path, "--restarts", "2")
    said = " ".join(failed.stderr.split())
    assert failed.returncode == 1 and "kernel died 3 times, at last in step 'die'" in said
    assert ran(tmp_path) == ["first", *["always", "died"] * 3]


@pytest.mark.parametrize(
    ("start", "seconds", "said"),
    [
        ("raise SystemExit(1)", headless.STARTING, "Kernel died before replying"),
        ("import time\ntime.sleep(3600)", 1, "Kernel didn't respond in 1 seconds"),
    ],
)
def test_a_kernel_that_does_not_come_up_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str, seconds: int, said: str
) -> None:
    """It dies, or is silent, before its first answer: that is a death as any other."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path))
    monkeypatch.setattr(headless, "STARTING", seconds)
    (tmp_path / "ipykernel_launcher.py").write_text(start)
    result = headless.run(write(tmp_path, "x = 1"), restarts=2)
    assert result.exit_code == 1 and f"the kernel died 2 times ({said}" in result.error


def test_failed_cell_is_shown_and_the_next_run_goes_on(tmp_path: Path) -> None:
    """Exit 1 with the traceback; mended, only what failed runs."""
    cells = (NOTE, "%%durable first\nnote('first')\nx = 1", "%%durable second\ny = 1 / 0")
    path = write(tmp_path, *cells)
    failed = duranb(tmp_path, "run", path)
    assert failed.returncode == 1 and "ZeroDivisionError" in failed.stderr
    path = write(tmp_path, *cells[:2], "%%durable second\ny = x / 1")
    assert duranb(tmp_path, "resume", path).returncode == 0
    assert ran(tmp_path) == ["first"]


def test_question_waits_with_75_and_goes_on_when_answered(tmp_path: Path) -> None:
    """Nobody is there to ask: exit 75, with the words that answer it."""
    gate = "%%durable gate\nnote('before')\ngo = duranb.ask('Go on?')"
    path = write(tmp_path, NOTE + "\nimport duranb", gate, "note(f'went {go}')")
    waiting = duranb(tmp_path, "run", path)
    assert waiting.returncode == 75, waiting.stderr
    number = re.search(r"duranb answer \S+ipynb (\d+) VALUE", waiting.stderr)
    assert number is not None, waiting.stderr
    assert "Go on?" in duranb(tmp_path, "status", path).stdout
    wrong = duranb(tmp_path, "answer", path, "999", "yes")
    assert wrong.returncode == 2 and f"open questions: {number[1]}" in wrong.stderr
    answered = duranb(tmp_path, "answer", path, number[1], "true")
    assert answered.returncode == 0, answered.stderr
    assert "gate has its answer: Go on?" in duranb(tmp_path, "status", path).stdout
    assert duranb(tmp_path, "resume", path).returncode == 0
    assert ran(tmp_path)[-2:] == ["went", "True"]


def test_parameters_come_after_the_tagged_cell(tmp_path: Path) -> None:
    """-p overrides what the parameters cell says, and what depends on it runs again."""
    cells = ("limit = 1\nname = 'a'", NOTE, "%%durable s\nnote(f'{limit}-{name}')\nx = limit")
    path = write(tmp_path, *cells, tags=("parameters",))
    for words in ((), ("-p", "limit=3", "-p", "name=b c"), ()):
        assert duranb(tmp_path, "run", path, *words).returncode == 0
    assert (tmp_path / "ran.txt").read_text() == "1-a\n3-b c\n"
    bad = duranb(tmp_path, "run", path, "-p", "limit")
    assert bad.returncode == 2 and "NAME=VALUE" in bad.stderr


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (("%%durable s\na = 1", "%%durable s\nb = 2"), "cells 1 and 2 are both the step 's'"),
        (("%%durable s --retri 2\na = 1",), "did you mean --retries"),
    ],
)
def test_notebook_that_cannot_run_is_refused_first(
    tmp_path: Path, cells: tuple[str, ...], words: str
) -> None:
    """Exit 2, before any cell has run."""
    refused = duranb(tmp_path, "run", write(tmp_path, *cells))
    assert refused.returncode == 2 and words in refused.stderr
    assert not store_path(tmp_path / "agent.ipynb").exists()


def test_wrong_files_are_one_sentence(tmp_path: Path) -> None:
    """No notebook, no store, no such step: one line each, no traceback."""
    (tmp_path / "text.ipynb").write_text("not json")
    path = write(tmp_path, "%%durable s\nx = 1")
    assert duranb(tmp_path, "run", path).returncode == 0
    for words, said in (
        (("run", "nowhere.ipynb"), "there is no notebook"),
        (("run", "text.ipynb"), "is not a notebook"),
        (("run", path, "--kernel", "nowhere"), "there is no kernel 'nowhere'"),
        (("status", "nowhere.ipynb"), "there is no notebook"),
        (("resume", "text.ipynb"), "has no store"),
        (("show", path, "nowhere"), "the steps are: s"),
    ):
        refused = duranb(tmp_path, *words)
        assert refused.returncode in (1, 2) and said in refused.stderr, (words, refused)
        assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr


def test_a_long_sleep_waits_with_75_and_goes_on_when_it_is_over(tmp_path: Path) -> None:
    """The process ends, status says until when the step waits, and resume goes on from there."""
    nap = "%%durable nap\nnote('before')\nduranb.sleep(LEFT)\nrested = True"
    path = write(tmp_path, NOTE + "\nimport duranb", nap.replace("LEFT", "3600"))
    waiting = duranb(tmp_path, "run", path)
    assert waiting.returncode == 75, waiting.stderr
    assert "nap waits: until" in duranb(tmp_path, "status", path).stdout
    assert duranb(tmp_path, "resume", path).returncode == 75
    path = write(tmp_path, NOTE + "\nimport duranb", nap.replace("LEFT", "0.1"), "note('after')")
    assert duranb(tmp_path, "resume", path).returncode == 0
    assert ran(tmp_path)[-1] == "after"


def test_a_place_to_write_to_is_looked_at_first(tmp_path: Path) -> None:
    """-o into a folder that is not there is refused before a cell has run."""
    path = write(tmp_path, NOTE, "%%durable s\nnote('s')\nx = 1")
    refused = duranb(tmp_path, "run", path, "-o", "nowhere/done.ipynb")
    assert refused.returncode == 2 and "no folder nowhere" in refused.stderr
    assert ran(tmp_path) == []


def test_a_notebook_in_another_language_is_refused(tmp_path: Path) -> None:
    """It is not run as Python; a Python kernel of somebody else's environment is this one's."""
    path = write(tmp_path, "%%durable s\nx = 1")
    document = nbformat.read(path, as_version=4)
    for language, code in (("R", 2), ("python", 0)):
        document.metadata["kernelspec"] = {"name": "theirs", "display_name": "theirs"}
        document.metadata["language_info"] = {"name": language}
        nbformat.write(document, path)
        assert duranb(tmp_path, "run", path).returncode == code, language


def test_resume_and_test_take_the_parameters_of_the_last_run(tmp_path: Path) -> None:
    """What was run with -p goes on with it: nothing runs again for its default values."""
    work = "%%durable work\nnote(f'work-{limit}')\ndone = limit"
    gate = "%%durable gate\nimport duranb\ngo = duranb.ask('Go on?')"
    path = write(tmp_path, "limit = 1", NOTE, work, gate, "assert done == 3", tags=("parameters",))
    assert duranb(tmp_path, "run", path, "-p", "limit=3").returncode == 75
    assert "limit=3" in duranb(tmp_path, "log", path).stdout
    assert duranb(tmp_path, "answer", path, "1", "true").returncode == 0
    resumed = duranb(tmp_path, "resume", path)
    assert resumed.returncode == 0 and "2 steps, 1 restored" in resumed.stderr, resumed.stderr
    assert ran(tmp_path) == ["work-3"]
    assert duranb(tmp_path, "test", path).returncode == 0
    again = duranb(tmp_path, "answer", path, "1", "false")
    assert again.returncode == 2 and "was answered already" in again.stderr


def test_a_cell_that_takes_too_long_is_stopped_and_goes_on_later(tmp_path: Path) -> None:
    """--timeout ends the run with one sentence, and the step as cancelled."""
    body = "import pathlib, time\nif not pathlib.Path('go').exists():\n    time.sleep(60)\nx = 1"
    path = write(tmp_path, f"%%durable slow\n{body}")
    stopped = duranb(tmp_path, "run", path, "--timeout", "0.5")
    assert stopped.returncode == 1 and "0.5 seconds of --timeout" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert "cancelled" in duranb(tmp_path, "status", path).stdout
    (tmp_path / "go").touch()
    assert duranb(tmp_path, "resume", path, "--timeout", "60").returncode == 0


def test_input_without_anybody_says_what_to_do_instead(tmp_path: Path) -> None:
    """input() cannot be answered in a headless run; duranb.ask can."""
    failed = duranb(tmp_path, "run", write(tmp_path, "name = input('Name? ')"))
    assert failed.returncode == 1 and "duranb.ask" in failed.stderr


def test_a_step_whose_kernel_is_gone_is_not_shown_as_running(kernel: Kernel) -> None:
    """status and show of a killed kernel's store say killed, before anything has opened it."""
    folder = kernel.notebook.parent
    kernel.submit("%%durable slow\nimport duranb, time\nt = duranb.now()\ntime.sleep(600)")
    end = time.monotonic() + 300
    while "running" not in (shown := duranb(folder, "status", kernel.notebook).stdout):
        assert time.monotonic() < end, shown
    kernel.kill()
    shown = duranb(folder, "status", kernel.notebook).stdout
    assert "killed" in shown and "failed" in shown and "running" not in shown
    assert "the kernel died" in duranb(folder, "show", kernel.notebook, "slow").stdout


def test_a_renamed_notebook_is_told_of_its_history(tmp_path: Path) -> None:
    """A run that begins anew beside a history that was left behind says so; adopt wants a file."""
    path = write(tmp_path, "%%durable s\nx = 1")
    assert duranb(tmp_path, "run", path).returncode == 0
    path.rename(tmp_path / "renamed.ipynb")
    typo = duranb(tmp_path, "adopt", "renmed.ipynb", "agent")
    assert typo.returncode == 2 and "there is no notebook renmed.ipynb" in typo.stderr
    assert "duranb adopt renamed.ipynb agent" in duranb(tmp_path, "run", "renamed.ipynb").stderr


def test_status_cuts_no_step_short(tmp_path: Path) -> None:
    """However narrow the terminal that nobody has, a step is shown with its name and status."""
    step = "reconcile_what_was_declared"
    path = write(tmp_path, f"%%durable {step}\nx = 1")
    assert duranb(tmp_path, "run", path).returncode == 0
    shown = duranb(tmp_path, "status", path, COLUMNS="60").stdout
    assert f"{step}@1" in shown and "✓ completed" in shown, shown


def test_reading_commands_read_what_happened(tmp_path: Path) -> None:
    """status, log, show, diff, verify, timeline and export of a notebook that has run twice."""
    path = write(tmp_path, "%%durable one\nx = 1", "%%durable two\ny = x + 1\nprint('y is', y)")
    duranb(tmp_path, "run", path)
    write(tmp_path, "%%durable one\nx = 5", "%%durable two\ny = x + 1\nprint('y is', y)")
    duranb(tmp_path, "run", path)
    for words, said in (
        (("status", path), ("one", "two")),
        (("log", path, "-n", "100"), ("one", "two")),
        (("show", path, "two"), ("y = x + 1", "x")),
        (("diff", path, "one@1", "one@3"), ("x = 5",)),
        (("verify", path), ("all as acknowledged",)),
        (("timeline", path, "-o", "out.html"), ("out.html",)),
        (("export", path, "--target", "mermaid"), ("one", "two")),
        (("export", path, "--target", "script", "-o", "agent.py"), ("agent.py",)),
    ):
        shown = duranb(tmp_path, *words)
        assert shown.returncode == 0, (words, shown.stderr)
        assert all(word in shown.stdout for word in said), (words, shown.stdout)
    assert "<html" in (tmp_path / "out.html").read_text()
    for _ in range(2):  # the second time nothing runs, and it prints what was printed
        script = subprocess.run(
            [sys.executable, "agent.py"],
            cwd=tmp_path,
            env={**os.environ, "DURANB_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            check=True,
        )
        assert script.stdout == "y is 6\n"


def test_other_processes_read_while_the_kernel_is_stuck(kernel: Kernel) -> None:
    """status, log and show work while a cell holds the GIL in a C call."""
    assert kernel.run("%%durable one\nx = 1").error is None
    kernel.submit("%%durable stuck\nr = sum(range(10**11))")
    folder = kernel.notebook.parent
    try:
        for words in (("status",), ("log",), ("show",)):
            step = ("one",) if words == ("show",) else ()
            shown = duranb(folder, *words, kernel.notebook, *step)
            assert shown.returncode == 0 and "one" in shown.stdout, shown.stderr
        assert str(kernel.pid) in duranb(folder, "status", kernel.notebook).stdout
    finally:
        kernel.kill()


def test_kernel_install_writes_a_kernel_that_loads_duranb(tmp_path: Path) -> None:
    """The kernel 'Python 3 (durable)' starts with duranb loaded."""
    env = {"JUPYTER_DATA_DIR": str(tmp_path / "data")}
    done = duranb(tmp_path, "kernel", "install", **env)
    assert done.returncode == 0, done.stderr
    found = list((tmp_path / "data" / "kernels").glob("*/kernel.json"))
    spec = json.loads(found[0].read_text())
    assert spec["display_name"] == "Python 3 (durable)"
    assert "--ext=duranb" in spec["argv"]


def commands(group: click.Group, *at: str) -> list[tuple[str, ...]]:
    """The words of every command."""
    found: list[tuple[str, ...]] = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            found += commands(command, *at, name)
        else:
            found.append((*at, name))
    return found


@pytest.mark.parametrize("words", commands(cli), ids=" ".join)
def test_every_command_has_help_with_an_example(words: tuple[str, ...]) -> None:
    """-h says what it does and shows a line to copy."""
    from click.testing import CliRunner

    shown = CliRunner().invoke(cli, [*words, "-h"])
    assert shown.exit_code == 0
    assert f"duranb {' '.join(words)}" in shown.output.split("Example:")[1]


def test_a_run_that_fails_undoes_what_it_did_through_deaths(tmp_path: Path) -> None:
    """With --on-failure compensate: latest first, undos of cells below the failure too; a kernel
    that dies in the middle leaves the rest to the next one, and the run has failed all the same."""
    tools = (
        f"{NOTE}\nimport duranb, os, signal\n"
        "@duranb.tool(idempotent=True)\n"
        "def cancel(receipt: str):\n"
        "    note('cancel')\n"
        "    if open('ran.txt').read().count('cancel') == 1: os.kill(os.getpid(), signal.SIGKILL)\n"
        "@duranb.tool(compensate=cancel)\n"
        "def order(what: str) -> str:\n"
        "    note(what)\n"
        "    return what"
    )
    fails = "%%durable pay\npaid = order('pay')\nraise ValueError('declined')"
    cell = "%%compensate book\nnote('undo-' + booked)"
    path = write(tmp_path, tools, "%%durable book\nbooked = order('book')", fails, cell)
    failed = duranb(tmp_path, "run", path, "--on-failure", "compensate")
    assert failed.returncode == 1, failed.stderr
    assert "Now it is: compensated pay, book" in failed.stderr
    assert ran(tmp_path) == ["book", "pay", "cancel", "cancel", "undo-book"]
    assert "did not come to its end" not in duranb(tmp_path, "status", path).stdout


def test_what_needs_nothing_of_a_question_goes_on_while_it_waits(tmp_path: Path) -> None:
    """Steps below that need no answer run, and ask their own questions, before the run ends with
    75; what needs one, what changes the outside world, and what failed beside it come afterwards.
    Each step runs once."""
    cells = (
        "import duranb\nfrom notes import note",
        "%%durable gate\nimport json\nnote('asked')\ngo = duranb.ask('Go on?')",
        "%%durable apart\nimport math\nnote('apart')\nx = math.sqrt(4)",
        "%%durable after\nnote(f'after-{go}')\ny = go",
        "print('shown', x)",
        "print('not yet', json.dumps(y))",
        "%%durable outside\nopen('sent.txt', 'w').write('mail')\nsent = True",
        "%%durable more\nnote('more')\nhow = duranb.ask('How many?')",
        "%%durable broken\nimport late\nnote('broken')\nz = late.value",
    )
    (tmp_path / "notes.py").write_text(NOTE)
    path = write(tmp_path, *cells)
    waiting = duranb(tmp_path, "run", path, "-o", tmp_path / "done.ipynb")
    assert waiting.returncode == 75, waiting.stderr
    assert "Go on?" in waiting.stderr and "How many?" in waiting.stderr
    assert "cell 9 failed meanwhile" in waiting.stderr and "'late'" in waiting.stderr
    assert ran(tmp_path) == ["asked", "apart", "more"]
    assert not (tmp_path / "sent.txt").exists()
    shown = nbformat.read(tmp_path / "done.ipynb", as_version=4).cells
    assert shown[4].outputs[0].text == "shown 2.0\n" and not shown[5].outputs
    (tmp_path / "late.py").write_text("value = 'now'")
    numbers = re.findall(r"duranb answer \S+ipynb (\d+) VALUE", waiting.stderr)
    for number in dict.fromkeys(numbers):
        duranb(tmp_path, "answer", path, number, "7").check_returncode()
    done = duranb(tmp_path, "resume", path, "-o", tmp_path / "done.ipynb")
    assert done.returncode == 0, done.stderr
    assert [word for word in ran(tmp_path) if word == "apart"] == ["apart"]
    assert {"after-7", "broken"} <= set(ran(tmp_path)) and (tmp_path / "sent.txt").exists()
    assert ran(tmp_path).count("after-7") == 1
