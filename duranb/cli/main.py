"""The commands. Reading ones work while the kernel runs and after it died."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

import duranb
from duranb.cli import headless, offline
from duranb.cli.offline import store_folder as _folder
from duranb.engine import questions
from duranb.pure.errors import DuranbError, UsageError
from duranb.pure.history import History
from duranb.pure.model import CallStatus
from duranb.store import Store, StoreView, adopt as take_over
from duranb.views import (
    diff as diff_view,
    log as log_view,
    show as show_view,
    status as status_view,
)
from duranb.views.render import View, console_for

P = ParamSpec("P")
R = TypeVar("R")

NOTEBOOK = click.argument("notebook", type=click.Path(path_type=Path))


def plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Say duranb's own errors as one sentence: exit 2 for a wrong word, 1 for the rest."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except DuranbError as error:
            click.echo(f"duranb: {error.message}", err=True)
            sys.exit(2 if isinstance(error, UsageError) else 1)

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(duranb.__version__)
def cli() -> None:
    """Durable notebooks: run them, resume them, look at what they did.

    NOTEBOOK is an .ipynb file, or the folder of its store.
    """


def main() -> None:
    """Entry point of the ``duranb`` command."""
    cli(prog_name="duranb")


def _show(view: View) -> None:
    view.print(console_for())


def _history(view: StoreView) -> History:
    """What is in the store; where no process has it open, nothing in it still runs."""
    events = view.events()
    history = History(events)
    if events and view.holder is None:
        history.process_ended(events[-1].ts)
    return history


# -- running -----------------------------------------------------------------------------------


@cli.command()
@NOTEBOOK
@click.option("-p", "parameters", multiple=True, metavar="NAME=VALUE", help="Set a parameter.")
@click.option("-o", "out", type=click.Path(path_type=Path), help="Write the executed notebook.")
@click.option("--kernel", default="", help="The kernel to use instead of the notebook's own.")
@click.option(
    "--restarts",
    default=headless.RESTARTS,
    show_default=True,
    help="Kernels in a row that may die without progress.",
)
@click.option("--timeout", type=float, help="Seconds for each cell.")
@plainly
def run(
    notebook: Path,
    parameters: tuple[str, ...],
    out: Path | None,
    kernel: str,
    restarts: int,
    timeout: float | None,
) -> None:
    """Run NOTEBOOK headless; go on where it stopped, also when its kernel dies.

    Exit code 0: done. 1: a cell failed. 75: it waits for an answer (duranb answer).

    Example: duranb run agent.ipynb -p limit=20
    """
    given = dict(headless.parameter(text) for text in parameters)
    _finish(_run_shown(notebook, given, out, kernel, restarts, timeout))


@cli.command()
@NOTEBOOK
@plainly
def resume(notebook: Path) -> None:
    """Go on with a NOTEBOOK that has run before.

    The same as run, but an error where there is nothing to resume.

    Example: duranb resume agent.ipynb
    """
    _folder(notebook)
    _finish(_run_shown(notebook, {}, None, "", headless.RESTARTS, None))


def _run_shown(
    notebook: Path,
    parameters: dict[str, Any],
    out: Path | None,
    kernel: str,
    restarts: int,
    timeout: float | None,
) -> headless.RunResult:
    with _progress(notebook) as hooks:
        return headless.run(
            notebook,
            parameters=parameters,
            out=out,
            restarts=restarts,
            kernel=kernel,
            timeout=timeout,
            hooks=hooks,
        )


@contextlib.contextmanager
def _progress(notebook: Path) -> Iterator[headless.Hooks]:
    """Hooks that show on a terminal which cell is running."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console_for(stderr=True), transient=True) as progress:
        task = progress.add_task(notebook.name, total=None)

        def on_cell(number: int, total: int, label: str) -> None:
            description = f"{notebook.name} · {label}" if label else notebook.name
            progress.update(task, completed=number, total=total, description=description)

        def on_restart(number: int) -> None:
            progress.console.print(f"the kernel died; starting another one ({number})")

        yield headless.Hooks(on_cell=on_cell, on_restart=on_restart)


def _finish(result: headless.RunResult) -> None:
    if result.error:
        click.echo(f"duranb: {result.error}", err=True)
    elif result.restarts:
        click.echo(f"done, through {result.restarts} restarts", err=True)
    sys.exit(result.exit_code)


# -- reading -----------------------------------------------------------------------------------


@cli.command()
@NOTEBOOK
@plainly
def status(notebook: Path) -> None:
    """Where NOTEBOOK stands: its steps, what they cost and saved, what waits for you.

    Example: duranb status agent.ipynb
    """
    with StoreView.open(_folder(notebook)) as view:
        _show(status_view.view(_history(view), view.holder))


@cli.command()
@NOTEBOOK
@click.option("-n", "most", default=30, show_default=True, help="How many lines.")
@plainly
def log(notebook: Path, most: int) -> None:
    """The history of NOTEBOOK as sentences, newest last.

    Example: duranb log agent.ipynb -n 100
    """
    with StoreView.open(_folder(notebook)) as view:
        events = view.events()
        _show(log_view.view(History(events), events, most))


@cli.command()
@NOTEBOOK
@click.argument("step")
@plainly
def show(notebook: Path, step: str) -> None:
    """Everything about STEP (or STEP@ID): code, why it ran, inputs, outputs, attempts, calls.

    Example: duranb show agent.ipynb analyse
    """
    with StoreView.open(_folder(notebook)) as view:
        _show(show_view.view(_history(view), step))


@cli.command()
@NOTEBOOK
@click.argument("first")
@click.argument("second")
@plainly
def diff(notebook: Path, first: str, second: str) -> None:
    """What differs between two executions.

    Example: duranb diff agent.ipynb analyse@3 analyse@9
    """
    with StoreView.open(_folder(notebook)) as view:
        _show(diff_view.view(History(view.events()), first, second))


@cli.command()
@NOTEBOOK
@click.option("-o", "out", type=click.Path(path_type=Path), required=True, help="The HTML file.")
@plainly
def timeline(notebook: Path, out: Path) -> None:
    """The timeline of NOTEBOOK as one HTML file that needs nothing else.

    Example: duranb timeline agent.ipynb -o agent.html
    """
    from duranb.timelines.html import timeline_html

    with StoreView.open(_folder(notebook)) as view:
        page = timeline_html(_history(view), view, title=notebook.stem)
    out.write_text(page, encoding="utf-8")
    click.echo(str(out))


@cli.command()
@NOTEBOOK
@click.option("--replay", is_flag=True, help="Rerun every step offline, and compare its outputs.")
@click.option("--timeout", type=float, help="With --replay: seconds for each step.")
@plainly
def verify(notebook: Path, replay: bool, timeout: float | None) -> None:
    """Check that the store of NOTEBOOK is what was acknowledged: chain, artifacts, signatures.

    With --replay, rerun every completed step instead, from its recorded inputs and against its
    recorded calls, on a copy of the store: nothing is sent, no effect is done, and each output
    that comes out different is listed. Exit code 0: all agree. 1: some do not.

    Example: duranb verify agent.ipynb --replay
    """
    if replay:
        _verify_replay(notebook, timeout)
        return
    from duranb.store.verify import verify as check

    with StoreView.open(_folder(notebook)) as view:
        problems = check(view)
        events = len(view.events())
    for problem in problems:
        click.echo(f"duranb: {problem}", err=True)
    if problems:
        sys.exit(1)
    click.echo(f"{events} events, all as acknowledged")


def _verify_replay(notebook: Path, timeout: float | None) -> None:
    with _progress(notebook) as hooks:
        steps, found = offline.verify(notebook, hooks=hooks, timeout=timeout)
    for each in found:
        click.echo(f"duranb: {each}", err=True)
    differing = len({each.execution for each in found})
    if found:
        click.echo(
            f"duranb: {differing} of {steps} steps do not give again what was recorded: record "
            "what differs each time (duranb.now, duranb.random, duranb.uuid4, duranb.call)",
            err=True,
        )
        sys.exit(1)
    click.echo(f"{steps} steps rerun offline, all as recorded")


@cli.command("test")
@NOTEBOOK
@click.option("--kernel", default="", help="The kernel to use instead of the notebook's own.")
@click.option("--timeout", type=float, help="Seconds for each cell.")
@plainly
def run_test(notebook: Path, kernel: str, timeout: float | None) -> None:
    """Run NOTEBOOK as it is now, offline, against what was recorded of it.

    Every cell runs, steps included, on a copy of the store; no key and no network is needed. A
    call that was never recorded fails, with what differs from the nearest recorded one, as does
    any cell that raises (its own asserts). Exit code 0: it passed. 1: it failed.

    Example: duranb test agent.ipynb
    """
    with (
        _progress(notebook) as hooks,
        offline.rerun(notebook, hooks=hooks, kernel=kernel, timeout=timeout) as done,
    ):
        failure, cells = done.failure, done.document.cells
    if failure is not None:
        click.echo(f"duranb: {failure.message}", err=True)
        sys.exit(1)
    steps = sum(bool(headless.step_of(c.source)) for c in cells if c.cell_type == "code")
    click.echo(f"{notebook.name}: {steps} steps passed, offline")


@cli.command()
@NOTEBOOK
@click.option("--target", type=click.Choice(["script", "mermaid"]), required=True)
@click.option("-o", "out", type=click.Path(path_type=Path), help="The file; else standard output.")
@plainly
def export(notebook: Path, target: str, out: Path | None) -> None:
    """NOTEBOOK as a graph: a Python script that runs durably on its own, or a picture.

    Example: duranb export agent.ipynb --target script -o agent.py
    """
    from duranb.export import export as write

    text = write(notebook, target)
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(str(out))


# -- changing ----------------------------------------------------------------------------------


@cli.command()
@NOTEBOOK
@click.argument("number", type=int, metavar="ID")
@click.argument("value")
@plainly
def answer(notebook: Path, number: int, value: str) -> None:
    """Answer question ID of NOTEBOOK; then run or resume it and it goes on.

    Example: duranb answer agent.ipynb 17 yes
    """
    folder = _folder(notebook)
    with StoreView.open(folder) as view:
        history = History(view.events())
    question = history.calls.get(number)
    if question is None or question.sort != "ask":
        waiting = [c.id for c in history.calls.values() if c.sort == "ask" and _open(c.status)]
        known = ", ".join(map(str, waiting)) or "none"
        raise UsageError(f"there is no question {number}; open questions: {known}")
    questions.post(folder, number, questions.parse(value))
    click.echo(f"answered: {question.preview}. Go on with: duranb resume {notebook}")


def _open(status: CallStatus) -> bool:
    return status is CallStatus.INTENDED


@cli.command()
@NOTEBOOK
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@plainly
def trust(notebook: Path, yes: bool) -> None:
    """Sign the store of NOTEBOOK with your key: its values are code once they are loaded.

    Example: duranb trust agent.ipynb
    """
    folder = _folder(notebook)
    warning = f"Values in {folder} can run any code when they are loaded. Trust them?"
    if not (yes or click.confirm(warning)):
        sys.exit(1)
    store = Store.open(folder)
    try:
        click.echo(f"{store.trust()} artifacts are signed with your key")
    finally:
        store.close()


@cli.command()
@NOTEBOOK
@click.argument("old")
@plainly
def adopt(notebook: Path, old: str) -> None:
    """Let NOTEBOOK go on with the history it had when it was called OLD.

    Example: duranb adopt agent_v2.ipynb agent
    """
    click.echo(
        f"{notebook} goes on with the history of {old}: {take_over(notebook.resolve(), old)}"
    )


@cli.group()
def kernel() -> None:
    """The kernel "Python 3 (durable)", which loads duranb by itself."""


@kernel.command()
@click.option("--sys-prefix", is_flag=True, help="Into this environment, not for the user.")
@plainly
def install(sys_prefix: bool) -> None:
    """Install the kernel "Python 3 (durable)".

    Example: duranb kernel install --sys-prefix
    """
    from duranb.cli.kernels import install as write

    click.echo(f"installed: {write(sys_prefix=sys_prefix)}")


@cli.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@plainly
def demo(options: tuple[str, ...]) -> None:
    """Kill a real agent twice, resume it, and count what was paid for.

    Example: duranb demo
    """
    from duranb.demo.run import main as run_demo

    sys.exit(run_demo(list(options)))
