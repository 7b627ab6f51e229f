"""``prune``: free the room of what the notebook no longer stands on."""

from __future__ import annotations

from typing import NamedTuple

from rich.filesize import decimal

from duranb.errors import UsageError
from duranb.record import events as e
from duranb.record.history import History
from duranb.record.model import Execution, Status
from duranb.session.change import Change, count, listed
from duranb.session.places import runs_of
from duranb.session.redacting import artifacts_of, parts
from duranb.session.session import Session
from duranb.verbs.table import Prune


class _Kept(NamedTuple):
    """What is kept: executions, by the ids of those that were carried out, and the artifacts that
    they and the present state need."""

    executions: set[int]
    artifacts: set[str]


def prune(session: Session, given: Prune) -> Change:
    """Remove the large values and outputs of executions that are not among the latest."""
    history = session.history
    running = [x.step for x in history.executions.values() if x.status is Status.RUNNING]
    if running:
        raise UsageError(f"{running[0]!r} is running: wait for its end, or interrupt it first")
    kept = _kept(session, given.keep)
    dropped = [x for x in history.executions.values() if _source_of(x) not in kept.executions]
    sizes = session.store.artifact_sizes()
    gone, freed = set[str](), set[str]()
    for named in {a for x in dropped for a in artifacts_of(x)} | {
        a for s in history.snapshots.values() for a in artifacts_of(s)
    }:
        made_of = ({named} | parts(session, {named})) - kept.artifacts
        if named not in kept.artifacts and made_of & sizes.keys():
            gone |= made_of
            freed |= made_of & sizes.keys()
    room = sum(sizes[digest] for digest in freed)
    steps = sorted({x.step for x in dropped if not gone.isdisjoint(artifacts_of(x))})

    async def apply() -> str:
        session.store.remove(e.Redacted(reason="pruned", removed=sorted(gone)))
        session.runtime.namespace.store_anew()
        return f"{decimal(room)} freed"

    whole = sum(sizes.values())
    lines = [f"frees {decimal(room)} of the {decimal(whole)} that large values take"]
    if steps:
        lines.append(f"drops what earlier executions of {listed(steps)} made and showed")
    each = "execution" if given.keep == 1 else f"{given.keep} executions"
    lines += [
        f"keeps the latest {each} of each step, and the variables at the head of each branch",
        "keeps every call and its answer: a step that is not restored any more is not paid for "
        "again",
    ]
    warnings = []
    if gone:
        warnings.append(
            "it cannot be brought back: a rewind to before leaves placeholders, and undoing an "
            "edit runs its step again"
        )
    if runs := runs_of(session.notebook):
        file = session.notebook.name
        warnings.append(
            f"not in the stores of its {count(len(runs), 'run')} ({listed(runs)}): "
            f"duranb prune {file}/RUN, for each of them"
        )
    return Change("prune", "prune", tuple(lines), apply, tuple(warnings))


def _source_of(this: Execution) -> int:
    """The execution that made what this one has: itself, or the one that it was restored from."""
    return this.of or this.id


def _kept(session: Session, latest: int) -> _Kept:
    history = session.history
    executions = _latest(history, latest)
    needed: set[str] = set()
    for this in history.executions.values():
        if _source_of(this) in executions:
            needed.update(artifacts_of(this))
            before = history.namespace(this.before) if this.before else {}
            read = this.inputs.keys() | this.uses.keys()
            needed |= {b.artifact for n, b in before.items() if n in read and b.artifact}
    for call in history.calls.values():
        needed.update(artifacts_of(call))
    needed |= {b.artifact for b in session.runtime.namespace.bindings().values() if b.artifact}
    for snapshot in {
        *(b.head for b in history.branches.values()),
        history.head,
        history.left,
        session.runtime.at,
    }:
        if snapshot:
            needed |= {b.artifact for b in history.namespace(snapshot).values() if b.artifact}
    return _Kept(executions, needed | parts(session, needed))


def _latest(history: History, latest: int) -> set[int]:
    """The executions to keep: the latest of each step, what is not over, what undid something, and
    the functions that ran in any of these."""
    kept = {x.id for x in history.executions.values() if x.kind == "compensation"}
    kept |= {x.id for x in history.executions.values() if x.status in _OPEN}
    for step in history.steps:
        made = [x for x in history.executions_of(step) if x.kind == "cell"]
        done = dict.fromkeys(_source_of(x) for x in reversed(made) if x.status in _DONE)
        kept.update(list(done)[:latest])
    while True:
        inside = {
            _source_of(x)
            for x in history.executions.values()
            if x.kind == "function"
            and (not x.parent or _source_of(history.executions.get(x.parent, x)) in kept)
        }
        if inside <= kept:
            return kept
        kept |= inside


_OPEN = (Status.RUNNING, Status.WAITING, Status.IN_DOUBT, Status.COMPENSATION_FAILED)
_DONE = (Status.COMPLETED, Status.COMPENSATED)
