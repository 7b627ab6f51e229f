"""``%duranb show STEP`` says why a step ran, and why it was restored."""

from __future__ import annotations

import pytest

from tests.kernel.harness import Kernel


def why(kernel: Kernel, step: str) -> str:
    """What ``show`` says of why the latest execution of a step did what it did."""
    shown = kernel.run(f"%duranb show {step}").text
    return next(line.strip() for line in shown.splitlines() if "because" in line)


def test_a_cell_says_why_it_ran_and_why_it_was_restored(kernel: Kernel) -> None:
    """Each reason names the very thing: what is new, changed or gone, and what is the same."""
    kernel.run("n = 1\ndef double(v): return v * 2")
    cell = "%%durable s\nout = double(n)"
    kernel.run(cell)
    assert why(kernel, "s") == "ran because: first run"
    kernel.run(cell)
    restored = "restored because its code, its input n and its helper double are what execution @1"
    assert why(kernel, "s").startswith(restored)
    for change, reason in (
        ("n = 2", "input n changed"),
        ("def double(v): return v + v", "helper double changed"),
        ("del n\nimport builtins\nbuiltins.n = 3", "input n is gone"),
        ("n = 2; k = 1\ndef double(v): return v * 2 * k", "helper double changed; input k is new"),
    ):
        kernel.run(change)
        kernel.run(cell)
        assert reason in why(kernel, "s"), change
    kernel.run("%%durable s\nout = double(n) + 1")
    assert why(kernel, "s") == "ran because: its code changed"
    kernel.run("%%durable s --validate out\nout = double(n) + 1")
    assert why(kernel, "s") == "ran because: its option --validate changed"
    kernel.run("%%durable s --always\nout = double(n) + 1")
    assert why(kernel, "s") == "ran because: --always"
    kernel.run("%%durable f\nboom = 1 / m")
    kernel.run("m = 0")
    kernel.run("%%durable f\nboom = 1 / m")
    assert why(kernel, "f") == "ran because: input m is new"
    kernel.run("%%durable f\nboom = 1 / m")
    assert why(kernel, "f") == "ran because: its last execution is failed (ZeroDivisionError)"


FUNCTION = """
import duranb
rate = 2
def convert(v): return v * rate
@duranb.step
def pay(item, rate):
    return convert(item) + rate
"""


def test_a_function_step_says_why_it_ran(kernel: Kernel) -> None:
    """It is compared with its latest call with the same arguments, not with just the latest."""
    kernel.run("%%durable opened\nopened = 1")
    kernel.run(FUNCTION)
    kernel.run("pay(1, 5); pay(2, 5)")
    assert why(kernel, "pay") == "ran because: first call with these arguments"
    kernel.run("pay(1, 5)")
    assert why(kernel, "pay").startswith("restored because its code, its inputs item, rate, rate (")
    for change, reason in (
        ("rate = 3", "input rate (global) changed"),
        ("def convert(v): return rate * v", "helper convert changed"),
        (FUNCTION.replace("+ rate", "- rate").replace("v * rate", "rate * v"), "its code changed"),
    ):
        kernel.run(change)
        kernel.run("pay(1, 5)")
        assert reason in why(kernel, "pay"), change


def test_a_parameter_and_a_global_of_one_name_are_two_inputs(kernel: Kernel) -> None:
    """A helper's global called like a parameter does not take the argument's place."""
    kernel.run("%%durable opened\nopened = 1")
    kernel.run(FUNCTION)
    assert kernel.value("[pay(1, 5), pay(1, 7), pay(1, 5)]") == "[7, 9, 7]"
    kernel.run("rate = 10")
    assert kernel.value("[pay(1, 5), pay(1, 7)]") == "[15, 17]"


def test_many_calls_of_a_function_step_each_have_their_reason(kernel: Kernel) -> None:
    """Of hundreds of calls, each that runs again names its own change."""
    kernel.run("%%durable opened\nopened = 1")
    kernel.run("import duranb\nk = 1\n@duranb.step\ndef f(i): return i + k")
    kernel.run("done = [f(i) for i in range(200)]")
    kernel.run("k = 2")
    kernel.run("done = [f(i) for i in (3, 300)]")
    shown = kernel.run("%duranb show f@202").text
    assert "input k changed" in shown
    assert "first call with these arguments" in kernel.run("%duranb show f@203").text


@pytest.mark.parametrize("verb", ["replay s --yes", "replay --from s --yes"])
def test_a_replay_says_so(kernel: Kernel, verb: str) -> None:
    """What was replayed ran because it was."""
    kernel.run("%%durable s\nx = 1")
    kernel.run(f"%duranb {verb}")
    assert "replayed" in kernel.run("%duranb show s").text
