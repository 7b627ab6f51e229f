"""What the demo shows while it plays, and the table at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from duranb.demo.audit import Audit, Tickets
from duranb.pure.history import History
from duranb.pure.model import CallStatus, Execution, Origin, Status

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
        """One line."""
        self.console.print(Text(f"   {text}", style=style))

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


def steps_table(history: History | None, expected: dict[str, int]) -> Group:
    """The steps, each with how far its calls have come.

    ``expected`` maps the steps to how many calls their last run had; 0 where that is not known.
    """
    table = Table.grid(padding=(0, 2))
    for step in history.steps if history else ():
        assert history is not None
        latest = next((x for x in reversed(history.executions_of(step)) if x.sort == "cell"), None)
        if latest is None:
            continue
        sign, colour = _SIGNS.get(latest.status, _OTHER)
        done = answers(history, latest)
        total = max(expected.get(step, 0), done)
        filled = total if latest.status is Status.COMPLETED else done
        bar = ProgressBar(total=max(total, 1), completed=filled if total else 1, width=BAR)
        calls = f"{done}/{total} calls" if total else ""
        table.add_row(
            Text(f"   {sign}", style=colour), step, bar if total else "", calls, how(latest)
        )
    return Group(table)


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
    table.add_column("")
    table.add_column("a plain notebook", justify="right")
    table.add_column("with duranb", justify="right", style="bold green")
    table.add_column("saved", justify="right")
    if audit.requests is not None and audit.answered is not None:
        refused = audit.requests - audit.answered
        table.add_row("requests the server saw", "", str(audit.requests), "")
        table.add_row("  refused, broken or given up", "", str(refused), "")
        lost = max(0, audit.answered - audit.recorded)
        table.add_row("  answered to a kernel that was dead", "", str(lost), "")
    table.add_row(
        "calls to pay for",
        str(audit.plain_calls),
        str(audit.recorded if audit.answered is None else audit.answered),
        str(audit.plain_calls - audit.recorded),
    )
    table.add_row(
        "tokens",
        f"{audit.plain_tokens:,}",
        f"{audit.tokens:,}",
        f"{audit.plain_tokens - audit.tokens:,}",
    )
    table.add_row(
        "money",
        f"${audit.plain_cost:.4f}",
        f"${audit.cost:.4f}",
        f"${audit.plain_cost - audit.cost:.4f}",
    )
    table.add_row("time waiting for the model", "", "", f"{audit.seconds_saved:.0f} s")
    table.add_section()
    table.add_row("restarts survived", "", str(kills), "")
    table.add_row("tickets filed twice", "", str(len(tickets.twice)), "")
    table.add_row("acknowledged calls paid for twice", "", str(len(audit.again)), "")
    return table


def completed_answers(history: History) -> int:
    """How many answers of models the store holds."""
    return sum(c.sort == "llm" and c.status is CallStatus.COMPLETED for c in history.calls.values())
