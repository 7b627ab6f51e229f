"""Status, show and diff, as text and as HTML."""

from __future__ import annotations

from typing import Any

import pytest

from duranb.engine.progress import Paced, Progress
from duranb.record import events as e
from duranb.record.events import ErrorInfo
from duranb.record.fold import Fold
from duranb.record.history import History
from duranb.views import diff, log, progress, show, status
from duranb.views.render import View
from tests.browser import story

HOSTILE = "[link=javascript:alert(1)]x[/link][/red] <img src=x onerror=alert(1)></script> :warning:"


def told() -> History:
    """A history in which everything that has a name has a hostile one."""
    s = story.Story()
    s.tell(e.RunStarted(run="r"))
    first = s.start(HOSTILE, HOSTILE, inputs={HOSTILE: "v"}, uses={HOSTILE: "u"}, reason=HOSTILE)
    s.llm(first, HOSTILE, HOSTILE, model=HOSTILE)
    s.complete(first, {HOSTILE: story.bound(HOSTILE, HOSTILE, HOSTILE)})
    second = s.start(HOSTILE, "pass")
    error = ErrorInfo(type=HOSTILE, message=f"{HOSTILE} \x1b]0;title\x07\x1b[2J")
    s.fail(second, 1, "code", error)
    s.tell(e.ExecutionEnded(execution=second, status="failed", attempts=1, error=error))
    return Fold(s.events).history


VIEWS: dict[str, Any] = {
    "status": status.view,
    "log": lambda history: log.view(history, story.agent().events),
    "show": lambda history: show.view(history, "1"),
    "show failed": lambda history: show.view(history, "2"),
    "diff": lambda history: diff.view(history, "1", "2"),
}


@pytest.mark.parametrize("name", VIEWS)
def test_recorded_text_is_text(name: str) -> None:
    """What was recorded is shown letter by letter: no markup of HTML or of rich takes effect, and
    nothing reaches a terminal as a command."""
    view: View = VIEWS[name](told())
    page, text = view.html(400), view.text(400)
    assert "<img" not in page
    assert "<a " not in page
    assert "\x1b" not in page + text
    assert "\x07" not in page + text
    if name != "log":
        assert HOSTILE in text


def test_show_lists_a_page_of_calls() -> None:
    """Of thousands of calls the first are listed, and of the others it is said how many there are
    and how to see them."""
    s = story.Story()
    s.tell(e.RunStarted(run="r"))
    number = s.start("many", "…")
    for i in range(show.MOST_CALLS + 30):
        s.llm(number, "many", f"answer {i}.")
    text = show.view(Fold(s.events).history, "many").text()
    assert "answer 0." in text and f"answer {show.MOST_CALLS}." not in text
    assert "… and 30 more (30 completed): %%duranb_sql SELECT * FROM calls" in text


def test_log_says_where_a_kernel_died() -> None:
    """Between the last that the step recorded and the process that opened the store next."""
    s = story.Story()
    s.tell(e.RunStarted(run="r"))
    s.session()
    number = s.start("draft", "…")
    s.now += 60_000_000
    s.session()
    lines = log.view(Fold(s.events).history, s.events).text().splitlines()
    assert f"draft@{number} began" in lines[-3]
    assert f"the kernel died in draft@{number}" in lines[-2]
    assert "opened the store" in lines[-1]


def test_status_of_thousands_of_steps_is_a_page() -> None:
    """What is not done is listed, then the latest; of the others it is said how many there are."""
    s = story.long(status.MOST_STEPS + 40)
    s.start("step_3", "…")
    s.now += 1
    text = status.view(Fold(s.events).history).text()
    assert "40 more steps are not shown" in text
    assert "step_3@" in text and "step_4@" not in text
    assert f"step_{status.MOST_STEPS + 39}@" in text


def test_how_far_a_map_is_fits_on_a_line() -> None:
    """Counts, rate, cost so far and expected, and the time left; what is not known is left out."""
    now = Progress("summarise", 10_000, done=1_234, failed=3, served=234, cost=0.5, began=0.0)
    now.ended = 100.0
    assert progress.line(now) == (
        "summarise: 1,234 of 10,000 · 234 from the journal · 3 failed · 10/s · $0.50 of about $4.88"
        " · 14 min 37 s left"
    )
    now.over = True
    assert progress.line(now).endswith("$0.50 · 1 min 40 s")
    begun = Progress("f", None, began=0.0)
    begun.ended = 1.0
    assert progress.line(begun) == "f: 0"


def test_a_line_that_changes_is_shown_now_and_then() -> None:
    """At most twice a second, and at the end; a map that is over at once shows nothing."""
    shown: list[bool] = []
    display = Paced(lambda now, first: shown.append(first))
    quick = Progress("f", 1)
    display.update(quick)
    quick.end()
    display.update(quick)
    assert shown == []
    slow = Progress("f", 2, began=quick.began - 10)
    display = Paced(lambda now, first: shown.append(first))
    for _ in range(5):
        display.update(slow)
    slow.end()
    display.update(slow)
    assert shown == [True, False]
