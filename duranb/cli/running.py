"""Commands that run a notebook: ``run``, ``resume``, ``test`` and ``verify``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from duranb.cli import verifying
from duranb.cli.options import NOTEBOOK, SECONDS, plainly, running
from duranb.runner import headless, offline
from duranb.runner.offline import store_folder
from duranb.store import StoreView, left_behind, store_path
from duranb.views.render import console_for
from duranb.views.status import differing
from duranb.views.words import count


@click.command()
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


@click.command()
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
    with StoreView.open(store_folder(notebook)) as view:
        given = view.history().parameters
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
    for note in result.notes:
        click.echo(f"duranb: {note}", err=True)
    if result.error:
        click.echo(f"duranb: {result.error}", err=True)
    else:
        parts = [f"{count(result.steps, 'step')}, {result.restored} restored"]
        parts += [f"through {count(result.restarts, 'restart')}"] if result.restarts else []
        click.echo(f"done: {', '.join(parts) if result.steps else 'no cell is durable'}", err=True)
    sys.exit(result.exit_code)


@click.command()
@NOTEBOOK
@click.option("--replay", is_flag=True, help="Rerun every step offline, and compare its outputs.")
@click.option("--timeout", type=SECONDS, help="With --replay: seconds for each step.")
@plainly
def verify(notebook: Path, replay: bool, timeout: float | None) -> None:
    """Check that the store of NOTEBOOK is what was acknowledged: chain, artifacts, signatures.
    Values that are known not to come back as they were are named.

    With --replay, rerun every completed step instead, from its recorded inputs and against its
    recorded calls, on a copy of the store: nothing is sent, no effect is done, and each output
    that comes out different is listed. Plain cells of the notebook run too, those above a step
    before it. Ids and times that libraries draw do not count as a difference; those that the
    notebook draws do. Exit code 0: all agree. 1: some do not.

    Example: duranb verify agent.ipynb --replay
    """
    if replay:
        _verify_replay(notebook, timeout)
        return
    from duranb.store.verify import verify as check

    with StoreView.open(store_folder(notebook)) as view:
        problems = check(view)
        history = view.history()
        events = view.last
    for note in differing(history):  # the store is whole: this is about what was put into it
        click.echo(f"duranb: {note}", err=True)
    for problem in problems:
        click.echo(f"duranb: {problem}", err=True)
    if problems:
        sys.exit(1)
    click.echo(f"{events} events, all as acknowledged")


def _verify_replay(notebook: Path, timeout: float | None) -> None:
    with _progress(notebook) as hooks:
        done = verifying.verify(notebook, hooks=hooks, timeout=timeout)
    for said in done.failed:
        click.echo(f"duranb: {said}: what it makes was not there", err=True)
    for each in done.found:
        click.echo(f"duranb: {each}", err=True)
    differing = len({each.execution for each in done.found})
    if done.found:
        click.echo(
            f"duranb: {differing} of {done.steps} steps do not give again what was recorded: "
            "record what differs each time (duranb.now, duranb.random, duranb.uuid4, duranb.call)",
            err=True,
        )
        sys.exit(1)
    aside = f", but for ids and times that libraries draw (in {', '.join(done.aside)})"
    said = f"{done.steps} steps rerun offline, all as recorded"
    click.echo(said + (aside if done.aside else ""))


@click.command("test")
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
