"""Verbs on a notebook's files: ``timeline``, ``export``, ``verify`` and ``adopt``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from duranb.cli.saying import put_out, say
from duranb.errors import UsageError
from duranb.session import places
from duranb.session.reader import open_reader
from duranb.verbs.table import Adopt, Decrypt, Encrypt, Export, ExportTraces, Timeline, Verify


def timeline(verb: Timeline, notebook: Path) -> None:
    """Write the timeline as one HTML file."""
    from duranb.timelines.html import timeline_html

    with open_reader(notebook) as reader:
        page = timeline_html(reader.history, reader.artifacts, title=notebook.stem)
    _write(page, verb.out)
    _say_if_plain("the timeline", is_encrypted=reader.is_encrypted)


def export(verb: Export, notebook: Path) -> None:
    """Write what the notebook is exported to, or check it."""
    if verb.check:
        from duranb.cli.running import check

        check(verb, notebook)
        return
    if verb.target is None:
        raise UsageError("say what to write: --target script, langgraph, temporal, json, …")
    if verb.target == "temporal":
        from duranb.temporal.export import write

        for file in write(notebook, verb.out):
            say(str(file))
        return
    from duranb.export import graph_of, rendered

    graph = graph_of(notebook)
    _write(rendered(graph, verb.target), verb.out)
    for note in graph.notes:
        say(f"duranb: {note}", err=True)


def export_traces(verb: ExportTraces, notebook: Path) -> None:
    """Write what was carried out as traces, or send it to a collector."""
    from duranb.views.traces import send, traces

    with open_reader(notebook) as reader:
        body = traces(reader.history, notebook.stem)
    _say_if_plain("what the traces say", is_encrypted=reader.is_encrypted)
    if verb.endpoint is None:
        _write(body.decode() + "\n", verb.out)
        return
    if verb.out is not None:
        raise UsageError("choose one: -o FILE, or --endpoint URL")
    send(body, verb.endpoint)
    say(f"the traces were sent to {verb.endpoint}")


def verify(verb: Verify, notebook: Path) -> None:
    """Check a store, or rerun what is recorded in it."""
    if verb.replay:
        from duranb.cli.running import verify as rerun

        rerun(verb, notebook)
        return
    from duranb.runner.checking import check

    checked = check(notebook)
    for note in (*checked.differing, *checked.problems):
        say(f"duranb: {note}", err=True)
    if checked.problems:
        sys.exit(1)
    say(f"{checked.events} events, all as acknowledged")
    if checked.is_encrypted:
        from duranb.session.encrypting import READABLE

        say(f"encrypted; {READABLE}")


def adopt(verb: Adopt, notebook: Path) -> None:
    """Take over the store that a renamed notebook has left behind."""
    if not notebook.exists():
        raise UsageError(f"there is no notebook {notebook}")
    folder = places.adopt(notebook.resolve(), verb.name)
    say(f"{notebook} goes on with the history of {verb.name}: {folder}")


def encrypt(verb: Encrypt | Decrypt, notebook: Path) -> None:
    """Encrypt what is recorded of a notebook, or decrypt it: said first, and done when that is
    confirmed."""
    from duranb.session import encrypting

    change = encrypting.planned(notebook, verb)
    say(str(change))
    if verb.dry_run:
        say("nothing was changed (--dry-run)")
    elif verb.yes or click.confirm("go on?"):
        import asyncio  # 40 ms, which those who only look need not wait for

        say(asyncio.run(change.apply()))
    else:
        say("nothing was changed; --yes does it without asking")


def _say_if_plain(what: str, *, is_encrypted: bool) -> None:
    """Say that what leaves an encrypted store does so in plain form."""
    if is_encrypted:
        say(f"duranb: the store is encrypted, and {what} is not: keep it as safe", err=True)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        put_out(text)
    else:
        out.write_text(text, encoding="utf-8")
        say(str(out))
