"""Words that people type, or that a table or a server has: values and numbers."""

from __future__ import annotations

import pytest

from duranb.engine import options
from duranb.errors import NoSuchStep, UsageError
from duranb.record.history import History
from duranb.text import given


@pytest.mark.parametrize("text", ["[" * 200_000, "9" * 5_000, "{", ""])
def test_what_python_has_no_value_for_is_text(text: str) -> None:
    """As typed, or as a cell of a table has it."""
    assert given.value(text) == text


@pytest.mark.parametrize("text", ["²", "\u0661", "-1", "", "9" * 5_000, "1_0", " 1"])
def test_what_is_no_number_of_anything_is_none(text: str) -> None:
    """Although its digits, or some of them, are digits to Unicode."""
    assert given.number(text) is None and given.number("70") == 70
    with pytest.raises(NoSuchStep):
        History().find(text)
    with pytest.raises(NoSuchStep):
        History().find(f"one@{text}")
    with pytest.raises(UsageError):
        options.parse(f"one --retries {text!r}")
