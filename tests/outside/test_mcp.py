"""MCP: a client's tool calls are effects, what it reads is recorded, whatever the transport."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from duranb.errors import InDoubt, Unrecorded
from duranb.llm import mcp
from duranb.record.kinds import Kind
from duranb.record.model import Call, CallStatus, Status
from tests.engine.world import World
from tests.servers import mcp_tools

if TYPE_CHECKING:  # each worker imports this file, and one of them runs it
    from mcp import Client, ClientSession

mcp.watch()

HEAD = "import duranb\nfrom tests.outside.test_mcp import connected"


class Where:
    """Where the server runs, and what it calls itself."""

    folder = Path()
    name = "desk"
    client = False
    """Whether to use the client of version 2, which asks first which protocol the server speaks."""


@asynccontextmanager
async def connected() -> AsyncIterator[ClientSession | Client]:
    """A session with the server, as every client begins one."""
    from mcp import Client, ClientSession, StdioServerParameters, stdio_client

    arguments = ["-S", mcp_tools.__file__, str(Where.folder), Where.name]
    server = StdioServerParameters(command=sys.executable, args=arguments)
    if Where.client:
        async with Client(stdio_client(server)) as client:
            yield client
        return
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()
        yield session


@pytest.fixture(autouse=True)
def _server(world: World, tmp_path: Path) -> None:
    """Nobody has called it yet, and the library is there before a step begins."""
    importlib.import_module("mcp")
    Where.folder, Where.name, Where.client = tmp_path, "desk", False
    world.plain(HEAD)


def seen(method: str = "call") -> list[str]:
    """What has reached the server: its tool calls, another method, or all."""
    file = Where.folder / "seen.txt"
    lines = file.read_text().splitlines() if file.exists() else []
    return [line for line in lines if line.split()[0] == (method or line.split()[0])]


def innermost(error: BaseException) -> BaseException:
    """The error that task groups have wrapped."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def asking(*requests: str, after: str = "") -> str:
    """A cell that sends requests, and keeps the answers as ``r``."""
    asked = ", ".join(f"(await s.{request}).model_dump()" for request in requests)
    return f"async with connected() as s:\n    r = [{asked}]\n{after}"


def failing(world: World, *requests: str) -> Any:
    """Run a cell that fails after its requests have been answered; the answers."""
    with pytest.raises(KeyError):
        world.cell("s", asking(*requests, after="raise KeyError()"))
    return world.live["r"]


def recorded(world: World, name: str) -> Call:
    """The recorded call with this name."""
    return next(c for c in world.calls() if c.name == name)


REQUESTS = {
    "call_tool('open', {'n': 1})": ("desk.open", Kind.EFFECT, False),
    "call_tool('put', {'n': 1})": ("desk.put", Kind.EFFECT, True),
    "call_tool('look', {'n': 1})": ("desk.look", Kind.READ, False),
    "read_resource('x://y')": ("desk resources/read", Kind.READ, False),
    "get_prompt('greet')": ("desk prompts/get greet", Kind.READ, False),
    "list_tools()": ("desk tools/list", Kind.READ, False),
}


def test_what_was_answered_is_not_asked_again(world: World) -> None:
    """A mended cell gets the recorded answers, in another process too; a tool is what it says of
    itself."""
    answers = failing(world, *REQUESTS)
    reached = seen("")
    world.start()
    world.plain(HEAD)
    world.cell("s", asking(*REQUESTS))
    assert world.live["r"] == answers
    assert seen("") == [*reached, "initialize", "notifications/initialized"]
    for name, kind, idempotent in REQUESTS.values():
        call = recorded(world, name)
        assert (call.kind, call.idempotent, call.status) == (kind, idempotent, CallStatus.COMPLETED)


def test_identical_calls_are_as_many_as_they_are(world: World) -> None:
    """The n-th is answered from the n-th, and the server is told the key of each."""
    twice = ("call_tool('open')", "call_tool('open')")
    failing(world, *twice)
    world.cell("s", asking(*twice))
    keys = {line.split()[-1] for line in seen()}
    assert len(seen()) == len(keys) == 2
    assert all(key.startswith("duranb-") for key in keys)


def test_another_server_is_asked_itself(world: World) -> None:
    """One server's answers are not given for another one."""
    failing(world, "call_tool('open')")
    Where.name = "shop"
    world.cell("s", asking("call_tool('open')"))
    assert len(seen()) == 2


def test_a_tool_that_failed_is_called_again(world: World) -> None:
    """Its error is the code's to handle, and no outcome to rely on in another run."""
    answer = failing(world, "call_tool('fail')")
    assert "fail 1" in str(answer)
    assert recorded(world, "desk.fail").status is CallStatus.FAILED
    world.cell("s", asking("call_tool('fail')"))
    assert len(seen()) == 2


@pytest.mark.parametrize("tool", ["crash", "quit"])
def test_a_lost_answer_leaves_the_step_in_doubt(world: World, tool: str) -> None:
    """An internal error or a server that dies says nothing about whether it was carried out."""
    for _ in range(2):
        with pytest.raises(InDoubt, match=f"desk.{tool}"):
            world.cell("s --backoff 0", asking(f"call_tool('{tool}')"))
    assert len(seen()) == 1
    assert world.last("s").status is Status.IN_DOUBT


def test_only_a_change_is_recorded_inside_an_effect(world: World) -> None:
    """What an effect reads is part of it; what it does elsewhere is an effect as well."""
    world.plain(
        "async def work():\n    async with connected() as s:\n"
        "        await s.read_resource('x://y')\n        await s.call_tool('open')\n"
    )
    world.cell("s", "await duranb.call(work)")
    assert [c.name for c in world.calls()] == ["work", "desk.open"]


@pytest.mark.parametrize("client", [False, True], ids=["session", "client"])
def test_a_strict_replay_starts_no_server(world: World, client: bool) -> None:
    """Everything comes from the journal, the start of the session as well; what was never
    recorded is refused."""
    Where.client = client
    world.cell("s", asking("call_tool('open', {'n': 1})"))
    answer, reached = world.live["r"], (Where.folder / "seen.txt").read_text()
    world.start(strict=True)
    world.plain(HEAD)
    world.cell("s", asking("call_tool('open', {'n': 1})"))
    assert world.live["r"] == answer
    with pytest.raises(Unrecorded, match=r"desk.open[\s\S]*n=1[\s\S]*n=2"):
        world.cell("s", asking("call_tool('open', {'n': 2})"))
    assert (Where.folder / "seen.txt").read_text() == reached


@pytest.mark.parametrize("client", [False, True])
def test_a_session_that_an_earlier_step_had_opened_is_opened_again(
    world: World, client: bool
) -> None:
    """A process keeps its session between steps. In a strict replay each begins anew: it is told
    what the step was told that did open it."""
    Where.client = client
    world.cell("one", asking("call_tool('look', {})"))
    begun = len(seen(""))
    world.start(strict=True)
    world.plain(HEAD)
    world.cell("two", "async with connected() as s:\n    opened = True")
    assert world.live["opened"] and len(seen("")) == begun


def test_outside_of_steps_nothing_is_recorded(world: World) -> None:
    """A session is as without us; in a strict replay its tools are refused."""

    async def plain() -> None:
        async with connected() as session:
            await session.call_tool("open")

    asyncio.run(plain())
    assert len(seen()) == 1 and not world.calls()
    world.start(strict=True)
    with pytest.raises((Exception, ExceptionGroup)) as caught:
        asyncio.run(plain())
    assert "outside of any step" in str(innermost(caught.value))
    assert len(seen()) == 1


def test_a_server_that_is_gone(world: World) -> None:
    """What is recorded is served without it; what is not fails, and surely did not happen."""
    answer = failing(world, "call_tool('open')")
    (Where.folder / "gone").touch()
    world.cell("s", asking("call_tool('open')"))
    assert world.live["r"] == answer
    with pytest.raises((Exception, ExceptionGroup)) as caught:
        world.cell("s --retries 0", asking("call_tool('put')"))
    assert "losed" in repr(innermost(caught.value))
    assert world.last("s").status is Status.FAILED
    assert len(seen()) == 1


def test_a_session_is_a_mere_handle(world: World) -> None:
    """What its use changes in it is no state: a step with one is restored, in another process
    too."""
    opened = (
        "import anyio, mcp\n"
        "a, b = anyio.create_memory_object_stream(0)\ns = mcp.ClientSession(b, a)\n"
        "a.close()\nb.close()"
    )
    world.plain(opened)
    for _ in range(2):
        world.cell("t", "s.last_request = object()\nr = 1")
        world.cell("t", "s.last_request = object()\nr = 1")
        world.start()
        world.plain(f"{HEAD}\n{opened}")
    executions = world.history.executions_of("t")
    assert [bool(execution.of) for execution in executions] == [False, True, True, True]
