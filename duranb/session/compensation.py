"""``compensate``: undo what steps did to the outside world."""

from __future__ import annotations

from duranb.engine import saga
from duranb.errors import UsageError
from duranb.record import standing
from duranb.record.model import Call, Execution
from duranb.session.change import Change, count, listed
from duranb.session.resolving import settle, verdict_of
from duranb.session.session import Session
from duranb.verbs.table import Compensate

MOST_EFFECTS = 4
"""Effects of a step that are listed."""


def compensate(session: Session, given: Compensate) -> Change:
    """Undo one step, those built on it too, or all of the run; or go on with what was begun."""
    executions = _meant(session, given)
    doubtful, verdict = _doubt(session, given, executions)
    lines, warnings = [], []
    if doubtful is not None:
        lines.append(f"first: {doubtful.name}({doubtful.preview}) {verdict}")
    if given.by_hand:
        steps = list(dict.fromkeys(x.step for x in executions))
        lines.append(f"records that you have undone {listed(steps)}: nothing runs")
    else:
        plans = _plans(session, executions, settling=doubtful is not None)
        told = _lines(plans)
        lines += told[0]
        warnings += told[1]
    if given.step and not given.chain:
        warnings += _built_on(session, executions[-1])
    lines.append("its variables stay; the step runs again, with its effects, when its cell does")

    async def apply() -> str:
        if doubtful is not None:
            settle(session, doubtful, given)
            if session.runtime.settings.visiting and session.history.to_undo:
                return f"settled: duranb resume {session.notebook.name} undoes the rest"
        return _by_hand(session, executions) if given.by_hand else _undo(session, given, executions)

    return Change("compensate", _title(given, executions), tuple(lines), apply, tuple(warnings))


def _meant(session: Session, given: Compensate) -> list[Execution]:
    """The executions that are asked for, in the order in which they are undone."""
    runtime, history = session.runtime, session.history
    if given.all and (given.step or given.chain):
        raise UsageError("compensate takes a step, or --all of the run")
    if given.all:
        found = standing.standing(history)
        found = [x for x in found if saga.undoing(runtime, x).possible or _open(session, x)]
        if not found:
            raise UsageError("nothing stands that this run did and that anything undoes")
        return found
    if not given.step:
        if not history.to_undo:
            raise UsageError("nothing is half undone: name a step to compensate, or --all")
        return [history.executions[i] for i in history.to_undo]
    execution = saga.meant(runtime, given.step)
    if not given.chain:
        return [execution]
    later = standing.built_on(history, execution)
    able = [x for x in later if any(u.possible for u in saga.whole(runtime, x))]
    return [*(x for x in able if x.step != execution.step), execution]


def _open(session: Session, execution: Execution) -> bool:
    return bool(standing.doubts(session.history, execution))


def _doubt(
    session: Session, given: Compensate, executions: list[Execution]
) -> tuple[Call | None, str]:
    """The effect in doubt that is settled first, and what is said of it. Raises
    :class:`duranb.errors.InDoubt` where one is and nothing was said."""
    verdict = verdict_of(given)
    calls = {c.id: c for x in executions for c in standing.doubts(session.history, x)}
    if not verdict:
        if not given.by_hand:
            saga.need_settled(session.runtime, executions)
        return None, ""
    if not calls:
        raise UsageError("no effect that would be undone is in doubt: leave out --happened")
    if len(calls) > 1:
        shown = [f"{c.name}({c.preview}) of step {c.step}" for c in calls.values()]
        raise UsageError(
            f"{count(len(calls), 'effect')} are in doubt: {listed(shown)}. Settle each with "
            "resolve, until one is left"
        )
    return next(iter(calls.values())), verdict


def _plans(
    session: Session, executions: list[Execution], *, settling: bool
) -> list[list[saga.Undoing]]:
    found = []
    for each in executions:
        if settling:  # what is in doubt may be all there is
            found.append(saga.whole(session.runtime, each))
        else:
            found.append(saga.need_undoing(session.runtime, each))
    return found


def _lines(plans: list[list[saga.Undoing]]) -> tuple[list[str], list[str]]:
    """What would be done, and what to beware of."""
    lines, warnings = [], []
    several = sum(map(len, plans)) > 1
    for each in (u for plan in plans for u in plan):
        whose = f"{each.execution.step}@{each.execution.id}: " if several else ""
        recorded = f"with what execution {each.execution.id} recorded"
        if each.source:
            lines.append(f"{whose}runs its %%compensate cell {recorded}")
        elif each.function:
            lines.append(f"{whose}calls its @duranb.compensation {recorded}")
        elif each.effects:
            shown = [f"{u.call.name}({u.call.preview})" for u in each.effects]
            effects = count(len(shown), "effect")
            lines.append(f"{whose}undoes {effects}, latest first: {listed(shown, MOST_EFFECTS)}")
        if each.mended:
            mended = [u.call.name for u in each.effects if u.mended]
            what = f"the undo of {listed(mended)}" if mended else "its %%compensate cell"
            lines.append(f"{whose}{what} was changed since: it runs as it is now")
        if each.without:
            names = [c.name for c in each.without]
            warnings.append(
                f"{whose}{count(len(names), 'effect')} cannot be undone: {listed(names)}"
            )
    return lines, warnings


def _built_on(session: Session, execution: Execution) -> list[str]:
    """What later steps made of it."""
    later = standing.built_on(session.history, execution)
    steps = list(dict.fromkeys(x.step for x in reversed(later)))
    if not steps:
        return []
    able = any(u.possible for x in later for u in saga.whole(session.runtime, x))
    verb, them = ("was", "it") if len(steps) == 1 else ("were", "them")
    then = f"--chain undoes {them} first" if able else f"nothing undoes {them}"
    return [f"{listed(steps)} {verb} built on what it made: {then}"]


def _title(given: Compensate, executions: list[Execution]) -> str:
    if given.step and not given.chain:
        return f"compensate {executions[-1].step}@{executions[-1].id}"
    named = [f"{x.step}@{x.id}" for x in executions]
    return f"compensate {listed(named)}{', in this order' if named[1:] else ''}"


def _undo(session: Session, given: Compensate, executions: list[Execution]) -> str:
    runtime, history = session.runtime, session.history
    if not given.step and not given.all:
        done = saga.carry_on(runtime)
    else:
        done = saga.undo(runtime, executions, f"compensate {given.step or '--all'}")
    steps = [f"{history.executions[history.executions[i].compensates].step}" for i in done]
    told = [line for number in done for line in _outcome(session, number)]
    numbers = ", ".join(map(str, done))
    said = f"compensated {listed(list(dict.fromkeys(steps)))} (execution {numbers})"
    return "\n".join([said, *told]) if told else said


def _outcome(session: Session, number: int) -> list[str]:
    """What each undo of a compensation gave."""
    found = []
    for call in session.history.calls_of(number):
        result = call.result.preview if call.result is not None else ""
        gave = f" gave {result}" if result and result != "None" else ""
        found.append(f"  {call.name}({call.preview}){gave}")
    return found


def _by_hand(session: Session, executions: list[Execution]) -> str:
    for each in executions:
        saga.by_hand(session.runtime, each)
    return f"recorded that {listed([x.step for x in executions])} is undone"
