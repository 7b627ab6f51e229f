"""Verbs that change what a store holds, from outside of the notebook."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click
import msgspec

from duranb.cli.saying import say
from duranb.engine import inbox
from duranb.session import answering, signalling
from duranb.session.places import find_store
from duranb.session.reader import open_reader
from duranb.session.session import Session
from duranb.verbs.declaration import Changes, unchanged
from duranb.verbs.table import Answer, Redact, Signal


def change(verb: Changes, notebook: Path, *, dry_run: bool, yes: bool) -> None:
    """Show what a verb would do, and do it when that is confirmed."""
    if isinstance(verb, Redact) and not (verb.value or verb.found):
        verb = msgspec.structs.replace(verb, value=_secret())
    session = Session.visit(notebook, find_store(notebook))
    try:
        found = session.change(verb)
        say(str(found))
        if dry_run:
            say("nothing was changed (--dry-run)")
        elif (yes and not verb.always_asks) or click.confirm("go on?"):
            say(asyncio.run(found.apply()))
        else:
            say(unchanged(verb, yes=yes))
    finally:
        session.close()


def _secret() -> str:
    """A value that is not to be seen: asked for, or from a pipe."""
    if sys.stdin.isatty():
        return str(click.prompt("the value to take out", hide_input=True))
    return sys.stdin.read().strip("\r\n")


def answer(verb: Answer, notebook: Path) -> None:
    """Leave the answer where the notebook finds it: its kernel may hold the store."""
    with open_reader(notebook) as reader:
        reader.need_trust()
        history = reader.history
        question = answering.open_question(history, verb.number)
        given = answering.made(question, verb, reader.artifacts)
        inbox.post_answer(reader.store_path, history, given)
        then = _then(notebook, reader.holder)
    say(f"answered: {question.preview}. {then}")


def signal(verb: Signal, notebook: Path) -> None:
    """Leave the signal where the notebook finds it."""
    sent = signalling.send(notebook, verb)
    if sent.is_awaited:
        say(f"signalled {verb.name}. {_then(notebook, sent.holder)}")
    else:
        say(f"signalled {verb.name}: nobody waits for it yet, and it is kept")


def _then(notebook: Path, holder: int | None) -> str:
    """What follows from what was left for a notebook."""
    if holder:
        return "The process that runs it goes on"
    again = "python" if notebook.suffix == ".py" else "duranb resume"
    return f"Go on with: {again} {notebook}"
