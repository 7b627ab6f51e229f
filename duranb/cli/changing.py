"""Commands that change what a store holds: ``answer``, ``trust`` and ``adopt``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from duranb.cli.options import NOTEBOOK, plainly
from duranb.engine import questions
from duranb.errors import UsageError
from duranb.record.kinds import Kind
from duranb.record.model import CallStatus
from duranb.runner.offline import store_folder
from duranb.store import Store, StoreView, adopt as take_over


@click.command()
@NOTEBOOK
@click.argument("number", type=int, metavar="ID")
@click.argument("value")
@plainly
def answer(notebook: Path, number: int, value: str) -> None:
    """Answer question ID of NOTEBOOK; then run or resume it and it goes on.

    Example: duranb answer agent.ipynb 17 yes
    """
    folder = store_folder(notebook)
    with StoreView.open(folder) as view:
        history = view.history()
    question = history.calls.get(number)
    if question is None or question.kind is not Kind.ASK:
        waiting = [c.id for c in history.calls.values() if c.kind is Kind.ASK and _open(c.status)]
        known = ", ".join(map(str, waiting)) or "none"
        raise UsageError(f"there is no question {number}; open questions: {known}")
    if not _open(question.status):
        raise UsageError(f"question {number} has been answered: {question.preview}")
    questions.post(folder, number, questions.parse(value))
    again = "python" if notebook.suffix == ".py" else "duranb resume"
    click.echo(f"answered: {question.preview}. Go on with: {again} {notebook}")


def _open(status: CallStatus) -> bool:
    return status is CallStatus.INTENDED


@click.command()
@NOTEBOOK
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@plainly
def trust(notebook: Path, yes: bool) -> None:
    """Sign the store of NOTEBOOK with your key: its values are code once they are loaded.

    Example: duranb trust agent.ipynb
    """
    folder = store_folder(notebook)
    warning = f"Values in {folder} can run any code when they are loaded. Trust them?"
    if not (yes or click.confirm(warning)):
        sys.exit(1)
    store = Store.open(folder)
    try:
        click.echo(f"{store.trust()} artifacts are signed with your key")
    finally:
        store.close()


@click.command()
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
