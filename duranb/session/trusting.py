"""``trust``: take a store from elsewhere for one's own."""

from __future__ import annotations

from collections.abc import Iterator

from duranb.record import events as e
from duranb.session.change import Change, count, listed
from duranb.session.session import Session
from duranb.verbs.table import Trust


def trust(session: Session, given: Trust) -> Change:
    """Stand for all that is in the store: after this it is loaded, run and answered from."""

    async def apply() -> str:
        return f"{count(session.accept(), 'artifact')} accepted with your key"

    foreign = session.store.foreign
    if not foreign:
        return Change("trust", f"{session.store_path} is yours already", (), apply)
    lines = (foreign, *_contents(session))
    warning = (
        "values are code when they are loaded, and a step's recorded source runs when it is "
        "replayed: both can do anything that you can. Trust whoever made them, or look first: "
        "status, show STEP and timeline run nothing"
    )
    return Change("trust", f"trust {session.store_path}", lines, apply, (warning,))


def _contents(session: Session) -> Iterator[str]:
    """Where it was written, and what of it could be loaded or run."""
    opened = [x.body for x in session.store.events() if isinstance(x.body, e.SessionOpened)]
    hosts = sorted({x.host or "an unnamed machine" for x in opened})
    history = session.history
    values = {b.artifact for x in history.executions.values() for b in x.outputs.values()}
    answers = sum(bool(call.response or call.result) for call in history.calls.values())
    if hosts:
        yield f"written on {listed(hosts)}, in {count(len(opened), 'session')}"
    steps = history.steps
    yield f"{count(len(steps), 'step')} with source" + (f": {listed(steps)}" if steps else "")
    yield f"{count(len(values), 'value')} to load, {count(answers, 'recorded answer')} to serve"
