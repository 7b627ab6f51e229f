"""``limits``: how fast calls to models are made, and what that was learned from."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from duranb.engine import limits as engine
from duranb.errors import UsageError
from duranb.verbs.table import Limits
from duranb.views.render import View


def limits(given: Limits) -> View:
    """Set what is given, and show what holds. Raises :class:`UsageError`."""
    asked = (given.requests, given.tokens, given.concurrent)
    if given.off and any(each is not None for each in asked):
        raise UsageError("limits takes numbers, or --off")
    if given.off or any(each is not None for each in asked):
        engine.limits(
            requests_per_minute=given.requests,
            tokens_per_minute=given.tokens,
            concurrent=given.concurrent,
        )
    return View(Text(_set(engine.limiter.limits), style="bold"), _table(engine.limiter.gates))


def _set(limits: engine.Limits) -> str:
    parts = [
        f"{most:,g} {what}"
        for most, what in (
            (limits.requests_per_minute, "requests a minute"),
            (limits.tokens_per_minute, "tokens a minute"),
            (limits.concurrent, "calls at once"),
        )
        if most is not None
    ]
    whose = "for each model" if limits.per == "model" else "for all models together"
    return f"at most {', '.join(parts)}, {whose}" if parts else "no limit is set"


def _table(gates: list[engine.Gate]) -> Table | Text:
    if not gates:
        return Text("no model was asked yet in this kernel", style="dim")
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for heading in ("model", "on their way", "waiting", "answered", "refused", "learned rate"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for gate in gates:
        rate = "" if gate.rate is None else f"{gate.rate * 60:,.0f} a minute"
        counts = (gate.on_their_way, gate.waiting, gate.answered, gate.refused)
        table.add_row(gate.name, *(f"{count:,}" for count in counts), rate)
    return table
