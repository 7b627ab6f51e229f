"""Numbers and times as people say them."""

from __future__ import annotations

from datetime import datetime

from duranb.record.events import NEVER
from duranb.record.model import Ledger, Status

MARKS = {
    Status.RUNNING: "▶",
    Status.WAITING: "⏸",
    Status.COMPLETED: "✓",
    Status.FAILED: "✗",
    Status.CANCELLED: "■",
    Status.IN_DOUBT: "?",
    Status.COMPENSATED: "↩",
    Status.COMPENSATION_FAILED: "!",
}
"""One sign for each status, always beside the word."""

STYLES = {
    Status.RUNNING: "cyan",
    Status.WAITING: "yellow",
    Status.COMPLETED: "green",
    Status.FAILED: "red",
    Status.CANCELLED: "yellow",
    Status.IN_DOUBT: "bold red",
    Status.COMPENSATED: "blue",
    Status.COMPENSATION_FAILED: "bold red",
}


def duration(seconds: float) -> str:
    """``4 ms``, ``3.2 s``, ``5 min 10 s``, ``2 h 3 min``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def money(dollars: float) -> str:
    """``$0.0031``, ``$1.20``, ``<$0.0001``; an empty string for nothing."""
    if not dollars:
        return ""
    if 0 < dollars < 0.00005:
        return "<$0.0001"
    return f"${dollars:.4f}" if dollars < 0.1 else f"${dollars:.2f}"


def cost(ledger: Ledger) -> str:
    """``$0.0031``, ``unknown``, ``$0.0031 + 2 unknown``; an empty string for nothing. What has no
    price is not free."""
    if not ledger.unpriced:
        return money(ledger.cost)
    return f"{money(ledger.cost)} + {ledger.unpriced} unknown" if ledger.cost else "unknown"


def tokens(number: int) -> str:
    """``830``, ``12.4k``, ``3.1M``; an empty string for none."""
    if not number:
        return ""
    if number < 1000:
        return str(number)
    return f"{number / 1000:.1f}k" if number < 1_000_000 else f"{number / 1_000_000:.1f}M"


def count(number: int, noun: str) -> str:
    """``1 call``, ``3 calls``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def clock(microseconds: int) -> str:
    """The local time of day, with the date if it is not today; what somebody else recorded may be
    no time at all."""
    if not 0 <= microseconds < NEVER:
        return "(no time)"
    then = datetime.fromtimestamp(microseconds / 1e6)
    today = then.date() == datetime.now().date()
    return then.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")


def saved(ledger: Ledger) -> str:
    """``31 calls, 48.0k tokens, $0.12 saved``; an empty string when nothing was."""
    if not ledger.saved_calls:
        return ""
    parts = [count(ledger.saved_calls, "call")]
    if ledger.saved_tokens:
        parts.append(f"{tokens(ledger.saved_tokens)} tokens")
    if ledger.saved_cost:
        parts.append(money(ledger.saved_cost))
    return f"{', '.join(parts)} saved"
