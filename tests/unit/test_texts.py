"""Columns of strings: pickled as one text, told by their content."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from duranb.values import codec, texts, walks
from duranb.values.buffers import Known
from duranb.values.canonical import version
from duranb.values.target import Target
from tests.unit.test_state import Memory


def column(*words: str, size: int = 500) -> Any:
    """An array of strings, each an object of its own."""
    made = np.empty(size, dtype=object)
    made[:] = ["".join(words[i % len(words)]) + str(i % 7) for i in range(size)]
    return made


def _again(dump: codec.Dump) -> Any:
    """The value of a dump, stored and loaded."""
    artifacts = Memory()
    return codec.load(artifacts, dump.put(artifacts, Known()), Target({}))


def text(array: Any) -> bytes | None:
    """What an array is pickled as, if it is a text."""
    found = texts.reduction(array)
    return None if found is None else bytes(found[1][0].raw())


def test_a_column_that_changed_is_another_text() -> None:
    """It is joined anew when any of its strings is another one, and only then."""
    array = column("a", "b")
    first = text(array)
    assert first is not None and text(array) == first
    array[3] = "other"
    changed = text(array)
    assert changed is not None and changed != first and b"other" in changed
    array[3] = 5
    assert text(array) is None
    array[3] = "b3"
    assert text(array) == first
    assert text(array[::-1]) == b"\0".join(reversed(first.split(b"\0")))


def test_strings_that_are_gone_leave_no_text_behind() -> None:
    """Other strings at the addresses of those that were there are other strings."""
    seen = set()
    for i in range(200):
        array = column(f"word{i}-", size=100)
        seen.add(text(array))
        del array
    assert len(seen) == 200


def test_a_column_is_told_by_its_content() -> None:
    """How many of its strings are one object is no part of its version; its content is."""
    array = column("a", "b")
    few = np.empty_like(array)
    few[:] = [sys.intern(s) for s in array]
    assert version(few, {}) == version(array, {})
    assert version({1: few}, {}) == version({1: array}, {})
    assert version((few, {1, 2}), {}) == version((array, {2, 1}), {})
    few[0] = "other"
    assert version(few, {}) != version(array, {})


def test_numbers_that_look_like_sets_are_none(monkeypatch: Any) -> None:
    """A value is walked in Python only for a set that cannot be sorted, whatever bytes its numbers
    have."""
    walked: list[object] = []
    walk = walks.Walk.value

    def noted(self: Any, value: Any, depth: int) -> None:
        walked.append(value)
        walk(self, value, depth)

    monkeypatch.setattr(walks.Walk, "value", noted)
    numbers = [0x8F, 0x91, 0x8F91, 1.1e-300, *range(70_000)]
    assert version(numbers, {}) == version(list(numbers), {}) and not walked
    assert version([0x8F, {"b", "a"}], {}) == version([0x8F, {"a", "b"}], {}) and not walked
    assert version([{"b", (1,)}], {}) == version([{(1,), "b"}], {}) and walked


def test_sets_of_one_kind_are_told_at_once() -> None:
    """In any order, by the type of their elements, whatever size those have."""
    assert version([{1, 2, 3}], {}) == version([{3, 2, 1}], {}) != version([{1, 2, 4}], {})
    assert version([{"a", "b"}], {}) == version([{"b", "a"}], {}) != version([{b"a", b"b"}], {})
    assert version([{1}], {}) != version([{"1"}], {}) != version([{True}], {})
    assert version([{10**6000, 1}], {}) == version([{1, 10**6000}], {}) != version([{1}], {})
    assert version([frozenset({1})], {}) != version([{1}], {})


def test_few_strings_come_back_as_the_few_that_they_were() -> None:
    """Where few strings are repeated, an array is pickled as these: it takes less room, and they
    are the very objects everywhere in the value, in the array and beside it."""
    words = ["".join(["word", str(i)]) for i in range(300)]
    array = np.empty(90_000, dtype=object)
    array[:] = [words[i * i % 7] for i in range(89_700)] + words
    value = {"array": array, "beside": [array[0], words[299]]}
    dump = codec.dump(value, {})
    assert dump.size < 200_000
    found = _again(dump)
    assert found["array"].tolist() == array.tolist() and found["array"].flags.writeable
    assert len(set(map(id, found["array"]))) == 300
    assert found["beside"][0] is found["array"][0] and found["beside"][1] is found["array"][-1]


def test_what_is_no_string_is_told_among_few() -> None:
    """An array with something else among its few strings comes back with it, and one that changed
    is another one."""
    array = np.empty(1000, dtype=object)
    array[:] = ["".join(["wo", "rd"])] * 1000
    first = codec.dump(array, {}).digest()
    array[777] = None
    assert codec.dump(array, {}).digest() != first
    assert _again(codec.dump(array, {})).tolist() == array.tolist()
    array[777] = array[0]
    assert codec.dump(array, {}).digest() == first
    assert _again(codec.dump(array[::2], {})).tolist() == ["word"] * 500


def test_two_arrays_of_few_strings_share_nothing() -> None:
    """What is known of arrays with the same strings in the same places is no state of theirs."""
    array = np.empty(1000, dtype=object)
    array[:] = ["".join(["wo", "rd"])] * 1000
    one, other = codec.dump({"a": array}, {}), codec.dump({"b": array.copy()}, {})
    assert not one.reached.keys() & other.reached.keys()
