"""Verbs that change what a store holds, from outside of the notebook."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from duranb.engine import questions
from duranb.errors import UsageError
from duranb.record.history import History
from duranb.record.kinds import Kind
from duranb.record.model import Call, CallStatus
from duranb.session.places import find_store
from duranb.session.reader import open_reader
from duranb.session.session import Session
from duranb.verbs.declaration import Changes, unchanged
from duranb.verbs.table import Answer


def change(verb: Changes, notebook: Path, *, dry_run: bool, yes: bool) -> None:
    """Show what a verb would do, and do it when that is confirmed."""
    session = Session.visit(notebook, find_store(notebook))
    try:
        found = session.change(verb)
        click.echo(str(found))
        if dry_run:
            click.echo("nothing was changed (--dry-run)")
        elif (yes and not verb.always_asks) or click.confirm("go on?"):
            click.echo(asyncio.run(found.apply()))
        else:
            click.echo(unchanged(verb, yes=yes))
    finally:
        session.close()


def answer(verb: Answer, notebook: Path) -> None:
    """Leave the answer where the notebook finds it: its kernel may hold the store."""
    with open_reader(notebook) as reader:
        reader.need_trust()
        question = _open_question(reader.history, verb.number)
        questions.post(reader.store_path, reader.history, verb.number, verb.value)
    again = "python" if notebook.suffix == ".py" else "duranb resume"
    click.echo(f"answered: {question.preview}. Go on with: {again} {notebook}")


def _open_question(history: History, number: int) -> Call:
    asked = {c.id: c for c in history.calls.values() if c.kind is Kind.ASK}
    waiting = [c.id for c in asked.values() if c.status is CallStatus.INTENDED]
    if number not in asked:
        known = ", ".join(map(str, waiting)) or "none"
        raise UsageError(f"there is no question {number}; open questions: {known}")
    if number not in waiting:
        raise UsageError(f"question {number} has been answered: {asked[number].preview}")
    return asked[number]
