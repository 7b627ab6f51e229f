# %%
from pydantic import BaseModel
from pydantic_ai import Agent, RunContext


class Report(BaseModel):
    city: str
    sunny: bool


agent = Agent("openai:gpt-4o-mini", deps_type=str, instructions="Be concise, reply in a sentence.")


@agent.tool
async def get_weather(ctx: RunContext[str], city: str) -> str:
    """Get the weather for a given city."""
    return f"The weather in {city} is sunny, {ctx.deps}."


# %% durable turn_one
result1 = await agent.run("What is the weather in Paris?", deps="Anne")
print(result1.output)

# %% durable turn_two
result2 = await agent.run(
    "Which city did I ask about?", deps="Anne", message_history=result1.all_messages()
)
print(result2.output)

# %% durable report
result3 = await agent.run(
    "Give me a report.", deps="Anne", output_type=Report, message_history=result2.all_messages()
)
print(result3.output)

# %% afterwards
again = await agent.run(
    "And what did you say last?", deps="Anne", message_history=result3.all_messages()
)
print(again.output)
