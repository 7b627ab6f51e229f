"""The first calls of a process, when they are many at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples import examples
from tests.servers.process import ROOT, CountingServer

CALLS = 20

FIRST_CALLS = f"""
import asyncio, sys, threading
from pathlib import Path
from tests.servers.steps import Notebook

folder, url, way = sys.argv[1:]
notebook = Notebook(Path(folder))
import urllib.request  # the prices' library looks for it while it is being imported
import openai  # where a notebook does it: after duranb is loaded

ask = dict(model="gpt-4o-mini", messages=[{{"role": "user", "content": "read"}}])
options = dict(base_url=f"{{url}}/v1", api_key="sk", max_retries=0)
errors = []
together = threading.Barrier({CALLS})

def call():
    together.wait()
    try:
        with openai.OpenAI(**options) as client:
            client.chat.completions.create(**ask)
    except BaseException as error:
        errors.append(repr(error))

async def acall():
    try:
        async with openai.AsyncOpenAI(**options) as client:
            await client.chat.completions.create(**ask)
    except BaseException as error:
        errors.append(repr(error))

async def gather():
    await asyncio.gather(*(acall() for _ in range({CALLS})))

with notebook.step():
    if way == "threads":
        threads = [threading.Thread(target=call) for _ in range({CALLS})]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    else:
        asyncio.run(gather())
print(len(notebook.calls()), "recorded;", *sorted(set(errors)))
notebook.close()
"""


@pytest.mark.parametrize("way", ["threads", "gather"])
def test_the_first_calls_of_a_process_may_be_made_at_once(
    way: str, server: CountingServer, tmp_path: Path
) -> None:
    """No call finds a library that another thread is still importing (openai 2 looks for httpx2
    whenever it makes a client): each of several processes makes its first calls all at once, and
    every one is answered and recorded, and none is said to have no price."""
    for number in range(examples(1)):
        server.reset()
        folder = tmp_path / str(number)
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", FIRST_CALLS, str(folder), server.url, way],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=600,
        )
        assert done.stdout == f"{CALLS} recorded;\n"
        assert "no price" not in done.stderr
        assert server.count == CALLS
