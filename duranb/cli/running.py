"""Verbs that run a notebook in a kernel of its own: ``run``, ``resume``, ``test`` and ``verify
--replay``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from duranb.runner import headless, offline, verifying
from duranb.session.places import has_store, left_behind
from duranb.session.reader import open_reader
from duranb.verbs.table import Resume, Run, Test, Verify
from duranb.views.render import console_for
from duranb.views.words import count


def run(verb: Run, notebook: Path) -> None:
    """Run a notebook headless."""
    if notebook.exists() and not has_store(notebook):
        for old in left_behind(notebook)[:1]:
            click.echo(
                f"duranb: {old}.ipynb is gone and has left its history; this run begins a new one. "
                f"If {notebook} is that notebook: remove its new store, and duranb adopt "
                f"{notebook} {old} goes on with the old one",
                err=True,
            )
    _run(verb, notebook, verb.parameters)


def resume(verb: Resume, notebook: Path) -> None:
    """Go on with a notebook that has run before."""
    with open_reader(notebook) as reader:
        given = reader.history.parameters
    _run(verb, notebook, given)


def _run(verb: Run | Resume, notebook: Path, parameters: dict[str, Any]) -> None:
    with _progress(notebook) as hooks:
        result = headless.run(
            notebook,
            parameters=parameters,
            out=verb.out,
            restarts=verb.restarts,
            kernel=verb.kernel,
            timeout=verb.timeout,
            budget=verb.budget,
            hooks=hooks,
            on_failure=verb.on_failure,
        )
    _finish(result)


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


def verify(verb: Verify, notebook: Path) -> None:
    """Rerun what is recorded in a store."""
    with _progress(notebook) as hooks:
        done = verifying.verify(notebook, hooks=hooks, timeout=verb.timeout)
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


def test(verb: Test, notebook: Path) -> None:
    """Run a notebook offline, against what was recorded of it."""
    with (
        _progress(notebook) as hooks,
        offline.rerun(notebook, hooks=hooks, kernel=verb.kernel, timeout=verb.timeout) as done,
    ):
        failure, cells = done.failure, done.document.cells
    if failure is not None:
        click.echo(f"duranb: {failure.message}", err=True)
        sys.exit(1)
    steps = sum(bool(headless.step_of(c.source)) for c in cells if c.cell_type == "code")
    click.echo(f"{notebook.name}: {steps} steps passed, offline")
