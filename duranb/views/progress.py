"""How far a map is, as one line."""

from __future__ import annotations

from duranb.engine.progress import Progress
from duranb.views.words import duration, money


def line(progress: Progress) -> str:
    """``summarise: 1,234 of 10,000 · 3 failed · 45/s · $0.52 of about $4.20 · 3 min 14 s left``.

    What is not known is left out: the total of an iterator, a cost that is nothing, a rate before
    anything was made.
    """
    total = "" if progress.total is None else f" of {progress.total:,}"
    parts = [f"{progress.label}: {progress.done:,}{total}"]
    if progress.served:
        parts.append(f"{progress.served:,} from the journal")
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.made:
        parts.append(f"{_digits(progress.rate)}/s")
    if progress.batched:
        parts.append(f"{progress.batched:,} in batches")
    if progress.cost:
        spent, expected = money(progress.cost), progress.expected
        about = expected is not None and not progress.over
        parts.append(f"{spent} of about {money(expected or 0.0)}" if about else spent)
    if progress.over:
        parts.append(duration(progress.seconds))
    elif progress.waiting:
        parts.append(progress.waiting)
    elif progress.left is not None:
        parts.append(f"{duration(progress.left)} left")
    return " · ".join(parts)


def _digits(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"
