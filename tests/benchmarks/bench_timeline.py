"""What a timeline of many executions sends to the page first, and what that costs.

``python -m tests.benchmarks.bench_timeline 50000``: executions with one call each. It prints the
bytes of the rows as JSON objects, as columns, and as they are sent (columns, packed), the CPU time
of each, the bytes of one row that changed later, and the bytes of the rows in the saved file. Aim:
3 MB for 50,000 executions.
"""

from __future__ import annotations

import re
import sys
import time
from contextlib import nullcontext

import msgspec

from duranb.record.fold import Fold
from duranb.timelines import html
from duranb.timelines.columns import packed, sent
from duranb.timelines.model import Model
from tests.browser import story


def main(steps: int) -> None:
    """Measure and print."""
    told = story.long(steps)
    model = Model(Fold(told.events).history, nullcontext())
    marks = [time.process_time()]

    def took() -> float:
        marks.append(time.process_time())
        return marks[-1] - marks[-2]

    update = model.since(-1)
    print(f"{len(update.rows):,} rows: {took():.2f} s of CPU to make")
    whole = len(msgspec.json.encode(update))
    print(f"as objects: {whole / 1e6:.2f} MB, {took():.2f} s")
    data = msgspec.json.encode(sent(update))
    print(f"as columns: {len(data) / 1e6:.2f} MB, {took():.2f} s")
    print(f"as sent: {len(packed(data) or data) / 1e6:.2f} MB, {took():.2f} s more")
    changed = msgspec.structs.replace(update, rows=update.rows[-1:])
    one, columns = (len(msgspec.json.encode(x)) for x in (changed, sent(changed)))
    print(f"one row that changed: {columns:,} bytes ({one:,} as an object)")
    html.MOST_BYTES = 0  # the details have a limit of their own
    page = html.timeline_html(Fold(told.events).history, told, "long")
    found = re.search(r'id="duranb-rows">(.*?)</script>', page)
    assert found is not None
    print(f"in the file: {len(found[1]) / 1e6:.2f} MB of {len(page) / 1e6:.2f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 50_000)
