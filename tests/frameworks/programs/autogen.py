# %%
from autogen_agentchat.agents import AssistantAgent
from autogen_ext.models.openai import OpenAIChatCompletionClient
from pydantic import BaseModel


class Report(BaseModel):
    city: str
    sunny: bool


async def get_weather(city: str) -> str:
    """Get the weather for a given city."""
    return f"The weather in {city} is sunny."


model_client = OpenAIChatCompletionClient(model="gpt-4o-mini")
agent = AssistantAgent(
    name="weather_agent",
    model_client=model_client,
    tools=[get_weather],
    system_message="You are a helpful assistant.",
    reflect_on_tool_use=True,
)
reporter = AssistantAgent(name="reporter", model_client=model_client, output_content_type=Report)

# %% durable turn_one
result = await agent.run(task="What is the weather in Paris?")
print(result.messages[-1].content)

# %% durable turn_two
result = await agent.run(task="Which city did I ask about?")
print(result.messages[-1].content)

# %% durable report
report = (await reporter.run(task=result.messages[-1].content)).messages[-1].content
print(report)

# %% afterwards
print((await agent.run(task="And what did you say last?")).messages[-1].content)
