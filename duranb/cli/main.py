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
from duranb.store import Store, StoreView, adopt as take_over, left_behind, store_path
from duranb.views import (
    diff as diff_view,
    log as log_view,
    show as show_view,
    status as status_view,
)
from duranb.views.render import WIDTH, View, console_for
from duranb.views.words import count

DEMO_FOLDER = Path(".duranb-demo")

P = ParamSpec("P")
R = TypeVar("R")

NOTEBOOK = click.argument("notebook", type=click.Path(path_type=Path))
SECONDS = click.FloatRange(min=0, min_open=True)


def _writable(context: click.Context, option: click.Parameter, file: Path | None) -> Path | None:
    """Refuse a place that cannot be written to before anything runs."""
    if file is not None and not file.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {file.parent}")
    return file


def out(about: str, *, required: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The option ``-o FILE``."""
    kind = click.Path(path_type=Path, dir_okay=False, writable=True)
    return click.option("-o", "out", type=kind, callback=_writable, required=required, help=about)


def running(command: Callable[P, R]) -> Callable[P, R]:
    """The options of commands that run a notebook."""
    for option in (
        click.option("--timeout", type=SECONDS, help="Seconds for each cell."),
        click.option(
            "--restarts",
            type=click.IntRange(min=0),
            default=headless.RESTARTS,
            show_default=True,
            help="Kernels in a row that may die without progress.",
        ),
        click.option(
            "--kernel", default="", help="The kernel to use instead of the notebook's own."
        ),
        out("Write the executed notebook."),
    ):
        command = option(command)
    return command


def plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Say duranb's own errors as one sentence: exit 2 for a wrong word, 1 for the rest."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except DuranbError as error:
            click.echo(f"duranb: {error.message}", err=True)
            sys.exit(2 if isinstance(error, UsageError) else 1)
        except OSError as error:
            if error.filename is None:
                raise
            click.echo(f"duranb: {error.filename}: {error.strerror}", err=True)
            sys.exit(1)

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(duranb.__version__)
def cli() -> None:
    """Durable notebooks: run them, resume them, look at what they did.

    NOTEBOOK is an .ipynb file; where it is only looked at, also the folder of its store.
    """


def main() -> None:
    """Entry point of the ``duranb`` command."""
    cli(prog_name="duranb")


def _show(view: View) -> None:
    console = console_for()
    if not console.is_terminal:  # a pipe has no width that would have to cut something off
        console.width = max(console.width, WIDTH)
    view.print(console)


# -- running -----------------------------------------------------------------------------------


@cli.command()
@NOTEBOOK
@click.option(
    "-p",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Assign a variable after the cell tagged 'parameters', or first of all; VALUE is JSON, "
    "or else text.",
)
@running
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

    Exit code 0: done. 1: a cell failed. 75: it waits for an answer (duranb answer). 2: there is
    nothing that could run.

    Example: duranb run agent.ipynb -p limit=20
    """
    given = dict(headless.parameter(text) for text in parameters)
    if notebook.exists() and not store_path(notebook.resolve()).exists():
        for old in left_behind(notebook.resolve())[:1]:
            click.echo(
                f"duranb: {old}.ipynb is gone and has left its history; this run begins a new one. "
                f"If {notebook} is that notebook: remove its new store, and duranb adopt "
                f"{notebook} {old} goes on with the old one",
                err=True,
            )
    _finish(_run_shown(notebook, given, out, kernel, restarts, timeout))


@cli.command()
@NOTEBOOK
@running
@plainly
def resume(
    notebook: Path, out: Path | None, kernel: str, restarts: int, timeout: float | None
) -> None:
    """Go on with a NOTEBOOK that has run before, with the parameters (-p) of its last run.

    Otherwise the same as run, but an error where there is nothing to resume.

    Example: duranb resume agent.ipynb
    """
    with StoreView.open(_folder(notebook)) as view:
        given = History(view.events()).parameters
    _finish(_run_shown(notebook, given, out, kernel, restarts, timeout))


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
    console = console_for(stderr=True)
    shown = console.is_terminal  # else it would end with an empty line
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
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
    else:
        parts = [f"{count(result.steps, 'step')}, {result.restored} restored"]
        parts += [f"through {count(result.restarts, 'restart')}"] if result.restarts else []
        click.echo(f"done: {', '.join(parts) if result.steps else 'no cell is durable'}", err=True)
    sys.exit(result.exit_code)


# -- reading -----------------------------------------------------------------------------------


def _history(view: StoreView) -> History:
    """The history as it is: what was running in a kernel that is gone runs no more."""
    events = view.events()
    history = History(events)
    if events and view.holder is None:
        history.kernel_died(events[-1].ts)
    return history


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
@click.option(
    "-n",
    "most",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="How many lines.",
)
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
        _show(diff_view.view(_history(view), first, second))


@cli.command()
@NOTEBOOK
@out("The HTML file.", required=True)
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
@click.option("--timeout", type=SECONDS, help="With --replay: seconds for each step.")
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
@click.option("--timeout", type=SECONDS, help="Seconds for each cell.")
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
@out("The file; else standard output.")
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
    if not _open(question.status):
        raise UsageError(f"question {number} has been answered: {question.preview}")
    questions.post(folder, number, questions.parse(value))
    again = "python" if notebook.suffix == ".py" else "duranb resume"
    click.echo(f"answered: {question.preview}. Go on with: {again} {notebook}")


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
    if not notebook.exists():
        raise UsageError(f"there is no notebook {notebook}")
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


@cli.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEMO_FOLDER,
    show_default=True,
    help="Where it plays; an earlier demo's is emptied.",
)
@click.option("--seed", type=int, help="Kill at the same random moments again.")
@plainly
def demo(folder: Path, seed: int | None) -> None:
    """Kill a real agent twice, resume it, and count what was paid for.

    With OPENAI_API_KEY or OPENAI_BASE_URL that model is asked; else a stand-in on this machine.
    Exit code 1: an answer that had been acknowledged was paid for again.

    Example: duranb demo
    """
    from duranb.demo.run import play

    sys.exit(play(folder, seed))
