"""Has each file-system call of a run, or of a verb, fail in turn, and says what came of it.

    python -m tests.faults.sweeping VERB … [--calls 1:400:1] [--code EIO] [--on]

Each case is a fork of this process, which has imported everything and has no thread, on a copy of
a folder of its own. A line of JSON is printed for each verb.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from duranb.cli.main import cli
from duranb.errors import DuranbError
from duranb.record import events as e
from duranb.store import StoreView, is_store, store_path
from duranb.store.verify import verify
from tests.faults.failing import CODES, Failing

PREPARED = (
    "IPython.core.interactiveshell",
    "duckdb",
    "duranb.export",
    "duranb.jupyter.extension",
    "duranb.runner.checking",
    "duranb.session.trusting",
    "duranb.store.database",
    "duranb.timelines.html",
)
"""What the forks need is imported before."""

SECONDS = 60
"""That a case may wait at most, and a twentieth of what it may take."""

CELLS = [
    "import duranb, os\n"
    "def done(what):\n"
    "    with open(os.environ['LEDGER'], 'a') as ledger:\n"
    "        ledger.write(what + '\\n')\n"
    "    return f'did {what}'\n"
    "@duranb.tool\n"
    "def book(what: str) -> str:\n"
    "    'Book it.'\n"
    "    return done('book')\n",
    "%%durable one\na = duranb.call(done, 'pay')\nbig = list(range(30_000))",
    "%%durable two\nt = book(a)\nmade = [big, t]",
    "%%compensate two\ndone('cancel')",
    "%%durable three\nq = duranb.ask('Go?', default='yes')\nwhen = duranb.now()\nc = [made, q]",
]
CHECK = "assert c == [[list(range(30_000)), 'did book'], 'yes'], c"

MAGICS = {
    "rewind": ["%duranb rewind one --yes"],
    "replay": ["%duranb rewind --yes", "%duranb replay one --yes"],
    "fork": ["%duranb rewind --yes", "%duranb fork idea --at one --yes"],
    "switch": ["%duranb rewind --yes", "%duranb switch main --yes"],
    "compensate": ["%duranb rewind --yes", "%duranb compensate two --yes"],
}
"""Verbs in a notebook whose kernel has just started."""

COMMANDS = {
    "status": ["status", "a.ipynb"],
    "log": ["log", "a.ipynb"],
    "show": ["show", "a.ipynb", "two"],
    "diff": ["diff", "a.ipynb", "one", "two"],
    "timeline": ["timeline", "a.ipynb", "-o", "a.html"],
    "export": ["export", "a.ipynb", "--target", "script", "-o", "a.py"],
    "verify": ["verify", "a.ipynb"],
    "shell-fork": ["fork", "a.ipynb", "idea", "--yes"],
    "trust": ["trust", "a.ipynb"],
    "prune": ["prune", "a.ipynb", "--yes"],
    "adopt": ["adopt", "b.ipynb", "a"],
}
"""Verbs on the command line. ``trust`` is given the store of somebody else."""

VERBS = ["run", "resume", *MAGICS, *COMMANDS]


UNNAMED = "unnamed"
"""Begins what is said where something went wrong, and duranb has not said what."""


# -- one case ----------------------------------------------------------------------------------


@contextlib.contextmanager
def _shell() -> Iterator[Callable[[str], str]]:
    """IPython with duranb; what runs a cell, and gives the name of the duranb error it ended in."""
    import IPython.core.interactiveshell as shells
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    shell = shells.InteractiveShell.instance(config=config)
    shell.colors = "nocolor"

    def run(cell: str) -> str:
        result = shell.run_cell(cell)
        error = result.error_before_exec or result.error_in_exec
        if error is not None and not isinstance(error, DuranbError):
            return f"{UNNAMED}: {cell!r} ended in {error!r}"
        return "" if error is None else type(error).__name__

    shell.run_line_magic("load_ext", "duranb")
    try:
        yield run
    finally:
        shell.run_line_magic("unload_ext", "duranb")


def run_cells() -> list[str]:
    """Run all cells; what each ended in. As with *Run All*, the first that fails is the last."""
    ended = []
    with _shell() as run:
        for cell in CELLS:
            ended.append(run(cell))
            if ended[-1]:
                break
    return ended


def run_magics(lines: list[str]) -> list[str]:
    """Run lines of magic; what each ended in, up to the first that fails."""
    ended: list[str] = []
    with _shell() as run:
        for line in lines:
            ended.append(run(line))
            if ended[-1]:
                break
    return ended


def run_command(words: list[str]) -> list[str]:
    """Run a command of the shell. Its code is 0, or 1 or 2 with a sentence."""
    said, shown = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(shown):
            sys.stdin = io.StringIO("y\n")
            cli(args=words, prog_name="duranb")
    except SystemExit as ended:
        print(said.getvalue(), shown.getvalue())
        if ended.code in (0, None):
            return [""]
        if words[0] == "scan" and re.search("Not looked at|To take them out", shown.getvalue()):
            return ["it was not clean"]
        if ended.code in (1, 2) and re.search("duranb: .|changed|problem|Aborted", said.getvalue()):
            return [said.getvalue().strip()]
        return [f"{UNNAMED}: it ended with {ended.code}: {said.getvalue()!r}"]


def carry_out(verb: str) -> list[str]:
    """What each part of a verb ended in: nothing, or an error by its name."""
    if verb in ("run", "resume"):
        return run_cells()
    if verb in MAGICS:
        return run_magics(MAGICS[verb])
    return run_command(COMMANDS[verb])


def look(folder: Path) -> dict[str, Any]:
    """What the history of the notebook in a folder says, and what is wrong with it."""
    for name in ("a", "b"):
        if not is_store(store_path(folder / f"{name}.ipynb")):
            continue
        with StoreView.open(store_path(folder / f"{name}.ipynb")) as view:
            events = list(view.events())
            kept = [(x.seq, x.hash.hex()) for x in events]
            ended = [x.body.execution for x in events if isinstance(x.body, e.ExecutionCompleted)]
            made = [
                (x.body.execution, x.body.attempt, x.body.key, x.body.occurrence)
                for x in events
                if isinstance(x.body, e.CallCompleted)
            ]
            problems = verify(view)
            if len(set(ended)) != len(ended) or len(set(made)) != len(made):
                problems.append("something is in the history twice")
            return {"kept": kept, "problems": problems}
    return {"kept": [], "problems": []}


def ledger(folder: Path) -> dict[str, int]:
    file = folder.parent / "ledger"
    lines = file.read_text().split() if file.exists() else []
    return {what: lines.count(what) for what in ("pay", "book", "cancel")}


def case(verb: str, base: Path, at: int, code: str, on: bool) -> dict[str, Any]:
    """One call fails; ``problems`` of a case are empty where duranb has kept what it promises."""
    place = Path(tempfile.mkdtemp(prefix="sweep-", dir=base.parent))
    try:
        folder = place / "n"
        shutil.copytree(base, place, dirs_exist_ok=True)
        (place / "out").touch()
        before = forked(place, lambda: look(folder))["kept"]
        first = forked(place, lambda: failing(verb, place, at, code, on))
        found = [*first["problems"]]
        after = forked(place, lambda: look(folder)) if at else {"kept": before, "problems": []}
        # What was not to be trusted stays so until it is.
        found += [x for x in after["problems"] if verb != "trust" or "not all yours" not in x]
        if after["kept"][: len(before)] != before:
            found.append("the history before it is not what it was")
        if at:
            found += forked(place, lambda: {"problems": again(verb, folder, first["ended"])})[
                "problems"
            ]
            found += forked(place, lambda: look(folder))["problems"]
        return {
            "at": at,
            "call": first["call"],
            "count": first["count"],
            "ended": first["ended"],
            "problems": found,
            "said": (place / "out").read_text()[-3000:] if found else "",
        }
    finally:
        shutil.rmtree(place, ignore_errors=True)


def failing(verb: str, place: Path, at: int, code: str, on: bool) -> dict[str, Any]:
    """Carry out a verb while a call fails."""
    unnamed: list[str] = []
    threading.excepthook = lambda args: unnamed.append(f"in a thread: {args.exc_value!r}")
    sys.unraisablehook = lambda args: unnamed.append(f"not raised: {args.exc_value!r}")
    calls = Failing([place / "n", place / "home"], at, CODES[code], on=on)
    ended: list[str] = []
    calls.install()
    try:
        ended = carry_out(verb)
        unnamed += [x for x in ended if x.startswith(UNNAMED)]
    except BaseException as error:
        unnamed.append(f"{error!r} {''.join(traceback.format_tb(error.__traceback__)[-3:])}")
    said = (place / "out").read_text()
    if "Traceback" in said or "Error in callback" in said:
        unnamed.append("a traceback was shown")
    return {"ended": ended, "count": calls.count, "call": calls.told, "problems": unnamed}


def again(verb: str, folder: Path, ended: list[str]) -> list[str]:
    """The disk is well again: the verb does what it should, and nothing is done twice."""
    problems: list[str] = []
    if verb not in ("run", "resume"):
        outcomes = carry_out(verb)
        if any(outcomes) and any(ended) and not _is_done(verb, outcomes):
            problems.append(f"then it ended in {outcomes}")
        if verb == "compensate" and ledger(folder)["cancel"] not in (1, 2):
            problems.append(f"undone: {ledger(folder)}")
        return problems
    with _shell() as run:
        for cell in CELLS:
            outcome = run(cell)
            if outcome == "InDoubt":  # the user looks, and says so
                step, what = cell.split()[1], "book" if "book" in cell else "pay"
                happened = ledger(folder)[what]
                truth = f"--happened \"'did {what}'\"" if happened else "--not-happened"
                problems += filter(None, [run(f"%duranb resolve {step} {truth} --yes")])
                outcome = run(cell)
            if outcome:
                problems.append(f"then {cell[:15]!r} ended in {outcome}")
        if wrong := run(CHECK):
            problems.append(wrong)
    done = ledger(folder)
    if (done["book"], done["pay"]) != (1, 1):
        problems.append(f"done too often, or not at all: {done}")
    return problems


def _is_done(verb: str, outcomes: list[str]) -> bool:
    """Whether a verb says that it was carried out before: it said that it failed, after it was."""
    return any(re.search("already|UsageError|there is a|store of its own", x) for x in outcomes)


def forked(place: Path, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do something in a process of its own; what came of it."""
    answer = place / "answer.json"
    answer.unlink(missing_ok=True)
    pid = os.fork()
    if not pid:
        status = 1
        try:
            os.chdir(place / "n")
            os.environ |= {
                "DURANB_HOME": str(place / "home"),
                "DURANB_NOTEBOOK": str(place / "n" / "a.ipynb"),
                "DURANB_CHECK": "0",
                "LEDGER": "../ledger",
            }
            out = os.open(place / "out", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.dup2(out, 1)
            os.dup2(out, 2)
            write, sync, rename = open, os.fsync, os.rename
            found = work()
            with write(place / "answer.part", "w") as file:
                json.dump(found, file)
                file.flush()
                sync(file.fileno())
            rename(place / "answer.part", answer)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    waited, begun = 0.0, time.monotonic()
    while not os.waitpid(pid, os.WNOHANG)[0]:
        waited += 0 if _wants_to_run(pid) else 0.005
        if waited > SECONDS or time.monotonic() > begun + 20 * SECONDS:
            os.kill(pid, signal.SIGABRT)
            os.waitpid(pid, 0)
            return _nothing("it hangs")
        time.sleep(0.005)
    if not answer.exists():
        return _nothing(f"it ended without a word: {(place / 'out').read_text()[-1500:]}")
    return dict(json.loads(answer.read_text()))


def _wants_to_run(pid: int) -> bool:
    """Whether a process has something to do: on a busy machine it does not hang for that."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "R"
    except OSError:
        return False  # there is no /proc


def _nothing(problem: str) -> dict[str, Any]:
    return {"kept": [], "ended": ["?"], "count": 0, "call": "", "problems": [problem]}


# -- all of them -------------------------------------------------------------------------------


def base_of(verb: str, folder: Path) -> Path:
    """The folder that a verb begins in."""
    base = folder / f"base-{verb}"
    (base / "n").mkdir(parents=True)
    (base / "home").mkdir()
    cells = [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "source": source,
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        for number, source in enumerate(["%load_ext duranb", *CELLS])
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (base / "n" / "a.ipynb").write_text(json.dumps(notebook))
    if verb == "run":
        return base
    made = forked(base, lambda: {"problems": run_cells()})
    assert not any(made["problems"]), made
    if verb == "switch":
        more = ["%duranb fork idea --at one --yes"]
        assert not any(forked(base, lambda: {"problems": run_magics(more)})["problems"])
    if verb == "adopt":
        (base / "n" / "a.ipynb").rename(base / "n" / "b.ipynb")
    if verb == "trust":
        shutil.rmtree(base / "home")
        (base / "home").mkdir()
    # Heads lie under the name of the place; the copies have none.
    shutil.rmtree(base / "home" / "heads", ignore_errors=True)
    for name in ("out", "answer.json"):
        (base / name).unlink(missing_ok=True)
    return base


def sweep(verb: str, calls: range, code: str, on: bool) -> dict[str, Any]:
    """Have some of a verb's calls fail, one in each case."""
    with tempfile.TemporaryDirectory(prefix="sweep-") as folder:
        base = base_of(verb, Path(folder))
        plain = case(verb, base, 0, code, on)
        cases = [case(verb, base, at, code, on) for at in calls if at <= plain["count"]]
    bad = [c for c in cases if c["problems"]]
    refused = sum(any(c["ended"]) for c in cases)
    return {
        "verb": verb,
        "code": code,
        "calls": plain["count"],
        "plain": [*plain["problems"], *filter(None, plain["ended"])],
        "cases": len(cases),
        "refused by name": refused,
        "bad": bad,
    }


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser()
    parser.add_argument("verbs", nargs="*", default=VERBS)
    parser.add_argument("--calls", default="1:400:1")
    parser.add_argument("--code", default="EIO", choices=CODES)
    parser.add_argument("--on", action="store_true")
    given = parser.parse_args()
    for name in PREPARED:
        importlib.import_module(name)
    first, last, step = map(int, given.calls.split(":"))
    for verb in given.verbs or VERBS:
        print(json.dumps(sweep(verb, range(first, last + 1, step), given.code, given.on)))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
