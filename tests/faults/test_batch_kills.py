"""A map in batch mode, killed with kill -9 at any moment: no request is submitted twice.

A few kills run in ``make test``; ``make soak`` has fifty for each provider.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.process import BatchServer

SEED = int(os.environ.get("DURANB_SEED", "0")) or random.SystemRandom().randrange(1 << 30)

SCRIPT = """
import json, sys
import httpx2
import duranb
from duranb.llm.batches import batch

batch.SETTLING, batch._BEGINS = 1.0, 0.1
URL, PATH, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = httpx2.Client(timeout=60)

def ask(text):
    messages = [{"role": "user", "content": text}]
    body = {"model": "gpt-4o-mini", "max_tokens": 10, "messages": messages}
    if PATH.endswith(":generateContent"):
        body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    reply = client.post(URL + PATH, json=body).raise_for_status().json()
    if "candidates" in reply:
        said = reply["candidates"][0]["content"]["parts"][0]["text"]
    else:
        said = reply["content"][0]["text"] if "content" in reply else None
    return json.loads(said or reply["choices"][0]["message"]["content"])["about"]

def twice(n):
    return ask("again " + ask(f"text {n}"))

@duranb.step
def all_of_them(count):
    return duranb.map(twice, range(count), batch=True)

with duranb.durable(__file__):
    print("begun", flush=True)
    print(json.dumps(all_of_them(COUNT)))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[BatchServer]:
    """A server that no kill reaches."""
    with BatchServer() as made:
        yield made


class Run:
    """The script, as a user would start it; it has begun when this is made."""

    def __init__(self, folder: Path, *words: str) -> None:
        file = folder / "batched.py"
        file.write_text(SCRIPT)
        self.process = subprocess.Popen(
            [sys.executable, str(file), *words],
            env={**os.environ, "DURANB_HOME": str(folder / "home")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "begun\n"

    def kill(self) -> bool:
        """As the system would; whether it was alive."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()
        return self.process.returncode == -signal.SIGKILL

    def wait(self) -> list[str] | None:
        """What it printed in the end, None where it was killed."""
        out, err = self.process.communicate(timeout=600)
        if self.process.returncode == -signal.SIGKILL:
            return None
        assert self.process.returncode == 0, err
        found: list[str] = json.loads(out)
        return found


AZURE = "/openai/deployments/batches/chat/completions?api-version=2024-10-21"
GEMINI = "/v1beta/models/gemini-2.5-flash:generateContent"

SOAK = [pytest.mark.soak, pytest.mark.timeout(3600)]


@pytest.mark.parametrize(
    ("path", "kills"),
    [
        pytest.param("/v1/chat/completions", 2, id="openai"),
        pytest.param("/v1/messages", 1, id="anthropic"),
        pytest.param(AZURE, 1, id="azure"),
        pytest.param(GEMINI, 1, id="gemini"),
        pytest.param("/v1/chat/completions", 50, id="openai whole", marks=SOAK),
        pytest.param("/v1/messages", 50, id="anthropic whole", marks=SOAK),
        pytest.param(AZURE, 50, id="azure whole", marks=SOAK),
        pytest.param(GEMINI, 50, id="gemini whole", marks=SOAK),
    ],
)
def test_no_request_is_submitted_twice(
    server: BatchServer, tmp_path: Path, path: str, kills: int
) -> None:
    """Killed at random, and at the worst moments (its submission is on its way, or was taken and
    nobody was told): each request is submitted once, for half the price, and all answers come."""
    chance, count, round_ = random.Random(SEED), 12, 0
    while kills > 0:
        round_ += 1
        folder = tmp_path / str(round_)
        folder.mkdir()
        server.reset()
        server.configure(delay=0.3)
        found: list[str] | None = None
        for _ in range(8):
            run = Run(folder, server.url, path, str(count))
            fate = chance.choice(["before", "after", "random", "random"])
            if kills > 0 and fate == "random":
                time.sleep(chance.uniform(0, 1.5))
                kills -= run.kill()
                continue
            if kills > 0:
                server.configure(victim=run.process.pid, moment=fate)
            found = run.wait()
            kills -= found is None
            if found is not None:
                break
        server.configure(victim=0)
        found = found or Run(folder, server.url, path, str(count)).wait()
        stats = server.stats
        assert found == [f"again text {n}" for n in range(count)], SEED
        assert set(stats["submitted"].values()) == {1} and not stats["live"], (SEED, stats)
        assert stats["calls"] == count and len(stats["submitted"]) == 2 * count
