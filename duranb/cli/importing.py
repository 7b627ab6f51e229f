"""The verb ``import``."""

from __future__ import annotations

import sys
from pathlib import Path

from duranb.cli.running import progress
from duranb.cli.saying import say
from duranb.runner import importing
from duranb.session.change import listed
from duranb.verbs.headless import Import
from duranb.views.words import count, money


def take(verb: Import, notebook: Path) -> None:
    """Take in a run that was carried out elsewhere, and say what is here now."""
    with progress(notebook) as hooks:
        taken = importing.take(
            notebook,
            verb.source,
            run=verb.run,
            key=verb.key,
            trust=verb.trust,
            parameters=verb.parameters,
            only_record=verb.only_record,
            hooks=hooks,
        )
    made = f"{count(taken.executions, 'execution')} and {count(taken.calls, 'call')}"
    cost = f" ({money(taken.cost)})" if taken.cost else ""
    say(f"imported {taken.run}: {made}{cost} are new here, on branch {taken.branch}")
    if taken.given:
        say(f"steps that were given what they made there: {listed(taken.given)}")
    for note in taken.notes:
        say(f"duranb: {note}", err=True)
    if taken.stopped:
        say(f"duranb: {taken.stopped}", err=True)
    sys.exit(1 if taken.failed else 0)
