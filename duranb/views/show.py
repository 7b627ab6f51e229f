"""``show STEP``: everything about one execution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from duranb.engine import questions
from duranb.record.artifacts import Artifacts
from duranb.record.history import History
from duranb.record.model import Call, Execution, Origin, Status
from duranb.record.ways import account
from duranb.session.answering import question_of
from duranb.views.render import View
from duranb.views.words import MARKS, STYLES, clock, duration, money, saved, tokens

MOST_PRINTED = 2000
"""Characters of what an undo printed that are shown."""

MOST_CALLS = 50
"""Calls that are listed; of the others it is said how many there are."""


def view(history: History, reference: str, artifacts: Artifacts | None = None) -> View:
    """``STEP`` (its latest), ``STEP@ID`` or ``ID``. ``artifacts`` hold what its undo printed.
    Raises :class:`NoSuchStep`."""
    this = history.find(reference)
    parts: list[Text | Table | Syntax] = [_headline(history, this)]
    if this.error is not None:
        parts.append(Text(f"{this.error.type}: {this.error.message}", style="red"))
    if this.unrecorded:
        parts.append(Text(account(this.unrecorded), style="yellow"))
    waits = history.waits_for(this.id)
    if waits and artifacts is not None:
        parts += [_heading("waits for"), *(_wait(call, artifacts) for call in waits)]
    parts.append(_heading("code"))
    parts.append(Syntax(this.source.rstrip(), "python", background_color="default"))
    if this.inputs or this.uses or this.given:
        parts += [_heading("inputs"), _inputs(history, this)]
    if this.outputs:
        parts += [_heading("outputs"), _bindings(this)]
    if len(this.attempts) > 1 or this.error:
        parts += [_heading("attempts"), _attempts(this)]
    calls = history.calls_of(this.of or this.id)
    served = [history.calls[i] for i in this.served if i in history.calls]
    if calls or served:
        parts += [_heading("calls"), *_calls(this, calls, served)]
    if this.step in history.compensations:
        parts += [
            _heading("compensation"),
            Syntax(history.compensations[this.step], "python", background_color="default"),
        ]
    undo = this if this.compensates else history.executions.get(this.compensated_by)
    if undo is not None:
        parts += [_heading("undoing it" if undo is this else f"undone by @{undo.id}")]
        parts += _undoing(history, artifacts, undo)
    others = [x for x in history.executions_of(this.step) if x.id != this.id]
    if others:
        known = ", ".join(f"@{x.id} {x.status}" for x in others[-8:])
        parts.append(Text(f"other executions: {known}", style="dim"))
    return View(*parts)


def _wait(call: Call, artifacts: Artifacts) -> Text:
    """One thing that it waits for: of a question, all that whoever answers has to know."""
    until = f", until {clock(call.until)}" if call.until else ""
    if not call.kind.traits.person:
        return Text(f"{call.name}({call.preview}){until}")
    lines = [f"question {call.id}{until}", *questions.lines(question_of(call, artifacts))]
    return Text("\n  ".join([*lines, f"%duranb answer {call.id} VALUE"]))


def _undoing(
    history: History, artifacts: Artifacts | None, undo: Execution
) -> Iterator[Table | Text]:
    """What a compensation did, what came of it, and what it printed."""
    table = Table.grid(padding=(0, 2))
    for call in history.calls_of(undo.id):
        gave = call.result.preview if call.result is not None else ""
        failed = f"{call.error.type}: {call.error.message}" if call.error else ""
        what = Text(f"{call.name}({call.preview})"[:90])
        table.add_row(what, str(call.status), Text((failed or gave)[:90]))
    if table.row_count:
        yield table
    elif undo.status is Status.COMPLETED:
        yield Text("it ran to its end")
    if undo.error is not None:
        yield Text(f"{undo.error.type}: {undo.error.message}", style="red")
    if undo.messages and artifacts is not None:
        messages = msgspec.json.decode(artifacts.get(undo.messages))
        printed = "".join(m["content"]["text"] for m in messages if m["type"] == "stream")
        yield Text(f"printed: {printed.rstrip()[:MOST_PRINTED]}")


def _heading(text: str) -> Text:
    return Text(f"\n{text}", style="bold dim")


def _headline(history: History, this: Execution) -> Text:
    text = Text(f"{this.step}@{this.id}  ", style="bold")
    status = history.status_of(this)
    text.append(f"{MARKS[status]} {status}", style=STYLES[status])
    if this.origin is not Origin.EXECUTED:
        text.append(f" · {this.origin}")
    if this.of:
        text.append(f" from @{this.of}")
    text.append(f" · {clock(this.started)} · branch {this.branch}")
    if this.ended and not this.of:
        text.append(f" · {duration((this.ended - this.started) / 1e6)}")
    kept = saved(history.ledger(this.id))
    if kept:
        text.append(f" · {kept}", style="green")
    if this.of:
        text.append(f"\nrestored because {_as_recorded(this)}")
    elif this.reason:
        ran = "nothing ran" if this.origin is Origin.RESTORED else "ran because"
        text.append(f"\n{ran}: {this.reason}")
    return text


def _as_recorded(this: Execution) -> str:
    """Why an execution was restored: what is the same, by name."""
    same = ["its code"]
    inputs, helpers = list(this.inputs), [n for n in this.uses if not n.startswith("module:")]
    modules = [n.removeprefix("module:") for n in this.uses if n.startswith("module:")]
    for one, several, names in (
        ("input", "inputs", inputs),
        ("helper", "helpers", helpers),
        ("module", "modules", modules),
    ):
        if names:
            same.append(f"its {one if len(names) == 1 else several} {_few(names)}")
    listed = f"{', '.join(same[:-1])} and {same[-1]}" if len(same) > 1 else same[0]
    verb = "are" if len(same) > 1 else "is"
    return f"{listed} {verb} what execution @{this.of} recorded"


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"


def _inputs(history: History, this: Execution) -> Table:
    before = history.namespace(this.before)
    table = Table.grid(padding=(0, 2))
    for name, version in this.inputs.items():
        seen = before.get(name)
        table.add_row(name, seen.type if seen else "", Text(seen.preview if seen else version))
    for name, version in this.given.items():
        table.add_row(name, "", Text(version[:12], style="dim"))
    for name in this.uses:
        table.add_row(name, "code", Text(this.uses[name][:12], style="dim"))
    return table


def _bindings(this: Execution) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, binding in this.outputs.items():
        value = Text(binding.preview)
        if binding.why:
            value.append(f"  not stored as it was: {binding.why}", style="yellow")
        if name in this.differs:
            value.append(f"  does not come back as it was: {this.differs[name]}", style="yellow")
        table.add_row(name, binding.type, value)
    return table


def _attempts(this: Execution) -> Table:
    table = Table.grid(padding=(0, 2))
    for attempt in this.attempts:
        took = duration((attempt.ended - attempt.started) / 1e6) if attempt.ended else ""
        what = f"{attempt.error.type}: {attempt.error.message}" if attempt.error else "ok"
        pause = f"then waited {duration(attempt.wait)}" if attempt.wait > 0 else ""
        table.add_row(str(attempt.number), took, str(attempt.cause or ""), Text(what[:90]), pause)
    return table


def _calls(this: Execution, made: list[Call], served: list[Call]) -> Iterator[Table | Text]:
    """The first calls, and how many more there are of each status."""
    table = Table.grid(padding=(0, 2))
    told = [*((c, str(c.status)) for c in made), *((c, "journal") for c in served)]
    for call, how in told[:MOST_CALLS]:
        usage = call.usage
        spent = tokens(usage.input_tokens + usage.output_tokens) if usage else ""
        cost = "cost unknown" if call.unpriced else money(usage.cost) if usage else ""
        table.add_row(f"#{call.id}", call.name, how, spent, cost, Text(call.preview[:70]))
    yield table
    rest = Counter(how for _, how in told[MOST_CALLS:])
    if rest:
        more = ", ".join(f"{number:,} {how}" for how, number in rest.items())
        where = f"SELECT * FROM calls WHERE execution = {this.of or this.id}"
        yield Text(f"… and {rest.total():,} more ({more}): %%duranb_sql {where}", style="dim")
