"""Verbs that move the head: rewind, fork, switch. Nothing is rewritten, nothing runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from duranb.code import loading
from duranb.engine import saga
from duranb.errors import NoSuchStep, UsageError
from duranb.record import events as e, standing
from duranb.record.events import Binding
from duranb.record.model import Execution, Status
from duranb.session.change import Change, count, listed
from duranb.session.session import Session
from duranb.state.outside import files
from duranb.verbs.table import Fork, Rewind, Switch


def rewind(session: Session, given: Rewind) -> Change:
    """Bring the namespace back to where it was after (or before) a step; the head without one.

    ``compensate`` undoes what was done since, latest first.
    """
    step, before, compensate = given.step, given.before, given.compensate
    history, runtime = session.history, session.runtime
    execution = history.find(step) if step else None
    if execution is not None:
        snapshot = execution.before if before else execution.snapshot
        if not before and not execution.snapshot:
            raise NoSuchStep(
                f"step {execution.step!r} (execution {execution.id}) is {execution.status}: it "
                f"left no state to rewind to. Use --before for the state it started from"
            )
        where = f"{'before' if before else 'after'} {execution.step}@{execution.id}"
    else:
        snapshot, where = session.head, "the head of the history"
    since = _since(session, snapshot, execution, before)
    lines, _ = _difference(session, snapshot)
    effective = standing.latest_first([*since, *_stopped_since(session, execution, before)])
    if compensate:
        saga.need_settled(runtime, effective)
    undoings = [saga.undoing(runtime, x) for x in effective]
    undo = [u for u in undoings if u.possible]
    warnings = []
    if since:
        lines.append(
            f"{count(len(since), 'later execution')} "
            f"{'stays' if len(since) == 1 else 'stay'} in the history: "
            f"{listed(list(dict.fromkeys(x.step for x in since)))}"
        )
    if undo and compensate:
        names = [u.execution.step for u in undo]
        lines.insert(0, f"compensates {listed(names)}{', in this order' if names[1:] else ''}")
    elif undo:
        names = [u.execution.step for u in reversed(undo)]
        warnings.append(f"what {listed(names)} did stays done: --compensate undoes it")
    without = [c.name for u in undoings for c in u.without]
    if without:
        warnings.append(f"{count(len(without), 'effect')} cannot be undone: {listed(without)}")

    title = f"rewind to {where}"

    async def apply() -> str:
        if compensate and undo:
            saga.begin(runtime, [u.execution for u in undo], title)
        return f"rewound to {where}" + move(session, history.branch, snapshot, "rewind", since)

    return Change("rewind", title, tuple(lines), apply, tuple(warnings))


def fork(session: Session, given: Fork) -> Change:
    """Begin a branch at a step (the head without one) and stand on it."""
    name, at = given.name, given.at
    history = session.history
    _check_branch_name(session, name)
    snapshot = history.find(at).snapshot if at else session.head
    if at and not snapshot:
        raise NoSuchStep(f"step {at!r} left no state to fork from")
    lines, _ = _difference(session, snapshot)
    parent = history.branch

    async def apply() -> str:
        created = e.BranchCreated(branch=name, parent=parent, snapshot=snapshot)
        session.runtime.record(created, wait=False)
        return f"on branch {name}, forked from {parent}" + move(session, name, snapshot, "fork")

    where = f"after {at}" if at else "at the head"
    return Change("fork", f"fork {name} from {parent} {where}", tuple(lines), apply)


def switch(session: Session, given: Switch) -> Change:
    """Stand on another branch, at its head."""
    name = given.name
    history = session.history
    branch = history.branches.get(name)
    if branch is None:
        raise NoSuchStep(
            f"there is no branch {name!r}; the branches are {listed(list(history.branches))}"
        )
    lines, _ = _difference(session, branch.head)

    async def apply() -> str:
        return f"on branch {name}" + move(session, name, branch.head, "switch")

    return Change("switch", f"switch from {history.branch} to {name}", tuple(lines), apply)


def move(
    session: Session,
    branch: str,
    snapshot: int,
    reason: str,
    undone: Iterable[Execution] = (),
) -> str:
    """Bring the namespace to a snapshot and the head with it; phrases about what is not as it was
    then. ``undone`` are executions that are not on the way to it, if they are known."""
    runtime = session.runtime
    runtime.catch_up()
    runtime.flush()
    target = runtime.history.namespace(snapshot)
    line = runtime.history.line
    way = line(snapshot)
    not_loaded = loading.again(each for x in way for each in loading.of_source(x.source))
    lost = runtime.namespace.restore(
        target, delete=_surplus(session, target), random=runtime.history.random_at(snapshot)
    )
    stays = {x.id for x in way}
    undone = undone or [x for x in line() if x.id not in stays]
    lost += runtime.surroundings.move(line(runtime.at), way)
    runtime.namespace.is_recorded()
    runtime.record(e.HeadMoved(branch=branch, snapshot=snapshot, reason=reason))
    runtime.at = snapshot
    runtime.failed.clear()
    return _placeholders(session, [*not_loaded, *lost]) + _files(session, undone)


def _files(session: Session, undone: Iterable[Execution]) -> str:
    """The files that steps which are undone now may have written to through their variables."""
    names = {name for x in undone for name in (*x.inputs, *x.outputs)}
    live = session.runtime.namespace.live
    return "".join(
        f"; {file} is not rewound, in which {listed(by)} "
        f"{'keep their' if by[1:] else 'keeps its'} state"
        for file, by in files(live, names).items()
    )


def _surplus(session: Session, target: Mapping[str, Binding]) -> list[str]:
    return [n for n in session.runtime.namespace.bindings() if n not in target]


def _difference(session: Session, snapshot: int) -> tuple[list[str], list[str]]:
    """What moving to a snapshot does to the variables, in sentences."""
    now = session.runtime.namespace.bindings()
    target = session.history.namespace(snapshot)
    back = sorted(n for n, b in target.items() if n not in now or now[n].version != b.version)
    gone = sorted(_surplus(session, target))
    lost = [n for n in back if not target[n].artifact]
    lines = []
    if back:
        lines.append(f"brings back {count(len(back), 'variable')}: {listed(back)}")
    if gone:
        lines.append(f"removes {count(len(gone), 'variable')}: {listed(gone)}")
    if lost:
        lines.append(f"cannot bring back {listed(lost)}: they are not in the store")
    if not lines:
        lines.append("the variables are as they were there")
    return lines, back


def _since(
    session: Session, snapshot: int, execution: Execution | None, before: bool
) -> list[Execution]:
    """The completed executions since ``execution`` (it too, if ``before``) or since a snapshot,
    oldest first, each once: what was restored is the execution that it came from.

    Counted by executions where one is given: a step that changes no variable leaves no snapshot
    of its own.
    """
    history = session.history
    line = history.line()
    if execution is not None and execution in line:
        cut = line.index(execution) + (not before)
        inside = {x.id for x in line[cut:]}
        earlier = {x.of or x.id for x in line[:cut] if x.parent not in inside}
        later = [x for x in line if x.id in inside or x.parent in inside]
        later = [x for x in later if (x.of or x.id) not in earlier]
    else:
        later = [x for x in line if not history.in_lineage(x.snapshot, snapshot)]
    counted = (Status.COMPLETED, Status.COMPENSATION_FAILED)
    done = [x for x in later if x.status in counted and x.kind != "compensation"]
    return list({x.of or x.id: history.executions[x.of or x.id] for x in done}.values())


def _stopped_since(session: Session, execution: Execution | None, before: bool) -> list[Execution]:
    """Later executions that stopped without completing, and did something that stands."""
    if execution is None:
        return []
    ended = (Status.COMPLETED, Status.COMPENSATION_FAILED)
    return [
        x
        for x in standing.standing(session.history)
        if x.status not in ended
        and x.id >= execution.id + (not before)
        and x.branch == session.history.branch
    ]


def _check_branch_name(session: Session, name: str) -> None:
    if name in session.history.branches:
        raise UsageError(f"there is a branch {name!r} already: switch to it, or take another name")
    if not name.isprintable() or not name or any(c.isspace() for c in name):
        raise UsageError("a branch's name is one word")


def _placeholders(session: Session, lost: list[str]) -> str:
    """What is not as it was then: placeholders, and objects that stayed as they are."""
    namespace = session.runtime.namespace
    beside = [n for n in lost if not n.isidentifier()]
    stayed = [n for n in lost if namespace.behind(n)]
    apart = [n for n in lost if n not in stayed and n not in beside and namespace.is_there(n)]
    gone = [n for n in lost if n not in stayed and n not in beside and n not in apart]
    text = f"; {listed(gone)} could not be brought back and say so when used" if gone else ""
    if apart:
        text += f"; {listed(apart)} no longer share with others what they shared then"
    if stayed:
        text += f"; {listed(stayed)} cannot be stored, and could not be rewound: as it is now"
    if beside:
        text += f"; {listed(beside)} could not be set to what it was then: set it in a plain cell"
    return text
