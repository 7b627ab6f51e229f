"""kill -9 of a process that asks models by the SDKs of three providers, at random moments. The
witness is the journal of a server that others have written."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.asking import ASK, QUESTIONS, has_genai
from tests.servers.aimock import Aimock, Unavailable

ROOT = Path(__file__).parents[2]
DELAY, PAUSE = 25, 5
"""Milliseconds until an answer begins, and between the pieces of a stream."""

ASKING = QUESTIONS * (DELAY + 8 * PAUSE) / 1000 + 0.3
"""Seconds that it takes to ask all questions, about: kills fall into them."""

KILLS = 3

SETTLING = 0.1
"""Seconds after which all that was sent is in the server's journal."""


def answered(folder: Path) -> set[str]:
    """The questions whose answers the step's code has seen by now."""
    file = folder / "seen"
    return set(file.read_text().splitlines()) if file.exists() else set()


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aimock]:
    """One server; each test has questions that it tells from others'."""
    try:
        server = Aimock(tmp_path_factory.mktemp("aimock"), delay=DELAY, pause=PAUSE)
    except Unavailable as error:
        pytest.skip(str(error))
    with server:
        yield server


class Runner:
    """Runs the step in processes of their own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.asking"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder: Path, way: str, url: str, after: float | None = None) -> int:
        """How a run ended that is killed ``after`` some seconds, if ever."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{folder}\t{way}\t{url}\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        assert child > 1
        if after is not None:
            time.sleep(after)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """No more of them."""
        self._process.communicate()


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """It has imported every SDK once."""
    os.environ["DURANB_HOME"] = str(tmp_path_factory.mktemp("home"))
    with contextlib.closing(Runner()) as made:
        yield made


SAMPLE = ("chat stream", "responses", "messages")
CASES = [
    pytest.param(way, n, marks=[] if way in SAMPLE and not n else [pytest.mark.soak])
    for way in ASK
    for n in range(20)
]


@pytest.mark.parametrize(("way", "number"), CASES)
def test_what_was_answered_is_not_asked_again(
    way: str, number: int, runner: Runner, witness: Aimock, tmp_path: Path
) -> None:
    """Killed at random moments, before, within and after answers: no question whose answer the code
    had seen reaches the server again, and beside those each kill costs the one that was on its
    way, at most."""
    if way == "genai" and not has_genai():
        pytest.skip("google-genai is not installed")
    chance, before = random.Random(f"{way} {number}"), witness.asked()
    sent, seen, killed = Counter[str](), set[str](), 0
    for after in (*(chance.uniform(0, ASKING) for _ in range(KILLS)), None):
        ended = runner.run(tmp_path, way, witness.url, after)
        assert ended in ((0, -signal.SIGKILL) if after else (0,))
        killed += ended != 0
        time.sleep(SETTLING)
        now = witness.asked() - before
        assert not (now - sent).keys() & seen
        sent, seen = now, answered(tmp_path)
    assert set(sent) == {f"question {n}" for n in range(QUESTIONS)}
    assert sent.total() <= QUESTIONS + killed
    assert (tmp_path / "said").read_text().count("forty-two") == QUESTIONS
    assert runner.run(tmp_path, way, witness.url) == 0
    assert witness.asked() - before == sent
