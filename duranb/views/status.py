"""``status``: where the notebook stands, on one screen."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from duranb.record import standing
from duranb.record.fold import DIED
from duranb.record.history import History
from duranb.record.kinds import Kind
from duranb.record.model import Call, CallStatus, Execution, Origin, Status
from duranb.record.staleness import latest, stale
from duranb.record.ways import account
from duranb.store.encryption import READABLE
from duranb.terminal import one_line
from duranb.views.lines import REMEDY
from duranb.views.render import View
from duranb.views.words import MARKS, STYLES, clock, cost, count, duration, money, tokens


def view(
    history: History,
    holder: int | None = None,
    answered: Collection[int] = (),
    *,
    is_encrypted: bool = False,
    size: int = 0,
) -> View:
    """Every step with its latest execution, and what waits for the user. Of an encrypted store it
    is said what can be read of it without its key.

    ``holder`` is the pid of the kernel that has the store open, where that is not this process.
    ``answered`` are the questions whose answers the notebook has not found yet; ``size`` the bytes
    that the store takes, which is told once they are many.
    """
    rows, old = _steps(history), stale(history)
    shown = _page(rows, old)
    parts: list[Table | Text] = [_headline(history, holder)]
    if len(rows) > len(shown):
        parts.append(Text(f"{len(rows) - len(shown):,} more steps are not shown", style="dim"))
    if rows:
        parts.append(_table(history, shown, old))
    parts += [Text(line) for line in left(history)]
    if size >= _LARGE:
        parts.append(Text(f"{decimal(size)} on disk; prune frees what it can", style="dim"))
    if is_encrypted:
        parts.append(Text(f"encrypted; {READABLE}", style="dim"))
    lines = [*needs(history, answered), *differing(history), *unrecorded(history)]
    parts += [Text(line, style="yellow") for line in lines]
    return View(*parts)


def _headline(history: History, holder: int | None) -> Text:
    line = one_line(f"run {history.run or '(none yet)'} · branch {history.branch or '-'}")
    others = [b for b in history.branches if b != history.branch]
    if others:
        line += f" (others: {', '.join(others)})"
    if holder:
        line += f" · kernel {holder} has it open"
    if not history.executions:
        line += "\nno durable cell has run yet: begin one with %%durable NAME"
    return Text(line, style="bold")


def _steps(history: History) -> list[Execution]:
    """The latest execution of each step: on the way to the head where there is one."""
    line = latest(history)
    found = {}
    for step in history.steps:
        last = history.executions_of(step)[-1]
        found[step] = last if last.status is not Status.COMPLETED else line.get(step, last)
    return list(found.values())


_LARGE = 100_000_000
"""Bytes from which a store's size is told."""

MOST_STEPS = 200
"""Steps that are listed: those that are not done come first, then the latest."""


def _page(rows: list[Execution], old: Mapping[str, list[str]]) -> list[Execution]:
    """The rows that are shown, in their order."""
    if len(rows) <= MOST_STEPS:
        return rows
    undone = [x for x in rows if x.status is not Status.COMPLETED or x.step in old]
    chosen = {x.id for x in [*undone[-MOST_STEPS:], *reversed(rows)][:MOST_STEPS]}
    return [x for x in rows if x.id in chosen]


_HEADINGS = ["step", "status", "how", "tries", "calls", "tokens", "cost", "saved", "took", "when"]


_STATUS_WIDTH = len("✓ compensated")
"""Columns of the status that do not give way; longer ones go on in another line."""


def _table(history: History, rows: list[Execution], old: Mapping[str, list[str]]) -> Table:
    lines: list[tuple[str | Text, ...]] = []
    for this in rows:
        ledger = history.ledger(this.id)
        status = history.status_of(this)
        state = Text(f"{MARKS[status]} {status}", style=STYLES[status])
        if this.step in old:
            state.append(f" stale ({', '.join(old[this.step])})", style="magenta")
        took = duration((this.ended - this.started) / 1e6) if this.ended else ""
        lines.append(
            (
                f"{this.step}@{this.id}",
                state,
                _how(this),
                str(len(this.attempts) or ""),
                str(ledger.calls or ""),
                tokens(ledger.tokens),
                cost(ledger),
                money(ledger.saved_cost) or (str(ledger.saved_calls) if ledger.saved_calls else ""),
                "" if this.origin is Origin.RESTORED else took,
                clock(this.started),
            )
        )
    columns = [
        (heading, cells)
        for heading, cells in zip(_HEADINGS, zip(*lines, strict=True), strict=True)
        if any(cells)  # a terminal has no room for empty ones
    ]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for heading, _ in columns:
        words = heading in ("step", "status", "how", "when")
        table.add_column(
            heading,
            justify="left" if words else "right",
            no_wrap=heading != "status",
            min_width=_STATUS_WIDTH if heading == "status" else None,
        )
    for cells in zip(*(cells for _, cells in columns), strict=True):
        table.add_row(*cells)
    return table


def _how(this: Execution) -> str:
    if this.error is not None and this.error.type == DIED:
        return "killed"
    return "" if this.origin is Origin.EXECUTED else str(this.origin)


def left(history: History) -> list[str]:
    """What steps that are not complete have left of their budgets."""
    lines = []
    for this in _steps(history):
        budget = this.options.get("budget")
        if budget is not None and this.status is not Status.COMPLETED:
            paid = history.paid_towards(this)
            rest = money(max(0.0, budget - paid.cost - paid.guessed_cost)) or "$0"
            lines.append(f"{this.step}: {rest} left of its budget of {money(budget) or '$0'}")
    return lines


def needs(history: History, answered: Collection[int] = ()) -> list[str]:
    """What only the user can settle, with the words that do it."""
    lines = []
    for this in _steps(history):
        lines += [_waits(call, this, answered) for call in history.waits_for(this.id)]
        if this.status is Status.IN_DOUBT:  # an earlier execution may have begun it
            doubts = standing.in_doubt(history, this.step)
        else:
            doubts = [
                c for c in history.intended_calls_of(this.id) if c.kind.traits.effect and _open(c)
            ]
        for call in doubts if this.status is not Status.RUNNING else ():
            undo = " | --compensate" if call.compensate else ""
            lines.append(
                f"{this.step} is in doubt: {call.name}({call.preview}) was begun and its "
                f"outcome never recorded  →  %duranb resolve {this.step} --happened [RESULT] "
                f"| --not-happened{undo}"
            )
    return lines + half_undone(history)


def half_undone(history: History) -> list[str]:
    """What was begun to be undone, and did not come to its end."""
    undoing = [history.executions[i] for i in history.to_undo]
    if any(history.executions[i].kind == "compensation" for i in history.running):
        return []
    lines = []
    for this in undoing:
        for call in standing.doubts(history, this):
            lines.append(
                f"{this.step} is half undone, and in doubt: {call.name}({call.preview}) was begun "
                f"and its outcome never recorded  →  %duranb compensate {this.step} "
                "--happened [RESULT] | --not-happened"
            )
    if undoing:
        steps = ", ".join(dict.fromkeys(this.step for this in undoing))
        lines.append(f"undoing {steps} did not come to its end  →  %duranb compensate")
        return lines
    unfinished = [
        x
        for x in history.executions.values()
        if x.compensates
        and x.status in (Status.FAILED, Status.CANCELLED)
        and history.executions[x.compensates].status is not Status.COMPENSATED
    ]
    for this in unfinished[-1:]:
        step = history.executions[this.compensates].step
        lines.append(f"the compensation of {step} did not end  →  %duranb compensate {step}")
    return lines


def differing(history: History) -> list[str]:
    """Stored values that do not come back as they were."""
    return [
        f"{this.step}: {name} does not come back as it was: {how}. {REMEDY}"
        for this in _steps(history)
        for name, how in this.differs.items()
    ]


def unrecorded(history: History) -> list[str]:
    """What left steps by ways that nobody records."""
    return [
        f"{this.step}: {account(this.unrecorded)}" for this in _steps(history) if this.unrecorded
    ]


def _waits(call: Call, this: Execution, answered: Collection[int]) -> str:
    again = "" if this.status is Status.RUNNING else "run the cell again"
    if call.id in answered:
        return f"{call.step} has its answer: {call.preview}" + (f"  →  {again}" if again else "")
    how = {
        Kind.ASK: f"%duranb answer {call.id} VALUE",
        Kind.SIGNAL: f"%duranb signal {call.preview} [VALUE]",
    }.get(call.kind, "")
    until = f", until {clock(call.until)}" if call.until and how else ""
    until += f" (the answer {call.reason})" if call.reason else ""
    then = ", then ".join(filter(None, (how, again)))
    return f"{call.step} waits: {call.preview}{until}" + (f"  →  {then}" if then else "")


def _open(call: Call) -> bool:
    unsettled = call.status in (CallStatus.IN_DOUBT, CallStatus.INTENDED)
    return unsettled and not call.idempotent


def summary(history: History) -> str:
    """One line: how many steps are done, and how many are not."""
    steps = _steps(history)
    done = sum(x.status is Status.COMPLETED for x in steps)
    return f"{count(done, 'step')} completed of {len(steps)}"
