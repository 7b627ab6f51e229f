"""The timeline as a plain HTML table and as text, for where no front end runs."""

from __future__ import annotations

from html import escape

from duranb.terminal import one_line, tame
from duranb.timelines.model import Update
from duranb.timelines.rows import Row
from duranb.views.lines import AS_IT_IS
from duranb.views.words import cost, count, duration, money

MOST_ROWS = 200

_STYLE = "padding:2px 10px 2px 0;text-align:{};white-space:nowrap;vertical-align:top"


def table_html(update: Update, css_class: str) -> str:
    """A self-contained fragment: no script, no style sheet, everything escaped."""
    rows = _shown(update)
    head = "".join(f'<th style="{_STYLE.format(side)}">{name}</th>' for name, side in _COLUMNS)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="{_STYLE.format(side)}">{escape(tame(cell))}</td>'
            for cell, (_, side) in zip(_cells(row), _COLUMNS, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    left = len(update.rows) - len(rows)
    more = f"<p>{left} earlier rows are not shown</p>" if left else ""
    return (
        f'<div class="{escape(css_class)} {AS_IT_IS}"><p>{escape(summary(update))}</p>{more}'
        f'<table style="border-collapse:collapse"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def table_text(update: Update) -> str:
    """The same as lines of text."""
    lines = ["  ".join(filter(None, _cells(row))) for row in _shown(update)]
    return "\n".join(map(one_line, [summary(update), *lines]))


def summary(update: Update) -> str:
    """One line about the whole history."""
    sums = update.totals.ledger
    parts = [
        count(update.totals.executions, "execution"),
        f"{count(sums.calls, 'call')} made ({cost(sums) or '$0'})",
        f"{count(sums.saved_calls, 'call')} saved ({money(sums.saved_cost) or '$0'})",
        f"{count(update.totals.restarts, 'restart')} survived",
    ]
    return f"duranb timeline, branch {update.branch}: " + ", ".join(parts)


_COLUMNS = (
    ("step", "left"),
    ("status", "left"),
    ("how", "left"),
    ("attempts", "right"),
    ("calls", "right"),
    ("tokens", "right"),
    ("cost", "right"),
    ("saved", "right"),
    ("took", "right"),
    ("note", "left"),
)


def _cells(row: Row) -> list[str]:
    sums = row.ledger
    return [
        f"{'· ' if row.parent else ''}{row.step}",
        row.status,
        row.origin,
        str(len(row.attempts) or ""),
        str(sums.calls or ""),
        f"{sums.tokens:,}" if sums.tokens else "",
        cost(sums),
        count(sums.saved_calls, "call") if sums.saved_calls else "",
        duration((row.ended - row.started) / 1e6) if row.ended > row.started else "",
        _note(row),
    ]


def _note(row: Row) -> str:
    if row.waits:
        return f"waits: {', '.join(wait.text for wait in row.waits)}"
    return row.error or (f"stale: {', '.join(row.stale)}" if row.stale else "")


def _shown(update: Update) -> list[Row]:
    return update.rows[-MOST_ROWS:]
