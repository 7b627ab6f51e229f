"""The programs of the side-by-side comparison, as far as they can be looked at without rivals."""

from __future__ import annotations

from tests.rivals.__main__ import PROGRAMS, RIVALS, lines_of, table


def test_the_job_is_three_lines_with_duranb_and_more_with_each_rival() -> None:
    """What the table says is counted from the programs, between their marks."""
    lines = {name: lines_of(PROGRAMS / f"with_{name}.py") for name in RIVALS}
    assert lines.pop("duranb") <= 3 < min(lines.values())


def test_the_table_says_what_went_wrong_and_what_was_paid_twice() -> None:
    """A program that failed is not one that did well."""
    story = {"wrong": [3], "paid": 12, "refused": 1, "seconds": 2.0, "answered when killed": 5}
    failed = {**story, "wrong": "failed: no", "paid": 15}
    told = table({"duranb": {"lines": 3, "undisturbed": story, "killed": failed}}, 10)
    (row,) = (line for line in told.splitlines() if line.startswith("| duranb"))
    assert row.endswith("| 3 | 1 | 12 | 1 | 2.0 | failed: no | 15 | 4 | 2.0 |")
