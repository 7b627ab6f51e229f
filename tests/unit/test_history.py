"""The fold: what the events say."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from duranb.errors import NoSuchStep
from duranb.record import events as e
from duranb.record.events import Binding, Event
from duranb.record.fold import Fold
from duranb.record.history import History
from duranb.record.model import CallStatus, Origin, Status
from duranb.record.order import in_data_order
from duranb.record.staleness import latest, stale


def fold(*bodies: e.EventBody) -> History:
    """A history of these bodies, after a run began."""
    all_bodies = [e.RunStarted(run="r"), *bodies]
    return Fold(Event(i, i * 1000, b) for i, b in enumerate(all_bodies, 1)).history


def begun(number: int, step: str = "s", **more: object) -> e.ExecutionStarted:
    """An execution that began."""
    return e.ExecutionStarted(execution=number, step=step, run="r", branch="main", **more)  # type: ignore[arg-type]


def call(number: int, execution: int, occurrence: int = 0, **more: object) -> e.CallCompleted:
    """An answered LLM call with key ``k``."""
    return e.CallCompleted(
        call=number,
        execution=execution,
        attempt=1,
        step="s",
        key="k",
        occurrence=occurrence,
        kind=more.pop("kind", "llm"),
        name="chat",
        **more,  # type: ignore[arg-type]
    )


def done(number: int, snapshot: int = 0, **more: object) -> e.ExecutionCompleted:
    """A completion."""
    return e.ExecutionCompleted(
        execution=number,
        origin="executed",
        attempts=1,
        snapshot=snapshot,
        **more,  # type: ignore[arg-type]
    )


def snap(number: int, parent: int, **names: str) -> e.SnapshotCaptured:
    """A snapshot that binds names to versions; ``gone`` deletes."""
    gone = names.pop("gone", "")
    return e.SnapshotCaptured(
        snapshot=number,
        parent=parent,
        branch="main",
        changed={n: Binding(v, v) for n, v in names.items()},
        deleted=[gone] if gone else [],
    )


def test_a_value_that_does_not_come_back_is_known_of_its_execution() -> None:
    """What was found of a stored value is kept with the execution that stored it, and with one
    that is restored from that; of a plain cell's value, by its artifact."""
    history = fold(
        begun(1),
        done(1, outputs={"w": Binding("d", "v")}),
        e.ValuesDiffer(execution=1, artifact="d", differences={"w": "w.unit is lost"}),
        e.ValuesDiffer(execution=0, artifact="p", differences={"p": "p was a M, and is a list"}),
        e.ExecutionRestored(
            execution=2, of=1, step="s", run="r", branch="main", before=0, snapshot=0
        ),
    )
    assert history.executions[1].differs == {"w": "w.unit is lost"}
    assert history.executions[2].differs == {"w": "w.unit is lost"}
    assert history.differs["p"] == {"p": "p was a M, and is a list"}
    assert not history.unread


def test_every_event_survives_its_encoding() -> None:
    """What the store writes decodes to the same body, also with fields a later version adds."""
    for body in (
        begun(1, inputs={"a": "1"}),
        call(1, 1),
        done(1, outputs={"x": Binding("d", "v")}),
    ):
        kind, text = e.encode(body)
        assert e.decode(text) == body and kind == e.type_of(body)
        assert e.decode(text[:-1] + ',"later":1}') == body


def test_the_nth_request_is_answered_from_the_nth() -> None:
    """Occurrences are told apart; a rejected answer is never served; the latest good one is."""
    history = fold(begun(1), call(1, 1, 0), call(2, 1, 1))
    assert [history.recorded("s", "k", n).id for n in (0, 1)] == [1, 2]  # type: ignore[union-attr]
    assert history.recorded("s", "k", 2) is None and history.recorded("t", "k", 0) is None
    again = fold(begun(1), call(1, 1), e.CallRejected(call=1, reason="no"))
    assert again.recorded("s", "k", 0) is None
    assert again.calls[1].status is CallStatus.REJECTED
    newer = fold(begun(1), call(1, 1), begun(2), call(2, 2))
    assert newer.recorded("s", "k", 0).id == 2  # type: ignore[union-attr]


def test_an_event_about_what_is_not_there_is_left_out_and_noted() -> None:
    """A history that lost an event is read as far as it goes."""
    history = fold(done(7), begun(1), done(1))
    assert history.unread == [2]
    assert history.executions[1].status is Status.COMPLETED


def test_a_branch_prefers_its_own_answers() -> None:
    """What another branch recorded is used only where this one has nothing."""
    fork = e.BranchCreated(branch="b", parent="main", snapshot=0)
    there = e.ExecutionStarted(execution=2, step="s", run="r", branch="b")
    moved = e.HeadMoved(branch="b", snapshot=0)
    history = fold(begun(1), call(1, 1), fork, moved, there, call(2, 2))
    assert history.recorded("s", "k", 0).id == 2  # type: ignore[union-attr]
    back = fold(
        begun(1), call(1, 1), fork, moved, there, call(2, 2), e.HeadMoved(branch="main", snapshot=0)
    )
    assert back.recorded("s", "k", 0).id == 1  # type: ignore[union-attr]


def test_what_was_undone_is_done_again_but_not_paid_again() -> None:
    """A compensated execution restores nothing and serves no request but to models."""
    history = fold(
        begun(1, identity="i"),
        call(1, 1),
        call(2, 1, 1, kind="http"),
        done(1),
        e.ExecutionCompensated(execution=1, by=2),
    )
    assert history.completed("s", "i") is None
    assert history.recorded("s", "k", 0) is not None and history.recorded("s", "k", 1) is None


def test_a_death_settles_what_was_running() -> None:
    """What ran when a process died is failed; with an effect under way it is in doubt."""
    intent = e.CallIntended(
        call=1, execution=2, attempt=1, step="t", key="k", occurrence=0, kind="effect", name="pay"
    )
    history = fold(begun(1), begun(2, "t"), intent, e.SessionOpened(pid=2))
    assert history.executions[1].status is Status.FAILED
    assert history.executions[1].error.type == "KernelDied"  # type: ignore[union-attr]
    assert history.executions[2].status is Status.IN_DOUBT
    assert history.calls[1].status is CallStatus.IN_DOUBT


def test_a_death_inside_a_compensation_leaves_it_unfinished() -> None:
    """What was being undone is restored no more, nor is what was restored from it."""
    history = fold(
        begun(1, identity="i"),
        done(1),
        e.ExecutionRestored(
            execution=2, of=1, step="s", run="r", branch="main", before=0, snapshot=0
        ),
        begun(3, "compensate s", compensates=1),
        e.SessionOpened(pid=2),
    )
    for number in (1, 2):
        assert history.executions[number].status is Status.COMPENSATION_FAILED
    assert history.completed("s", "i") is None


def test_steps_that_change_no_variable_are_on_the_line() -> None:
    """Those that share a state are all on the way to it; what another branch did there is not."""
    history = fold(
        begun(1, "a"),
        snap(1, 0, x="v"),
        done(1, snapshot=1),
        begun(2, "b"),
        done(2, snapshot=1),
        e.BranchCreated(branch="other", parent="main", snapshot=1),
        e.HeadMoved(branch="other", snapshot=1, reason="fork"),
        e.ExecutionStarted(execution=3, step="c", run="r", branch="other"),
        done(3, snapshot=1),
        e.HeadMoved(branch="main", snapshot=1, reason="switch"),
    )
    assert [x.step for x in history.line()] == ["a", "b"]


def test_namespaces_follow_the_tree_of_snapshots() -> None:
    """A snapshot's names are those of its line, newest first, without what was deleted."""
    history = fold(
        snap(1, 0, a="1", b="1"), snap(2, 1, a="2", gone="b"), snap(3, 1, c="3"), snap(4, 2, b="4")
    )
    names = {n: {k: b.version for k, b in history.namespace(n).items()} for n in (1, 2, 3, 4)}
    assert names == {
        1: {"a": "1", "b": "1"},
        2: {"a": "2"},
        3: {"a": "1", "b": "1", "c": "3"},
        4: {"a": "2", "b": "4"},
    }


def test_references_name_executions() -> None:
    """STEP, STEP@ID and ID; anything else says what there is."""
    history = fold(snap(1, 0), begun(1), done(1, 1), begun(2))
    assert history.find("s").id == 1, "the completed one on the way to the head"
    assert history.find("s@2").id == 2 and history.find("2").id == 2
    for wrong in ("nope", "s@9", "other@1", ""):
        with pytest.raises(NoSuchStep):
            history.find(wrong)


def test_stale_is_what_stands_on_something_else_now() -> None:
    """A step is stale when an input has another version now; one it changes itself is none."""
    history = fold(
        snap(1, 0, a="1"),
        begun(1, inputs={"a": "1"}, before=1),
        snap(2, 1, b="1"),
        done(1, 2, outputs={"b": Binding("1", "1")}),
        snap(3, 2, a="2"),
    )
    assert stale(history) == {"s": ["a"]}
    own = fold(
        snap(1, 0, a="1"),
        begun(1, inputs={"a": "1"}, before=1),
        snap(2, 1, a="2"),
        done(1, 2, outputs={"a": Binding("2", "2")}),
    )
    assert stale(own) == {}


def test_ledger_counts_what_was_made_and_what_was_saved() -> None:
    """Calls of its own cost; served and restored ones save what they cost when they were made."""
    usage = e.Usage(model="m", input_tokens=10, output_tokens=5, cost=0.5)
    restored = e.ExecutionRestored(
        execution=3, of=2, step="s", run="r", branch="main", before=0, snapshot=0
    )
    history = fold(
        begun(1),
        call(1, 1, usage=usage),
        begun(2),
        call(2, 2, 1, usage=usage),
        done(2, served=[1]),
        restored,
    )
    second, third = history.ledger(2), history.ledger(3)
    assert (second.calls, second.cost, second.saved_calls, second.saved_cost) == (1, 0.5, 1, 0.5)
    assert (third.calls, third.saved_calls, third.saved_tokens) == (0, 2, 30)
    assert history.executions[3].origin is Origin.RESTORED


@given(st.lists(st.integers(0, 3), max_size=30))
def test_ids_only_grow(kinds: list[int]) -> None:
    """A fresh id is larger than any in the history, whatever it holds."""
    bodies: list[e.EventBody] = [begun(5)]
    bodies += [call(7 + i, 5, k) for i, k in enumerate(kinds)]
    history = fold(*bodies)
    assert history.next_id("call") > max([0, *history.calls])
    assert history.next_id("execution") == 6


def test_events_of_the_first_format_are_read() -> None:
    """An event's type was called kind, and the kind of a call sort: older stores hold such."""
    call = e.CallFailed(
        call=3,
        execution=1,
        attempt=1,
        step="a",
        key="k",
        occurrence=0,
        kind="llm",
        name="chat",
        error=e.ErrorInfo(type="E", message="no"),
    )
    older = e.encode(call)[1].replace('"kind":', '"sort":').replace('"type":"call', '"kind":"call')
    assert older.startswith('{"kind":"call.failed"')
    assert e.decode(older) == call


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5), st.booleans()), max_size=40))
def test_look_ups_in_the_tree_agree_with_walking_it(shape: list[tuple[int, int, bool]]) -> None:
    """Lineages, namespaces and bindings are what going back to the first snapshot finds."""
    bodies: list[e.EventBody] = []
    for number, (back, name, deletes) in enumerate(shape, 1):
        parent = max(0, number - 1 - back)
        names = {"gone": f"n{name}"} if deletes else {f"n{name}": str(number)}
        bodies.append(snap(number, parent, **names))
    history = fold(*bodies)
    for number in history.snapshots:
        way = list(history.walk(number))
        assert [s.id for s in history.snapshots.values() if history.in_lineage(s.id, number)] == [
            s.id for s in reversed(way)
        ]
        expected: dict[str, Binding] = {}
        for step in reversed(way):
            expected.update(step.changed)
            for name in step.deleted:
                expected.pop(name, None)
        assert history.namespace(number) == expected
        assert {n: history.binding(n, number) for n in expected} == expected
        assert all(
            history.binding(f"n{i}", number) is None for i in range(6) if f"n{i}" not in expected
        )


def test_an_execution_whose_process_died_ended_with_its_last_sign_of_life() -> None:
    """It took until the last event before, and not until the notebook was opened again."""
    events = [Event(1, 10, e.RunStarted(run="r")), Event(2, 20, begun(1)), Event(3, 30, call(1, 1))]
    later = Event(4, 9000, e.SessionOpened(pid=2))
    by_reader = Fold(events)
    by_reader.kernel_died()
    for history in (Fold([*events, later]).history, by_reader.history):
        assert history.executions[1].ended == history.executions[1].attempts[0].ended == 30


def test_identical_requests_are_counted_by_their_places() -> None:
    """A retry of the same request takes no place of its own."""
    history = fold(begun(1), call(1, 1, 0), call(2, 1, 2), call(3, 1, 1), call(4, 1, 1))
    assert history.occurrences("s", "k") == 3
    assert history.recorded("s", "k", 1).id == 4  # type: ignore[union-attr]
    assert history.occurrences("s", "other") == 0


def steps_of(*steps: tuple[str, dict[str, str], dict[str, str]]) -> History:
    """A history of steps that ran in this order: name, inputs and outputs with their versions."""
    bodies: list[e.EventBody] = []
    for number, (step, inputs, outputs) in enumerate(steps, 1):
        bound = {n: Binding("d", v) for n, v in outputs.items()}
        bodies += [
            begun(number, step, inputs=inputs, before=number - 1),
            snap(number, number - 1, **outputs),
            done(number, number, outputs=bound),
        ]
    return fold(*bodies)


def order(history: History) -> list[str]:
    return [x.step for x in in_data_order(history, latest(history))]


def test_data_order_is_not_that_of_the_last_executions() -> None:
    """A step that ran again comes before those that use what it made, and one that was added later
    before those that use what it makes now."""
    a, b, c = ("a", {}, {"x": "1"}), ("b", {"x": "1"}, {"y": "1"}), ("c", {"y": "1"}, {"z": "1"})
    assert order(steps_of(a, b, c, b)) == ["a", "b", "c"]
    added = ("late", {}, {"y": "2"}), ("c", {"y": "2"}, {"z": "2"})
    assert order(steps_of(a, b, c, *added)) == ["a", "b", "late", "c"]


def test_data_order_puts_readers_before_what_changes_their_input() -> None:
    """A step that reads a value comes before the one that changes it in place or binds it anew,
    even where it first ran after that (in another life of the notebook)."""
    a, grows = ("a", {}, {"x": "1"}), ("grows", {"x": "1"}, {"x": "2"})
    after, early = ("after", {"x": "2"}, {}), ("early", {"x": "1"}, {"n": "1"})
    history = steps_of(a, grows, after, a, early, grows, after)
    assert order(history) == ["a", "early", "grows", "after"]


def test_steps_that_need_each_other_are_ordered_too() -> None:
    """Where the data has no order, that of their first appearance is left."""
    history = steps_of(("a", {"y": "1"}, {"x": "1"}), ("b", {"x": "1"}, {"y": "1"}))
    assert order(history) == ["a", "b"]
