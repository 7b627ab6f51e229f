"""What the demo shows while it plays, and the table at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from duranb.demo.audit import Audit, Tickets
from duranb.record.history import History
from duranb.record.model import CallStatus, Execution, Origin, Status

_SIGNS = {
    Status.RUNNING: ("●", "yellow"),
    Status.COMPLETED: ("✓", "green"),
    Status.COMPENSATED: ("↺", "magenta"),
}
_OTHER = ("✗", "red")

BAR = 24
"""Characters of a step's bar."""


class Show:
    """The demo's voice. Lines scroll by, the steps stay below them while something runs."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._act = 0

    def opening(self, about: str) -> None:
        """The first words."""
        self.console.print(Panel(about, title="duranb demo", border_style="cyan", expand=False))

    def act(self, title: str) -> None:
        """Something new begins."""
        self._act += 1
        self.console.print(f"\n[bold cyan]{self._act}  {title}")

    def say(self, text: str, style: str = "") -> None:
        """One line; what does not fit on it is cut."""
        line = Text(f"   {text}", style=style)
        self.console.print(line, no_wrap=True, overflow="ellipsis")

    @contextmanager
    def steps(self, expected: dict[str, int]) -> Iterator[Live]:
        """Room for :func:`steps_table`, which the caller updates."""
        with Live(console=self.console, refresh_per_second=8, transient=True) as live:
            live.update(steps_table(None, expected))
            yield live

    def closing(self, audit: Audit, tickets: Tickets, kills: int, timeline: str) -> None:
        """The accounts, and where to look."""
        self.console.print()
        self.console.print(accounts(audit, tickets, kills))
        for sentence in audit.again:
            self.say(sentence, "red")
        for title in tickets.twice:
            self.say(f"filed twice: {title}", "red")
        self.console.print(f"\nThe timeline, in one file: [bold]{timeline}")


def steps_table(history: History | None, expected: dict[str, int]) -> Table:
    """The steps, each with how far its calls have come.

    ``expected`` maps the steps, in their order, to how many calls each is thought to need.
    """
    table = Table.grid(padding=(0, 2))
    for step, calls in expected.items():
        latest = history.executions_of(step)[-1:] if history else []
        if not latest:
            table.add_row(Text("   ○", style="dim"), Text(step, style="dim"), "", "", "")
            continue
        assert history is not None
        (this,) = latest
        done = answers(history, this)
        total = done if this.status is Status.COMPLETED else max(calls, done)
        sign, colour = _SIGNS.get(this.status, _OTHER)
        table.add_row(
            Text(f"   {sign}", style=colour),
            step,
            ProgressBar(total=total, completed=done, width=BAR) if total else "",
            f"{done}/{total} calls" if total else "",
            how(this),
        )
    return table


def answers(history: History, execution: Execution) -> int:
    """How many answers of models an execution has, from whatever source."""
    ledger = history.ledger(execution.id)
    return ledger.calls + ledger.saved_calls


def how(execution: Execution) -> str:
    """How an execution's result came about, in a word or two."""
    failed = sum(a.cause is not None for a in execution.attempts)
    tried = f", {failed + 1} attempts" if failed else ""
    if execution.status is not Status.COMPLETED:
        return f"{execution.status}{tried}"
    if execution.origin is Origin.EXECUTED:
        return f"ran{tried}"
    return f"{execution.origin}{tried}"


def accounts(audit: Audit, tickets: Tickets, kills: int) -> Table:
    """The table at the end."""
    table = Table(border_style="cyan", title="What it took", title_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("plain notebook", justify="right")
    table.add_column("with duranb", justify="right", style="bold green")
    table.add_column("saved", justify="right")
    if audit.requests is not None:
        table.add_row("requests that the server saw", "", str(audit.requests), "")
        table.add_row("  refused, broken or given up", "", str(audit.requests - audit.paid), "")
        table.add_row("  answered, but not recorded in time", "", str(audit.lost), "")
    for name, plain, paid, show in (
        ("calls to pay for", audit.plain_calls, audit.paid, "{:,.0f}"),
        ("tokens", audit.plain_tokens, audit.tokens, "{:,.0f}"),
        ("money", audit.plain_cost, audit.cost, "${:.4f}"),
    ):
        table.add_row(name, show.format(plain), show.format(paid), show.format(plain - paid))
    table.add_row("waiting for the model", "", "", f"{audit.seconds_saved:.0f} s")
    table.add_section()
    table.add_row("restarts survived, after kill -9", "", str(kills), "")
    table.add_row("tickets filed twice", "", str(len(tickets.twice)), "")
    table.add_row("acknowledged calls paid for twice", "", str(len(audit.again)), "")
    return table


def completed_answers(history: History) -> int:
    """How many answers of models the store holds."""
    return sum(
        c.kind.traits.answer and c.status is CallStatus.COMPLETED for c in history.calls.values()
    )
