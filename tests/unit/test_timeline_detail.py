"""A look into one execution."""

from __future__ import annotations

import msgspec
import pytest

from duranb.errors import NoSuchStep, Untrusted
from duranb.record import events as e
from duranb.record.fold import Fold
from duranb.timelines.detail import MOST_TEXT, Detail, detail
from duranb.timelines.exchange import exchange
from tests.browser import story


def look(told: story.Story, number: int) -> Detail:
    return detail(Fold(told.events).history, told, number)


def test_inputs_say_which_step_they_came_from() -> None:
    """An input names the execution that bound it, also when that was only restored since."""
    found = look(story.agent(), 5)
    assert [(n.name, n.type, n.by_step, n.by) for n in found.inputs] == [
        ("findings", "list", "analyse", 8)
    ]
    assert not found.inputs[0].moved


def test_input_unknown_to_the_store_is_still_named() -> None:
    """A plain cell's value that no snapshot holds under that version has a name and no preview."""
    found = {n.name: n for n in look(story.agent(), 4).inputs}
    assert found["PROMPT"].preview == ""
    assert found["licences"].preview


def test_calls_from_the_journal_are_listed_as_such() -> None:
    """A resumed execution lists what it was served beside what it made, in order."""
    calls = look(story.agent(), 4).calls
    assert [c.id for c in calls] == sorted(c.id for c in calls)
    assert [c.served for c in calls].count(True) == 6
    assert any(c.http_status == 429 and c.status == "failed" for c in calls)


def test_restored_execution_shows_what_it_was_restored_from() -> None:
    """Calls and attempts of a restored execution are those of the one it came from, all saved."""
    found = look(story.agent(), 8)
    assert "nothing ran" in found.why
    assert len(found.attempts) == 2
    assert all(c.served for c in found.calls)


def test_difference_names_what_changed() -> None:
    """The comparison with the execution before says which code, inputs and outputs differ."""
    difference = look(story.agent(), 17).difference
    assert difference is not None
    assert difference.execution == 10
    assert any(line.startswith("+") and "words=150" in line for line in difference.code)
    assert difference.outputs == ["report"]
    assert difference.inputs == []


def test_first_execution_has_nothing_to_compare_with() -> None:
    """There is no difference for the first execution of a step."""
    assert look(story.agent(), 1).difference is None


def test_output_area_is_as_the_cell_left_it() -> None:
    """Cleared output is gone, updated displays show their last state, images leave HTML out, and an
    error that was shown is a text."""
    told = story.Story()
    told.tell(e.RunStarted(run="r"))
    number = told.start("show", "…")

    def shown(kind: str, data: dict[str, str], display: str = "") -> dict[str, object]:
        return {"type": kind, "content": {"data": data, "transient": {"display_id": display}}}

    messages = [
        story.printed("gone\n"),
        {"type": "clear_output", "content": {"wait": True}},
        shown("display_data", {"text/plain": "0 %"}, "bar"),
        shown("update_display_data", {"text/plain": "100 %"}, "bar"),
        shown("display_data", {"image/png": "AAAA", "text/html": "<img>", "text/plain": "fig"}),
        {"type": "error", "content": {"traceback": ["\x1b[31mTraceback\x1b[39m", "E: no"]}},
    ]
    told.complete(number, {}, messages=messages)
    assert msgspec.to_builtins(look(told, number).messages) == [
        {"data": {"text/plain": "100 %"}},
        {"data": {"image/png": "AAAA", "text/plain": "fig"}},
        {"stream": "stderr", "text": "Traceback\nE: no"},
    ]


def test_outputs_that_cannot_be_trusted_are_said_to_be_so() -> None:
    """Everything but the outputs is shown when their artifact may not be read."""

    class Stranger:
        def get(self, digest: str) -> memoryview:
            raise Untrusted("these outputs are signed with another key: duranb trust")

    found = detail(Fold(story.agent().events).history, Stranger(), 1)
    assert found.messages == []
    assert "duranb trust" in found.messages_note
    assert found.source.startswith("%%durable collect")


def test_long_texts_are_cut_and_say_so() -> None:
    """A source or output beyond the limit is cut, with how much is missing."""
    told = story.Story()
    told.tell(e.RunStarted(run="r"))
    number = told.start("long", "x" * (MOST_TEXT + 10))
    assert look(told, number).source.endswith("10 more characters")


def test_exchange_shows_both_sides_of_a_call() -> None:
    """A recorded call shows the messages that were sent, the answer, and the plain settings."""
    told = story.agent()
    found = exchange(Fold(told.events).history.calls[1], told)
    assert [(s.role, s.text[:16]) for s in found.request] == [
        ("system", "You read licence"),
        ("user", "Tell me the obli"),
    ]
    assert found.answer[0].role == "assistant"
    assert '"risk": "low"' in found.answer[0].text
    assert found.settings["temperature"] == 0.2


def test_exchange_that_cannot_be_read_says_why() -> None:
    """A call without a recorded exchange, or one that is damaged, has a note instead."""
    told = story.agent()
    calls = Fold(told.events).history.calls
    told.artifacts[calls[1].response] = b"something else"
    assert "not an HTTP exchange" in exchange(calls[1], told).note
    effect = next(c for c in calls.values() if c.kind.traits.effect)
    assert "no recorded exchange" in exchange(effect, told).note


def test_execution_that_is_not_there_is_refused() -> None:
    """Asking for an unknown execution says that there is none."""
    with pytest.raises(NoSuchStep, match="999"):
        look(story.agent(), 999)


def test_result_counts_among_what_changed() -> None:
    """A function step binds no variables: what it returned is what can differ."""
    told = story.Story()
    told.tell(e.RunStarted(run="r"))
    for version in ("1", "2"):
        number = told.start("item", "…", kind="function")
        result = story.bound("", "int", version, version=version)
        done = e.ExecutionCompleted(
            execution=number, origin="executed", attempts=1, snapshot=0, result=result
        )
        told.tell(done)
    found = detail(Fold(told.events).history, told, 2).difference
    assert found is not None
    assert found.outputs == ["the result"]
