"""``replay``: run recorded steps again, with the inputs recorded at the time."""

from __future__ import annotations

from duranb.errors import NoSuchStep, UsageError
from duranb.record import standing
from duranb.record.history import History
from duranb.record.model import Call, CallStatus, Execution
from duranb.record.order import in_data_order
from duranb.record.staleness import latest, stale as stale_steps
from duranb.session.change import Change, count, listed
from duranb.session.session import Session, Surface
from duranb.state.unstorable import is_unstorable
from duranb.text import sources
from duranb.verbs.table import Replay


def replay(session: Session, given: Replay) -> Change:
    """Run a step again (``step``), it and what follows (``from_``), or what is ``stale``.

    The first one gets its inputs as recorded, with ``with_`` (name to expression) in their place;
    those that follow take what is there now, and are restored where nothing they use changed.
    Calls are answered from the journal; ``live`` makes them anew.
    """
    step, from_, stale = given.step, given.from_, given.stale
    live, with_ = given.live, given.with_
    if sum(map(bool, (step, from_, stale))) != 1:
        raise UsageError("replay takes a STEP, or --from STEP, or --stale")
    forced = None if stale else _replayable(session, step or from_)
    following = _following(session, forced) if from_ else []
    if stale:
        following = _stale(session.history)
    lines = []
    if forced is not None:
        lines += _about(session, forced, live, list(with_))
    if following and stale:
        lines.append(f"runs {listed([x.step for x in following])}, then what goes stale by that")
    elif following:
        lines.append(f"then {listed([x.step for x in following])}, restored where nothing changed")
    if not forced and not following:
        lines.append("no step is stale: nothing to do")
    if with_ and forced is not None:
        lines.append(f"with {listed([f'{n} = {x}' for n, x in with_.items()])}")
    effects = len(standing.effects_of(session.history, forced)) if forced is not None else 0
    warnings = (
        (f"{count(effects, 'effect')} will not be done again: recorded results are used",)
        if effects
        else ()
    )

    async def apply() -> str:
        surface = session.need_surface()
        if forced is not None:
            _give_inputs(session, forced, with_)
            await surface.run_step(_code(forced), replays=forced.id, fresh=live)
        names = [forced.step] if forced is not None else []
        if stale:
            names += await _run_stale(session, surface)
        for each in following if not stale else ():
            await surface.run_step(_code(each), replays=0, fresh=False)
            names.append(each.step)
        return f"replayed {listed(names)}" if names else "nothing was stale"

    what = "what is stale" if stale else f"{'from ' if from_ else ''}{step or from_}"
    return Change(
        "replay", f"replay {what}{' live' if live else ''}", tuple(lines), apply, warnings
    )


async def _run_stale(session: Session, surface: Surface) -> list[str]:
    """Run what is stale, and what its running makes stale, each once, in the data's order."""
    done: list[str] = []
    while True:
        session.runtime.catch_up()
        session.runtime.flush()
        with session.lock:
            left = [x for x in _stale(session.history) if x.step not in done]
        if not left:
            return done
        await surface.run_step(_code(left[0]), replays=0, fresh=False)
        done.append(left[0].step)


def _code(execution: Execution) -> str:
    return sources.runnable(execution.source, execution.step)


def _replayable(session: Session, reference: str) -> Execution:
    execution = session.history.find(reference)
    if execution.kind != "cell":
        raise NoSuchStep(f"{execution.step!r} is not a cell: run the cell that calls it")
    return execution


def _following(session: Session, first: Execution | None) -> list[Execution]:
    """The steps after ``first``, in the data's order."""
    ordered = in_data_order(session.history, latest(session.history))
    steps = [x.step for x in ordered]
    if first is None or first.step not in steps:
        return []
    return ordered[steps.index(first.step) + 1 :]


def _stale(history: History) -> list[Execution]:
    """The stale steps, in the data's order."""
    stale = stale_steps(history)
    return [x for x in in_data_order(history, latest(history)) if x.step in stale]


def _is_served(history: History, call: Call) -> bool:
    """Whether the same request, made again, is answered from the journal."""
    return history.recorded(call.step, call.place_key, call.occurrence) is not None


def _price(calls: list[Call], about: str) -> str:
    """What calls cost when they were made; what has no price is not free."""
    usd = sum(call.usage.cost for call in calls if call.usage)
    unpriced = sum(call.unpriced for call in calls)
    known = f": {about} ${usd:.4f}" if usd < 0.1 else f": {about} ${usd:.2f}"
    if not unpriced:
        return known
    return f"{known} and {unpriced} of unknown cost" if usd else ": what that costs is not known"


def _about(session: Session, execution: Execution, live: bool, changed: list[str]) -> list[str]:
    history = session.history
    calls = [
        call
        for call in (
            *history.calls_of(execution.of or execution.id),
            *(history.calls[i] for i in execution.served if i in history.calls),
        )
        if call.kind.traits.answer and call.status is CallStatus.COMPLETED
    ]
    lines = [f"runs {execution.step} with the inputs of execution {execution.id}"]
    kept = [] if live else [c for c in calls if _is_served(history, c)]
    served = {call.id for call in kept}
    anew = [call for call in calls if call.id not in served]
    if kept and changed:
        lines.append(
            f"answers those of its {count(len(kept), 'call')} to models from the journal that "
            f"{listed(changed)} does not change, and makes the others anew{_price(kept, 'up to')}"
        )
    elif kept:
        lines.append(f"answers {count(len(kept), 'call')} to models from the journal")
    if anew:
        why = "" if live else ", which the journal of this run cannot answer"
        lines.append(f"makes {count(len(anew), 'call')} to models anew{why}{_price(anew, 'about')}")
    now = history.namespace()
    moved = [
        n
        for n, v in execution.inputs.items()
        if n in now and now[n].version != v and not is_unstorable(v)
    ]
    if moved:
        lines.append(f"puts {listed(moved)} back to what it was then")
    users = [
        x.step
        for x in latest(history).values()
        if x.step != execution.step and set(x.inputs) & set(execution.outputs)
    ]
    if users:
        lines.append(f"its outputs are used by {listed(users)}: stale if those change")
    return lines


def _give_inputs(session: Session, execution: Execution, replacements: dict[str, str]) -> None:
    """Put the recorded inputs in place; expressions are evaluated after that."""
    runtime = session.runtime
    recorded = runtime.history.namespace(execution.before)
    inputs = {n: recorded[n] for n in execution.inputs if n in recorded}
    runtime.namespace.restore(inputs)
    live = runtime.namespace.live
    for name, expression in replacements.items():
        try:
            live[name] = eval(expression, live)
        except Exception as error:
            raise UsageError(
                f"--with {name}={expression}: {type(error).__name__}: {error}"
            ) from error
