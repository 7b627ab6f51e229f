"""An interrupt waits for what must be done as a whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from duranb.code.interrupts import held_off


@pytest.fixture(autouse=True)
def handler() -> Iterator[Any]:
    """As in a kernel, whatever other tests have set."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, "it is put back"
    signal.signal(signal.SIGINT, before)


def press() -> None:
    """Ctrl-C."""
    signal.raise_signal(signal.SIGINT)


def test_it_comes_once_all_is_done() -> None:
    """Also where one such thing is part of another one."""
    done = []

    @held_off
    def work() -> None:
        with held_off:
            press()
            done.append("inner")
        done.append("outer")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["inner", "outer"]


def test_a_second_one_gets_through_at_once() -> None:
    """What takes too long can be stopped."""
    done = []

    @held_off
    def work() -> None:
        for name in ("first", "second"):
            press()
            done.append(name)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["first"]


def test_without_one_nothing_happens() -> None:
    """And what was noted is not kept for the next time."""
    with pytest.raises(KeyboardInterrupt), held_off:
        press()
    with held_off:
        pass


def test_it_comes_after_an_error() -> None:
    """The error is not lost: it is what the interrupt came upon."""

    @held_off
    def work() -> None:
        press()
        raise ValueError("this too")

    with pytest.raises(KeyboardInterrupt) as caught:
        work()
    assert isinstance(caught.value.__context__, ValueError)


def test_other_threads_have_none() -> None:
    """Nobody interrupts them, and they may not say what happens to the main one."""
    found: list[Any] = []

    @held_off
    def elsewhere() -> None:
        found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]


def test_one_that_comes_as_it_begins_leaves_it_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one is held off again."""
    with monkeypatch.context() as patch:
        patch.setattr(signal, "signal", lambda number, handler: press())
        with pytest.raises(KeyboardInterrupt), held_off:
            pass
    done = []

    @held_off
    def work() -> None:
        press()
        done.append(1)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == [1]
