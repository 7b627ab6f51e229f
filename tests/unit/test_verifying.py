"""What is said where a rerun gives something else than was recorded."""

from __future__ import annotations

from duranb.record.events import Binding
from duranb.runner.verifying import Disagreement


def test_what_another_python_compiled_is_no_difference_of_the_notebook() -> None:
    """Code is compared as it was compiled, and two versions of Python compile it otherwise."""
    was = Binding("a", "11", "function", preview="<function f>", python="3.11")
    now = Binding("b", "22", "function", preview="<function f>", python="3.12")
    told = str(Disagreement("make", 3, "f", was, now))
    assert told.startswith("make@3: f holds code, which Python 3.11 had compiled and 3.12 has")
    plain = str(Disagreement("make", 3, "x", Binding("", "11", preview="1"), now))
    assert plain == "make@3: x was 1 (version 11) and is now <function f> (version 22)"
