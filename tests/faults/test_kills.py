"""kill -9 at random moments: every run completes, and no acknowledged call is made again.

The sample runs in ``make test``; ``make soak`` runs all of it. A failure names its seed, which
DURANB_SEED repeats.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.agent import CALLS, Life, acknowledged, all_completed, live_until_done
from tests.kernel.harness import Kernel, KernelDied
from tests.servers.process import CountingServer

SEED = int(os.environ.get("DURANB_SEED", "0")) or random.SystemRandom().randrange(1 << 30)


@pytest.fixture(scope="module")
def server() -> Iterator[CountingServer]:
    """A counting model server in a process of its own, which no kill reaches."""
    with CountingServer() as made:
        yield made


@pytest.fixture(scope="module")
def undisturbed(server: CountingServer, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """The same agent, left alone."""
    folder = tmp_path_factory.mktemp("undisturbed")
    server.reset()
    life = live_until_done(_kernel(folder), server.url, [], lambda: None)
    assert server.count == CALLS
    return life


def _kernel(folder: Path, **env: str) -> Kernel:
    return Kernel(folder / "agent.ipynb", DURANB_HOME=str(folder / "home"), **env)


def asked(server: CountingServer) -> Counter[str]:
    """How often each question reached the server."""
    whole = (r["body"] for r in server.journal if r["body"])  # a kill may cut a request off
    return Counter(str(body["messages"][-1]["content"]) for body in whole)


def survive(
    folder: Path, server: CountingServer, undisturbed: Life, kills: list[float], **settings: Any
) -> Life:
    """Run through kills and check everything that was promised."""
    os.environ["DURANB_HOME"] = str(folder / "home")
    server.reset()
    server.configure(delay=0.03, chunk_delay=0.02, **settings)
    kernel = _kernel(folder)
    kept: dict[str, int] = {}

    def on_death() -> None:
        counts = asked(server)
        for text in acknowledged(kernel.notebook):
            kept.setdefault(text, counts[text])

    life = live_until_done(kernel, server.url, kills, on_death)
    final = asked(server)
    again = {text: (count, final[text]) for text, count in kept.items() if final[text] != count}
    assert not again, f"paid for again: {again}"
    assert life.namespace == undisturbed.namespace
    assert all_completed(kernel.notebook)
    assert len(server.effects["effects"]) == 1, "one ticket, whatever happened"
    return life


def rounds(number: int) -> list[Any]:
    """A sample of rounds for every run, and the rest of them for the soak."""
    sample = 2
    return [
        pytest.param(i, marks=() if i < sample else pytest.mark.soak, id=f"round{i}")
        for i in range(number)
    ]


@pytest.mark.parametrize("number", rounds(100))
def test_kill_anywhere(
    number: int, server: CountingServer, undisturbed: Life, tmp_path: Path
) -> None:
    """Killed at random points of its life, the agent completes with the same namespace and
    report, and never pays again for an answer that was acknowledged."""
    moments = random.Random(SEED + number)
    kills = [moments.uniform(0.05, 2.0) for _ in range(moments.randint(1, 3))]
    try:
        survive(tmp_path, server, undisturbed, kills)
    except AssertionError as error:
        raise AssertionError(f"seed {SEED}, kills {kills}: {error}") from error


@pytest.mark.parametrize("number", rounds(10))
def test_kill_under_failures(
    number: int, server: CountingServer, undisturbed: Life, tmp_path: Path
) -> None:
    """The same with a server that rate-limits and fails each question once: kills also hit the
    waits between attempts."""
    moments = random.Random(SEED + 1000 + number)
    kills = [moments.uniform(0.2, 2.5) for _ in range(2)]
    survive(tmp_path, server, undisturbed, kills, each=["429"], retry_after=0.2)


STREAM = (
    "%%durable talk --backoff 0.05\n"
    "parts = []\n"
    "first = ask('first')\n"
    "for chunk in client.chat.completions.create(model='gpt-4o-mini', stream=True,\n"
    "        messages=[{'role': 'user', 'content': 'long'}]):\n"
    "    if chunk.choices:\n"
    "        parts.append(chunk.choices[0].delta.content or '')\n"
    "    if len(parts) == 3 and not os.path.exists('calm'): os.kill(os.getpid(), 9)\n"
    "text = ''.join(parts)"
)


def dies(kernel: Kernel, *cells: str) -> None:
    """Run cells of which the last one kills the kernel; then a calm new one is started."""
    kernel.start()
    for cell in cells[:-1]:
        result = kernel.run(cell)
        assert result.error is None, result.text
    with pytest.raises(KernelDied):
        kernel.run(cells[-1])
    kernel.stop()
    (kernel.notebook.parent / "calm").touch()
    kernel.start()


def setup(server: CountingServer) -> str:
    """The agent's first cell, for this server."""
    from tests.faults.agent import SETUP

    server.reset()
    return "import os\n" + SETUP.format(url=server.url)


def test_kill_inside_a_stream(server: CountingServer, tmp_path: Path) -> None:
    """A stream that was cut by death is made again; the call before it is not."""
    first = setup(server)
    kernel = _kernel(tmp_path)
    dies(kernel, first, STREAM)
    kernel.run(first)
    assert kernel.run(STREAM).error is None
    assert asked(server) == {"first": 1, "long": 2}
    kernel.stop()


def test_kill_inside_a_retry_wait(server: CountingServer, tmp_path: Path) -> None:
    """Killed while it waits to try again, a step goes on with the calls it had made."""
    first = setup(server)
    cell = (
        "%%durable wait --backoff 0.6\n"
        "import threading, time\n"
        "a = ask('first')\n"
        "if not os.path.exists('calm'):\n"
        "    threading.Timer(0.2, os.kill, (os.getpid(), 9)).start()\n"
        "    raise ConnectionError('down')\n"
        "b = ask('second')"
    )
    kernel = _kernel(tmp_path)
    dies(kernel, first, cell)
    kernel.run(first)
    assert kernel.run(cell).error is None
    assert asked(server) == {"first": 1, "second": 1}
    kernel.stop()


def test_kill_inside_an_effect(server: CountingServer, tmp_path: Path) -> None:
    """An idempotent effect is repeated under its key: the world sees one of it."""
    first = setup(server)
    cell = (
        "%%durable file\n"
        "@duranb.tool(idempotent=True)\n"
        "def ticket():\n"
        "    made = post('/effect', duranb.context().idempotency_key)\n"
        "    if not os.path.exists('calm'): os.kill(os.getpid(), 9)\n"
        "    return made\n"
        "made = ticket()"
    )
    kernel = _kernel(tmp_path)
    dies(kernel, first, cell)
    kernel.run(first)
    assert kernel.run(cell).error is None
    assert list(server.effects["effects"].values()) == [2]
    kernel.stop()


def test_kill_inside_a_compensation(server: CountingServer, tmp_path: Path) -> None:
    """A compensation that died goes on where it stopped, once it is said whether the undo that died
    with it happened; what was undone stays so."""
    first = setup(server)
    cell = (
        "%%durable file\n"
        "def undo(result):\n"
        "    post('/undo', result['key'])\n"
        "    if result['n'] == 1 and not os.path.exists('calm'): os.kill(os.getpid(), 9)\n"
        "@duranb.tool(compensate=undo)\n"
        "def ticket(n: int):\n"
        "    return post('/effect', duranb.context().idempotency_key) | {'n': n}\n"
        "made = [ticket(n) for n in range(3)]"
    )
    kernel = _kernel(tmp_path)
    dies(kernel, first, cell, "%duranb compensate file --yes")
    kernel.run(first)
    assert "compensate file" in kernel.run("%duranb status").text
    doubt = kernel.run("%duranb compensate file --yes")
    assert doubt.error is not None and doubt.error[0] == "InDoubt"
    done = kernel.run("%duranb compensate file --happened --yes")
    assert done.error is None, done.text
    assert list(server.effects["undone"].values()) == [1, 1, 1]
    again = kernel.run("%duranb compensate file --yes")
    assert again.error is not None and "already" in again.error[1]
    kernel.stop()
