"""Every one-line message of a durable cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType

from duranb.record.events import ValuesDiffer
from duranb.record.history import History
from duranb.record.model import REWOUND, Execution, Origin, Status
from duranb.record.staleness import latest
from duranb.record.ways import not_recorded, sentence, told
from duranb.terminal import tame
from duranb.views.words import clock, count, saved

NONE: Mapping[str, bool] = MappingProxyType({})
NO_FAILURE: Mapping[str, str] = MappingProxyType({})

AS_IT_IS = "mathjax_ignore tex2jax_ignore"
"""Classes of HTML in which a notebook's MathJax leaves dollars and what is between them alone."""


def quiet(text: str) -> dict[str, str]:
    """A message as a quiet line of a notebook's output area, and on a terminal."""
    text = tame(text)
    return {"text/plain": text, "text/html": _quiet_html(text)}


def _quiet_html(text: str) -> str:
    return (
        f'<div class="duranb-line {AS_IT_IS}" style="color: var(--jp-ui-font-color2, #777); '
        f'font-size: 90%; white-space: pre-wrap">{escape(text)}</div>'
    )


def restored(
    history: History,
    source: Execution,
    restored_as: int,
    lost: Mapping[str, bool] = NONE,
    unread: Mapping[str, str] = NO_FAILURE,
) -> str:
    """Nothing ran: where the step's values came from, what that saved, and the names that are not
    as the step had left them, with whether that is so only for what they share with others; those
    that are ``unread`` with why."""
    kept = saved(history.ledger(restored_as))
    line = f"↺ {source.step}: restored from {clock(source.ended)}, nothing ran"
    line = f"{line} · {kept}" if kept else line
    if left := not_recorded(source.unrecorded):
        line += f" · when it ran: {told(left)}, not recorded"
    for name, apart in lost.items():
        line += f"\n! {source.step}: {name} {_APART if apart else _BEHIND}"
    for failure in dict.fromkeys(unread.values()):
        names = ", ".join(name for name, why in unread.items() if why == failure)
        line += f"\n! {source.step}: not all of {names} is there: {failure}. {_UNREAD}"
    return line


_BEHIND = (
    "cannot be stored, and is not as the step left it. A step that needs it, and has to run, says "
    "so"
)
_UNREAD = "The next time that this cell is run, it runs"
_APART = (
    "holds what it did, and no longer shares that with the other variables that it shared it with: "
    "a later change of one does not show in the others. %duranb replay brings that back"
)


NOT_KEPT = "was not kept there"
"""Of a name that an imported step would have bound."""


def given(step: str, run: str, missing: Sequence[str]) -> str:
    """Nothing ran: the step was carried out elsewhere, in ``run``."""
    line = f"↺ {step}: imported from {run}, nothing ran"
    if not missing:
        return line
    return (
        f"{line} · {', '.join(missing)} {NOT_KEPT}, as no other step takes it: %duranb replay "
        f"{step} makes it, from the recorded calls"
    )


def not_given(step: str, run: str, why: str) -> str:
    """A step was carried out elsewhere, and has to run here all the same."""
    return (
        f"! {step}: it was carried out in {run}, and does not fit here: {why}. It runs, and the "
        "calls that it made there are answered from the journal"
    )


def behind(name: str, steps: Sequence[str]) -> str:
    """A cell that is not durable uses an object that lacks what restored steps had done to it."""
    if steps[0] == REWOUND:
        return f"! {name} cannot be stored: it is as it was when the notebook was rewound"
    return (
        f"! {name} cannot be stored: it is not as step {steps[0]!r} left it, which was restored. "
        f"To have it so: %duranb replay {steps[0]}"
    )


def not_set(missing: Sequence[str]) -> str:
    """What a step had set beside its variables, and what restoring it has not."""
    return (
        f" · it had also set {', '.join(missing)}, which is not so here: a plain cell may do that "
        "again"
    )


def shown_otherwise(step: str, libraries: Sequence[str]) -> str:
    """A restored step's outputs are as they were, though settings that shape them are others."""
    return (
        f" · its outputs are as they were shown under other settings of {', '.join(libraries)}: "
        f"%duranb replay {step} shows them anew"
    )


PICTURES = (
    " · its widgets are a picture of what they showed, with nothing behind them: running the step "
    "that makes them (%duranb replay) brings live ones"
)
"""What a restored step shows has widgets in it that are gone."""


FIGURES = (
    " · it had drawn on a figure without a name, which only pyplot held and which is not so here: "
    "a cell that draws on it draws on another one. Give it a name (fig = plt.gcf())"
)
"""A restored step had made, or drawn on, a figure that nothing but pyplot held."""


def completed(history: History, execution: int) -> str:
    """What is worth saying of a completed step: what came from the journal, what was not stored.
    Empty for the ordinary case: a durable cell is as quiet as a plain one."""
    this = history.executions[execution]
    lines = []
    if this.origin in (Origin.RESUMED, Origin.REPLAYED) and this.served:
        made = history.ledger(execution).calls
        line = f"↻ {this.step}: {this.origin}, {count(len(this.served), 'call')} from the journal"
        line += f", {made} made" if made else ""
        kept = saved(history.ledger(execution))
        lines.append(f"{line} · {kept}" if kept else line)
    if this.unrecorded:
        lines.append(f"! {sentence(this.step, this.unrecorded)}{_before(history, this)}")
    for name, why in this.unstored.items():
        kind = this.outputs[name].type if name in this.outputs else "value"
        lines.append(
            f"! {this.step}: {name} ({kind}) is not stored as it was: {why}. After a restart it "
            "says so when that is used; duranb.reconnect can register how to make it again"
        )
    return "\n".join(lines)


def _before(history: History, this: Execution) -> str:
    """What executions of the step that did not end well had already sent, by the same ways."""
    ways = {(way.how, way.to) for way in this.unrecorded}
    told = [
        f"execution @{x.id}, which is {x.status}, had done so as well"
        for x in history.executions_of(this.step)
        if x.id < this.id and x.status is not Status.COMPLETED
        if ways.intersection((way.how, way.to) for way in x.unrecorded)
    ]
    return f". {told[-1].capitalize()}" if told else ""


def differing(history: History, found: Sequence[ValuesDiffer]) -> str:
    """Values that were stored, and do not come back as they were."""
    lines = []
    for each in found:
        of = history.executions.get(each.execution)
        where = f"step {of.step!r}" if of is not None else "a plain cell"
        for name, how in each.differences.items():
            lines.append(f"! {where}: {name} does not come back as it was: {how}. {REMEDY}")
    return "\n".join(lines)


REMEDY = (
    "After a restart, run the cell that makes it again, or have its class keep it when it is "
    "pickled (__reduce__, __getstate__)"
)


def greeting(history: History) -> str:
    """After a restart: what there is to come back to. Empty when nothing was done yet."""
    steps = latest(history, history.left or None)
    if not history.executions:
        return ""
    done = [s for s, x in steps.items() if x.status is Status.COMPLETED]
    parts = [f"{count(len(done), 'completed step')} to come back to"]
    last = history.executions[history.last_execution]
    if last.status is not Status.COMPLETED:
        parts.append(f"{last.step} is {last.status}")
    if history.to_undo:
        undone = dict.fromkeys(history.executions[i].step for i in history.to_undo)
        parts.append(f"undoing {', '.join(undone)} did not come to its end (%duranb compensate)")
    return (
        f"duranb: {'; '.join(parts)}. Run All restores them step by step; "
        "%duranb rewind brings all variables back without running a cell"
    )


UNNAMED = (
    "This notebook has no name here, and what runs so in one folder shares a history: start the "
    "kernel with DURANB_NOTEBOOK=NAME.ipynb, or run it with duranb run, for one of its own"
)


def left_behind(names: Sequence[str]) -> str:
    """This notebook has no store, but notebooks that are gone have left theirs."""
    others = f" (or of {', '.join(names[1:4])})" if names[1:] else ""
    return (
        f"duranb: was this notebook called {names[0]}? That one is gone, and has left its history"
        f"{others}: %duranb adopt {names[0]} goes on with it"
    )
