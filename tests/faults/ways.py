"""Sending one thing by one way, in a step of a process that may be killed meanwhile.

``python -m tests.faults.ways`` reads runs from its input: a folder, a way and a URL. Where there is
a file ``dies`` in the folder, the process kills itself when the step has the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen

import aiohttp
import httpx
import httpx2
import requests
from websockets.sync.client import connect

import duranb


def by_httpx(url: str) -> str:
    return httpx.post(url, json={}).text


def by_httpx2(url: str) -> str:
    return httpx2.post(url, json={}).text


def by_requests(url: str) -> str:
    return requests.post(url, json={}).text


def by_urllib(url: str) -> str:
    with urlopen(Request(url, b"{}", {"Content-Type": "application/json"})) as answer:
        text: str = answer.read().decode()
    return text


def by_aiohttp(url: str) -> str:
    async def ask() -> str:
        async with aiohttp.ClientSession() as session, session.post(url, json={}) as answer:
            return await answer.text()

    return asyncio.run(ask())


def by_process(url: str) -> str:
    code = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], b'{}').read().decode())"
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True)
    return done.stdout


def by_websocket(url: str) -> str:
    # The server speaks no websocket: it counts the request, and refuses it.
    try:
        with connect(url.replace("http", "ws", 1), proxy=None):
            return "connected"
    except Exception as error:
        return type(error).__name__


WAYS: dict[str, Callable[[str], str]] = {
    "httpx": by_httpx,
    "httpx2": by_httpx2,
    "requests": by_requests,
    "urllib": by_urllib,
    "aiohttp": by_aiohttp,
    "process": by_process,
    "websocket": by_websocket,
}


@duranb.step(retries=0)
def send(way: str, url: str) -> str:
    """Send one thing; what came back."""
    answer = WAYS[way](url)
    if Path("dies").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return answer


def run(folder: Path, way: str, url: str) -> None:
    """Send it once, durably, as a process whose output is in a file."""
    os.chdir(folder)
    with (
        open("said", "w") as said,
        contextlib.redirect_stdout(said),
        duranb.durable(folder / "script.py"),
    ):
        print(send(way, url), flush=True)


def main() -> None:
    """Each line of the input is a run, in a process of its own that has imported all it needs: its
    id is printed when it begins, and its end when it has ended."""
    for line in sys.stdin:
        folder, way, url = line.split()
        child = os.fork()
        if not child:
            try:
                run(Path(folder), way, url)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
