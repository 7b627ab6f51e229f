"""Rows, and what changed since the front end last looked."""

from __future__ import annotations

from contextlib import nullcontext

from duranb.record import events as e
from duranb.record.events import ErrorInfo, Event
from duranb.record.fold import Fold
from duranb.timelines.model import Model, Update
from duranb.timelines.rows import MOST_SPANS, Row
from tests.browser import story


def model(told: story.Story) -> tuple[Model, Fold]:
    folding = Fold(told.events)
    return Model(folding.history, nullcontext()), folding


def go_on(folding: Fold, told: story.Story, known: int) -> None:
    """Fold in what was told after the first ``known`` events."""
    for event in told.events[known:]:
        folding.apply(event)


def by_id(update: Update) -> dict[int, Row]:
    return {row.id: row for row in update.rows}


def test_each_execution_has_a_row() -> None:
    """All executions are rows, compensations and function steps included."""
    rows = by_id(model(story.agent())[0].since(-1))
    assert len(rows) == 19
    assert rows[4].origin == "resumed"
    assert rows[11].status == "compensated"
    assert rows[11].compensated_by == 16
    assert rows[16].kind == "compensation"
    assert rows[12].parent == 11


def test_nothing_changed_is_nothing_sent() -> None:
    """Asking again with the same event number gives no rows."""
    shown, folding = model(story.agent())
    assert shown.since(folding.history.seq).rows == []


def test_only_changed_rows_are_sent() -> None:
    """A call that returns sends the row of its execution and no other."""
    told = story.agent()
    shown, folding = model(told)
    known = folding.history.seq
    shown.since(-1)
    number = told.start("next", "x = 1")
    go_on(folding, told, known)
    update = shown.since(known)
    assert [row.id for row in update.rows] == [number]
    seen = update.seq
    told.llm(number, "next", "a question")
    go_on(folding, told, seen)
    update = shown.since(seen)
    assert [(row.id, row.made) for row in update.rows] == [(number, 1)]


def test_rewind_changes_what_is_on_the_line() -> None:
    """Rows left behind by a rewind are sent again, no longer on the way to the head."""
    told = story.long(4)
    shown, folding = model(told)
    before = by_id(shown.since(-1))
    assert all(row.line for row in before.values())
    assert before[4].head
    told.tell(e.HeadMoved(branch="main", snapshot=2, reason="rewind"))
    known = folding.history.seq
    go_on(folding, told, known)
    rows = by_id(shown.since(known))
    assert {i: (row.line, row.head) for i, row in rows.items()} == {
        2: (True, True),
        3: (False, False),
        4: (False, False),
    }


def test_restart_leaves_nothing_behind() -> None:
    """After a restart, which begins with an empty namespace, what was restored counts as being on
    the way to the head in the row of its first execution too."""
    told = story.long(2)
    told.session(after=5)
    told.head = 0
    snapshot = told.next("snapshot")
    told.tell(e.SnapshotCaptured(snapshot=snapshot, parent=0, branch="main"))
    told.restore("step_0", 1, snapshot)
    rows = by_id(model(told)[0].since(-1))
    assert {i: row.line for i, row in rows.items()} == {1: True, 2: False, 3: True}


def test_stale_steps_say_which_input_changed() -> None:
    """A step whose input has another version at the head is stale, by that input's name."""
    told = story.Story()
    told.tell(e.RunStarted(run="r"))
    first = told.start("first", "x = 1")
    told.complete(first, {"x": story.bound("x", "int", "1", version="1")})
    second = told.start("second", "y = x", inputs={"x": "v-x-1"})
    told.complete(second, {"y": story.bound("y", "int", "1")})
    shown, folding = model(told)
    assert by_id(shown.since(-1))[2].stale == ()
    again = told.start("first", "x = 2")
    told.complete(again, {"x": story.bound("x", "int", "2", version="2")})
    known = folding.history.seq
    go_on(folding, told, known)
    assert by_id(shown.since(known))[2].stale == ("x",)


def test_killed_execution_ends_with_its_last_sign_of_life() -> None:
    """The time between a kill and the restart is not shown as time the step took."""
    told = story.Story()
    told.tell(e.RunStarted(run="r"))
    told.session()
    number = told.start("work", "…")
    told.llm(number, "work", "a question", seconds=2)
    last = told.now
    told.session(after=3600)
    row = by_id(model(told)[0].since(-1))[number]
    assert row.died
    assert row.ended == last
    assert row.attempts[0].ended == last


def test_totals_add_up() -> None:
    """Totals are the sums over the rows, and count restarts, not first starts."""
    update = model(story.agent())[0].since(-1)
    assert update.totals.restarts == 2
    assert update.totals.executions == 19
    assert update.totals.ledger.calls == sum(row.ledger.calls for row in update.rows)
    assert update.totals.ledger.saved_calls == sum(row.ledger.saved_calls for row in update.rows)


def test_many_calls_are_thinned_out() -> None:
    """A row of a step with very many calls has a bounded number of spans, from first to last."""
    told = story.Story()
    told.tell(e.RunStarted(run="r"))
    number = told.start("many", "…")
    for i in range(3 * MOST_SPANS):
        told.llm(number, "many", str(i), seconds=0.01)
    row = by_id(model(told)[0].since(-1))[number]
    assert row.made == 3 * MOST_SPANS
    assert len(row.spans) == MOST_SPANS
    assert row.spans[0][0] == told.times[2] or row.spans[0][0] > 0


def test_open_questions_are_in_the_row_until_answered() -> None:
    """A waiting step's row carries its question; once there is an answer it does not."""
    told = story.agent()
    shown, folding = model(told)
    row = by_id(shown.since(-1))[19]
    assert [(w.kind, w.text) for w in row.waits] == [("ask", "Publish the report?")]
    assert row.started < row.waits[0].since <= row.ended
    known = folding.history.seq
    told.tell(e.Answered(call=row.waits[0].call, value=True))
    go_on(folding, told, known)
    assert by_id(shown.since(known))[19].waits == ()


def test_step_that_prompts_in_its_cell_waits_and_does_not_run() -> None:
    """A step that holds its kernel until it is answered is counted as waiting, not as running."""
    told = story.Story()
    told.tell(e.RunStarted(run="r"))
    told.session()
    number = told.start("approve", "…")
    shown, folding = model(told)
    before = shown.since(-1)
    assert (before.totals.running, before.totals.waiting) == (1, 0)
    known = folding.history.seq
    story.ask(told, number, "approve", "Publish it?")
    go_on(folding, told, known)
    after = shown.since(known)
    assert [w.text for w in by_id(after)[number].waits] == ["Publish it?"]
    assert (after.totals.running, after.totals.waiting) == (0, 1)


def test_effects_in_doubt_are_in_the_row() -> None:
    """An effect begun when the process died is listed for the user to resolve."""
    told = story.Story()
    told.tell(e.RunStarted(run="r"))
    told.session()
    number = told.start("file", "…")
    told.tell(
        e.CallIntended(
            call=told.next("call"),
            execution=number,
            attempt=1,
            step="file",
            key="k",
            occurrence=0,
            kind="effect",
            name="send",
            preview="'hello'",
        )
    )
    told.session(after=1)
    row = by_id(model(told)[0].since(-1))[number]
    assert row.status == "in doubt"
    assert [(d.name, d.text) for d in row.doubts] == [("send", "'hello'")]


def test_compensating_a_step_can_be_offered_once_it_has_an_undo() -> None:
    """A step without undoable effects becomes compensable when %%compensate names it."""
    told = story.long(1)
    shown, folding = model(told)
    assert not by_id(shown.since(-1))[1].compensable
    known = folding.history.seq
    told.tell(e.CompensationRegistered(step="step_0", source="undo()"))
    go_on(folding, told, known)
    assert by_id(shown.since(known))[1].compensable


def test_effects_from_the_journal_can_be_compensated() -> None:
    """A step that went on after a kill stands for the effects it was served: they can be undone
    from its row."""
    told = story.Story()
    told.tell(e.RunStarted(run="r"))
    told.session()
    first = told.start("file", "…")
    filed = story.ticket(told, first, "numpy")
    told.session()
    again = told.start("file", "…")
    told.complete(again, {}, origin="resumed", served=[filed])
    rows = {r.id: r for r in Model(Fold(told.events).history, nullcontext()).since(-1).rows}
    assert rows[again].compensable


def test_process_that_ended_leaves_nothing_running() -> None:
    """A reader who knows that no process has the store open need not wait for the next one."""
    told = story.Story()
    told.tell(e.RunStarted(run="r"))
    told.session()
    told.start("draft", "…")
    folding = Fold(told.events)
    folding.kernel_died()
    update = Model(folding.history, nullcontext()).since(-1)
    assert update.rows[0].died
    assert update.totals.running == 0
    assert update.totals.restarts == 0


def test_errors_are_shown_on_one_line() -> None:
    """A long error over many lines is cut to one short line in the row."""
    told = story.Story()
    told.tell(e.RunStarted(run="r"))
    number = told.start("bad", "…")
    error = ErrorInfo(type="ValueError", message="first\nsecond\n" + "x" * 5000)
    told.fail(number, 1, "code", error)
    told.tell(e.ExecutionEnded(execution=number, status="failed", attempts=1, error=error))
    text = by_id(model(told)[0].since(-1))[number].error
    assert text.startswith("ValueError: first second xxx")
    assert len(text) <= 300


def test_events_may_come_in_any_number_between_looks() -> None:
    """Looking after each event and looking once at the end give the same rows."""
    told = story.agent()
    folding = Fold()
    shown = Model(folding.history, nullcontext())
    collected: dict[int, Row] = {}
    seen = -1
    for event in told.events:
        folding.apply(Event(seq=event.seq, ts=event.ts, body=event.body))
        update = shown.since(seen)
        collected.update(by_id(update))
        seen = update.seq
    assert collected == by_id(model(told)[0].since(-1))
