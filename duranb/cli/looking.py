"""Commands that only look at a store, while its kernel runs and after it died."""

from __future__ import annotations

from pathlib import Path

import click

from duranb.cli.options import NOTEBOOK, out, plainly
from duranb.runner.offline import store_folder
from duranb.store import StoreView
from duranb.views import (
    diff as diff_view,
    log as log_view,
    show as show_view,
    status as status_view,
)
from duranb.views.render import WIDTH, View, console_for


@click.command()
@NOTEBOOK
@plainly
def status(notebook: Path) -> None:
    """Where NOTEBOOK stands: its steps, what they cost and saved, what waits for you.

    Example: duranb status agent.ipynb
    """
    with StoreView.open(store_folder(notebook)) as view:
        _show(status_view.view(view.history(), view.holder))


@click.command()
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
    with StoreView.open(store_folder(notebook)) as view:
        _show(log_view.view(view.history(), list(view.events()), most))


@click.command()
@NOTEBOOK
@click.argument("step")
@plainly
def show(notebook: Path, step: str) -> None:
    """Everything about STEP (or STEP@ID): code, why it ran, inputs, outputs, attempts, calls.

    Example: duranb show agent.ipynb analyse
    """
    with StoreView.open(store_folder(notebook)) as view:
        _show(show_view.view(view.history(), step))


@click.command()
@NOTEBOOK
@click.argument("first")
@click.argument("second")
@plainly
def diff(notebook: Path, first: str, second: str) -> None:
    """What differs between two executions.

    Example: duranb diff agent.ipynb analyse@3 analyse@9
    """
    with StoreView.open(store_folder(notebook)) as view:
        _show(diff_view.view(view.history(), first, second))


@click.command()
@NOTEBOOK
@out("The HTML file.", required=True)
@plainly
def timeline(notebook: Path, out: Path) -> None:
    """The timeline of NOTEBOOK as one HTML file that needs nothing else.

    Example: duranb timeline agent.ipynb -o agent.html
    """
    from duranb.timelines.html import timeline_html

    with StoreView.open(store_folder(notebook)) as view:
        page = timeline_html(view.history(), view, title=notebook.stem)
    out.write_text(page, encoding="utf-8")
    click.echo(str(out))


@click.command()
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


def _show(view: View) -> None:
    console = console_for()
    if not console.is_terminal:  # a pipe has no width that would have to cut something off
        console.width = max(console.width, WIDTH)
    view.print(console)
