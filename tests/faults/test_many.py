"""Thousands of documents through one line, a bad day at the server, and kill -9 in the middle.

The sample runs in ``make test``; ``make soak`` runs ten thousand.
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
from typing import Any

import pytest

from tests.servers.process import LimitedServer

SEED = int(os.environ.get("DURANB_SEED", "0")) or random.SystemRandom().randrange(1 << 30)

SCRIPT = """
import json, os, resource, sys, time
import httpx2
import duranb

URL, COUNT, WORKERS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
client = httpx2.Client(timeout=60)

def documents():
    for n in range(COUNT):
        yield f"document {n}"

def about(document):
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": document}]}
    reply = client.post(URL + "/v1/chat/completions", json=body).raise_for_status()
    found = json.loads(reply.json()["choices"][0]["message"]["content"])["about"]
    return found.upper() if found != "document 7" else found.poison

@duranb.step
def all_of_them(count):
    options = {"workers": WORKERS, "retries": 12, "backoff": 0.05, "on_error": "collect"}
    return duranb.map(about, documents(), **options)

def main():
    with duranb.durable(__file__):
        began = time.process_time()
        results = all_of_them(COUNT)
        print(json.dumps({
            "order": [r for r in results if r] == [f"DOCUMENT {n}" for n in range(COUNT) if n != 7],
            "failures": [[f.index, f.item, f.type, f.tries] for f in results.failures],
            "cpu": time.process_time() - began,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }))

main()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[LimitedServer]:
    """A server that no kill reaches."""
    with LimitedServer() as made:
        yield made


class Run:
    """The script, as a user would start it."""

    def __init__(self, folder: Path, *words: str) -> None:
        file = folder / "many.py"
        file.write_text(SCRIPT)
        environment = {**os.environ, "DURANB_HOME": str(folder / "home")}
        self.process = subprocess.Popen(
            [sys.executable, str(file), *words],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill(self) -> None:
        """As the system would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def result(self) -> Any:
        """What it printed in the end."""
        out, err = self.process.communicate(timeout=1200)
        assert self.process.returncode == 0, err
        return json.loads(out)


@pytest.mark.parametrize(
    ("count", "kills"),
    [
        pytest.param(300, 2, id="sample"),
        pytest.param(10_000, 5, id="whole", marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
    ],
)
def test_documents_are_paid_for_once(
    server: LimitedServer, tmp_path: Path, count: int, kills: int
) -> None:
    """Whatever the server refuses, fails, delays or says wrongly, and however often the process is
    killed: results come in order, one document is poisoned and named, and no more is paid than the
    documents, what was on its way at a kill, and the answer that was rejected."""
    workers = 16
    chance = random.Random(SEED)
    server.configure(
        per_second=count / 2 if count < 1000 else 400,
        burst=20,
        refusing=5,  # a busy client does not reach the limit by itself
        failing=20,
        slow=20,
        malformed="document 11",
        delay=0.005,
    )
    words = (server.url, str(count), str(workers))
    for at in sorted(chance.randrange(count // 20, count - count // 20) for _ in range(kills)):
        run = Run(tmp_path, *words)
        while server.stats["answered"] < at and run.process.poll() is None:
            time.sleep(0.02)
        run.kill()
    found = Run(tmp_path, *words).result()
    stats = server.stats
    print({**found, **stats, "seed": SEED})
    assert found["order"]
    assert found["failures"] == [[7, "document 7", "AttributeError", 1]]
    assert stats["answered"] <= count + workers * kills + 1, (SEED, stats)
    assert stats["statuses"]["500"]
    assert 0 < stats["statuses"]["429"] <= count * 0.02 + 2 * workers * (kills + 1), stats
    again = Run(tmp_path, *words).result()
    assert again["order"] and server.stats["answered"] == stats["answered"]
