"""Rows as columns: what is sent is what they were."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import msgspec
from hypothesis import given, strategies as st

from duranb.record.fold import Fold
from duranb.record.kinds import Kind
from duranb.record.model import CallStatus, Ledger, Origin, Status
from duranb.timelines.columns import LARGE, column, packed, sent
from duranb.timelines.model import Model, Update
from duranb.timelines.rows import AttemptRow, OpenCall, Row
from tests.browser import story


def unfolded(made: Any, count: int) -> list[Any]:
    """The values of a column, as ``widgets/src/columns.ts`` makes them of its JSON."""
    match made["type"]:
        case "same":
            return [made["value"]] * count
        case "steps":
            at, values = 0, []
            for by in made["by"]:
                at += by
                values.append(at)
            return values
        case "words":
            return [made["words"][at] for at in made["at"]]
        case "plain":
            return list(made["values"])
        case "lists":
            lengths = unfolded(made["lengths"], count)
            items = iter(unfolded(made["items"], sum(lengths)))
            return [[next(items) for _ in range(length)] for length in lengths]
        case "tuples":
            places = [unfolded(place, count) for place in made["places"]]
            return [[place[i] for place in places] for i in range(count)]
        case kind:
            assert kind == "records"
            fields = {name: unfolded(each, count) for name, each in made["fields"].items()}
            return [{name: values[i] for name, values in fields.items()} for i in range(count)]


def rows_of(update: Update) -> list[Row]:
    """The rows of an update that was sent as JSON."""
    got = msgspec.json.decode(msgspec.json.encode(sent(update)))
    return msgspec.convert(unfolded(got["columns"], got["count"]), list[Row])


def test_every_row_of_a_history_arrives_as_it_was() -> None:
    """Also one of a history that has everything, and no rows at all."""
    update = Model(Fold(story.agent().events).history, nullcontext()).since(-1)
    assert rows_of(update) == update.rows
    none = msgspec.structs.replace(update, rows=[])
    assert rows_of(none) == []
    about = msgspec.json.decode(msgspec.json.encode(sent(none)))["about"]
    whole = msgspec.to_builtins(none)
    assert about == {name: value for name, value in whole.items() if name != "rows"}


small, text = st.integers(0, 2**52), st.text(max_size=5)
made = st.builds(
    Row,
    id=small,
    step=text,
    kind=st.sampled_from(["cell", "function"]),
    status=st.sampled_from(Status),
    origin=st.sampled_from(Origin),
    run=st.just("r"),
    branch=text,
    started=small,
    ended=small,
    died=st.booleans(),
    attempts=st.lists(
        st.builds(AttemptRow, number=small, started=small, wait=st.floats(-1, 9), error=text),
        max_size=3,
    ).map(tuple),
    spans=st.lists(
        st.tuples(small, small, st.sampled_from(Kind), st.sampled_from(CallStatus)), max_size=3
    ).map(tuple),
    ledger=st.builds(Ledger, calls=small, cost=st.floats(0, 9)),
    waits=st.lists(
        st.builds(OpenCall, call=small, kind=st.just(Kind.ASK), name=text, text=text, since=small),
        max_size=2,
    ).map(tuple),
    stale=st.lists(text, max_size=3).map(tuple),
    line=st.booleans(),
)


@given(st.lists(made, max_size=6))
def test_any_rows_arrive_as_they_were(rows: list[Row]) -> None:
    """Whatever their fields hold, and however alike they are."""
    update = Model(Fold([]).history, nullcontext()).since(-1)
    assert rows_of(msgspec.structs.replace(update, rows=rows)) == rows
    assert rows_of(msgspec.structs.replace(update, rows=rows * 9)) == rows * 9


def test_equal_values_of_different_types_stay_apart() -> None:
    """True equals 1 and 1.0, and is neither."""
    values = [True, 1, 1.0, True, 1, 1.0]
    got = unfolded(msgspec.json.decode(msgspec.json.encode(column(values))), len(values))
    assert [*map(repr, got)] == [*map(repr, values)]


def test_what_is_large_is_packed() -> None:
    """Little is sent as it is."""
    assert packed(b"x" * LARGE) is None
    assert len(packed(b"x" * (LARGE + 1)) or b"") < 1000
