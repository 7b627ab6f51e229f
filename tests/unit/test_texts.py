"""Columns of strings: pickled as one text, told by their content."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from duranb.values import texts, walks
from duranb.values.canonical import version


def column(*words: str, size: int = 500) -> Any:
    """An array of strings, each an object of its own."""
    made = np.empty(size, dtype=object)
    made[:] = ["".join(words[i % len(words)]) + str(i % 7) for i in range(size)]
    return made


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
    assert texts.reduction(few) is None and texts.reduction(array) is not None
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
