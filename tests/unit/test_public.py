"""The public names, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys

import duranb
from duranb import errors


def test_every_public_name_is_there() -> None:
    """All that ``__all__`` says can be had, and nothing public is missing from it."""
    for name in duranb.__all__:
        assert getattr(duranb, name) is not None
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), Exception)


def test_import_is_lazy() -> None:
    """``import duranb`` loads neither DuckDB nor an SDK nor NumPy."""
    code = (
        "import duranb, sys; heavy = ('duckdb', 'openai', 'numpy', 'anywidget', 'pandas'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_outside_of_steps_everything_is_plain() -> None:
    """Tools, calls, values and steps work without a store, as plain functions."""

    @duranb.tool
    def add(a: int, b: int = 1) -> int:
        return a + b

    @duranb.step
    def twice(n: int) -> int:
        return n * 2

    assert add(1) == 2 and twice(4) == 8
    assert duranb.call(add, 1, b=5) == 6
    assert duranb.context() is None
    assert duranb.uuid4() != duranb.uuid4()
