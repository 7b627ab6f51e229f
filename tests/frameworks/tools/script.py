"""A durable script with an agent that has one tool: ``script.py FRAMEWORK KIND [undo]``,
or one of an MCP server: ``script.py FRAMEWORK mcp SERVER…``."""

from __future__ import annotations

import asyncio
import sys

import duranb
from tests.frameworks.tools.agents import AGENTS, MCP_AGENTS

framework, kind = sys.argv[1:3]


def note(line: str) -> None:
    """It has reached the outside world."""
    with open("effects.txt", "a") as out:
        out.write(line + "\n")


def look(city: str) -> str:
    note(f"weather {city}")
    return f"The weather in {city} is sunny."


def unlook(result: str, *_: object) -> None:
    note(f"undo {result}")


@duranb.tool(compensate=unlook)
def get_weather(city: str) -> str:
    """Get the weather for a given city.

    Args:
        city: The city to look up.
    """
    return look(city)


class Awaited:
    """Where the async tool lives, under the same name."""

    @staticmethod
    @duranb.tool(compensate=unlook)
    async def get_weather(city: str) -> str:
        """Get the weather for a given city.

        Args:
            city: The city to look up.
        """
        await asyncio.sleep(0)
        return look(city)


class Desk:
    """An object with a tool."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def unlook(self, result: str) -> None:
        unlook(result)

    @duranb.tool(compensate=unlook)
    def get_weather(self, city: str) -> str:
        """Get the weather for a given city.

        Args:
            city: The city to look up.
        """
        self.asked.append(city)
        return look(city)


TOOLS = {"sync": get_weather, "async": Awaited.get_weather, "method": Desk().get_weather}


@duranb.step(retries=0)
async def turn(framework: str, kind: str) -> str:
    question = "What is the weather in Paris?"
    if kind == "mcp":
        return await MCP_AGENTS[framework](sys.argv[3:], question)
    return await AGENTS[framework](TOOLS[kind], question)


with duranb.durable(__file__) as session:
    print("ANSWER", asyncio.run(turn(framework, kind)))
    if sys.argv[3:] == ["undo"]:
        asyncio.run(session.compensate("turn").apply())
