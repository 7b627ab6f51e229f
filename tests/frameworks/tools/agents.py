"""One agent of each framework, given a tool as its documentation gives it a function.

Each takes the tool and a question, and returns what its agent says in the end. Nothing here knows
duranb.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any

Tool = Callable[..., Any]


async def openai(tool: Any, question: str) -> str:
    """The plain SDK, with the tool's own schema."""
    from openai import AsyncOpenAI

    client = AsyncOpenAI()
    messages: list[Any] = [{"role": "user", "content": question}]
    while True:
        made = await client.chat.completions.create(
            model="gpt-4o-mini", messages=messages, tools=[tool.schema]
        )
        message: Any = made.choices[0].message
        messages.append(message)
        if not message.tool_calls:
            return str(message.content)
        for call in message.tool_calls:
            result = tool(**json.loads(call.function.arguments))
            result = await result if inspect.isawaitable(result) else result
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


async def openai_agents(tool: Tool, question: str) -> str:
    from agents import Agent, Runner, function_tool, set_tracing_disabled

    set_tracing_disabled(True)
    agent = Agent(name="Assistant", tools=[function_tool(tool)])
    return str((await Runner.run(agent, question)).final_output)


async def pydantic_ai(tool: Tool, question: str) -> str:
    from pydantic_ai import Agent

    agent = Agent("openai:gpt-4o-mini", tools=[tool])
    return str((await agent.run(question)).output)


async def langchain(tool: Tool, question: str) -> str:
    from langchain.agents import create_agent

    return await _langchain(create_agent("openai:gpt-4o-mini", tools=[tool]), question)


async def langchain_decorated(tool: Tool, question: str) -> str:
    """By its decorator, and by ``StructuredTool``."""
    from langchain.agents import create_agent
    from langchain_core.tools import StructuredTool, tool as decorate

    if inspect.iscoroutinefunction(tool):
        made: Any = StructuredTool.from_function(coroutine=tool)
    elif inspect.ismethod(tool):
        made = StructuredTool.from_function(tool)
    else:
        made = decorate(tool)
    return await _langchain(create_agent("openai:gpt-4o-mini", tools=[made]), question)


async def _langchain(agent: Any, question: str) -> str:
    said = await agent.ainvoke({"messages": [{"role": "user", "content": question}]})
    return str(said["messages"][-1].content)


async def anthropic(tool: Tool, question: str) -> str:
    from anthropic import Anthropic, AsyncAnthropic, beta_async_tool, beta_tool

    asked: Any = {
        "model": "claude-opus-4-6",
        "max_tokens": 1024,
        "messages": [{"role": "user", "content": question}],
    }
    if inspect.iscoroutinefunction(tool):
        runner = AsyncAnthropic().beta.messages.tool_runner(tools=[beta_async_tool(tool)], **asked)
        last = await runner.until_done()
    else:
        last = Anthropic().beta.messages.tool_runner(tools=[beta_tool(tool)], **asked).until_done()
    return str(last.content[0].text)


async def dspy(tool: Tool, question: str) -> str:
    import dspy

    with dspy.context(lm=dspy.LM("openai/gpt-4o-mini", cache=False)):
        return str(
            (await dspy.ReAct("question -> answer", tools=[tool]).acall(question=question)).answer
        )


async def smolagents(tool: Tool, question: str) -> str:
    from smolagents import OpenAIModel, ToolCallingAgent, tool as decorate

    agent = ToolCallingAgent(tools=[decorate(tool)], model=OpenAIModel(model_id="gpt-4o-mini"))
    return str(agent.run(question))


async def google_genai(tool: Tool, question: str) -> str:
    from google import genai
    from google.genai import types

    config = types.GenerateContentConfig(tools=[tool])
    client, model = genai.Client(), "gemini-2.5-flash"
    if inspect.iscoroutinefunction(tool):  # the other client calls no coroutine functions
        chat = client.aio.chats.create(model=model, config=config)
        return str((await chat.send_message(question)).text)
    return str(client.chats.create(model=model, config=config).send_message(question).text)


async def llama_index(tool: Tool, question: str) -> str:
    from llama_index.core.agent.workflow import FunctionAgent
    from llama_index.core.tools import FunctionTool
    from llama_index.llms.openai import OpenAI

    agent = FunctionAgent(tools=[FunctionTool.from_defaults(tool)], llm=OpenAI(model="gpt-4o-mini"))
    return str(await agent.run(question))


async def autogen(tool: Tool, question: str) -> str:
    from autogen_agentchat.agents import AssistantAgent
    from autogen_ext.models.openai import OpenAIChatCompletionClient

    client = OpenAIChatCompletionClient(model="gpt-4o-mini")
    agent = AssistantAgent("assistant", client, tools=[tool], reflect_on_tool_use=True)
    return str((await agent.run(task=question)).messages[-1].content)


async def openai_agents_mcp(server: list[str], question: str) -> str:
    from agents import Agent, Runner, set_tracing_disabled
    from agents.mcp import MCPServerStdio, MCPServerStreamableHttp

    set_tracing_disabled(True)
    made: Any
    if len(server) == 1:
        made = MCPServerStreamableHttp({"url": server[0]})
    else:
        made = MCPServerStdio({"command": server[0], "args": server[1:]})
    async with made:
        agent = Agent(name="Assistant", mcp_servers=[made])
        return str((await Runner.run(agent, question)).final_output)


async def pydantic_ai_mcp(server: list[str], question: str) -> str:
    from fastmcp.client.transports import StdioTransport
    from pydantic_ai import Agent
    from pydantic_ai.mcp import MCPToolset

    where: Any = server[0] if len(server) == 1 else StdioTransport(server[0], server[1:])
    async with Agent("openai:gpt-4o-mini", toolsets=[MCPToolset(where)]) as agent:
        return str((await agent.run(question)).output)


async def anthropic_mcp(server: list[str], question: str) -> str:
    from anthropic import AsyncAnthropic
    from anthropic.lib.tools.mcp import async_mcp_tool
    from mcp import ClientSession, StdioServerParameters, stdio_client
    from mcp.client.streamable_http import streamable_http_client

    made: Any
    if len(server) == 1:
        made = streamable_http_client(server[0])
    else:
        made = stdio_client(StdioServerParameters(command=server[0], args=server[1:]))
    async with made as streams, ClientSession(*streams[:2]) as session:
        await session.initialize()
        tools = [async_mcp_tool(tool, session) for tool in (await session.list_tools()).tools]
        runner = AsyncAnthropic().beta.messages.tool_runner(
            model="claude-opus-4-6",
            max_tokens=1024,
            messages=[{"role": "user", "content": question}],
            tools=tools,
        )
        return str((await runner.until_done()).content[0].text)


MCP_AGENTS: dict[str, Callable[[list[str], str], Awaitable[str]]] = {
    "anthropic": anthropic_mcp,
    "openai_agents": openai_agents_mcp,
    "pydantic_ai": pydantic_ai_mcp,
}
"""Those that are MCP clients too, given a server: its command, or its URL."""

AGENTS: dict[str, Callable[[Any, str], Awaitable[str]]] = {
    "anthropic": anthropic,
    "autogen": autogen,
    "dspy": dspy,
    "google_genai": google_genai,
    "langchain": langchain,
    "langchain @tool": langchain_decorated,
    "llama_index": llama_index,
    "openai": openai,
    "openai_agents": openai_agents,
    "pydantic_ai": pydantic_ai,
    "smolagents": smolagents,
}

NOT_ASYNC = {"smolagents"}
"""Frameworks that await no tool, whoever made it."""
