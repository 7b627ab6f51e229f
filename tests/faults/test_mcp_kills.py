"""kill -9 of a process that calls an MCP server's tools, over stdio and both kinds of HTTP, before
and after the answer: recorded once, in doubt, or called again with the same key; never twice in
silence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import mcp_tools

SCRIPT = """
import asyncio, os, signal, sys
from contextlib import asynccontextmanager
import duranb
from duranb.errors import InDoubt
from mcp import ClientSession, StdioServerParameters, stdio_client
from mcp.client import streamable_http
from mcp.client.sse import sse_client

tool, moment, *server = sys.argv[1:]
names = ("streamable_http_client", "streamablehttp_client")
over_http = next(filter(None, (getattr(streamable_http, name, None) for name in names)))

@asynccontextmanager
async def connected():
    if len(server) > 1:
        made = stdio_client(StdioServerParameters(command=server[0], args=server[1:]))
    else:
        made = (sse_client if server[0].endswith("/sse") else over_http)(server[0])
    async with made as streams, ClientSession(*streams[:2]) as session:
        await session.initialize()
        yield session

@duranb.step(retries=0)
async def work(tool):
    async with connected() as session:
        found = [(await session.call_tool(tool, {"n": n})).content[0].text for n in range(2)]
        if moment == "after" and not os.path.exists("calm"):
            os.kill(os.getpid(), signal.SIGKILL)
        return found

with duranb.durable(__file__) as session:
    try:
        print(asyncio.run(work(tool)))
    except InDoubt as doubt:
        print(doubt)
    print(sorted({call.kind.value for call in session.history.calls.values()}))
"""


@contextmanager
def serving(folder: Path, transport: str) -> Iterator[list[str]]:
    """How the script is told where the server is."""
    command = [sys.executable, "-S", mcp_tools.__file__, str(folder), "desk"]
    if transport == "stdio":
        yield command
        return
    process = subprocess.Popen([*command, "--http"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield [process.stdout.readline().strip().replace("/mcp", f"/{transport}")]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def run(folder: Path, *words: str, killed: bool) -> str:
    """Run the script as a process of its own; what it printed."""
    (folder / "script.py").write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, "script.py", *words],
        cwd=folder,
        env={**os.environ, "DURANB_HOME": str(folder / "home")},
        stdout=subprocess.PIPE,
        text=True,
    )
    if killed and "before" in words:
        (folder / "kill").write_text(str(process.pid))
    printed, _ = process.communicate(timeout=600)
    assert process.returncode == (-signal.SIGKILL if killed else 0), printed
    return printed


def check(folder: Path, transport: str, tool: str, moment: str) -> None:
    """One round: a process that is killed, and one that goes on."""
    with serving(folder, transport) as server:
        run(folder, tool, moment, *server, killed=True)
        (folder / "calm").touch()
        said = run(folder, tool, moment, *server, killed=False)
    lines = (folder / "seen.txt").read_text().splitlines()
    calls = [line.removeprefix("call ") for line in lines if line.startswith("call ")]
    first = [call for call in calls if call.startswith(f"{tool} 0")]
    assert "http" not in said, "the transport's own requests are part of what it carries"
    assert len({*first}) == 1, "the key is the same"
    if moment == "after":
        assert len(calls) == 2 and f"['{tool} 1 of" in said
    elif tool == "open":
        assert len(calls) == 1 and "is in doubt: desk.open(n=0)" in said
    else:
        assert len(calls) == 3 and len(first) == 2 and f"['{tool} " in said
    assert transport == "stdio" or lines.count("stream") == 2


SAMPLE = [
    ("stdio", "open", "before"),
    ("stdio", "put", "after"),
    ("mcp", "put", "before"),
    ("sse", "open", "after"),
]
ALL = [
    *((t, "open", m) for t in ("stdio", "mcp", "sse") for m in ("before", "after")),
    *((t, n, "before") for t in ("stdio", "mcp") for n in ("put", "look")),
]


@pytest.mark.parametrize(("transport", "tool", "moment"), SAMPLE)
def test_a_tool_is_not_silently_called_twice(
    tmp_path: Path, transport: str, tool: str, moment: str
) -> None:
    """One that is idempotent or only looks is called again, under its key; any other is in doubt;
    and what was answered is recorded."""
    check(tmp_path, transport, tool, moment)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(20))
@pytest.mark.parametrize(("transport", "tool", "moment"), ALL)
def test_a_tool_is_not_silently_called_twice_in_many_rounds(
    tmp_path: Path, transport: str, tool: str, moment: str, number: int
) -> None:
    """The same for each kind of tool, again and again."""
    check(tmp_path, transport, tool, moment)
