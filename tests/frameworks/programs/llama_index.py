# %%
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.memory import Memory
from llama_index.core.workflow import Context
from llama_index.llms.openai import OpenAI
from pydantic import BaseModel


class Report(BaseModel):
    """A report on the weather of a city."""

    city: str
    sunny: bool


def get_weather(city: str) -> str:
    """Get the weather for a given city."""
    return f"The weather in {city} is sunny."


llm = OpenAI(model="gpt-4o-mini")
agent = FunctionAgent(tools=[get_weather], llm=llm, system_prompt="You are a helpful assistant.")
ctx = Context(agent)
memory = Memory.from_defaults(session_id="my_session", token_limit=40000)

# %% durable turn_one
response = await agent.run("What is the weather in Paris?", ctx=ctx, memory=memory)
await ctx.store.set("asked", "Paris")
print(response)

# %% durable turn_two
response = await agent.run("Which city did I ask about?", ctx=ctx, memory=memory)
print(response, await ctx.store.get("asked"))

# %% durable report
report = llm.as_structured_llm(Report).complete("Give me a report.").raw
print(report)

# %% afterwards
print(await agent.run("And what did you say last?", ctx=ctx, memory=memory))
