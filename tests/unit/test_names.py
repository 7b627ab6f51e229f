"""The names of a namespace as they were last seen."""

from __future__ import annotations

from duranb.record.events import Binding
from duranb.state.names import Names
from duranb.state.tracked import Tracked


def seen(value: object, version: str, behind: tuple[str, ...] = ()) -> Tracked:
    """What is known of a value."""
    return Tracked(value, Binding("", version, "int"), frozenset(), behind=behind)


def test_what_is_bound_to_another_object_or_gone_is_rebound() -> None:
    """A name counts as rebound when the namespace has another object under it, an equal one too,
    or none; what stands for an object that was let go of counts as well."""
    names, same = Names(), [1]
    for name, value in {"same": same, "equal": [1], "gone": 1, "none": None}.items():
        names[name] = seen(value, "1")
    assert names.rebound({"same": same, "equal": [1]}) == ["equal", "gone", "none"]


def test_only_what_differs_from_the_last_record_is_recorded() -> None:
    """A record tells the names whose bindings differ from those told before, and those gone: not
    what was assigned with the same version, or came and went in between."""
    names = Names()
    names["a"], names["b"] = seen(1, "1"), seen(2, "2")
    assert names.record() == ({"a": seen(1, "1").binding, "b": seen(2, "2").binding}, [])
    names["a"], names["b"], names["c"] = seen(1, "1"), seen(3, "3"), seen(4, "4")
    del names["c"]
    assert names.record() == ({"b": seen(3, "3").binding}, [])
    del names["a"]
    assert names.record() == ({}, ["a"])
    assert names.record() == ({}, [])
    assert names.bindings == {"b": seen(3, "3").binding}


def test_names_that_are_behind_are_known() -> None:
    """The names whose objects lack a restored step's change are those that say so now."""
    names = Names()
    names["a"] = seen(1, "1", behind=("step",))
    assert names.behind == {"a"}
    names["a"] = seen(1, "1")
    assert not names.behind
