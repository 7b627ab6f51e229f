"""Verbs that run a notebook in a kernel of its own: ``run``, ``resume``, ``test``, ``verify
--replay`` and ``export --check``."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from duranb.cli.saying import say
from duranb.errors import UsageError
from duranb.runner import headless, offline, verifying
from duranb.session.places import has_store, left_behind, run_of
from duranb.session.reader import open_reader
from duranb.terminal import tame
from duranb.verbs.headless import Resume, Run, Test
from duranb.verbs.table import Export, Verify
from duranb.views.render import console_for
from duranb.views.words import count, money


def run(verb: Run, notebook: Path) -> None:
    """Run a notebook headless."""
    if verb.over:
        from duranb.cli import rows

        rows.run(verb, notebook)
        return
    if verb.on or verb.queue or verb.export:
        raise UsageError("--on, --queue and --export say where the rows of --over FILE are run")
    if verb.every or verb.at or verb.next or verb.crontab:
        _scheduled(verb, notebook)
        return
    if notebook.exists() and not has_store(notebook):
        for old in left_behind(notebook)[:1]:
            say(
                f"duranb: {old}.ipynb is gone and has left its history; this run begins a new one. "
                f"If {notebook} is that notebook: remove its new store, and duranb adopt "
                f"{notebook} {old} goes on with the old one",
                err=True,
            )
    _run(verb, notebook, verb.parameters)


def _scheduled(verb: Run, notebook: Path) -> None:
    """Run it at times."""
    from duranb.runner import over, schedule

    if verb.out is not None or verb.result:
        raise UsageError("-o and --result say nothing of runs at times: look at each (duranb show)")
    when = None if verb.next else schedule.times(verb.every, verb.at)
    headless.check_names(headless.read(notebook), notebook)
    if verb.crontab and when is not None:
        say(schedule.crontab(notebook, when, _words(verb)))
        return
    how = over.How(
        timeout=verb.timeout,
        budget=verb.budget,
        restarts=verb.restarts,
        kernel=verb.kernel,
        on_failure=verb.on_failure,
        wanted=(),
    )

    def ended(outcome: over.Outcome, due: datetime | None = None) -> None:
        spent = f", {money(outcome.cost)}" if outcome.cost else ""
        then = f"; the next one at {due:%Y-%m-%d %H:%M:%S}" if due is not None else ""
        say(f"{notebook}/{outcome.run}: {outcome.status}{spent}{then}", err=True)
        if outcome.error:
            say(f"duranb: {outcome.error}", err=True)

    if when is None:
        outcome = schedule.tick(notebook, verb.parameters, how)
        ended(outcome)
        sys.exit(outcome.exit)
    try:
        schedule.go_on(notebook, verb.parameters, how, when, ended)
    except KeyboardInterrupt:
        sys.exit(headless.INTERRUPTED)


def _words(verb: Run) -> list[str]:
    """The options of a run, as they were typed."""
    words = [w for n, v in verb.parameters.items() for w in ("-p", f"{n}={json.dumps(v)}")]
    for flag, value in (
        ("--timeout", verb.timeout),
        ("--budget", verb.budget),
        ("--kernel", verb.kernel),
        ("--on-failure", verb.on_failure),
    ):
        words += [flag, str(value)] if value else []
    return words


def resume(verb: Resume, notebook: Path) -> None:
    """Go on with a notebook that has run before."""
    with open_reader(notebook) as reader:
        given = reader.history.parameters
    _run(verb, notebook, given)


def _run(verb: Run | Resume, notebook: Path, parameters: dict[str, Any]) -> None:
    source, name = run_of(notebook)
    with progress(notebook) as hooks:
        result = headless.run(
            source,
            parameters=parameters,
            out=verb.out,
            restarts=verb.restarts,
            kernel=verb.kernel,
            timeout=verb.timeout,
            budget=verb.budget,
            hooks=hooks,
            on_failure=verb.on_failure,
            name=name,
        )
    _finish(result)


@contextlib.contextmanager
def progress(notebook: Path) -> Iterator[headless.Hooks]:
    """Hooks that show on a terminal which cell is running."""
    with bar(notebook.name) as (progress, task):

        def on_cell(number: int, total: int, label: str) -> None:
            description = f"{notebook.name} · {label}" if label else notebook.name
            progress.update(task, completed=number, total=total, description=tame(description))

        def on_restart(number: int) -> None:
            progress.console.print(f"the kernel died; starting another one ({number})")

        def on_again(why: str) -> None:
            progress.console.print(tame(f"from the top again, in another kernel: {why}"))

        yield headless.Hooks(on_cell=on_cell, on_restart=on_restart, on_again=on_again)


@contextlib.contextmanager
def bar(what: str) -> Iterator[tuple[Any, Any]]:
    """A bar on a terminal, and nothing where there is none."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    console = console_for(stderr=True)
    shown = console.is_terminal  # else it would end with an empty line
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
        yield progress, progress.add_task(what, total=None)


def _finish(result: headless.RunResult) -> None:
    for note in result.notes:
        say(f"duranb: {note}", err=True)
    if result.error:
        say(f"duranb: {result.error}", err=True)
    else:
        parts = [f"{count(result.steps, 'step')}, {result.restored} restored"]
        parts += [f"through {count(result.restarts, 'restart')}"] if result.restarts else []
        say(f"done: {', '.join(parts) if result.steps else 'no cell is durable'}", err=True)
    sys.exit(result.exit_code)


def verify(verb: Verify, notebook: Path) -> None:
    """Rerun what is recorded in a store."""
    with progress(notebook) as hooks:
        done = verifying.verify(notebook, hooks=hooks, timeout=verb.timeout)
    for said in done.failed:
        say(f"duranb: {said}: what it makes was not there", err=True)
    for each in done.found:
        say(f"duranb: {each}", err=True)
    differing = len({each.execution for each in done.found})
    if done.found:
        say(
            f"duranb: {differing} of {done.steps} steps do not give again what was recorded: "
            "record what differs each time (duranb.now, duranb.random, duranb.uuid4, duranb.call)",
            err=True,
        )
        sys.exit(1)
    aside = f", but for ids and times that libraries draw (in {', '.join(done.aside)})"
    said = f"{done.steps} steps rerun offline, all as recorded"
    say(said + (aside if done.aside else ""))


def check(verb: Export, notebook: Path) -> None:
    """Run the exported steps offline beside what is recorded of the notebook."""
    from duranb.runner import exported

    with progress(notebook) as hooks:
        done = exported.check(notebook, hooks=hooks, timeout=verb.timeout)
    for sentence in done.differs:
        say(f"duranb: {sentence}", err=True)
    if done.differs:
        say(
            f"duranb: the export of {notebook.name} does not do what the notebook did: run the "
            "notebook once more as it is, and export it again; what differs then, record "
            "(duranb.now, duranb.random, duranb.call) or put into a step",
            err=True,
        )
        sys.exit(1)
    said = f"{count(done.nodes, 'node')} run offline, all as recorded"
    if done.aside:
        said += f", but for ids and times that libraries draw (in {', '.join(done.aside)})"
    if done.untold:
        said += f"; nothing is recorded of what these make: {', '.join(done.untold)}"
    if done.behind:
        said += (
            "; effects were answered and not done again, so this, which they changed or which "
            f"depends on it, could not be compared: {', '.join(done.behind)}"
        )
    say(said)


def test(verb: Test, notebook: Path) -> None:
    """Run a notebook offline, against what was recorded of it."""
    with (
        progress(notebook) as hooks,
        offline.rerun(notebook, hooks=hooks, kernel=verb.kernel, timeout=verb.timeout) as done,
    ):
        failure, cells = done.failure, done.document.cells
    if failure is not None:
        say(f"duranb: {failure.message}", err=True)
        sys.exit(1)
    steps = sum(bool(headless.step_of(c.source)) for c in cells if c.cell_type == "code")
    say(f"{notebook.name}: {steps} steps passed, offline")
